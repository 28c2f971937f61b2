"""The model's side of scoring, inside a sandbox: turns tokens into logits with train.py's model.

Run as `python -I scorer.py TRAIN_PY WEIGHTS VOCAB_SIZE`. It holds no targets. All numbers are
little-endian.

A request is three uint32 (rows, columns, whole), rows * columns int32 tokens and, if `whole` is 0,
as many int32 positions as rows. The answer is a byte 0 and float16 logits
[rows, columns, vocabulary]; if `whole` is 0, only those at each row's position,
[rows, vocabulary]. A request of 0 rows ends the process. A failure is answered by a byte 1 and a
FAILURE: which stage, which error of ERRORS, which line of TRAIN_PY. Nothing else leaves: the
message of an exception could hold tokens.

train.py is imported only when the first request has come. Until then no untrusted code runs in
this process, so it can start while another scorer still works: there is nothing in it yet that
the other could talk to.
"""

import builtins
import importlib.util
import io
import os
import struct
import sys
from types import ModuleType, TracebackType
from typing import Any, BinaryIO

REQUEST = struct.Struct("<III")
FAILURE = struct.Struct("<BBI")
STAGES = ("importing train.py", "build_model", "loading the weights", "model(tokens)")
# Names that may leave. The first stands for every exception that is none of these, the second for
# logits of a wrong shape.
ERRORS = (
    "an exception",
    "a wrong shape",
    "ArithmeticError",
    "AssertionError",
    "AttributeError",
    "EOFError",
    "ImportError",
    "IndexError",
    "KeyError",
    "KeyboardInterrupt",
    "LookupError",
    "MemoryError",
    "ModuleNotFoundError",
    "NameError",
    "NotImplementedError",
    "OSError",
    "OverflowError",
    "PermissionError",
    "RecursionError",
    "RuntimeError",
    "StopIteration",
    "SyntaxError",
    "SystemExit",
    "TimeoutError",
    "TypeError",
    "UnboundLocalError",
    "UnicodeError",
    "ValueError",
    "ZeroDivisionError",
)


class WrongShapeError(Exception):
    """The model returned something other than logits [rows, columns, vocabulary]."""


def main() -> None:
    """Answer requests until told to end; report the first failure and exit with 1."""
    train_py = sys.argv[1]
    weights = sys.argv[2]
    vocabulary = int(sys.argv[3])
    source = sys.stdin.buffer
    answers = io.FileIO(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever train.py prints goes to the log, not into the answers

    import safetensors.torch  # noqa: F401 -- these take seconds, and no code of the candidate's
    import torch  # noqa: F401

    request = _request(source)
    if not request[0]:
        return
    stage = [0]
    try:
        _serve(source, answers, request, _Model(train_py, weights, vocabulary, stage))
    except BaseException as error:
        line = _line(error.__traceback__, train_py)
        _write(answers, b"\1" + FAILURE.pack(stage[0], _name(error), line))
        raise


class _Model:
    """The candidate's model with its weights. stage[0] becomes the index in STAGES of each step."""

    def __init__(self, train_py: str, weights: str, vocabulary: int, stage: list[int]) -> None:
        import torch
        from safetensors.torch import load_model

        self.vocabulary = vocabulary
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        module = _import(train_py)
        stage[0] = 1
        model = module.build_model(vocabulary)
        stage[0] = 2
        load_model(model, weights)
        stage[0] = 3
        self._model = model.to(self.device).eval()

    def logits(self, data: bytearray, rows: int, columns: int) -> Any:
        """Return logits [rows, columns, vocabulary] of rows * columns int32 tokens."""
        import torch

        tokens = torch.frombuffer(data, dtype=torch.int32).view(rows, columns)
        tokens = tokens.long().to(self.device)
        logits = self._model(tokens).float()
        if logits.shape != (rows, columns, self.vocabulary):
            raise WrongShapeError
        return logits


def _serve(
    source: BinaryIO, answers: io.FileIO, request: tuple[int, int, int], model: _Model
) -> None:
    import torch

    half = torch.autocast("cpu", enabled=False)
    if model.device.type == "cuda":
        half = torch.autocast("cuda", torch.bfloat16)
    with torch.inference_mode(), half:
        while request[0]:
            rows, columns, whole = request
            logits = model.logits(bytearray(_exactly(source, 4 * rows * columns)), rows, columns)
            if not whole:
                data = bytearray(_exactly(source, 4 * rows))
                positions = torch.frombuffer(data, dtype=torch.int32).long().to(model.device)
                logits = logits[torch.arange(rows, device=model.device), positions]
            # Only differences count: with the largest at 0, float16 is precise where the
            # probability is.
            logits = (logits - logits.amax(-1, keepdim=True)).clamp_min(-60000)
            _write(answers, b"\0")
            _write(answers, logits.half().cpu().contiguous().numpy())
            request = _request(source)


def _import(path: str) -> ModuleType:
    """Return the file as a module under its own name, as files beside it may import it.

    It is compiled anew, whatever bytecode lies beside it.
    """
    folder, name = os.path.split(path)
    sys.dont_write_bytecode = True
    sys.pycache_prefix = os.devnull  # where no bytecode can lie
    sys.path.append(folder)  # after the libraries: a file beside train.py shadows none
    spec = importlib.util.spec_from_file_location(name.removesuffix(".py"), path)
    assert spec and spec.loader
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _name(error: BaseException) -> int:
    """Return the index in ERRORS of the nearest class of `error` that Python itself defines."""
    if isinstance(error, WrongShapeError):
        return 1
    for kind in type(error).__mro__:
        if kind.__name__ in ERRORS and getattr(builtins, kind.__name__, None) is kind:
            return ERRORS.index(kind.__name__)
    return 0


def _line(trace: TracebackType | None, path: str) -> int:
    """Return the innermost line of the file `path` in a traceback; 0 if it is not in it."""
    line = 0
    while trace:
        if trace.tb_frame.f_code.co_filename == path:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _request(file: BinaryIO) -> tuple[int, int, int]:
    rows, columns, whole = REQUEST.unpack(_exactly(file, REQUEST.size))
    return rows, columns, whole


def _exactly(file: BinaryIO, size: int) -> bytes:
    data = file.read(size)
    if len(data) != size:
        raise SystemExit("the harness hung up")
    return data


def _write(file: io.FileIO, data: Any) -> None:
    view = memoryview(data).cast("B")
    while view:
        view = view[file.write(view) :]


if __name__ == "__main__":
    main()
