"""Forged branches: every command that reads one answers, with a readable fault or with the page."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from agent.cli import app
from agent.errors import Fault
from agent.history.history import History
from tests.agent.history.forging import (
    COMMANDS,
    QUICK,
    QUIET,
    RUN_FIELDS,
    VALUES,
    Change,
    check_readers,
    check_resume,
    forge,
    forge_any,
    fuzz,
    make_night,
)
from tests.agent.study import project_of
from tests.e2e.researcher import git

TRIAL_FIELDS = [
    "record",
    "number",
    "status",
    "reason",
    "claim",
    "against",
    "pairs",
    "delta",
    "interval",
    "estimate",
    "charge",
    "changes",
    "configuration",
    "fingerprint",
    "at",
    "attempt",
    "verdict",
    "new_data",
    "result",
    "proposal",
]
RESULT_FIELDS = [
    "status",
    "scores",
    "curve",
    "seconds",
    "score_seconds",
    "peak_memory_mb",
    "parameters",
    "facts",
    "tier",
    "detail",
    "overshot",
    "recheck",
    "recheck_seed",
    "took",
    "tail",
]
PROPOSAL_FIELDS = ["hypothesis", "rationale", "expected", "edits", "then", "by"]
PROVENANCE_FIELDS = [
    "method",
    "origin",
    "model",
    "input_tokens",
    "cached_tokens",
    "output_tokens",
    "cost",
    "seconds",
    "calls",
    "refused",
    "replays",
    "repairs",
    "asked",
    "exchanges",
    "inputs",
]
SCORE_FIELDS = ["value", "seed", "kind", "role", "machine", "device", "speed", "clock", "celsius"]
COMPARISON_FIELDS = ["kind", "against", "comparisons", "machine", "command", "versions", "at"]
Path_ = list[str | int]
IN_RESULT: list[Path_] = [
    *(["result", name] for name in RESULT_FIELDS),
    *(["result", "scores", 0, name] for name in SCORE_FIELDS),
    ["result", "curve", 0],
    ["result", "curve", 0, 0],
    ["result", "curve", 0, 1],
    ["result", "facts", "num_steps"],
]
IN_PROPOSAL: list[Path_] = [
    *(["proposal", name] for name in PROPOSAL_FIELDS),
    *(["proposal", "by", name] for name in PROVENANCE_FIELDS),
    ["proposal", "edits", 0],
    ["proposal", "edits", 0, "value"],
    ["proposal", "edits", 0, "name"],
    ["proposal", "edits", 0, "file"],
]
IN_TRIAL: list[Path_] = [
    *([name] for name in TRIAL_FIELDS),
    *IN_RESULT,
    *IN_PROPOSAL,
    ["configuration", "LR"],
    ["configuration", "DEPTH"],
    ["changes", 0, "before"],
    ["changes", 0, "after"],
]


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with the night of forging.make_night."""
    folder = tmp_path_factory.mktemp("forged") / "r"
    make_night(folder)
    return folder


