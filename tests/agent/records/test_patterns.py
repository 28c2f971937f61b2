"""Globs: what they fit, what is wrong with one, and how long it takes to try one on a path."""

import pytest
from pydantic import ValidationError

from agent.records.evaluator import Evaluator
from agent.records.patterns import covers, fault_of_pattern, matches


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
