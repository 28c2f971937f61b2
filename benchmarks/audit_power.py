"""How often the audit of a score finds leaks, and fails an honest model.

    python -m benchmarks.audit_power

The bundled workspace is trained for a few steps, and its model really predicts: whole windows, and
after thousands of prefixes as the second scorer is shown them, in float32 and in bfloat16. Their
difference is the noise of honest arithmetic. A leak is then added to the whole windows'
log-probabilities, and the audit's own code decides, over many scorings, each with its own places
and noise drawn from what was measured. docs/scoring.md has the table.

The former audit compared 16 windows with copies whose text was changed after a cut, each prediction
within the same tolerance of one token; only the place right before the cut shows a look at the next
token. A model that answered a prefix as it had answered it before always passed it.
"""

import argparse
import math
import os
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load_model

from agent.project.data import file_source, prepare_data
from agent.project.template import template_files
from sandbox.score.audit import (
    BFLOAT16,
    FLOAT32,
    FULL_PLACES,
    PLACES,
    Committed,
    Places,
    Tolerance,
    check,
    choose_places,
    prefixes,
)
from sandbox.score.sealed import Validation, bits_per_byte
from sandbox.score.wire import Floats, Invalid, Tokens, log_probabilities
from sandbox.tiers.choose import choose_runner

BEFORE = 16  # places that the former audit had
ROWS = 32
Gain = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Precision:
    """One arithmetic, with what was measured under it."""

    name: str
    tolerance: Tolerance
    whole: Floats
    """Log-probabilities [W, T]."""
    gaps: Floats
    """Whole minus committed log-probabilities."""


