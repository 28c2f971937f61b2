"""SetConstant on before / after pairs."""

import pytest

from agent.edit.set_constant import set_constants
from agent.edit.source import Source, read
from agent.records.edits import RewriteFile, SetConstant
from tests.agent.edit.pairs import made, pair, refused


@pytest.mark.parametrize(
    ("before", "value", "after"),
    [
        ("A = 1\n", "2", "A = 2\n"),
        ("A = 1  # one\n", "2", "A = 2  # one\n"),
        ("A = 1; B = 2\n", "3", "A = 3; B = 2\n"),
        ("B = 2; A = 1  # two\n", "3", "B = 2; A = 3  # two\n"),
        ("A: int = 1  # typed\n", "2", "A: int = 2  # typed\n"),
        ("A=2**19\n", "2**20", "A=2**20\n"),
        ("A = '#1'  # '#2'\n", "'#3'", "A = '#3'  # '#2'\n"),
        ("A = (1, 2)\n", "(3, 4)", "A = (3, 4)\n"),
        ("A = (\n    1,  # one\n    2,\n)  # both\nB = 3\n", "(3,)", "A = (3,)  # both\nB = 3\n"),
        ("A = 1, 2\n", "3, 4", "A = 3, 4\n"),
        (
            "A = (\n    'SSSL'  # pattern [SSSL | LLLL]\n)\n",
            "'LLLL'",
            "A = (\n    'LLLL'  # pattern [SSSL | LLLL]\n)\n",
        ),
        ("A = B = 1  # both\n", "2", "B = 1; A = 2  # both\n"),
        ("A = x.a = (1)  # both\n", "2", "x.a = (1); A = 2  # both\n"),
        ("A = A = (1)  # one\n", "2", "A = A = (2)  # one\n"),
        ("if fast:\n    A = 1\n", "2", "if fast:\n    A = 2\n"),
        ("if fast: A = 1\n", "2", "if fast: A = 2\n"),
        ("A = 1", "2", "A = 2"),
        ("A = 1\r\nB = 2\r\n", "2", "A = 2\r\nB = 2\r\n"),
        ("\ufeffA = 1\n", "2", "\ufeffA = 2\n"),
        ("\x0cA = 1\n\x0c\n", "2", "\x0cA = 2\n\x0c\n"),
        (
            "# -*- coding: utf-8 -*-\nx = 'é'; A = 1\n",
            "2",
            "# -*- coding: utf-8 -*-\nx = 'é'; A = 2\n",
        ),
        ("A, B = 1, 2\nprint(A)\n", "3, 4", "A, B = (3, 4), 2\nprint(A)\n"),
        ("# é\nA = 1; B = 2\n", "3", "# é\nA = 3; B = 2\n"),
        ("A = 1 \\\n  + 2\n", "4", "A = 4\n"),
        ("A = os.environ.get('A', 1)\n", "3, 4", "A = os.environ.get('A', (3, 4))\n"),
        ("def f():\n    A = 5\nA = 1\n", "2", "def f():\n    A = 5\nA = 2\n"),
        ("A = 1\n", "(2,  # two\n 3)", "A = (2,  # two\n 3)\n"),
        ("A = 1; B = 2\n", "3  # not this\n", "A = 3; B = 2\n"),
        ("A = (\n    1  # one\n)\n", "(2)", "A = (\n    (2)  # one\n)\n"),
        ("A = 1\nd = {}\nd[A] = 2\n", "3", "A = 3\nd = {}\nd[A] = 2\n"),
        ("for A in x:\n    pass\nA = 1\n", "2", "for A in x:\n    pass\nA = 2\n"),
        ("A = 1\n", "-" * 40 + "1", "A = " + "-" * 40 + "1\n"),
        ("# " + "x" * 100_000 + "\nA = 1\n", "2", "# " + "x" * 100_000 + "\nA = 2\n"),
    ],
)
def test_the_value_changes_and_nothing_else(before: str, value: str, after: str) -> None:
    assert made(before, SetConstant(name="A", value=value)) == after


