"""Takes the weights out of a trial's scratch folder: a regular safetensors file, checked before anything reads it."""

import json
import math
import os
import shutil
import stat
from pathlib import Path
from typing import Any

from sandbox.outcome import GIB
from sandbox.record import Record

MAX_BYTES = 16 * GIB
MAX_HEADER_BYTES = 1 << 20
_SIZES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "F8_E4M3": 1, "F8_E5M2": 1, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1}


class Weights(Record):
    """Checked weights: a copy that the trial cannot reach. parameters: numbers in it."""

    path: str
    parameters: int


class BadWeights(Exception):
    """The file is no safetensors file that could be scored; the message says why."""


class NoWeights(Exception):
    """There is no file."""


def take_weights(source: Path, target: Path) -> Weights:
    """Copy `source`, which untrusted code left behind, to `target`. Raises NoWeights or BadWeights."""
    try:
        descriptor = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise NoWeights(f"no {source.name}") from None
    except OSError as error:
        raise BadWeights(f"{source.name} cannot be opened as a file: {error.strerror}") from None
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
            raise BadWeights(f"{source.name} is not a regular file of its own")
        if not 8 < status.st_size <= MAX_BYTES:
            raise BadWeights(f"{source.name} has {status.st_size} bytes")
        parameters = _check_header(file, status.st_size)
        file.seek(0)
        with target.open("wb") as copy:
            shutil.copyfileobj(file, copy, 1 << 20)
    target.chmod(0o444)
    return Weights(path=str(target), parameters=parameters)


def _check_header(file: Any, size: int) -> int:
    """The number of parameters that the header declares; BadWeights where it does not fit the file."""
    length = int.from_bytes(file.read(8), "little")
    if not 2 <= length <= min(MAX_HEADER_BYTES, size - 8):
        raise BadWeights(f"not a safetensors file: a header of {length} bytes")
    try:
        header = json.loads(file.read(length))
        tensors = {name: entry for name, entry in header.items() if name != "__metadata__"}
        parameters = [_check_tensor(entry, size - 8 - length) for entry in tensors.values()]
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
        raise BadWeights("not a safetensors file: its header makes no sense") from None
    if not parameters:
        raise BadWeights("the safetensors file is empty")
    return sum(parameters)


def _check_tensor(entry: dict[str, Any], room: int) -> int:
    begin, end = entry["data_offsets"]
    shape = entry["shape"]
    if not all(type(n) is int and n >= 0 for n in (begin, end, *shape)):
        raise ValueError("not a size")
    count: int = math.prod(shape)
    if not begin <= end <= room or end - begin != count * _SIZES[entry["dtype"]]:
        raise ValueError("not the size of its shape")
    return count
