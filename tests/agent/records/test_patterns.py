"""Globs: what they fit, what is wrong with one, and how long it takes to try one on a path."""

import pytest
from pydantic import ValidationError

from agent.records.evaluator import Evaluator
from agent.records.patterns import (
    covers,
    fault_of_path,
    fault_of_pattern,
    folder_around,
    matches,
)


def test_a_glob_of_many_stars_takes_no_time() -> None:
    """A stranger's autoresearch.toml is tried on every path by every command."""
    path = "/".join("a" * 30)
    stars = "/".join(["**"] * 1_000)
    assert not covers(path, [f"{stars}/b"])
    assert covers(path, [f"{stars}/a"])
    assert matches(path, ["**/a/**/a"]) and not matches(path, ["**/a/**/b"])
    assert not matches("x" * 200, ["*x" * 100 + "y"])


@pytest.mark.parametrize("field", ["hidden", "test", "outputs"])
def test_an_evaluator_names_no_glob_that_a_disk_is_searched_for_without_end(field: str) -> None:
    Evaluator.model_validate({"command": "python e.py", field: ["data/**/x/**"]})
    with pytest.raises(ValidationError, match="at most 2"):
        Evaluator.model_validate({"command": "python e.py", field: ["**/a/**/b/**"]})


@pytest.mark.parametrize(
    ("pattern", "hint"),
    [
        ("{model,conf}/*.py", "a pattern for each"),
        ("conf/*.{yaml,toml}", "a pattern for each"),
        ("!conf/{a,b}.yaml", "a pattern for each"),
        ("model\\*.py", "write / between folders"),
        ("/etc/*.py", "inside the project"),
        ("../*.py", "inside the project"),
        ("model/", "inside the project"),
        ("**/a/**/b/**", "at most 2 **"),
        (".git/*", "hidden files"),
        ("", "empty"),
    ],
)
def test_a_pattern_that_is_not_understood_is_answered_with_what_to_write(
    pattern: str, hint: str
) -> None:
    assert hint in (fault_of_pattern(pattern) or "")


@pytest.mark.parametrize(
    ("pattern", "path", "fits"),
    [
        ("conf/{name}.yaml", "conf/{name}.yaml", True),
        ("model/*.py", "model/net.py", True),
        ("model/*.py", "model/deep/net.py", False),
        ("**/*.py", "train.py", True),
        ("my files/*.py", "my files/a b.py", True),
        ("Model/*.py", "model/net.py", False),
        ("conf/[ab].yaml", "conf/a.yaml", True),
        ("**/*.yaml", "conf/.hidden/a.yaml", False),
    ],
)
def test_a_pattern_fits_a_path(pattern: str, path: str, fits: bool) -> None:
    assert fault_of_pattern(pattern) is None
    assert matches(path, (pattern,)) is fits


@pytest.mark.parametrize(
    ("path", "patterns", "fits"),
    [
        ("old.py", ("*.py", "!old.py"), False),
        ("old.py", ("!old.py", "*.py"), True),
        ("a/b", ("a/**/b",), True),
        ("a/x/y/b", ("a/**/b",), True),
        ("a", ("a/**",), True),
        ("a/b/a/x", ("**/a/**/b/*/x",), True),
        (".hidden/a.py", (".hidden/*.py",), False),
    ],
)
def test_the_last_pattern_that_fits_decides(
    path: str, patterns: tuple[str, ...], fits: bool
) -> None:
    assert matches(path, patterns) is fits


@pytest.mark.parametrize("pattern", ["./a.py", "a/./b.py", "a/../b.py"])
def test_a_pattern_names_its_folders_plainly(pattern: str) -> None:
    assert "inside the project" in (fault_of_pattern(pattern) or "")


def test_a_pattern_has_no_nul() -> None:
    assert fault_of_pattern("a\0.py") is not None


def test_two_times_any_folders_are_understood() -> None:
    assert fault_of_pattern("**/a/**/b.py") is None


@pytest.mark.parametrize(
    ("path", "pattern", "covered"),
    [
        ("data/val/x.txt", "data/val", True),
        ("DATA/Val/x.txt", "data/val", True),
        ("cafe\u0301/x.txt", "caf\u00e9", True),
        ("\u03aa\u0301/x", "\u0390", True),  # an iota with two marks, in capitals
        (".secret/x", ".secret", True),
        ("data/value", "data/val", False),
        ("data", "data/val", False),
    ],
)
def test_a_hidden_folder_covers_what_is_in_it_under_any_name(
    path: str, pattern: str, covered: bool
) -> None:
    assert covers(path, [pattern]) is covered


@pytest.mark.parametrize(
    ("train", "patterns", "folder"),
    [
        ("src/a/train.py", (), "src/a"),
        ("src/a/train.py", ("src/b/*.py",), "src"),
        ("src/a/train.py", ("src/a/deep/*.py",), "src/a"),
        ("src/a/train.py", ("!src/b/x.py",), "src"),
        ("src/a/train.py", ("src/*/x.py",), "src"),
        ("src/train.py", ("conf/*.yaml",), ""),
        ("train.py", ("src/*.py",), ""),
    ],
)
def test_the_folder_around_holds_the_training_and_every_glob(
    train: str, patterns: tuple[str, ...], folder: str
) -> None:
    assert folder_around(train, patterns) == folder


@pytest.mark.parametrize("path", ["a./b.py", "-x.py", "\u00e9" * 200 + ".py", "GIT~1/x.py", "a /b"])
def test_a_path_that_some_system_cannot_have_is_refused(path: str) -> None:
    assert "not every system" in (fault_of_path(path) or "")


def test_a_path_with_a_character_that_is_not_seen_is_refused() -> None:
    assert "characters that are not allowed" in (fault_of_path("a\u202eb.py") or "")


def test_a_long_name_of_a_new_file_may_have_255_bytes() -> None:
    assert fault_of_path("a" * 252 + ".py") is None
    assert fault_of_path("a" * 253 + ".py") is not None
