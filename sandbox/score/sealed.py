"""The validation data, and the score: bits per byte over whole windows, computed by the harness.

The model never names its own score. Probabilities are normalised here, so they sum to one whatever
the model returns. sandbox/score/audit.py checks that they depend only on the tokens before them.

Cost: N validation tokens with V logits each cross a pipe as float16 and are normalised here. With
a vocabulary of 8192 and the preset h100's 2**17 tokens that is 1.1e9 logits: 2.1 GB through the
pipe (1.5 s at the 1.5 GB/s of one), 7 s of one core at 6 ns per logit
(`python -m benchmarks.scoring_cost` measures it), while a GPU computes the next frame in less. The
cost grows with N * V and not with the model: with twice the vocabulary, halve VAL_TOKENS.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self

import numpy as np
import numpy.typing as npt

from sandbox.ground.answering import Stopwatch
from sandbox.ground.fault import SandboxFault
from sandbox.score.rehearsal import Shape
from sandbox.score.wire import Floats, Rows, Tokens, log_probabilities, receive, send

# What one frame holds at most (but at least one window): 32 MiB of logits, and no more activations
# than training has.
FRAME_LOGITS = 1 << 24
FRAME_TOKENS = 1 << 13
# The windows never fit into one frame, so that a model which uses all of a frame gives itself away.
FEWEST_FRAMES = 4
# Decimals of a score: far below any noise, and fewer digits that a model could choose.
DECIMALS = 6


@dataclass(frozen=True)
class Validation:
    """Prepared validation data."""

    tokens: Tokens
    """[N]"""
    token_bytes: npt.NDArray[np.int64]
    """[V]: the true bytes of each vocabulary id."""
    length: int
    """T, of a window."""

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read `<data>/val`. Raise SandboxFault if it is missing or invalid."""
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
        if not self._is_sound():
            why = "too short, or of another vocabulary"
            message = f"the validation data in {folder} cannot be scored: {why}"
            raise SandboxFault(message, "python prepare.py")

    def _is_sound(self) -> bool:
        if not 2 <= self.length < len(self.tokens):
            return False
        if self.tokens.min() < 0 or self.tokens.max() >= self.vocabulary:
            return False
        if len(np.unique(self.tokens[: -self.length])) < 2:
            return False
        targets = self.windows()[1]
        return bool(self.token_bytes[targets].any())

    @property
    def vocabulary(self) -> int:
        """The number of token ids."""
        return len(self.token_bytes)

    def windows(self) -> tuple[Tokens, Tokens]:
        """Return inputs and targets, both [W, T]; every target is counted once."""
        count = (len(self.tokens) - 1) // self.length
        used = count * self.length
        shape = (count, self.length)
        inputs = self.tokens[:used].reshape(shape)
        targets = self.tokens[1 : used + 1].reshape(shape)
        return inputs, targets


def score(
    validation: Validation,
    stdin: BinaryIO,
    stdout: BinaryIO,
    rng: np.random.Generator,
    stopwatch: Stopwatch | None = None,
) -> Floats:
    """Return log-probabilities [W, T] of all targets, from whole windows in random order.

    stdin, stdout: of the model's process. Raise Invalid for answers that are not finite or not
    complete.
    """
    stopwatch = stopwatch or Stopwatch()
    inputs, targets = validation.windows()
    logs = np.empty(inputs.shape, dtype=np.float32)
    frames = _frames(rng.permutation(len(inputs)), validation)
    send(stdin, inputs[frames[0]])
    for rows, following in zip(frames, [*frames[1:], frames[0][:0]], strict=True):
        logits = receive(stdout, (*inputs[rows].shape, validation.vocabulary))
        stopwatch.lap()
        # The model computes while the harness does; a frame without rows ends it.
        send(stdin, inputs[following])
        logs[rows] = log_probabilities(logits, targets[rows])
    return logs


def shapes_of(validation: Validation) -> list[Shape]:
    """Return the shapes of the requests by which `score` asks."""
    frames = _frames(np.arange(len(validation.windows()[0])), validation)
    return [Shape(len(rows), validation.length, whole=True) for rows in frames]


def _frames(order: Rows, validation: Validation) -> list[Rows]:
    """Return `order` in groups of one size, because rounding may differ with the size.

    The last group is filled up with the first rows.
    """
    tokens = min(FRAME_TOKENS, FRAME_LOGITS // validation.vocabulary)
    size = max(1, min(len(order) // FEWEST_FRAMES, tokens // validation.length))
    filled = np.concatenate([order, order[: -len(order) % size]])
    return list(filled.reshape(-1, size))


def bits_per_byte(logs: Floats, validation: Validation) -> float:
    """Return the sum of -log2 p of all targets with bytes, over those bytes, to DECIMALS."""
    sizes = validation.token_bytes[validation.windows()[1]]
    counted = sizes > 0
    bits = -logs[counted].astype(np.float64).sum() / math.log(2)
    return round(float(bits / sizes[counted].sum()), DECIMALS)
