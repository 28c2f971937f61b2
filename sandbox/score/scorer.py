"""The model's side of scoring, inside a sandbox: turns tokens into logits with train.py's model.

Run as `python -I scorer.py TRAIN_PY WEIGHTS VOCAB_SIZE FILTERS`. It holds no targets. All numbers
are little-endian.

First it puts itself under the two system-call FILTERS (in hex, apart by a space), and sends a byte
with the first one's listener on its stdin, a socket; without a descriptor where FILTERS is empty or
the kernel has no such thing. From then on the harness can shut all files off
(sandbox/score/gate.py).

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
import ctypes
import importlib.util
import io
import os
import platform
import socket
import struct
import sys
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any, BinaryIO

SECCOMP_CALL = {"x86_64": 317, "aarch64": 277}
NO_NEW_PRIVILEGES = 38
SET_FILTER = 1
ALL_THREADS = 1
NEW_LISTENER = 8
ALL_OR_ERROR = 16

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
    filters = sys.argv[4]
    source = sys.stdin.buffer
    answers = io.FileIO(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever train.py prints goes to the log, not into the answers

    import safetensors.torch  # noqa: F401 -- these take seconds, and no code of the candidate's
    import torch  # noqa: F401

    _offer_gate(filters)
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


def _offer_gate(filters: str) -> None:
    """Install the filters on all threads of this process and send the first one's listener."""
    listeners = []
    if filters:
        asking, denying = (bytes.fromhex(word) for word in filters.split(" "))
        ctypes.CDLL(None).prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0)
        listener = _install(asking, NEW_LISTENER | ALL_THREADS | ALL_OR_ERROR)
        if listener >= 0:
            listeners.append(listener)
    with socket.socket(fileno=os.dup(0)) as harness:
        socket.send_fds(harness, [b"\1"], listeners)
    if listeners:
        os.close(listeners[0])
        _install(denying, ALL_THREADS)
        Path("/").exists()  # the first call that asks, by which the harness knows this process


def _install(program: bytes, flags: int) -> int:
    """Return what the kernel says to a filter: a descriptor or 0, and -1 for an error."""
    call = SECCOMP_CALL.get(platform.machine(), -1)
    code = ctypes.create_string_buffer(program, len(program))
    pointer = struct.pack("=QQ", len(program) // 8, ctypes.addressof(code))
    result: int = ctypes.CDLL(None).syscall(call, SET_FILTER, flags, pointer)
    return result


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
