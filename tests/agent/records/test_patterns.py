"""Globs: how long it takes to try one on a path, whoever wrote it."""

import pytest
from pydantic import ValidationError

from agent.records.evaluator import Evaluator
from agent.records.patterns import covers, matches


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
