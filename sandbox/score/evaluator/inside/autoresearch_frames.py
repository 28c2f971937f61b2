"""Frames: how the two sandboxes of an evaluation and the harness between them talk.

A frame is the length of a header (four bytes, big-endian), the header (a JSON object), and the raw
arrays that the header lists under `arrays` as [dtype, shape]. Nothing is unpickled. A value in a
header is JSON, in which {"$array": i} and {"$bytes": i} stand for the array i.
"""

from __future__ import annotations

import json
import re
import struct
import sys
from typing import Any, BinaryIO, List, Sequence, Tuple

HEAD = struct.Struct(">I")
MAX_HEADER = 1 << 24
MAX_BYTES = 1 << 28
"""Of all arrays of a frame."""
MAX_ARRAYS = 256
MAX_DIMENSIONS = 16
MAX_SIZE = 1 << 40
MAX_DEPTH = 64
MAX_BRACKETS = 4 * MAX_DEPTH
"""Of a header, in one another. A parser that is deep in them has no stack left for finalizers."""
MAX_OBJECTS = 1 << 20
"""Lists and objects of a header: each takes fifty times its two characters."""
CHUNK = 1 << 20
Array = Tuple[str, Tuple[int, ...], bytes]
"""Its dtype as numpy writes it, its shape, and its bytes."""
_BRACKETS = re.compile(r'"[^"\\]*(?:\\.?[^"\\]*)*(?:"|\Z)|[][{}]', re.DOTALL)
"""A text, which is passed over, or a bracket. A text without an end goes on to the last character,
or each of its quotes would be tried as a beginning."""
_DTYPE = re.compile(r"[<>|](?:b1|[iu][1248]|f(?:2|4|8)|c(?:8|16))")


class BadFrame(Exception):
    """What came is no frame; the message says why."""


class Ended(EOFError):
    """The other side is gone."""


def write(file: BinaryIO, header: dict[str, Any], arrays: Sequence[Array] = ()) -> None:
    """Send a header with its arrays, which are (dtype, shape, bytes)."""
    listed = [[dtype, list(shape)] for dtype, shape, _ in arrays]
    text = json.dumps(dict(header, arrays=listed)).encode()
    if len(text) > MAX_HEADER:
        raise BadFrame("a header of %d bytes (at most %d)" % (len(text), MAX_HEADER))
    total = sum(len(data) for _, _, data in arrays)
    if len(arrays) > MAX_ARRAYS or total > MAX_BYTES:
        raise BadFrame(
            "%d arrays of %d bytes (at most %d of %d)" % (len(arrays), total, MAX_ARRAYS, MAX_BYTES)
        )
    file.write(HEAD.pack(len(text)) + text)
    for _, _, data in arrays:
        file.write(data)
    file.flush()


def read(file: BinaryIO) -> tuple[dict[str, Any], list[Array]]:
    """Return the next (header, arrays). Raise BadFrame, or Ended where no more comes."""
    (length,) = HEAD.unpack(_exactly(file, HEAD.size))
    if length > MAX_HEADER:
        raise BadFrame("a header of %d bytes (at most %d)" % (length, MAX_HEADER))
    try:
        text = _exactly(file, length).decode("utf-8")
        _refuse_nested(text)
        header = json.loads(text)
    except (ValueError, RecursionError):
        raise BadFrame("a header that is no JSON") from None
    if not isinstance(header, dict):
        raise BadFrame("a header that is no object")
    listed = header.pop("arrays", None)
    sizes = [_size(entry) for entry in _list(listed)]
    if sum(sizes) > MAX_BYTES:
        raise BadFrame("arrays of %d bytes (at most %d)" % (sum(sizes), MAX_BYTES))
    arrays: List[Array] = []
    for (dtype, shape), size in zip(listed, sizes):
        arrays.append((dtype, tuple(shape), _exactly(file, size)))
    return header, arrays


