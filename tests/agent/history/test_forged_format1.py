"""Forged branches of format 1: each command answers, with a readable fault or with the page."""

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
from tests.agent.history.bundles import unpacked
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
    fuzz,
)
from tests.e2e.researcher import git

TRAILERS = [
    "Trial",
    "Status",
    "Reason",
    "Claim",
    "Against",
    "Pairs",
    "Delta",
    "Interval",
    "Estimate",
    "Charge",
    "Changes",
    "Configuration",
    "Fingerprint",
    "At",
    "Result",
    "Scores",
    "Curve",
    "Seconds",
    "Score-Seconds",
    "Peak-Memory-MB",
    "Parameters",
    "Facts",
    "Tier",
    "Detail",
    "Tail",
    "Method",
    "Origin",
    "Model",
    "Input-Tokens",
    "Cost",
    "Proposal-Seconds",
    "Calls",
    "Replays",
    "Repairs",
    "Asked",
    "Exchanges",
    "Hypothesis",
    "Rationale",
    "Expected",
    "Edits",
    "Then",
    "Attempt",
    "Measured",
    "Measured-Again",
    "Autoresearch-Run",
]
INSIDE: list[tuple[str, list[Any]]] = [
    *(
        ("Scores", [0, key])
        for key in ("value", "seed", "machine", "speed", "clock", "celsius", "kind")
    ),
    ("Curve", [0]),
    ("Curve", [0, 0]),
    ("Curve", [0, 1]),
    ("Facts", ["num_steps"]),
    ("Configuration", ["LR"]),
    ("Configuration", ["DEPTH"]),
    ("Edits", [0]),
    ("Edits", [0, "value"]),
    ("Edits", [0, "name"]),
    ("Changes", [0, "before"]),
    ("Changes", [0, "after"]),
]


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The night of forging.make_night, made by a version that wrote format 1."""
    return unpacked("forged", tmp_path_factory.mktemp("forged") / "r")


@pytest.fixture
def here(night: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "r"
    shutil.copytree(night, folder, symlinks=True)
    monkeypatch.chdir(folder)
    return folder


def trailer(name: str, value: Any) -> Change:
    """Set a trailer of a message, or add it."""

    def change(message: str) -> str:
        head, _, trailers = message.rstrip("\n").rpartition("\n\n")
        lines = trailers.split("\n")
        new = f"{name}: {json.dumps(value)}"
        kept = [new if line.startswith(f"{name}: ") else line for line in lines]
        return head + "\n\n" + "\n".join(kept if new in kept else [new, *kept]) + "\n"

    return change


def inside(name: str, path: list[Any], value: Any) -> Change:
    """Set a field inside the JSON of a trailer, unless an earlier forgery took its place away."""

    def change(message: str) -> str:
        [line] = [line for line in message.split("\n") if line.startswith(f"{name}: ")]
        data = json.loads(line.partition(": ")[2])
        part = data
        try:
            for key in path[:-1]:
                part = part[key]
            part[path[-1]] = value
        except (KeyError, IndexError, TypeError):
            return message
        return message.replace(line, f"{name}: {json.dumps(data)}")

    return change


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Parameters", 10**400),
        ("Facts", {"num_steps": 10**400}),
        ("Configuration", {"LR": 10**400}),
        ("Seconds", 1e308),
        ("Curve", [[2**63, 2.5]]),
        ("At", "9999-12-31T23:59:59-23:59"),
        ("Scores", [{"value": 1e308, "seed": 0, "kind": "sealed"}]),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_forged_trailer_is_a_readable_fault_everywhere(here: Path, name: str, value: Any) -> None:
    forge(here, 2, trailer(name, value))
    check_readers(here, QUICK)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tag", "../../../.ssh"),
        ("tag", "other"),
        ("start_commit", "--output=x"),
        ("workers", 10**400),
        ("warm", "none"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_forged_settings_are_a_readable_fault_everywhere(here: Path, name: str, value: Any) -> None:
    forge(here, 0, inside("Autoresearch-Run", [name], value))
    check_readers(here, QUICK)
    check_resume(here)
    assert sorted(path.name for path in (here / ".autoresearch" / "runs").iterdir()) == ["t"]


def test_a_tag_that_leads_elsewhere_is_named_with_its_commit(here: Path) -> None:
    (here.parent / ".ssh").mkdir()
    forge(here, 0, inside("Autoresearch-Run", ["tag"], "../../../.ssh"))
    error = CliRunner().invoke(app, ("log", "t")).exception
    assert isinstance(error, Fault)
    assert "is no tag" in error.message
    assert (
        git(here, "rev-list", "--first-parent", "main..autoresearch/t").split()[-1][:12]
        in error.message
    )
    assert list((here.parent / ".ssh").iterdir()) == []


VALUE = st.sampled_from(VALUES)
SETTING = st.builds(
    inside, st.just("Autoresearch-Run"), st.sampled_from(RUN_FIELDS).map(lambda name: [name]), VALUE
)
FIELD = st.builds(lambda at, value: inside(*at, value), st.sampled_from(INSIDE), VALUE)
TRAILER = st.builds(trailer, st.sampled_from(TRAILERS), VALUE)
FORGERIES = st.one_of(
    st.tuples(st.sampled_from([1, 2, 3, 4, "attempt", "note"]), TRAILER),
    st.tuples(st.just(2), FIELD),
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