@pytest.mark.parametrize(
    "value",
    [
        "",
        "1; B = 2",
        "1\nB = 2",
        "x = 1",
        "1 +",
        "(",
        "1\n+ 2",
        "pass",
        "'",
        "\x00",
        "1 if 2",
        "3;",
    ],
)
def test_a_value_is_one_expression(value: str) -> None:
    assert refused("A = 1\n", SetConstant(name="A", value=value)).reason == "syntax"


def test_names_that_are_not_there_come_with_the_nearest() -> None:
    answer = refused("DEPTH = 4\nWIDTH = 2\n", SetConstant(name="DEPHT", value="1"))
    assert (answer.reason, "DEPTH" in answer.hint, "WIDTH" in answer.hint) == (
        "unknown-name",
        True,
        False,
    )


@pytest.mark.parametrize(
    "before",
    ["A = 1\nA = 2\n", "if x:\n    A = 1\nelse:\n    A = 2\n", "A = 1\nA += 1\n", "A = 1; A = 1\n"],
)
def test_two_assignments_are_ambiguous(before: str) -> None:
    assert refused(before, SetConstant(name="A", value="3")).reason == "ambiguous"


@pytest.mark.parametrize("before", ["A, B = f()\n", "(A, *B) = f()\n", "A: int\n", "[A] = [1]\n"])
def test_what_has_no_value_of_its_own_is_refused_with_the_way_out(before: str) -> None:
    answer = refused(before, SetConstant(name="A", value="3"))
    assert answer.reason == "unknown-name"
    assert "replace_statements" in answer.hint


def test_a_later_edit_that_fails_undoes_the_earlier_ones() -> None:
    edits = SetConstant(name="A", value="2"), SetConstant(name="Z", value="2")
    assert refused("A = 1\n", *edits).reason == "unknown-name"


def test_a_file_of_many_kinds_of_lines() -> None:
    pair(
        '''
        """A = 0"""
        A: float = 0.1  # not [this]
        ''',
        SetConstant(name="A", value="1e-3"),
        '''
        """A = 0"""
        A: float = 1e-3  # not [this]
        ''',
    )


def test_edits_are_made_in_turn() -> None:
    both = SetConstant(name="A", value="2"), SetConstant(name="B", value="3")
    assert made("A = B = 1\n", *both) == "B = 3; A = 2\n"
    assert made("B = 1\nA = 1\n", *both) == "B = 3\nA = 2\n"
    assert made("A = 1\n", both[0], SetConstant(name="A", value="3")) == "A = 3\n"
    rewritten = RewriteFile(code="A = 1\nB = 1\n")
    assert made("x = (", rewritten, *both) == "A = 2\nB = 3\n"
    assert made("A = 1\nB = 1\n", both[0], rewritten, both[1]) == "A = 1\nB = 3\n"


def test_constants_are_set_at_once_in_whatever_order_they_are_named() -> None:
    source = read("A = 1\nB = 2\n")
    assert isinstance(source, Source)
    last_first = [SetConstant(name="B", value="4"), SetConstant(name="A", value="3")]
    assert set_constants(source, last_first) == "A = 3\nB = 4\n"


def test_a_value_that_ends_like_a_statement_is_no_expression() -> None:
    assert refused("A = 1\n", SetConstant(name="A", value="2;")).where == (
        "`value` is not one expression"
    )


def test_the_nearest_names_are_at_most_three_and_a_few_are_listed_without_any() -> None:
    before = "".join(f"WIDTH_{letter} = 1\n" for letter in "abcdefghij")
    hint = refused(before, SetConstant(name="WIDTH", value="1")).hint
    assert hint.startswith("did you mean WIDTH_") and hint.count("WIDTH_") == 3
    hint = refused(before, SetConstant(name="q", value="1")).hint
    assert hint.startswith("the file has: WIDTH_a, WIDTH_b") and hint.count("WIDTH_") == 8
    assert refused("f()\n", SetConstant(name="q", value="1")).hint == "the file has no constant"
