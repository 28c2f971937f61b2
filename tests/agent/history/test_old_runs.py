"""Runs of format 1, as older versions left them: read as ever, measured again, and gone on with."""

import json
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from agent.cli import app
from agent.history.commits import read_commits
from agent.history.entries import is_attempt
from agent.history.history import History
from agent.space import read_constants
from tests.agent.history.bundles import printed, unpacked
from tests.agent.study import project_of
from tests.e2e.researcher import fsck, git, in_flight, type_in

RUNS = ["night", "adopted", "warm", "suspects", "flight"]
REPLY = json.dumps(
    {
        "hypothesis": "new",
        "edits": [{"kind": "set_constant", "name": "DEPTH", "value": "10"}],
    }
)
EVERY_RUN = pytest.mark.parametrize("name", RUNS)


@pytest.fixture
def here(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The repository of a run of format 1, as the current folder."""
    folder = unpacked(name, tmp_path / "r")
    monkeypatch.chdir(folder)
    return folder


def command(*words: str) -> str:
    """Return the output of a command that succeeds, run in this process."""
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, (words, result.output, result.exception)
    return result.stdout


def differences(old: Any, new: Any, where: str = "") -> list[str]:
    """Return what an old version printed and this one does not; new fields do no harm."""
    if isinstance(old, dict) and isinstance(new, dict):
        names = old.keys() & new.keys()
        lost = [f"{where}.{name} is gone" for name in old.keys() - new.keys()]
        parts = [differences(old[name], new[name], f"{where}.{name}") for name in names]
        return [*lost, *chain.from_iterable(parts)]
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        pairs = enumerate(zip(old, new, strict=True))
        parts = [differences(*pair, f"{where}[{place}]") for place, pair in pairs]
        return list(chain.from_iterable(parts))
    return [] if old == new else [f"{where}: {old!r} is now {new!r}"]


@EVERY_RUN
def test_the_ledger_is_what_the_old_version_printed(here: Path, name: str) -> None:
    before = git(here, "for-each-ref")
    trials = printed(name)["trials"]
    assert differences(trials, json.loads(command("log", "--json"))) == []
    exported = command("export", "--format", "jsonl").splitlines()
    assert differences(trials, [json.loads(line) for line in exported]) == []
    assert command("export") == printed(name)["export"]
    for trial in trials:
        shown = json.loads(command("show", str(trial["number"]), "--json"))
        assert differences(trial, shown) == []
        assert trial["proposal"]["hypothesis"] in command("show", str(trial["number"]))
    assert git(here, "for-each-ref") == before, "reading writes nothing"


@EVERY_RUN
def test_the_status_is_what_the_old_version_printed(here: Path, name: str) -> None:
    old = printed(name)["status"]
    status = json.loads(command("status", "--json"))
    for field in ("branch", "method", "model", "budget", "in_flight", "counts", "best", "noise"):
        assert differences(old[field], status[field]) == [], field
    log = command("log")
    for trial in printed(name)["trials"]:
        assert trial["status"] in log
    assert command("status")
    assert "<html" in command("report", "--output", "-")


@pytest.mark.parametrize("name", ["night"])
def test_a_later_measurement_is_read(here: Path, name: str) -> None:
    history = History.read(project_of(here), "t")
    [measurement] = history.measurements
    [comparison] = measurement.comparisons
    assert (measurement.kind, comparison.trial, len(comparison.pairs)) == ("replicate", 8, 2)
    assert comparison.delta == pytest.approx(-0.29)
    assert history.warnings == []
    assert history.foreign_commits == ()


@pytest.mark.parametrize("name", ["suspects"])
def test_suspects_and_what_became_of_them_are_read(here: Path, name: str) -> None:
    history = History.read(project_of(here), "t")
    [rejection] = history.rejections
    assert (rejection.number, rejection.because) == (2, "LR 0.35 is too good to be true")
    assert history.trials[3].proposal.by.replays == 1
    assert "approved" in command("show", "1")
    assert "too good to be true" in command("show", "2")


@pytest.mark.parametrize("name", ["warm"])
def test_prior_trials_are_read(here: Path, name: str) -> None:
    history = History.read(project_of(here), "t")
    assert [prior.outcome for prior in history.prior] == pytest.approx([1.24, 1.12, 1.02])


@pytest.mark.parametrize("name", ["flight"])
def test_what_was_in_flight_is_read(here: Path, name: str) -> None:
    history = History.read(project_of(here), "t")
    [attempt] = history.in_flight
    result = history.measured(attempt)
    assert attempt.number == 2
    assert result is not None
    assert len(result.scores) == 1


# ---------------------------------------------------------------- going on


def formats(folder: Path) -> list[int]:
    """Return the format of every commit of the run's branch, oldest first."""
    log = git(folder, "log", "--first-parent", "--reverse", "--format=%H", "main..autoresearch/t")
    messages = [git(folder, "show", "-s", "--format=%B", name) for name in log.split()]
    return [2 if "\nAutoresearch: {" in message else 1 for message in messages]


@EVERY_RUN
def test_a_resumed_run_goes_on_in_format_2(here: Path, name: str) -> None:
    before = printed(name)["trials"]
    old_formats = formats(here)
    assert set(old_formats) == {1}
    flying = in_flight(here)
    if name in ("night", "suspects"):
        (here / "replies.jsonl").write_text(f"{REPLY}\n" * 20)  # the next one is asked for
    run = type_in(here, "resume", "t", "--trials", "1", "--workers", "1", "--trust")
    assert run.returncode == 0, run.stdout + run.stderr
    trials = json.loads(command("log", "--json"))
    assert differences(before, trials[: len(before)]) == []
    assert len(trials) > len(before)
    assert trials[-1]["result"]["scores"], "it was measured"
    assert in_flight(here) == []
    if flying:
        assert trials[len(before)]["number"] == 2, "the one that was in flight"
        assert len(trials[len(before)]["result"]["scores"]) >= 1
    new_formats = formats(here)
    assert new_formats[: len(old_formats)] == old_formats
    assert set(new_formats[len(old_formats) :]) == {2}
    history = History.read(project_of(here), "t")
    assert history.warnings == []
    assert read_constants(history.sources.text)
    fsck(here)


@pytest.mark.parametrize("name", ["night", "warm"])
def test_an_old_trial_is_measured_again(here: Path, name: str) -> None:
    best = printed(name)["status"]["best"]["number"]
    run = type_in(here, "replicate", str(best), "--seeds", "2", "--trust", "--json")
    assert run.returncode == 0, run.stdout + run.stderr
    history = History.read(project_of(here), "t")
    comparison = history.measurements[-1].of(best)
    assert comparison is not None
    assert comparison.delta is not None
    assert comparison.delta < 0
    assert formats(here)[-1] == 2


@pytest.mark.parametrize("name", ["night"])
def test_an_old_run_is_resumed_in_a_fresh_clone(here: Path, name: str, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", str(here), "clone")
    clone = project_of(tmp_path / "clone")
    with History.open(clone, "t") as history:
        assert len(history.trials) == len(printed(name)["trials"])
        assert history.foreign_commits == ()
        attempts = [trial.attempt for trial in history.trials]
    commits = read_commits(history._git, attempts)
    assert all(is_attempt(commits[attempt]) for attempt in attempts)
