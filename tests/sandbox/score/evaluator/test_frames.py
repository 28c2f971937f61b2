"""Frames: what is none is told, whatever it claims, and nothing large is read for it."""

import gc
import inspect
import io
import json
import math
import sys

import pytest

from sandbox.score.evaluator.inside import autoresearch_frames as frames


def frame(header: str | bytes, data: bytes = b"") -> io.BytesIO:
    raw = header if isinstance(header, bytes) else header.encode()
    return io.BytesIO(frames.HEAD.pack(len(raw)) + raw + data)


BAD = {
    "a length of gigabytes": io.BytesIO(b"\xff" * 64),
    "no text": frame(b"\x80abc"),
    "no JSON": frame("{"),
    "brackets": frame("[" * 200_000),
    "a text without an end": frame('"' + '\\"' * 1_000_000),
    "a text that ends in half an escape": frame('"' + '\\"' * 1_000_000 + "\\"),
    "millions of lists": frame('{"arrays": [], "value": [' + "[]," * 1_100_000 + "0]}"),
    "digits": frame('{"arrays": [], "id": ' + "9" * 6000 + "}"),
    "no object": frame("[]"),
    "no arrays": frame("{}"),
    "arrays that are none": frame('{"arrays": {}}'),
    "too many arrays": frame(json.dumps({"arrays": [["|u1", [0]]] * 300})),
    "objects": frame('{"arrays": [["|O8", [4]]]}'),
    "text as numbers": frame('{"arrays": [["<U4", [4]]]}'),
    "a giant": frame('{"arrays": [["<f8", [1000000, 1000000]]]}'),
    "an overflow": frame('{"arrays": [["<f8", [' + "9" * 30 + "]]]}"),
    "a negative length": frame('{"arrays": [["<f8", [-4]]]}'),
    "a length that is true": frame('{"arrays": [["<f8", [true]]]}'),
    "many dimensions": frame(json.dumps({"arrays": [["<f8", [1] * 17]]})),
    "half an entry": frame('{"arrays": [["<f8"]]}'),
}


@pytest.mark.parametrize("what", BAD)
def test_a_frame_with(what):
    BAD[what].seek(0)
    with pytest.raises(frames.BadFrame):
        frames.read(BAD[what])


@pytest.mark.parametrize("cut", [0, 3, 6, 40])
def test_a_frame_that_ends_early_is_an_end(cut):
    file = io.BytesIO()
    frames.write(file, {"id": 1}, [("<f8", (2, 2), b"8" * 32)])
    with pytest.raises(frames.Ended):
        frames.read(io.BytesIO(file.getvalue()[:cut]))


@pytest.mark.parametrize(
    "value",
    [None, True, 3, 2.5, "text", math.inf, [1, [2]], {"a": {"b": b"raw"}}, [b"", {}, []]],
)
def test_a_value_comes_back(value):
    arrays: list = []
    file = io.BytesIO()
    frames.write(file, {"value": frames.encode(value, arrays)}, arrays)
    file.seek(0)
    header, raw = frames.read(file)
    assert frames.decode(header["value"], raw) == value


@pytest.mark.parametrize("value", [{1: 2}, {"$array": 0}, object(), {"a": {1, 2}}])
def test_what_cannot_be_handed_over_is_an_error_of_the_caller(value):
    with pytest.raises(TypeError):
        frames.encode(value, [])


MISSING = ({"$array": 0}, {"$bytes": -1}, {"$bytes": True}, {"$array": "0"})


@pytest.mark.parametrize("value", MISSING)
def test_an_array_that_is_not_there_is_none(value):
    for read in (frames.decode, frames.check):
        with pytest.raises(frames.BadFrame):
            read({"a": [value]}, [])


def test_a_value_of_many_levels_is_refused():
    value: object = 1
    for _ in range(100):
        value = [value]
    with pytest.raises(frames.BadFrame):
        frames.check(value, [])


def test_a_parser_is_never_so_deep_that_no_finalizer_can_run(monkeypatch):
    """What is garbage by then is collected while lists are made, deep in their brackets."""
    failed = []
    monkeypatch.setattr("sys.unraisablehook", lambda report: failed.append(report.exc_value))
    headroom = sys.getrecursionlimit() - len(inspect.stack())
    data = frame("[" * 5000).getvalue()

    def descend(levels):
        if levels:
            descend(levels - 1)
            return
        Tidy()
        with pytest.raises(frames.BadFrame):
            frames.read(io.BytesIO(data))

    gc.collect()
    descend(headroom - 750)
    gc.collect()
    assert failed == []


class Tidy:
    """Needs some frames when it is collected, which happens with its circle."""

    def __init__(self):
        self.circle = self

    def __del__(self):
        self.need(60)

    def need(self, levels):
        if levels:
            self.need(levels - 1)


def test_brackets_in_a_text_are_no_levels():
    header = {"a": "[" * 1000 + '\\"[{', "arrays": []}
    assert frames.read(frame(json.dumps(header))) == ({"a": header["a"]}, [])
    deepest = "[" * (frames.MAX_BRACKETS - 1) + "]" * (frames.MAX_BRACKETS - 1)
    assert frames.read(frame(f'{{"a": {deepest}, "arrays": []}}'))


def test_too_much_is_not_sent():
    with pytest.raises(frames.BadFrame):
        frames.write(io.BytesIO(), {"text": "x" * (frames.MAX_HEADER + 1)})
