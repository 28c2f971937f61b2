"""`autoresearch doctor`: a real diagnosis of this machine, its JSON, and its exit codes."""

import json
import os
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import sandbox.tiers.choose
from agent.cli import app
from agent.cli.doctor import _git
from agent.errors import SandboxFault
from sandbox.proof.hostile import ROWS
from sandbox.tiers.choose import Chosen, choose_runner
from sandbox.tiers.plain import Plain
from tests.agent.cli.test_cli import autoresearch

NAMES = [
    "system",
    "python",
    "python of trainings",
    "git",
    "torch",
    "cores",
    "accelerators",
    "disk",
    "ANTHROPIC_API_KEY",
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    "isolation",
]


def doctor(*words: str) -> Result:
    return CliRunner().invoke(
        app, ["doctor", *words], prog_name="autoresearch", catch_exceptions=False
    )


@pytest.fixture(scope="module")
def isolation() -> Chosen | SandboxFault:
    """The sandbox of this machine, proven once for the tests that only read about it."""
    try:
        return choose_runner(imports=("torch",))
    except SandboxFault as fault:
        return fault


@pytest.fixture
def proven(isolation: Chosen | SandboxFault, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `doctor` take that proof for its own."""

    def choose(**_: object) -> Chosen:
        if isinstance(isolation, SandboxFault):
            raise isolation
        return isolation

    monkeypatch.setattr("agent.cli.doctor.choose_runner", choose)


@pytest.mark.usefixtures("proven")
def test_json_is_stable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-secret-word")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    done = doctor("--json")
    diagnosis = json.loads(done.stdout)
    assert set(diagnosis) == {"findings", "guarantees", "canary", "attacks"}
    assert all(
        set(promise) == {"what", "held", "how", "fix"} for promise in diagnosis["guarantees"]
    )
    assert diagnosis["attacks"] == []
    findings = {finding["what"]: finding for finding in diagnosis["findings"]}
    assert list(findings) == NAMES
    assert all(
        set(finding) == {"what", "state", "found", "fix"} for finding in diagnosis["findings"]
    )
    assert {finding["state"] for finding in diagnosis["findings"]} <= {"ok", "note", "bad"}
    assert (findings["ANTHROPIC_API_KEY"]["found"], findings["OPENAI_API_KEY"]["found"]) == (
        "set",
        "not set",
    )
    assert "sk-secret-word" not in done.stdout
    assert done.stdout.isascii()
    assert done.exit_code == (4 if findings["isolation"]["state"] == "bad" else 0)
    for report in diagnosis["canary"]:
        assert set(report) == {
            "tier",
            "back_end",
            "ok",
            "answers",
            "lacks",
            "missing",
            "reason",
            "fix",
        }
    if done.exit_code == 0:
        assert diagnosis["canary"][-1]["ok"], "the tier that is used is proven"
        assert diagnosis["canary"][-1]["answers"]


@pytest.mark.usefixtures("proven")
def test_a_human_reads_what_was_tried() -> None:
    done = doctor()
    assert "isolation" in done.stdout
    if done.exit_code == 0:
        assert "proven" in done.stdout
        assert "a run tried to" in done.stdout
        assert "what is guaranteed here" in done.stdout


@pytest.mark.slow  # the same attacks are made one by one in tests/sandbox/proof/test_hostile.py
def test_attacks_are_made_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    diagnosis = json.loads(doctor("--attack", "--json").stdout)
    if not diagnosis["guarantees"]:
        pytest.skip("no tier runs here")
    assert [attack["number"] for attack in diagnosis["attacks"]] == list(range(1, len(ROWS) + 1))
    assert {attack["state"] for attack in diagnosis["attacks"]} <= {"held", "stated", "absent"}
    assert {attack["tier"] for attack in diagnosis["attacks"]} == {diagnosis["canary"][-1]["tier"]}


def test_an_attack_that_gets_through_is_4(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tier that the canary trusts for once, and the attacks do not."""
    monkeypatch.setattr("agent.cli.doctor.choose_runner", lambda **_: Chosen(Plain(), "none"))
    monkeypatch.setattr("sandbox.proof.hostile.ROWS", (ROWS[4],))
    done = doctor("--attack")
    assert done.exit_code == 4
    assert "BROKEN" in done.stdout


def test_without_isolation_it_is_4_and_says_what_got_through(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A plain process in the place of a sandbox: the canary itself finds it out."""
    monkeypatch.setattr("agent.cli.doctor.find_spec", lambda name: None)  # nothing long to import
    monkeypatch.setattr(sandbox.tiers.choose, "TIERS", {"A": Plain})
    done = doctor("--json")
    assert done.exit_code == 4
    isolation = json.loads(done.stdout)["findings"][-1]
    assert (isolation["what"], isolation["state"]) == ("isolation", "bad")
    assert "cannot isolate a run" in isolation["found"]


def test_without_git_every_command_says_so(tmp_path: Path) -> None:
    done = autoresearch("doctor", "--json", cwd=tmp_path, PATH=str(tmp_path))
    assert done.returncode in (1, 4), done.stderr
    [git] = [finding for finding in json.loads(done.stdout)["findings"] if finding["what"] == "git"]
    assert (git["state"], git["found"], git["fix"]) == ("bad", "not found", "install git")
    done = autoresearch("log", cwd=tmp_path, PATH=str(tmp_path))
    assert done.returncode == 3
    assert "git is not installed" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("output", "state"),
    [("git version 2.20.1", "bad"), ("git version 2.39.5 (Apple Git-154)", "ok"), ("?", "bad")],
)
def test_an_old_git_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: str, state: str
) -> None:
    script = tmp_path / "git"
    script.write_text(f"#!/bin/sh\necho '{output}'\n")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert _git().state == state
