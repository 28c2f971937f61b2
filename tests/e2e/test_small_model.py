"""A night with a real model that writes nonsense: all of it is on record, and nothing breaks."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.loopback.small_model import NAME, Served, is_installed, small_model

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1_800)]
BOUNDS = ("--trials", "2", "--hours", "0.05")
"""Nonsense is refused, and what is refused is no trial: hours or ten refusals end the night."""
GAVE_UP = "was refused 10 times in a row"
FIT = """RATE = 0.5  # [0.1 .. 2 log]

print(f"test accuracy: {80 - (RATE - 1) ** 2:.2f}%")
"""
TOML = 'train = "fit.py"\nmetric = "test accuracy"\ndirection = "maximize"\n'
PROGRAM = "Raise the test accuracy.\n"


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    if not is_installed():
        pytest.skip("no small model: make small-model")
    root = tmp_path / "toy"
    root.mkdir()
    files = {"fit.py": FIT, "autoresearch.toml": TOML, "program.md": PROGRAM}
    for name, text in files.items():
        (root / name).write_text(text)
    identity = ["-c", "user.name=r", "-c", "user.email=r@localhost"]
    for words in (["init", "-q"], ["add", "."], [*identity, "commit", "-qm", "a toy"]):
        subprocess.run(["git", *words], cwd=root, check=True)
    return root


def typed(toy: Path, server: Served, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "autoresearch", *words]
    variables = {**os.environ, **server.environment}
    return subprocess.run(command, cwd=toy, env=variables, capture_output=True, text=True)


def recorded(toy: Path, server: Served) -> list[dict[str, Any]]:
    log = typed(toy, server, "log", "--json")
    assert log.returncode == 0, log.stderr
    trials: list[dict[str, Any]] = json.loads(log.stdout)
    return trials


@pytest.mark.parametrize(("method", "context"), [("code", 5_120), ("llm-hps", 1_536)])
def test_a_night_of_nonsense_is_told_honestly(
    toy: Path, tmp_path: Path, method: str, context: int
) -> None:
    with small_model(tmp_path, context) as server:
        words = ["--method", method, *BOUNDS, "--budget", "1steps", "--trust"]
        night = typed(toy, server, "start", "--model", "local", *words)
        said = night.stdout + night.stderr
        assert night.returncode == 0 or (night.returncode == 5 and GAVE_UP in said), said
        assert "Traceback" not in said
        trials = recorded(toy, server)
    asked = [trial for trial in trials if trial["proposal"]["by"]["origin"] == "llm"]
    assert asked, "what a model wrote is a trial, also if it was refused"
    for trial in asked:
        by = trial["proposal"]["by"]
        assert by["model"] == NAME and by["calls"] >= 1
        assert by["output_tokens"] > 0 or by["called_off"], "the end of the night may call it off"
        assert trial["reason"] and "Traceback" not in trial["reason"]
    assert typed(toy, server, "report").returncode == 0
