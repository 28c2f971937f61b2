"""ReplaceText: a unique passage of any text."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agent.edit.replace_text import difference_of_texts, passage, passages, replace_text
from agent.records.edits import Refused, ReplaceText, RewriteFile
from tests.agent.edit.pairs import made, refused

LINES = st.lists(st.sampled_from(["a\n", "b\n", "  a: 1\n", "\n", "# é\r\n", "end"]), max_size=12)


def test_only_the_passage_changes() -> None:
    assert replace_text("one two three", ReplaceText(old="two", new="2")) == "one 2 three"
    assert made("X = 1  # old\n", ReplaceText(old="# old", new="# new")) == "X = 1  # new\n"


def test_of_several_passages_only_the_last_state_must_parse() -> None:
    opened = ReplaceText(old="X = 1", new="X = (1")
    assert made("X = 1\nY = 2\n", opened, ReplaceText(old="\nY = 2", new=")")) == "X = (1)\n"


def test_a_passage_that_is_not_there_names_the_nearest_line() -> None:
    refusal = replace_text("lr: 0.1\nsteps: 4\n", ReplaceText(old="lr: 0.2\n", new="lr: 1\n"))
    assert isinstance(refusal, Refused)
    assert refusal.reason == "unknown-name"
    assert "lr: 0.1" in refusal.hint


@pytest.mark.parametrize("text", ["a b a", "aaa"])
def test_a_passage_that_is_there_twice_is_refused(text: str) -> None:
    refusal = replace_text(text, ReplaceText(old=text[:1], new="c"))
    assert isinstance(refusal, Refused)
    assert refusal.reason == "ambiguous"
    overlapping = replace_text("aaa", ReplaceText(old="aa", new="c"))
    assert isinstance(overlapping, Refused)
    assert overlapping.reason == "ambiguous"


def test_an_empty_passage_is_refused() -> None:
    for text in ("a", ""):
        refusal = replace_text(text, ReplaceText(old="", new="b"))
        assert isinstance(refusal, Refused)
        assert (refusal.reason, refusal.where) == ("syntax", "`old` is empty")


def test_python_must_still_parse() -> None:
    refusal = refused("x = 1\n", ReplaceText(old="1", new="("))
    assert refusal.reason == "syntax"


@given(LINES, LINES)
@example(["a\n", "a\n"], ["a\n", "b\n", "a\n"])
def test_passages_lead_from_one_text_to_the_other(before: list[str], after: list[str]) -> None:
    old = "".join(before)
    new = "".join(after)
    edits = passages(old, new)
    if edits is None:
        return
    text: str | Refused = old
    for edit in edits:
        assert isinstance(text, str)
        text = replace_text(text, edit)
    assert text == new


def test_few_changed_lines_are_few_edits() -> None:
    old = "".join(f"key{i}: {i}\n" for i in range(50))
    new = old.replace("key3: 3\n", "key3: 4\n").replace("key40: 40\n", "")
    assert passages(old, new) == (
        ReplaceText(old="key40: 40\n", new=""),
        ReplaceText(old="key3: 3\n", new="key3: 4\n"),
    )
    assert passages("", "a\n") is None


@given(LINES, st.data())
def test_a_passage_takes_in_what_makes_it_unique(lines: list[str], data: st.DataObject) -> None:
    text = "".join(lines)
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    edit = passage(text, start, end, "new")
    if not text:
        assert edit is None
        return
    assert edit is not None
    assert replace_text(text, edit) == text[:start] + "new" + text[end:]


def test_lines_that_are_all_alike_are_no_passage() -> None:
    same = "x()\n" * 200
    assert passage(same, 400, 404, "y()\n") is None
    assert passages(same, f"{same}x()\n") is None


def test_many_changes_are_no_passages() -> None:
    lines = [f"key{number}: {number}\n" for number in range(4000)]
    few = "".join(f"new {line}" if number % 10 == 0 else line for number, line in enumerate(lines))
    many = "".join(f"new {line}" if number % 5 == 0 else line for number, line in enumerate(lines))
    assert len(passages("".join(lines), few) or ()) == 400
    assert passages("".join(lines), many) is None


# ---------------------------------------------------------------- the difference of two texts


def difference(old: str, new: str) -> list[str]:
    """Return the kinds of the edits between two texts, verified by making them."""
    edits = difference_of_texts(old, new)
    text: str | Refused = old
    for edit in edits:
        assert isinstance(text, str)
        text = edit.code if isinstance(edit, RewriteFile) else replace_text(text, edit)
    assert text == new
    return [edit.kind for edit in edits]


NUMBERS = "".join(f"{number}: {number * number}\n" for number in range(20_000))


@pytest.mark.parametrize(
    ("old", "new", "kinds"),
    [
        pytest.param("a\n", "a\n", [], id="equal"),
        pytest.param("", "a\n", ["rewrite_file"], id="empty before"),
        pytest.param("a\n", "", ["rewrite_file"], id="empty after"),
        pytest.param("a\nb\nc\nd", "a\nb\nc\nd\n", ["replace_text"], id="a line break at the end"),
        pytest.param("a\nb\nc\nd\n", "a\nb\nc\nd", ["replace_text"], id="none at the end"),
        pytest.param("a\r\nb\r\nc\r\nd\r\n", "a\r\nb\r\nx\r\nd\r\n", ["replace_text"], id="CRLF"),
        pytest.param(
            "a\r\nb\nc\r\nd\n" * 5, "a\nb\nc\r\nd\n" * 5, ["rewrite_file"], id="mixed line breaks"
        ),
        pytest.param("a\rb\rc\rd\r", "a\rx\rc\rd\r", ["replace_text"], id="CR"),
        pytest.param(
            NUMBERS, NUMBERS.replace("\n7: 49\n", "\n7: 48\n"), ["replace_text"], id="one of many"
        ),
        pytest.param(
            NUMBERS, NUMBERS[:1000] + NUMBERS[2000:], ["replace_text"], id="lines cut out"
        ),
        pytest.param(NUMBERS, NUMBERS.replace(": ", "= "), ["rewrite_file"], id="all of many"),
        pytest.param("x\n" * 20_000, "x\n" * 20_001, ["rewrite_file"], id="all alike"),
        pytest.param(
            "x\n" * 10_000 + "y\n" + "x\n" * 10_000,
            "x\n" * 10_000 + "z\n" + "x\n" * 10_000,
            ["replace_text"],
            id="one among alike",
        ),
        pytest.param(
            "x\ny\n" * 10_000, "y\nx\n" * 9_000, ["rewrite_file"], id="two lines by turns"
        ),
        pytest.param("a" * 100_000, "a" * 99_999, ["rewrite_file"], id="one long line"),
        pytest.param("\ud800a\nb\nc\nd\n", "\ud800a\nb\nx\nd\n", ["replace_text"], id="bytes"),
    ],
)
def test_the_difference_of_texts_is_small(old: str, new: str, kinds: list[str]) -> None:
    assert difference(old, new) == kinds


@given(LINES, LINES)
def test_the_difference_of_texts_is_exact(before: list[str], after: list[str]) -> None:
    difference("".join(before), "".join(after))


def test_edits_of_texts_read_downwards() -> None:
    old = "".join(f"key{i}: {i}\n" for i in range(50))
    new = old.replace("key3: 3\n", "key3: 4\n").replace("key40: 40\n", "key40: 41\n")
    assert difference_of_texts(old, new) == (
        ReplaceText(old="key3: 3\n", new="key3: 4\n"),
        ReplaceText(old="key40: 40\n", new="key40: 41\n"),
    )


def test_a_passage_in_a_docstring_that_two_functions_share_is_found() -> None:
    """Of a real package: only the lines around the docstring tell its two copies apart."""
    lines = [f"    Line {number} of what both of them do.\n" for number in range(60)]
    docstring = "".join(lines)
    functions = [f'def {name}():\n    """Do it.\n\n{docstring}    """\n' for name in "fg"]
    others = "".join(f"CONSTANT_{number} = {number}\n" for number in range(90))
    old = "".join([*functions, others])
    middle = old.rindex("Line 30")
    new = f"{old[:middle]}A line{old[middle + 7 :]}"
    [edit] = passages(old, new) or ()
    assert edit.new != edit.old
    assert made(old, edit) == new
