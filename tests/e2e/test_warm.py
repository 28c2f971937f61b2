"""What one run learned, another begins with: an Optuna study, kept in a clone."""

import json
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from tests.e2e.researcher import TRAIN, fsck, git, ledger, miniature, type_in

CRASHING = TRAIN.replace("time.sleep(pause)", "time.sleep(pause)\nassert LR < 0.6, 'diverged'")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_run_begins_with_what_another_one_found(tmp_path: Path) -> None:
    first = miniature(tmp_path / "first", CRASHING)
    run = type_in(
        first,
        "start",
        "--model",
        "none",
        "--method",
        "random",
        "--trials",
        "6",
        "--budget",
        "1steps",
        "--seed",
        "3",
    )
    assert run.returncode == 0, run.stderr
    file = tmp_path / "study.db"
    exported = type_in(first, "export", "--format", "optuna", "--output", str(file))
    assert (exported.returncode, exported.stdout) == (0, ""), exported.stderr

    trials = ledger(first)
    study = optuna.load_study(study_name=None, storage=f"sqlite:///{file}")
    assert study.study_name.startswith("autoresearch/") and study.user_attrs["method"] == "random"
    assert len(study.trials) == len(trials) == 7
    for row, trial in zip(study.trials, trials, strict=True):
        assert row.params == {name: trial["configuration"][name] for name in ("LR", "DEPTH")}
        assert (
            row.user_attrs["status"] == trial["status"]
            and row.user_attrs["attempt"] == trial["attempt"]
        )
        assert row.user_attrs["hypothesis"] == trial["proposal"]["hypothesis"]
        assert row.state == (TrialState.FAIL if trial["status"] == "crash" else TrialState.COMPLETE)
        assert row.intermediate_values or row.state == TrialState.FAIL
    assert {row.state for row in study.trials} == {TrialState.FAIL, TrialState.COMPLETE}, (
        "seed 3 has a crash"
    )
    assert study.trials[0].intermediate_values.keys() == {50}
    best = study.best_trial

    second = miniature(tmp_path / "second", CRASHING)
    start = type_in(
        second,
        "start",
        "--model",
        "none",
        "--trials",
        "1",
        "--budget",
        "1steps",
        "--warm",
        str(file),
        "--tag",
        "w",
    )
    assert start.returncode == 0, start.stderr
    assert f"7 prior trials of {file}" in start.stdout and "2 of the 2 constants" in start.stdout
    trials = ledger(second)
    assert [trial["number"] for trial in trials] == [0, 1], "theirs are no attempts"
    assert {name: trials[1]["configuration"][name] for name in best.params} == best.params, (
        "their best is tried first"
    )
    state = json.loads(type_in(second, "status", "--json").stdout)
    assert (state["warm"], state["prior"]) == ("study.db", 7)
    assert "7 prior trials of study.db" in type_in(second, "status").stdout
    assert git(second, "status", "--porcelain") == ""

    git(tmp_path, "clone", "-q", str(second), "third")
    resumed = type_in(tmp_path / "third", "resume", "w", "--trials", "1")
    assert resumed.returncode == 0, resumed.stderr
    assert json.loads(type_in(tmp_path / "third", "status", "--json").stdout)["prior"] == 7
    fsck(tmp_path / "third")


def test_prior_trials_of_something_else_are_refused(tmp_path: Path) -> None:
    home = miniature(tmp_path / "home")
    (tmp_path / "other.json").write_text('[{"params": {"width": 3}, "loss": 1.0}]')
    start = type_in(
        home, "start", "--model", "none", "--trials", "1", "--warm", str(tmp_path / "other.json")
    )
    assert start.returncode == 2
    assert "width" in start.stderr and "DEPTH" in start.stderr
    assert git(home, "for-each-ref", "refs/heads/autoresearch") == "", "nothing was created"
    assert type_in(home, "start", "--warm", "nowhere.db").returncode == 2