def trained(home: Path, steps: int) -> tuple[torch.nn.Module, Validation]:
    """Return the bundled model after so many steps, and the validation data."""
    for name, text in template_files().items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text)
    source = file_source(home / "workspace/prepare.py")
    with prepare_data(source, choose_runner().runner) as prepared:
        data = prepared.data  # the bundled prepare.py leaves whole data as it is
    environment = {
        **os.environ,
        "AUTORESEARCH_DATA": f"{data}/train",
        "AUTORESEARCH_OUT": str(home),
        "AUTORESEARCH_SEED": "0",
        "AUTORESEARCH_BUDGET": f"{steps}steps",
    }
    train = home / "workspace/train.py"
    subprocess.run(
        [sys.executable, train.name],
        cwd=train.parent,
        env=environment,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    validation = Validation.read(Path(data) / "val")
    model = runpy.run_path(str(train))["build_model"](validation.vocabulary)
    load_model(model, str(home / "model.safetensors"))
    return model.eval(), validation


def log_probs(
    model: torch.nn.Module,
    tokens: Tokens,
    targets: Tokens,
    positions: npt.NDArray[np.int64] | None = None,
) -> Floats:
    """Return what the harness makes of the answer, at one position of each row or at all."""
    logits = model(torch.from_numpy(tokens.astype(np.int64))).float()
    if positions is not None:
        logits = logits[torch.arange(len(logits)), torch.from_numpy(positions)]
    logits = (logits - logits.amax(-1, keepdim=True)).half().float()
    return log_probabilities(logits.numpy(), targets)


def measured(model: torch.nn.Module, validation: Validation, name: str, scorings: int) -> Precision:
    """Measure the honest differences of so many scorings."""
    inputs, targets = validation.windows()
    half: AbstractContextManager[object] = nullcontext()
    if name == "bfloat16":
        half = torch.autocast("cpu", torch.bfloat16)
    rng = np.random.default_rng(0)
    gaps = []
    with torch.inference_mode(), half:
        whole = np.concatenate(
            [
                log_probs(model, inputs[i : i + ROWS], targets[i : i + ROWS])
                for i in range(0, len(inputs), ROWS)
            ]
        )
        for _ in range(scorings):
            for frame in choose_places(validation, PLACES, rng):
                ends = frame.cuts - 1
                shown = prefixes(inputs, frame, rng)
                committed = log_probs(model, shown, targets[frame.windows, ends], ends)
                gaps.append(whole[frame.windows, ends] - committed)
    return Precision(name, FLOAT32 if name == "float32" else BFLOAT16, whole, np.concatenate(gaps))


def finds(precision: Precision, frames: list[Places], gain: Gain, rng: np.random.Generator) -> bool:
    """Return whether the audit of these places finds `gain` [W, T], with noise as measured."""
    windows = np.concatenate([frame.windows for frame in frames])
    cuts = np.concatenate([frame.cuts for frame in frames])
    honest = precision.whole[windows, cuts - 1] - rng.choice(precision.gaps, size=len(cuts))
    committed = Committed(windows, cuts, honest.astype(np.float32))
    try:
        check(committed, precision.whole + gain, precision.tolerance)
    except Invalid:
        return True
    return False


def found_before(precision: Precision, gain: Gain, rng: np.random.Generator) -> bool:
    """Return whether the former audit would have found it."""
    windows = rng.choice(len(gain), size=BEFORE, replace=False)
    cuts = rng.integers(1, gain.shape[1], size=BEFORE)
    x = precision.whole[windows, cuts - 1]
    added = gain[windows, cuts - 1]
    allowed = precision.tolerance.single * (1 + np.minimum(np.abs(x), np.abs(x + added)))
    return bool((np.abs(added) > allowed).any())


def leaks(precision: Precision) -> dict[str, Callable[[np.random.Generator], Gain]]:
    """Return gains in nats [W, T] by name, a fresh draw each time.

    A token that is leaked whole has a log-probability of nearly 0.
    """
    whole = precision.whole
    leaked = -whole * np.float32(0.98)
    # Allowed on top of the smaller of both, which the gain itself makes smaller.
    single = precision.tolerance.single
    rounding = np.float32(0.95 * single / (1 + single)) * (1 - whole)

    def everywhere(nats: float) -> Callable[[np.random.Generator], Gain]:
        return lambda _: np.full_like(whole, nats)

    def sparse(one_in: int) -> Callable[[np.random.Generator], Gain]:
        def draw(rng: np.random.Generator) -> Gain:
            hit = rng.random(whole.shape) < 1 / one_in
            return np.where(hit, leaked, 0).astype(np.float32)

        return draw

    def windows(count: int) -> Callable[[np.random.Generator], Gain]:
        def draw(rng: np.random.Generator) -> Gain:
            gain = np.zeros_like(whole)
            chosen = rng.choice(len(whole), size=count, replace=False)
            gain[chosen] = leaked[chosen]
            return gain

        return draw

    def position(rng: np.random.Generator) -> Gain:
        gain = np.zeros_like(whole)
        chosen = int(rng.integers(whole.shape[1]))
        gain[:, chosen] = leaked[:, chosen]
        return gain

    return {
        "none (false alarms)": everywhere(0.0),
        "every token, 0.0003 nats": everywhere(0.0003),
        "every token, 0.001 nats": everywhere(0.001),
        "every token, 0.003 nats": everywhere(0.003),
        "every token, just below the tolerance of one": lambda _: rounding,
        "one token in 100, whole": sparse(100),
        "one token in 1,000, whole": sparse(1000),
        "one token in 10,000, whole": sparse(10_000),
        "all of four windows": windows(4),
        "all of one window": windows(1),
        "one position of all windows": position,
    }


def rate(hits: int, of: int) -> str:
    """Return a share in per cent, or `<` its upper limit at 95 % if nothing was hit."""
    return f"{hits / of:.1%}" if hits else f"< {3 / of:.1%}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scorings", type=int, default=300, help="simulated, for each line")
    parser.add_argument(
        "--measured",
        type=int,
        default=2,
        help="scorings whose honest differences are really measured",
    )
    parser.add_argument("--steps", type=int, default=60)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="audit-power-") as folder:
        model, validation = trained(Path(folder), options.steps)
    size = validation.token_bytes[validation.windows()[1]].sum()
    rng = np.random.default_rng(1)
    usual = [choose_places(validation, PLACES, rng) for _ in range(options.scorings)]
    full = [
        choose_places(validation, FULL_PLACES, rng) for _ in range(max(1, options.scorings // 10))
    ]
    for name in ("float32", "bfloat16"):
        precision = measured(model, validation, name, options.measured)
        gaps = precision.gaps
        score = bits_per_byte(precision.whole, validation)
        print(f"\n{name}: {score:.4f} bits a byte; honest differences of {len(gaps)} places:")
        print(f"mean {gaps.mean():+.1e}, standard deviation {gaps.std():.1e}, ", end="")
        print(f"largest {np.abs(gaps).max():.1e} nats\n")
        heads = f"found, {PLACES} places | found, full audit ({FULL_PLACES})"
        print(f"| leak | gain, bits a byte | {heads} | former audit |")
        print("|---|---|---|---|---|")
        for leak, draw in leaks(precision).items():
            worth = float(np.mean([draw(rng).sum() for _ in range(20)])) / math.log(2) / size
            hits = sum(finds(precision, frames, draw(rng), rng) for frames in usual)
            thorough = sum(finds(precision, frames, draw(rng), rng) for frames in full)
            before = sum(found_before(precision, draw(rng), rng) for _ in usual)
            rates = [rate(hits, len(usual)), rate(thorough, len(full)), rate(before, len(usual))]
            print(f"| {leak} | {worth:.5f} | {' | '.join(rates)} |", flush=True)


if __name__ == "__main__":
    main()
