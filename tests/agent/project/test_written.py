"""The autoresearch.toml that init writes."""

import tomllib
from pathlib import Path
from typing import Literal

import pytest

from agent.project.settings import settings_in
from agent.project.template import (
    PREPARE,
    beside_prepare,
    corpus_places,
    is_retired,
    shipped_corpus,
    template_files,
)
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


FULL = Plan(
    train="src/fit.py",
    metric="acc",
    direction="maximize",
    line="acc: 0.5",
    command="python src/fit.py --k 3",
    files=("src/*.py", "a.yaml"),
    python=".venv/bin/python",
    read_only=("data", "~/more"),
    budget="5m",
    limit="1.5x",
    took=2.04,
    also=("loss",),
)


def test_what_init_writes_is_what_it_tried(tmp_path: Path) -> None:
    evaluator = Evaluator(
        command="python judge.py", test=("test.csv",), outputs=("o.npy",), program="src/fit.py"
    )
    least = Plan(train="a.py", metric="loss", direction="minimize")
    for plan in (least, FULL, FULL.model_copy(update={"evaluate": evaluator})):
        read = settings_in(toml_of(plan), tmp_path)
        assert read == plan.settings(tmp_path)
        assert read.evaluate == plan.evaluate
        assert read.read_only in ((), (str(tmp_path / "data"), str(Path.home() / "more")))
        lines = toml_of(plan).splitlines()
        assert all("# " in line for line in lines if line and line[0] not in "[#")


@pytest.mark.parametrize(
    ("plan", "line"),
    [
        (FULL, 'metric = "acc"                      # read from "acc: 0.5"'),
        (FULL, 'command = "python src/fit.py --k 3"  # what is run in its place'),
        (FULL.model_copy(update={"line": ""}), "# as the run prints it"),
        (FULL, "# at most of the baseline's time: trainings end by themselves after 2.0 s"),
        (FULL.model_copy(update={"limit": "9s", "took": None}), "# at most: trainings end by them"),
        (Plan(train="a.py", metric="m", direction="minimize"), '# command = "python …"  '),
        (Plan(train="a.py", metric="m", direction="minimize"), '# read_only = ["data"]  '),
    ],
)
def test_comments_say_where_a_value_is_from(plan: Plan, line: str) -> None:
    assert line in toml_of(plan)


def test_only_an_old_prepare_py_of_the_template_is_retired() -> None:
    old = 'CORPUS = "stdlib"\n\ndef stdlib_documents():\n    return []\n'
    assert is_retired(old) and not is_retired(template_files()[PREPARE])
    for changed in (old.replace("stdlib_documents", "documents"), old.replace('"stdlib"', '"a"')):
        assert not is_retired(changed), "a stranger's own"
    assert set(beside_prepare()) == {"corpora.py"} and shipped_corpus() in corpus_places()


def test_of_many_inferred_ranges_a_few_are_shown() -> None:
    ranges = tuple(f'K{n} = "1 .. 2"' for n in range(9))
    plan = FULL.model_copy(update={"ranges": ranges})
    assert toml_of(plan).splitlines()[-7:] == ["# [ranges]", *(f"# {line}" for line in ranges[:6])]


def test_the_brief_names_the_goal_and_its_files() -> None:
    brief = program_of(FULL.model_copy(update={"noise": ("±0.1", "by seeds")}))
    assert "The highest `acc` that `python src/fit.py --k 3` prints." in brief
    assert "change `src/*.py`, `a.yaml`. Everything" in brief and "line\n  of output" in brief
    assert "not results.\n  ±0.1\n  by seeds\n" in brief
    evaluated = {"evaluate": Evaluator(command="python j.py", program="p.py"), "files": ()}
    brief = program_of(FULL.model_copy(update={**evaluated, "direction": "minimize"}))
    assert "The lowest `acc` that `j.py` computes of `src/fit.py`." in brief
    assert "change `src/fit.py`. Everything" in brief
    assert "`j.py` and its data are hidden" in brief and "go on leaving" not in brief
