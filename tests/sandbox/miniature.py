"""A workspace in miniature: a trained bigram model, prepared data, and the Job to measure it."""

import json
import textwrap
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

from sandbox.ground.budget import Budget
from sandbox.ground.outcome import MIB, Limits, Runner
from sandbox.score.measure import Job, Measured, Stopped, Unscored, measure

VOCABULARY = 24
LENGTH = 16
WINDOWS = 40
SPECIAL = 0  # stands for no byte

# "Trains" by copying the weights that lie beside it, so that only the scorer has to load torch.
TRAIN = """
import os, shutil
out = os.environ.get("AUTORESEARCH_OUT")

def save(name="trained.safetensors"):
    shutil.copyfile(name, out + "/model.safetensors")

if __name__ == "__main__":
    {main}
else:
    import torch

    class Bigram(torch.nn.Module):
        def __init__(self, vocab_size):
            super().__init__()
            self.table = torch.nn.Embedding(vocab_size, vocab_size)

        def forward(self, idx):
            {forward}

    def build_model(vocab_size):
        {build}
        return Bigram(vocab_size)
"""


def train_py(
    main: str = "save()", forward: str = "return self.table(idx)", build: str = "pass"
) -> str:
    """Return a train.py of the bigram model; each argument is a line or more of Python."""
    return TRAIN.format(
        main=_indented(main, 4), forward=_indented(forward, 12), build=_indented(build, 8)
    )


def _indented(code: str, columns: int) -> str:
    return textwrap.indent(textwrap.dedent(code).strip(), " " * columns).strip()


def write_data(root: Path, seed: int = 0) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Write prepared data under `root`; return the validation's tokens and token bytes."""
    rng = np.random.default_rng(seed)
    tokens = rng.integers(0, VOCABULARY, WINDOWS * LENGTH + 1).astype("<u2")
    token_bytes = rng.integers(1, 5, VOCABULARY).astype("<u2")
    token_bytes[SPECIAL] = 0
    meta = {
        "dtype": "uint16",
        "sequence_length": LENGTH,
        "vocab_size": VOCABULARY,
        "tokens": len(tokens),
    }
    for split in ("train", "val"):
        (root / split).mkdir(parents=True)
        tokens.tofile(root / split / "tokens.bin")
        (root / split / "meta.json").write_text(json.dumps(meta))
    token_bytes.tofile(root / "val" / "token_bytes.bin")
    return tokens, token_bytes


@dataclass
class Miniature:
    """One workspace in `home`, and a runner to measure it with."""

    home: Path
    runner: Runner
    table: torch.Tensor
    tokens: np.ndarray[Any, Any]
    token_bytes: np.ndarray[Any, Any]

    @classmethod
    def make(cls, home: Path, runner: Runner) -> "Miniature":
        """Return one in `home`, which has `folder` and `scratch` in it."""
        tokens, token_bytes = write_data(home / "data")
        table = torch.randn(VOCABULARY, VOCABULARY, generator=torch.Generator().manual_seed(1))
        save_file({"table.weight": table}, home / "folder" / "trained.safetensors")
        return cls(home, runner, table, tokens, token_bytes)

    @property
    def out(self) -> Path:
        """Where the run leaves its weights."""
        return self.home / "scratch" / "out"

    def job(self, **changes: Any) -> Job:
        """Return the job that measures train.py; `changes` are fields of Limits or of Job."""
        limits = {name: changes.pop(name) for name in list(changes) if name in Limits.model_fields}
        given: dict[str, Any] = {
            "folder": str(self.home / "folder"),
            "scratch": str(self.home / "scratch"),
            "log": str(self.home / "train.log"),
            "data": str(self.home / "data"),
            "budget": Budget(amount=7, unit="steps"),
            "seed": 5,
            "score": "sealed",
            "cpus": (0,),
            "limits": Limits(**{"wall_seconds": 60.0, "disk_bytes": 64 * MIB, **limits}),
        }
        return Job(**{**given, **changes})

    def measure(
        self,
        source: str,
        cancel: threading.Event | None = None,
        on_scoring: Callable[[], None] = lambda: None,
        **changes: Any,
    ) -> Measured | Unscored | Stopped:
        """Measure `source` as train.py."""
        (self.home / "folder" / "train.py").write_text(source)
        return measure(self.job(**changes), self.runner, cancel or threading.Event(), on_scoring)
