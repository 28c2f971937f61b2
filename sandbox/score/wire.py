"""The harness's side of the protocol described in sandbox/score/scorer.py; checks all answers."""

import math
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from sandbox.score.scorer import ERRORS, FAILURE, REQUEST, STAGES

Tokens = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]

CHUNK_BYTES = 1 << 20
FILE_ERRORS = (
    "an exception",
    "ImportError",
    "ModuleNotFoundError",
    "OSError",
    "PermissionError",
    "RuntimeError",
)
"""Those of ERRORS that Python, torch and others raise where a file cannot be opened."""


class Invalid(Exception):
    """The model's answers cannot be scored; the message is the harness's own."""


class Ended(Invalid):
    """The model's process ended early, without a report."""

    def __init__(self) -> None:
        super().__init__("the model's process ended while it was scored")


class Failed(Invalid):
    """The model's process reported an error.

    stage, error: indices in STAGES and ERRORS. line: of train.py, 0 if unknown.
    """

    def __init__(self, stage: int, error: int, line: int) -> None:
        super().__init__(stage, error, line)
        self.stage = stage
        self.error = error
        self.line = line

    def message(self, lines: int) -> str:
        """Return the failure in one line. lines: of train.py; a number beyond them is left out."""
        if ERRORS[self.error] == "a wrong shape":
            shape = "[rows, columns, vocabulary]"
            return f"scoring failed: model(tokens) did not return logits of the shape {shape}"
        where = f" in train.py, line {self.line}" if 1 <= self.line <= lines else ""
        return f"scoring failed in {STAGES[self.stage]}: {ERRORS[self.error]}{where}"

    @property
    def wanted_a_file(self) -> bool:
        """Whether the error may come from a file that could not be opened."""
        return ERRORS[self.error] in FILE_ERRORS


def send(stdin: BinaryIO, tokens: Tokens, positions: Rows | None = None) -> None:
    """Ask for the logits of `tokens` [rows, columns], or those at one position of each row."""
    whole = positions is None
    data = REQUEST.pack(*tokens.shape, whole) + tokens.astype("<i4").tobytes()
    if positions is not None:
        data += positions.astype("<i4").tobytes()
    try:
        stdin.write(data)
        stdin.flush()
    except ConnectionError:
        pass  # what it reported before it ended can still be read


def receive(stdout: BinaryIO, shape: tuple[int, ...]) -> Floats:
    """Return logits of `shape`. Raise Failed if the process reports it, Ended if it is silent."""
    if _exactly(stdout, 1) != b"\0":
        stage, error, line = FAILURE.unpack(_exactly(stdout, FAILURE.size))
        raise Failed(stage % len(STAGES), error % len(ERRORS), line)
    data = _exactly(stdout, 2 * math.prod(shape))
    return np.frombuffer(data, dtype="<f2").reshape(shape).astype(np.float32)


def _exactly(stdout: BinaryIO, size: int) -> bytearray:
    data = bytearray(size)
    missing = memoryview(data)
    while missing:
        piece = stdout.read(min(len(missing), CHUNK_BYTES))
        if not piece:
            raise Ended
        missing[: len(piece)] = piece
        missing = missing[len(piece) :]
    return data


def log_probabilities(logits: Floats, targets: Tokens) -> Floats:
    """Return the natural log-probability of each target [...] from logits [..., V].

    Normalised here; logits are overwritten. Raise Invalid if they are not finite.
    """
    if not np.isfinite(logits).all():
        raise Invalid("the model's logits are not finite")
    logits -= logits.max(-1, keepdims=True)
    chosen = np.take_along_axis(logits, targets[..., None].astype(np.int64), axis=-1)[..., 0]
    result: Floats = chosen - np.log(np.exp(logits, out=logits).sum(-1))
    return result
