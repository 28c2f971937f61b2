"""Copies a checked safetensors file with the weights out of a trial's scratch folder."""

import errno
import json
import math
import os
import shutil
import stat
from pathlib import Path
from typing import Any, BinaryIO

from sandbox.ground.fault import SandboxFault
from sandbox.ground.record import Record

FOLDER = "out"
NAME = "model.safetensors"
MAX_HEADER_BYTES = 1 << 20
MAX_DIMENSIONS = 16
MAX_SIZE = 1 << 48
_SIZES = {
    "F64": 8,
    "F32": 4,
    "F16": 2,
    "BF16": 2,
    "F8_E4M3": 1,
    "F8_E5M2": 1,
    "I64": 8,
    "I32": 4,
    "I16": 2,
    "I8": 1,
    "U64": 8,
    "U32": 4,
    "U16": 2,
    "U8": 1,
    "BOOL": 1,
}


class Weights(Record):
    """Checked weights, in a copy that the trial cannot reach."""

    path: str
    parameters: int


class BadWeights(Exception):
    """The file is not valid safetensors; the message says why."""


class NoWeights(Exception):
    """There is no file of weights."""


def take_weights(scratch: Path, target: Path, max_bytes: int) -> Weights:
    """Check and copy `<scratch>/out/model.safetensors`, which untrusted code wrote, to `target`.

    Raise NoWeights or BadWeights; at most max_bytes are read.
    """
    with _open(scratch) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise BadWeights(f"{NAME} is not a regular file")
        if status.st_nlink != 1:
            raise BadWeights(f"{NAME} is also another file: it has {status.st_nlink} links")
        if not 8 < status.st_size <= max_bytes:
            raise BadWeights(f"{NAME} has {status.st_size} bytes (up to {max_bytes} are read)")
        parameters = _check_header(file, status.st_size)
        file.seek(0)
        try:
            with target.open("wb") as copy:
                shutil.copyfileobj(file, copy, 1 << 20)
            target.chmod(0o444)
        except OSError as error:
            raise SandboxFault(f"cannot copy the weights to {target}: {error.strerror}") from error
    return Weights(path=str(target), parameters=parameters)


def _open(scratch: Path) -> BinaryIO:
    """Open the file itself: neither it nor its folder may be a link, and a FIFO must not block."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        folder = os.open(scratch / FOLDER, flags | os.O_DIRECTORY)
        try:
            return os.fdopen(os.open(NAME, flags | os.O_NONBLOCK, dir_fd=folder), "rb")
        finally:
            os.close(folder)
    except FileNotFoundError:
        raise NoWeights(f"no {FOLDER}/{NAME}") from None
    except OSError as error:  # also fdopen's, for a folder
        reason = str(error.strerror).lower()
        if error.errno == errno.ELOOP:
            reason = "it is a symbolic link"
        raise BadWeights(f"{FOLDER}/{NAME} cannot be opened as a file: {reason}") from None


def _check_header(file: BinaryIO, size: int) -> int:
    """Return the number of parameters in the header. Raise BadWeights if the header is wrong."""
    length = int.from_bytes(file.read(8), "little")
    if not 2 <= length <= min(MAX_HEADER_BYTES, size - 8):
        raise BadWeights(f"{NAME} is not a safetensors file: a header of {length} bytes")
    try:
        header = json.loads(file.read(length), object_pairs_hook=_unique)
        tensors = sorted(_tensor(entry) for name, entry in header.items() if name != "__metadata__")
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
        raise BadWeights(f"{NAME} is not a safetensors file: its header makes no sense") from None
    end = 0
    for begin, after, _ in tensors:
        if begin != end:
            raise BadWeights(
                f"{NAME} is not a safetensors file: its tensors overlap or leave holes"
            )
        end = after
    if not tensors or end != size - 8 - length:
        raise BadWeights(
            f"{NAME} is not a safetensors file: its tensors take {end} bytes of {size - 8 - length}"
        )
    return sum(count for _, _, count in tensors)


def _tensor(entry: dict[str, Any]) -> tuple[int, int, int]:
    """Return (begin, end, count) of a header entry; raise ValueError, TypeError or KeyError."""
    begin, end = entry["data_offsets"]
    shape = entry["shape"]
    sizes = (begin, end, *shape)
    if len(shape) > MAX_DIMENSIONS or not all(map(_is_size, sizes)):
        raise ValueError("not a size")
    count = math.prod(shape)
    if end - begin != count * _SIZES[entry["dtype"]]:
        raise ValueError("not the size of its shape")
    return begin, end, count


def _is_size(number: object) -> bool:
    return type(number) is int and 0 <= number < MAX_SIZE


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object; raise ValueError for duplicate names: readers differ on them."""
    entries = dict(pairs)
    if len(entries) != len(pairs):
        raise ValueError("duplicate name")
    return entries
