"""The harness's side of scoring: sends tokens to the scorer, receives logits, and computes bits per byte itself.

The model never names its own score. Probabilities are normalised here, so they sum to one whatever the model returns. Windows
with a changed suffix stand among the real ones: a model whose answer for a prefix depends on what follows looks ahead, and
its score is invalid. What this does not catch: a model that recognises the audit by its repeated prefix (stated, not solved).
"""

import json
import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

Tokens = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float32]

# Logits of one frame; at two bytes each a frame is 16 MiB whatever the vocabulary.
FRAME_LOGITS = 1 << 23
AUDITS = 6
# Nats by which a prefix's log-probabilities may differ between two windows: float16 on the wire and another batch in the same
# arithmetic stay below a tenth of it, bfloat16 below half; looking ahead changes them by whole nats.
AUDIT_TOLERANCE = 0.5


class Invalid(Exception):
    """The model's answers cannot be scored; the message says why."""


@dataclass(frozen=True)
class Validation:
    """Prepared validation data: tokens [N], true bytes of each vocabulary id [V], the window length T."""

    tokens: Tokens
    token_bytes: npt.NDArray[np.int64]
    length: int

    @classmethod
    def read(cls, folder: Path) -> "Validation":
        """From `<data>/val`."""
        meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
        kind = {"uint16": "<u2", "uint32": "<u4"}[meta["dtype"]]
        tokens = np.fromfile(folder / "tokens.bin", dtype=kind).astype(np.int32)
        token_bytes = np.fromfile(folder / "token_bytes.bin", dtype="<u2").astype(np.int64)
        return cls(tokens, token_bytes, int(meta["sequence_length"]))

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
    """Window `copy` is window `original` with other tokens from `cut` on."""

    original: int
    copy: int
    cut: int


def score(validation: Validation, stdin: BinaryIO, stdout: BinaryIO, seed: int) -> float:
    """Bits per byte of the model behind the pipes. Raises Invalid for answers that are not finite, not complete or not causal."""
    inputs, targets = validation.windows()
    rng = np.random.default_rng(seed)
    inputs, targets, audits = _with_audits(inputs, targets, rng)
    logs = np.empty(inputs.shape, dtype=np.float32)
    order = rng.permutation(len(inputs))
    for rows in _frames(order, inputs.shape[1], validation.vocabulary):
        logits = _ask(stdin, stdout, inputs[rows], validation.vocabulary)
        logs[rows] = _log_probabilities(logits, targets[rows])
    stdin.write(struct.pack("<II", 0, 0))
    stdin.flush()
    _check_causality(logs, audits)
    return _bits_per_byte(logs[: len(inputs) - len(audits)], targets[: len(inputs) - len(audits)], validation.token_bytes)


def _with_audits(inputs: Tokens, targets: Tokens, rng: np.random.Generator) -> tuple[Tokens, Tokens, list[_Audit]]:
    """The windows followed by copies of some with another suffix; targets of a copy are the original's."""
    count, length = inputs.shape
    originals = rng.choice(count, size=min(AUDITS, count), replace=False)
    copies, audits = inputs[originals].copy(), []
    for i, original in enumerate(originals):
        cut = int(rng.integers(max(1, length // 4), max(2, length * 3 // 4)))
        suffix = copies[i, cut:]
        suffix[:] = rng.choice(inputs.reshape(-1), size=len(suffix))
        if suffix[0] == inputs[original, cut]:  # the next token must differ, or peeking at it would not show
            suffix[0] = rng.choice(inputs.reshape(-1)[inputs.reshape(-1) != suffix[0]])
        audits.append(_Audit(int(original), count + i, cut))
    return np.concatenate([inputs, copies]), np.concatenate([targets, targets[originals]]), audits


def _frames(order: npt.NDArray[np.int64], length: int, vocabulary: int) -> Iterator[npt.NDArray[np.int64]]:
    rows = max(1, FRAME_LOGITS // (length * vocabulary))
    for start in range(0, len(order), rows):
        yield order[start : start + rows]


def _ask(stdin: BinaryIO, stdout: BinaryIO, tokens: Tokens, vocabulary: int) -> Floats:
    """Logits [rows, T, V] for tokens [rows, T]; Invalid where the model's process ends instead."""
    rows, columns = tokens.shape
    try:
        stdin.write(struct.pack("<II", rows, columns) + tokens.astype("<i4").tobytes())
        stdin.flush()
    except BrokenPipeError:
        raise Invalid("the model's process ended while it was scored") from None
    size = 2 * rows * columns * vocabulary
    data = bytearray()
    while len(data) < size:
        piece = stdout.read(min(size - len(data), 1 << 20))
        if not piece:
            raise Invalid("the model's process ended while it was scored")
        data += piece
    return np.frombuffer(data, dtype="<f2").reshape(rows, columns, vocabulary).astype(np.float32)


def _log_probabilities(logits: Floats, targets: Tokens) -> Floats:
    """Natural logarithm of the probability of each target [rows, T]; normalised here."""
    if not np.isfinite(logits).all():
        raise Invalid("the model's logits are not finite")
    logits = logits - logits.max(-1, keepdims=True)
    chosen = np.take_along_axis(logits, targets[..., None].astype(np.int64), axis=-1)[..., 0]
    result: Floats = chosen - np.log(np.exp(logits).sum(-1))
    return result


def _check_causality(logs: Floats, audits: list[_Audit]) -> None:
    for audit in audits:
        gap = float(np.abs(logs[audit.original, : audit.cut] - logs[audit.copy, : audit.cut]).max())
        if gap > AUDIT_TOLERANCE:
            raise Invalid(f"the model looks ahead: other tokens behind a prefix change its predictions by {gap:.2f} nats")


def _bits_per_byte(logs: Floats, targets: Tokens, token_bytes: npt.NDArray[np.int64]) -> float:
    """Sum of -log2 p over the targets that stand for bytes, over those bytes."""
    sizes = token_bytes[targets]
    counted = sizes > 0
    return float(-logs[counted].astype(np.float64).sum() / math.log(2) / sizes[counted].sum())