def _refuse_nested(text: str) -> None:
    """Raise BadFrame for a header of too many levels, or of too many lists and objects."""
    depth = count = 0
    for match in _BRACKETS.finditer(text):
        if match[0] in "[{":
            depth += 1
            count += 1
        elif match[0] in "]}":
            depth -= 1
        if depth > MAX_BRACKETS:
            raise BadFrame("a header of more than %d levels" % MAX_BRACKETS)
        if count > MAX_OBJECTS:
            raise BadFrame("a header of more than %d lists and objects" % MAX_OBJECTS)


def _list(listed: Any) -> list[Any]:
    if not isinstance(listed, list) or len(listed) > MAX_ARRAYS:
        raise BadFrame("a header without a list of at most %d arrays" % MAX_ARRAYS)
    return listed


def _size(entry: Any) -> int:
    """Return the bytes of an array of a header."""
    try:
        dtype, shape = entry
        if not _DTYPE.fullmatch(dtype) or len(shape) > MAX_DIMENSIONS:
            raise ValueError
        size = int(dtype[2:])
        for length in shape:
            if type(length) is not int or not 0 <= length <= MAX_SIZE:
                raise ValueError
            size *= length
    except (TypeError, ValueError):
        raise BadFrame("an array of no known form") from None
    return size


def _exactly(file: BinaryIO, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        piece = file.read(min(size - len(data), CHUNK))
        if not piece:
            raise Ended("the other side ended")
        data += piece
    return bytes(data)


def encode(value: Any, arrays: list[Array]) -> Any:
    """Return a value as JSON can hold it; what is raw is added to `arrays`. Raise TypeError."""
    numpy = sys.modules.get("numpy")
    if value is None or isinstance(value, (bool, int, float, str)):
        if numpy is not None and isinstance(value, numpy.generic):
            return value.item()
        return value
    if isinstance(value, (bytes, bytearray)):
        arrays.append(("|u1", (len(value),), bytes(value)))
        return {"$bytes": len(arrays) - 1}
    if isinstance(value, (list, tuple)):
        return [encode(item, arrays) for item in value]
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str) or key.startswith("$"):
                raise TypeError("keys are text that does not begin with $, unlike %r" % (key,))
        return {key: encode(item, arrays) for key, item in value.items()}
    if numpy is not None and isinstance(value, numpy.generic):
        return encode(value.item(), arrays)
    if numpy is not None and isinstance(value, numpy.ndarray) and _DTYPE.fullmatch(value.dtype.str):
        arrays.append((value.dtype.str, value.shape, numpy.ascontiguousarray(value).tobytes()))
        return {"$array": len(arrays) - 1}
    raise TypeError(
        "a %s cannot be handed over: numbers, text, bytes, lists, dictionaries and numpy arrays "
        "of numbers can" % type(value).__name__
    )


def decode(value: Any, arrays: Sequence[Array]) -> Any:
    """Return what `encode` made of a value. Raise BadFrame."""
    if isinstance(value, list):
        return [decode(item, arrays) for item in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"$bytes"}:
        return _raw(value["$bytes"], arrays)[2]
    if set(value) == {"$array"}:
        return _array(*_raw(value["$array"], arrays))
    return {key: decode(item, arrays) for key, item in value.items()}


def check(value: Any, arrays: Sequence[Array], depth: int = 0) -> None:
    """Raise BadFrame for a value that `decode` could not read."""
    if depth > MAX_DEPTH:
        raise BadFrame("a value of more than %d levels" % MAX_DEPTH)
    if isinstance(value, list):
        for item in value:
            check(item, arrays, depth + 1)
    elif isinstance(value, dict) and (set(value) == {"$bytes"} or set(value) == {"$array"}):
        for index in value.values():
            _raw(index, arrays)
    elif isinstance(value, dict):
        for item in value.values():
            check(item, arrays, depth + 1)


def _raw(index: Any, arrays: Sequence[Array]) -> Array:
    if type(index) is not int or not 0 <= index < len(arrays):
        raise BadFrame("an array that is not there")
    return arrays[index]


def _array(dtype: str, shape: Tuple[int, ...], data: bytes) -> Any:
    """Return a numpy array; without numpy, its bytes."""
    try:
        import numpy
    except ImportError:
        return data
    return numpy.frombuffer(data, dtype=dtype).reshape(shape).copy()
