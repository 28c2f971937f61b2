"""Text of others shown and stored: nothing in it acts, hides, floods or grows beyond its limit."""

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.ground.text import (
    LINE_CHARACTERS,
    MAX_MARKS,
    TAIL_CHARACTERS,
    composed,
    flat,
    is_piled,
    last_words,
    one_line,
    printable,
    shortened,
    tail,
    whole_number,
)

# Arbitrary text, and text that is dense in what is dangerous.
HOSTILE = (
    "a\x00\x07\x1b\r\n"
    "\t\x7f\x85\x9b\u00a0\u0301\u034f\u200b\u202e\u2028\u2066\ud800\ue000\U000e0041"
)
TEXTS = st.text() | st.text(st.sampled_from(HOSTILE), max_size=80)


def longest_run_of_marks(text: str) -> int:
    """Return how many combining marks follow one letter at most."""
    longest = 0
    run = 0
    for character in text:
        run = run + 1 if unicodedata.category(character) in ("Mn", "Me") else 0
        longest = max(longest, run)
    return longest


@given(TEXTS)
def test_every_character_of_a_printable_text_is_visible(text: str) -> None:
    shown = printable(text)
    assert all(character.isprintable() or character in "\n\t" for character in shown)
    assert longest_run_of_marks(shown) <= MAX_MARKS
    shown.encode("utf-8")


@given(TEXTS)
def test_a_flat_text_is_one_line(text: str) -> None:
    line = flat(text)
    assert line.isprintable()
    assert line == " ".join(line.split())


@given(TEXTS, st.integers(2, 60))
def test_one_line_is_never_longer_than_its_limit(text: str, limit: int) -> None:
    line = one_line(text, limit)
    assert line.isprintable()
    assert len(line) <= limit
    assert len(shortened(text, limit)) <= limit
    assert len(one_line(text * 20)) <= LINE_CHARACTERS


@given(TEXTS, st.integers(2, 60))
def test_what_is_clean_already_stays_as_it_is(text: str, limit: int) -> None:
    assert printable(printable(text)) == printable(text)
    assert flat(flat(text)) == flat(text)
    assert one_line(one_line(text, limit), limit) == one_line(text, limit)
    assert shortened(shortened(text, limit), limit) == shortened(text, limit)


@given(st.text(st.characters(codec="ascii", exclude_categories=["Cc"])))
def test_plain_ascii_is_not_touched(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[2J\x00\n", "a\\x1b[2J\\x00\n"),
        ("\u202eb\u2028\u200b\ud800\x9b", "\\u202eb\\u2028\\u200b\\ud800\\x9b"),
        ("10 %\rdone", "10 %\\rdone"),
        ("one\r\ntwo\tthree", "one\ntwo\tthree"),
        ("a\u00a0b\u3000c", "a\\xa0b\\u3000c"),
        ("pass\u3164word", "pass\\u3164word"),
        ("naïve 日本語 ✓ C:\\x1b", "naïve 日本語 ✓ C:\\x1b"),
    ],
)
def test_what_is_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_marks_do_not_pile_up() -> None:
    assert printable("e\u0301\u0323 ok") == "e\u0301\u0323 ok"
    assert printable("Z" + "\u0335" * 6) == "Z" + "\u0335" * MAX_MARKS + "\\u0335" * 2


def test_a_cut_line_says_so() -> None:
    assert one_line("one two\n three", 40) == "one two three"
    assert one_line("one two three", 9) == "one two…"


def test_no_half_of_a_secret_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEPLOY_TOKEN", "0123456789" * 5)
    log = tmp_path / "log"
    for pad in range(3940, 4001):
        log.write_text("x" * 100 + "0123456789" * 5 + "y" * pad)
        assert "456789" not in tail(log)
        assert "456789" not in one_line("z" * (pad - 3700) + "0123456789" * 5)


def test_no_half_of_a_secret_stays_where_most_was_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEPLOY_TOKEN", "0123456789" * 5)
    log = tmp_path / "log"
    bar = "".join(f"\r{step:5} steps" for step in range(5000))
    for read in (4 * TAIL_CHARACTERS, 8 * TAIL_CHARACTERS):
        for half in range(10, 50, 8):
            end = bar[half + len("\n\nends\n") - read :]
            log.write_text("begins\nkey: " + "0123456789" * 5 + f"\n{end}\nends\n")
            assert "456789" not in tail(log) and tail(log).endswith("4999 steps\nends\n")


def test_a_tail_is_what_a_terminal_would_have_shown_last(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"head" * 9000 + b"\n\rstep 1\rstep 2\rstep 3\nTraceback\r\n\xff\xfe\x07 bad\n")
    shown = tail(log)
    assert shown.endswith("\nstep 3\nTraceback\n��\\x07 bad\n")
    assert len(shown) == TAIL_CHARACTERS
    assert len(tail(log, 50)) == 50


def test_a_log_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert tail(tmp_path / "no") == ""
    assert last_words(tmp_path / "no") == ""


@pytest.mark.parametrize(
    ("log", "words"),
    [
        (
            'loading\nTraceback (most recent call last):\n  File "t", line 1\n    x\n    ^\n'
            "NameError: name 'x'\n",
            "NameError: name 'x'",
        ),
        (
            "Traceback (most recent call last):\n  File\nKeyError: 1\n\nDuring handling\n\n"
            "Traceback (most recent call last):\n"
            "  File\nRuntimeError: CUDA error: no\nFor debugging set CUDA_LAUNCH_BLOCKING\n"
            "Compile with DSA\n\n",
            "RuntimeError: CUDA error: no",
        ),
        ("\rstep 1 (1.0%)\nFAIL\n\n", "FAIL"),
        ("Traceback (most recent call last):\n  cut off", "cut off"),
        ("", ""),
    ],
)
def test_last_words(tmp_path: Path, log: str, words: str) -> None:
    (tmp_path / "log").write_text(log)
    assert last_words(tmp_path / "log") == words


PILED = "a" + "\u0301\u0327" * 300


def test_piled_marks_are_told_and_not_normalised():
    for text in (PILED, f"x = 1\n{PILED}1 = 2\n", "é" * 300 + PILED[1:]):
        assert is_piled(text)
        assert composed(text) == text


def test_other_text_is_normalised():
    for text in ("e\u0301", "한" * 600, "\u1112\u1161\u11ab" * 600, "━" * 600, "e\u0301" * 600):
        assert not is_piled(text)
        assert composed(text) == unicodedata.normalize("NFC", text)


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("007", 7), ("999999999", 999_999_999)])
def test_a_whole_number_is_read(text: str, number: int) -> None:
    assert whole_number(text) == number


@pytest.mark.parametrize("text", ["", "-1", "1.0", "1_0", " 1", "٣", "²", "9" * 5000])
def test_any_other_text_is_no_whole_number(text: str) -> None:
    assert whole_number(text) is None
