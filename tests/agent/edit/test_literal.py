"""Values of literals, and lines of code."""

import ast

import pytest

from agent.edit import code_lines
from agent.edit.literal import Literal, evaluate


def value_of(code: str) -> Literal | None:
    return evaluate(ast.parse(code, mode="eval").body)


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ("3", 3),
        ("-3", -3),
        ("+3", 3),
        ("-(-3)", 3),
        ("True", True),
        ("'text'", "text"),
        ("1.5", 1.5),
        ("2 + 3 * 4", 14),
        ("7 - 9", -2),
        ("1 + 5000", 5001),
        ("7 / 2", 3.5),
        ("7 // 2", 3),
        ("7 % 4", 3),
        ("2**10", 1024),
        ("2**-1", 0.5),
        ("1 << 10", 1024),
        ("1024 >> 3", 128),
        ("1.5 * 2", 3.0),
        ("2**2048", 2**2048),
        ("1 << 4095", 1 << 4095),
    ],
)
def test_literals_and_arithmetic_have_a_value(code: str, value: Literal) -> None:
    result = value_of(code)
    assert (type(result), result) == (type(value), value)


@pytest.mark.parametrize(
    "code",
    [
        "x",
        "f(1)",
        "None",
        "b'a'",
        "1j",
        "[1]",
        "not 1",
        "~1",
        "-True",
        "True + 1",
        "1 + True",
        "'a' * 3",
        "'a' + 'b'",
        "1 & 3",
        "1 / 0",
        "1 % 0",
        "1 << -1",
        "1e999",
        "1e300 * 1e300",
        "-1e999",
        "2**2049",
        "1 << 4096",
        "1 << 10**15",
        "2**2048 * 2**2048",
        "10**(10**10)",
        "'\\ud800'",
        "x + 1",
        pytest.param("-" * 1500 + "1", id="minus signs"),
    ],
)
def test_everything_else_has_none(code: str) -> None:
    assert value_of(code) is None


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("", 0),
        ("x = 1\n", 1),
        ("\ufeffx = 1\n", 1),
        ("# comment\n\nx = 1  # one\n\n\ny = 2\n", 2),
        ("x = [\n    1,\n    2,\n]\n", 1),
        ("x = 1; y = 2\n", 2),
        ('"""Doc.\n\nMore.\n"""\nx = 1\n', 1),
        ('def f():\n    """Doc.\n\n        More.\n    """\n    return 1\n', 2),
        ('def f():\n    ""\n    return 1\n', 2),
        ('class C:\n    """Doc."""\n    x = 1\n', 2),
        ("if x:\n    y = 1\nelse:\n    y = 2\n", 4),
        ("x = (", 0),
        pytest.param("# as it is\nx = 0x" + "f" * 5000 + "\n\n", 2, id="a huge number"),
    ],
)
def test_lines_are_of_code_only(source: str, lines: int) -> None:
    assert code_lines(source) == lines
