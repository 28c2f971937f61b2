"""The validation data, and the score itself: bits per byte over whole windows, computed by the harness.

The model never names its own score. Probabilities are normalised here, so they sum to one whatever the model returns. That they
rest on nothing but the tokens before them is for sandbox/score/audit.py to find out.

What it costs: N validation tokens with V logits each cross a pipe as float16 and are normalised here. With a vocabulary of 8192
and the preset h100's 2**17 tokens that is 1.1e9 logits: 2.1 GB through the pipe (1.5 s at the 1.5 GB/s of one), 7 s of one core
at 6 ns a logit (`python -m benchmarks.scoring_cost` measures it), while a GPU computes the next frame in less. The cost grows
with N * V and not with the model: who doubles the vocabulary halves VAL_TOKENS.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self

import numpy as np
import numpy.typing as npt

from sandbox.ground.fault import SandboxFault
from sandbox.score.wire import Floats, Rows, Tokens, log_probabilities, receive, send

# What one frame holds at most (but at least a window): 32 MiB of logits, and no more activations than training has.
FRAME_LOGITS = 1 << 24
FRAME_TOKENS = 1 << 13
# A model that takes something from all of a frame has to show it, so the windows never fit into one.
FEWEST_FRAMES = 4
# A score says no more than this many decimals: fewer digits that a model could choose, and far below any noise.
DECIMALS = 6


@dataclass(frozen=True)
class Validation:
    """Prepared validation data: tokens [N], true bytes of each vocabulary id [V], the window length T."""

    tokens: Tokens
    token_bytes: npt.NDArray[np.int64]
    length: int

    @classmethod
    def read(cls, folder: Path) -> Self:
        """From `<data>/val`. SandboxFault where it is missing or makes no sense."""
        try:
            meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
            kind = {"uint16": "<u2", "uint32": "<u4"}[meta["dtype"]]
            tokens = np.fromfile(folder / "tokens.bin", dtype=kind).astype(np.int32)
            token_bytes = np.fromfile(folder / "token_bytes.bin", dtype="<u2").astype(np.int64)
            validation = cls(tokens, token_bytes, int(meta["sequence_length"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise SandboxFault(
                f"cannot read the validation data in {folder}: {error}", "python prepare.py"
            ) from error
        validation._check(folder)
        return validation

    def _check(self, folder: Path) -> None:
        sound = (
            2 <= self.length < len(self.tokens)
            and self.tokens.min() >= 0
            and self.tokens.max() < self.vocabulary
        )
        if (
            not sound
            or len(np.unique(self.tokens[: -self.length])) < 2
            or not self.token_bytes[self.windows()[1]].any()
        ):
            fault = f"the validation data in {folder} cannot be scored: too short, or of another vocabulary"
            raise SandboxFault(fault, "python prepare.py")

    @property
    def vocabulary(self) -> int:
        """Number of token ids."""
        return len(self.token_bytes)

    def windows(self) -> tuple[Tokens, Tokens]:
        """Inputs and targets, both [W, T]; every target is counted once."""
        count = (len(self.tokens) - 1) // self.length
        used = count * self.length
        return self.tokens[:used].reshape(count, self.length), self.tokens[1 : used + 1].reshape(
            count, self.length
        )


def score(
    validation: Validation, stdin: BinaryIO, stdout: BinaryIO, rng: np.random.Generator
) -> Floats:
    """Log-probabilities [W, T] of all targets, by the model behind the pipes, from whole windows in random order.

    Raises Invalid for answers that are not finite or not complete.
    """
    inputs, targets = validation.windows()
    logs = np.empty(inputs.shape, dtype=np.float32)
    frames = _frames(rng.permutation(len(inputs)), validation)
    send(stdin, inputs[frames[0]])
    for rows, following in zip(frames, [*frames[1:], frames[0][:0]], strict=True):
        logits = receive(stdout, (*inputs[rows].shape, validation.vocabulary))
        send(
            stdin, inputs[following]
        )  # the model computes while we do; a frame without rows ends it
        logs[rows] = log_probabilities(logits, targets[rows])
    return logs


def _frames(order: Rows, validation: Validation) -> list[Rows]:
    """`order` in groups of one size (the last is filled up with the first), for the arithmetic may differ with the size."""
    tokens = min(FRAME_TOKENS, FRAME_LOGITS // validation.vocabulary)
    size = max(1, min(len(order) // FEWEST_FRAMES, tokens // validation.length))
    filled = np.concatenate([order, order[: -len(order) % size]])
    return list(filled.reshape(-1, size))


def bits_per_byte(logs: Floats, validation: Validation) -> float:
    """Sum of -log2 p over the targets that stand for bytes, over those bytes; rounded to DECIMALS."""
    sizes = validation.token_bytes[validation.windows()[1]]
    counted = sizes > 0
    bits = -logs[counted].astype(np.float64).sum() / math.log(2)
    return round(float(bits / sizes[counted].sum()), DECIMALS)
