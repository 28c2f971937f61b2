"""Unified diffs as models write them: before, patch, after."""

import difflib

import pytest

from agent.propose.code.patch import apply_patch
from agent.records.edits import Refused
from tests.agent.propose.example import SOURCE

WIDER = "    wide = 2\n    return wide * DEPTH * HEAD_DIM"
AFTER = SOURCE.replace("DEPTH = 8", "DEPTH = 9").replace("    return DEPTH * HEAD_DIM", WIDER)


def proper(before: str = SOURCE, after: str = AFTER) -> str:
    return "".join(
        difflib.unified_diff(
            before.splitlines(True), after.splitlines(True), "a/train.py", "b/train.py"
        )
    )


def test_a_proper_diff_is_applied() -> None:
    assert apply_patch(SOURCE, proper()) == AFTER
    assert apply_patch(AFTER, proper(AFTER, SOURCE)) == SOURCE


def test_wrong_line_numbers_and_counts_do_not_matter() -> None:
    for wrong in ("@@ -999,1 +1,77 @@", "@@ -1 +1 @@", "@@", "@@ def width(): @@"):
        patch = "\n".join(
            wrong if line.startswith("@@") else line for line in proper().splitlines()
        )
        assert apply_patch(SOURCE, patch) == AFTER, wrong


def test_line_ends_and_what_is_not_named_stay() -> None:
    windows = SOURCE.replace("\n", "\r\n")
    assert apply_patch(windows, proper()) == AFTER.replace("\n", "\r\n")


def test_the_stated_line_decides_between_equal_places() -> None:
    twice = "a\nx = 1\nb\nx = 1\n"
    assert apply_patch(twice, "@@ -4 +4 @@\n-x = 1\n+x = 2\n") == "a\nx = 1\nb\nx = 2\n"


@pytest.mark.parametrize(
    ("patch", "why"),
    [
        ("@@ -1 +1 @@\n-NOPE = 1\n+NOPE = 2\n", "hunk 1 of the diff does not fit"),
        ("@@\n-\n+# more\n", "fits in"),
        ("@@\n+x = 1\n", "does not fit"),
        ("--- a\n+++ b\n", "the diff"),
        ("", "the diff"),
        ("@@ -1 +1 @@\n" + "+x\n" * 200_000, "the diff"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_hunk(patch: str, why: str) -> None:
    refused = apply_patch(SOURCE, patch)
    assert isinstance(refused, Refused) and why in refused.where, refused