@pytest.fixture
def here(night: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "r"
    shutil.copytree(night, folder, symlinks=True)
    monkeypatch.chdir(folder)
    return folder


def field(path: Path_, value: Any) -> Change:
    """Set a field of the record in a message, or add it."""

    def change(message: str) -> str:
        head, mark, line = message.rstrip("\n").rpartition("Autoresearch: ")
        data = json.loads(line)
        part = data
        for key in path[:-1]:
            part = _step(part, key)
        _put(part, path[-1], value)
        return f"{head}{mark}{json.dumps(data)}\n"

    return change


def _step(part: Any, key: str | int) -> Any:
    """Return what is at `key`; something empty where there is nothing to forge any more."""
    try:
        return part[key]
    except (KeyError, IndexError, TypeError):
        return {}


def _put(part: Any, key: str | int, value: Any) -> None:
    if isinstance(part, dict) or (isinstance(part, list) and isinstance(key, int) and part):
        part[key] = value


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["result", "parameters"], 10**400),
        (["result", "facts"], {"num_steps": 10**400}),
        (["configuration"], {"LR": 10**400}),
        (["result", "seconds"], 1e308),
        (["result", "curve"], [[2**63, 2.5]]),
        (["at"], "9999-12-31T23:59:59-23:59"),
        (["result", "scores"], [{"value": 1e308, "seed": 0, "kind": "sealed"}]),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_forged_field_is_a_readable_fault_everywhere(here: Path, path: Path_, value: Any) -> None:
    forge(here, 2, field(path, value))
    check_readers(here, QUICK)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tag", "../../../.ssh"),
        ("tag", "other"),
        ("start_commit", "--output=x"),
        ("workers", 10**400),
        ("warm", "none"),
        ("format", 10**400),
        ("format", 3),
        ("objective", {"metric": 1}),
        ("objective", {"metric": "x", "limit": "forever"}),
        ("interpreter", {"path": "../../bin/python", "origin": "x"}),
        ("budget", None),
        ("novelty", "x"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_forged_settings_are_a_readable_fault_everywhere(here: Path, name: str, value: Any) -> None:
    forge(here, 0, field([name], value))
    check_readers(here, QUICK)
    check_resume(here)
    assert sorted(path.name for path in (here / ".autoresearch" / "runs").iterdir()) == ["t"]


def test_a_tag_that_leads_elsewhere_is_named_with_its_commit(here: Path) -> None:
    (here.parent / ".ssh").mkdir()
    forge(here, 0, field(["tag"], "../../../.ssh"))
    error = CliRunner().invoke(app, ("log", "t")).exception
    assert isinstance(error, Fault)
    assert "is no tag" in error.message
    first = git(here, "rev-list", "--first-parent", "main..autoresearch/t").split()[-1]
    assert first[:12] in error.message
    assert list((here.parent / ".ssh").iterdir()) == []


# ---------------------------------------------------------------- a newer version's


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["status"], "merged"),
        (["record"], "prophecy"),
        (["robustness"], 0.5),
        (["result", "scores", 0, "kind"], "notarised"),
        (["proposal", "by", "origin"], "oracle"),
    ],
    ids=str,
)
def test_a_newer_record_is_named_and_the_rest_of_the_branch_is_listed(
    here: Path, path: Path_, value: Any
) -> None:
    forge(here, 3, field(path, value))
    result = CliRunner().invoke(app, ("log", "t"))
    assert result.exit_code == 0, result.output
    assert "unknown to this version of autoresearch: upgrade" in " ".join(result.output.split())
    trials = json.loads(CliRunner().invoke(app, ("log", "t", "--json")).stdout)
    assert [trial["number"] for trial in trials] == [0, 1]
    error = CliRunner().invoke(app, ("resume", "t", "--trials", "1")).exception
    assert isinstance(error, Fault)
    assert "unknown to this version of autoresearch: upgrade" in error.message
    assert "upgrade" in str(error.next_command)


def test_a_newer_setting_is_named_and_the_run_is_not_worked_on(here: Path) -> None:
    forge(here, 0, field(["novelty"], "x"))
    project = project_of(here)
    [warning] = History.read(project, "t").warnings
    assert "a setting called 'novelty', unknown to this version" in warning
    with pytest.raises(Fault, match="a setting called 'novelty'"):
        History.open(project, "t")


def test_a_newer_attempt_in_flight_is_named(here: Path) -> None:
    forge_any(here, "attempt", field(["urgency"], 3))
    result = CliRunner().invoke(app, ("status", "t"))
    assert result.exit_code == 0, result.output
    error = CliRunner().invoke(app, ("resume", "t", "--trials", "1")).exception
    assert isinstance(error, Fault)
    assert "'urgency', unknown to this version" in error.message


# ---------------------------------------------------------------- anything


VALUE = st.sampled_from(VALUES)
IN_VERDICT = st.builds(field, st.sampled_from(IN_TRIAL), VALUE)
IN_FLIGHT = st.builds(field, st.sampled_from([["record"], ["number"], *IN_PROPOSAL]), VALUE)
IN_NOTE = st.builds(field, st.sampled_from([["record"], ["result"], *IN_RESULT]), VALUE)
IN_AGAIN = st.builds(field, st.sampled_from([[name] for name in COMPARISON_FIELDS]), VALUE)
SETTING = st.builds(field, st.sampled_from([[name] for name in ("format", *RUN_FIELDS)]), VALUE)
FORGERIES = st.one_of(
    st.tuples(st.sampled_from([1, 2, 3]), IN_VERDICT),
    st.tuples(st.just(4), IN_AGAIN),
    st.tuples(st.just("attempt"), IN_FLIGHT),
    st.tuples(st.just("note"), IN_NOTE),
    st.tuples(st.just(0), SETTING),
)


@settings(QUIET, max_examples=4)
@given(forgeries=st.lists(FORGERIES, min_size=1, max_size=2))
def test_forgeries_quickly(
    night: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forgeries: Any
) -> None:
    fuzz(night, tmp_path, monkeypatch, forgeries, QUICK)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@settings(QUIET, max_examples=300)
@given(forgeries=st.lists(FORGERIES, min_size=1, max_size=3))
def test_forgeries_at_length(
    night: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forgeries: Any
) -> None:
    fuzz(night, tmp_path, monkeypatch, forgeries, COMMANDS)


def test_a_constant_that_was_of_another_type_is_exported_without_it(here: Path) -> None:
    forge(here, 2, field(["configuration", "LR"], 2**2000))
    assert (
        CliRunner().invoke(app, ("export", "--format", "optuna", "--output", "study.db")).exit_code
        == 0
    )
    assert (here / "study.db").exists()
