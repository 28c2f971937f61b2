"""The autoresearch.toml that init writes."""

import tomllib
from typing import Literal

import pytest

from agent.project.written import Plan, program_of, toml_of
from agent.records.evaluator import Evaluator


@pytest.mark.parametrize(("exact", "noise"), [("", None), ("seen", None), ("stated", "none")])
def test_only_the_owners_word_makes_a_score_exact(
    exact: Literal["", "seen", "stated"], noise: str | None
) -> None:
    plan = Plan(train="a.py", metric="loss", direction="minimize", exact=exact)
    text = toml_of(plan)
    assert tomllib.loads(text).get("noise") == noise
    assert ('# noise = "none"' in text) == (exact == "seen")


def test_proposed_ranges_count_and_inferred_ones_are_shown() -> None:
    plan = Plan(train="a.py", metric="loss", direction="minimize", ranges=('LR = "1 .. 2"',))
    assert "ranges" not in tomllib.loads(toml_of(plan))
    assert '# LR = "1 .. 2"' in toml_of(plan)
    proposed = plan.model_copy(update={"proposed": True})
    assert tomllib.loads(toml_of(proposed))["ranges"] == {"LR": "1 .. 2"}


def test_the_table_of_an_evaluator_stands_behind_the_keys_of_no_table() -> None:
    evaluator = Evaluator(command="python evaluate.py", hidden=("a b.csv",), outputs=("out.npy",))
    plan = Plan(
        train="a.py",
        metric="loss",
        direction="minimize",
        read_only=("data",),
        evaluate=evaluator,
        ranges=('LR = "1 .. 2"',),
        proposed=True,
    )
    read = tomllib.loads(toml_of(plan))
    assert Evaluator.model_validate(read["evaluate"]) == evaluator
    assert (read["read_only"], read["ranges"]) == (["data"], {"LR": "1 .. 2"})
    brief = program_of(plan)
    assert "that `evaluate.py` computes after `a.py`" in brief
    assert "must go on leaving `out.npy`" in brief and "line of output" not in brief
