"""The harness's side of scoring: sends tokens to the scorer, receives logits, and computes bits per byte itself.

The model never names its own score. Probabilities are normalised here, so they sum to one whatever the model returns. Windows
with a changed suffix stand among the real ones, in random order: a model whose answer for a prefix depends on what follows,
or on the windows it saw before, is invalid. Not caught: a model written to recognise an audit by its repeated prefix, and a
gain that stays below the tolerance at every token.

What it costs: N validation tokens and 16 audited windows of T, V logits each, cross a pipe as float16 and are normalised here.
With a vocabulary of 8192 and the preset h100's 2**17 tokens in windows of 2048 that is 80 * 2048 * 8192 = 1.3e9 logits: 2.7 GB
through the pipe (2 s at the 1.5 GB/s of one), 8 s of one core at 6 ns a logit (`python -m benchmarks.scoring_cost` measures
it), while a GPU computes the next frame in less; with some 10 s to import torch and start CUDA, 20 s, or 7 % of a budget of
five minutes. The cost grows with N * V and not with the model: who doubles the vocabulary halves VAL_TOKENS.
"""

import json
import math
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self

import numpy as np
import numpy.typing as npt

from sandbox.fault import SandboxFault

Tokens = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]

# What one frame holds at most (but at least a window): 32 MiB of logits, and no more activations than training has.
FRAME_LOGITS = 1 << 24
FRAME_TOKENS = 1 << 13
# In one frame a window and its changed copy would stand together, and what a model takes from all of it is the same for both.
FEWEST_FRAMES = 4
AUDITS = 16
# By how much a prefix's log-probability x may differ between two windows, in units of 1 + |x| nats. Frames have one shape, so
# honest differences are near zero. float32: four roundings of float16, the wire's format (at most 2**-10 in these units), which
# hide any noise of the arithmetic itself. bfloat16: a rounding of a logit of 16 is 0.03 nats, and a few may add up.
FLOAT32_TOLERANCE = 0.004
BFLOAT16_TOLERANCE = 0.06


class Invalid(Exception):
    """The model's answers cannot be scored; the message says why."""


class Ended(Invalid):
    """The model's process ended in the middle; what it last said is in its log."""

    def __init__(self) -> None:
        super().__init__("the model's process ended while it was scored")


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
            raise SandboxFault(f"cannot read the validation data in {folder}: {error}", "python prepare.py") from error
        validation._check(folder)
        return validation

    def _check(self, folder: Path) -> None:
        sound = 2 <= self.length < len(self.tokens) and self.tokens.min() >= 0 and self.tokens.max() < self.vocabulary
        if not sound or len(np.unique(self.tokens[: -self.length])) < 2 or not self.token_bytes[self.windows()[1]].any():
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
        return self.tokens[:used].reshape(count, self.length), self.tokens[1 : used + 1].reshape(count, self.length)


@dataclass(frozen=True)
class _Audit:
    """Window `copy` is window `original` with other text from `cut` on."""

    original: int
    copy: int
    cut: int


def score(validation: Validation, stdin: BinaryIO, stdout: BinaryIO, seed: int, tolerance: float = FLOAT32_TOLERANCE) -> float:
    """Bits per byte of the model behind the pipes. Raises Invalid for answers that are not finite, not complete or not causal."""
    inputs, targets = validation.windows()
    rng = np.random.default_rng(seed)
    copies, audits = _audits(validation, inputs, rng)
    every_input = np.concatenate([inputs, copies])
    every_target = np.concatenate([targets, targets[[audit.original for audit in audits]]])
    logs = np.empty(every_input.shape, dtype=np.float32)
    frames = _frames(rng.permutation(len(every_input)), validation)
    _send(stdin, every_input[frames[0]])
    for rows, following in zip(frames, [*frames[1:], frames[0][:0]], strict=True):
        logits = _receive(stdout, (*every_input[rows].shape, validation.vocabulary))
        _send(stdin, every_input[following])  # the model computes while we do; a frame without rows ends it
        logs[rows] = _log_probabilities(logits, every_target[rows])
    _check_causality(logs, audits, tolerance)
    return _bits_per_byte(logs[: len(inputs)], targets, validation.token_bytes)


def _audits(validation: Validation, inputs: Tokens, rng: np.random.Generator) -> tuple[Tokens, list[_Audit]]:
    """Copies of some windows that go on, from a random place on, with text from elsewhere in the validation data."""
    count, length = inputs.shape
    originals = rng.choice(count, size=min(AUDITS, count), replace=False)
    copies, audits = inputs[originals].copy(), []
    for i, original in enumerate(originals):
        cut = int(rng.integers(1, length))
        # The next token must differ, or peeking at it would not show.
        start = rng.choice(np.flatnonzero(validation.tokens[:-length] != inputs[original, cut]))
        copies[i, cut:] = validation.tokens[start : start + length - cut]
        audits.append(_Audit(int(original), count + i, cut))
    return copies, audits


def _frames(order: Rows, validation: Validation) -> list[Rows]:
    """`order` in groups of one size (the last is filled up with the first), for the arithmetic may differ with the size."""
    tokens = min(FRAME_TOKENS, FRAME_LOGITS // validation.vocabulary)
    size = max(1, min(len(order) // FEWEST_FRAMES, tokens // validation.length))
    filled = np.concatenate([order, order[: -len(order) % size]])
    return list(filled.reshape(-1, size))


def _send(stdin: BinaryIO, tokens: Tokens) -> None:
    try:
        stdin.write(struct.pack("<II", *tokens.shape) + tokens.astype("<i4").tobytes())
        stdin.flush()
    except BrokenPipeError:
        raise Ended from None


def _receive(stdout: BinaryIO, shape: tuple[int, ...]) -> Floats:
    """Logits of `shape`; Ended where the model's process ends instead."""
    data = bytearray(2 * math.prod(shape))
    missing = memoryview(data)
    while missing:
        piece = stdout.read(min(len(missing), 1 << 20))
        if not piece:
            raise Ended
        missing[: len(piece)] = piece
        missing = missing[len(piece) :]
    return np.frombuffer(data, dtype="<f2").reshape(shape).astype(np.float32)


def _log_probabilities(logits: Floats, targets: Tokens) -> Floats:
    """Natural logarithm of the probability of each target [rows, T]; normalised here. Overwrites logits."""
    if not np.isfinite(logits).all():
        raise Invalid("the model's logits are not finite")
    logits -= logits.max(-1, keepdims=True)
    chosen = np.take_along_axis(logits, targets[..., None].astype(np.int64), axis=-1)[..., 0]
    result: Floats = chosen - np.log(np.exp(logits, out=logits).sum(-1))
    return result


def _check_causality(logs: Floats, audits: list[_Audit], tolerance: float) -> None:
    for audit in audits:
        one, other = logs[audit.original, : audit.cut], logs[audit.copy, : audit.cut]
        gaps = np.abs(one - other)
        if (gaps > tolerance * (1 + np.minimum(np.abs(one), np.abs(other)))).any():
            raise Invalid(f"the model looks ahead: other text behind a prefix changes its predictions by {gaps.max():.2g} nats")


def _bits_per_byte(logs: Floats, targets: Tokens, token_bytes: npt.NDArray[np.int64]) -> float:
    """Sum of -log2 p over the targets that stand for bytes, over those bytes."""
    sizes = token_bytes[targets]
    counted = sizes > 0
    return float(-logs[counted].astype(np.float64).sum() / math.log(2) / sizes[counted].sum())
