"""The fuzz itself: its checks notice what they are there for, and a few rounds of it hold."""

import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.researcher import git
from tests.fuzz import checks
from tests.fuzz.__main__ import main
from tests.fuzz.faults import FAULTS
from tests.fuzz.night import START, Broken, Night


@pytest.fixture
def night() -> Iterator[Night]:
    """A night that ended well, in a folder with a short name: sockets are made in its TMPDIR."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as base:
        Path(base).chmod(0o755)
        night = Night(Path(base) / "round", random.Random(0), workers=1)
        try:
            run = night.type_in(*START, "--trials", "1")
            assert run.returncode == 0, run.stderr
            yield night
        finally:
            night.clear()


def test_a_night_without_accidents_passes_every_check(night: Night) -> None:
    trials = night.trials()
    checks.nobody_survives(night, "it")
    checks.history_is_kept(night, trials, trials)
    checks.one_verdict_each(night)
    checks.results_are_their_own(night, trials)
    checks.repository_is_whole(night)
    checks.nothing_is_left(night)


def test_results_of_another_and_lost_verdicts_are_noticed(night: Night) -> None:
    trials = night.trials()
    for change in ({"value": 1.5}, {"seed": 7}):
        with pytest.raises(Broken, match="scored"):
            checks.results_are_their_own(night, [trials[0], _changed(trials[1], change)])
    with pytest.raises(Broken, match="has changed"):
        checks.history_is_kept(night, trials, trials[:1])
    with pytest.raises(Broken, match="numbers"):
        checks.history_is_kept(night, [], [trials[1], trials[1]])
    with pytest.raises(Broken, match="recorded as crash"):
        checks.results_are_their_own(night, [{**trials[0], "status": "crash"}])


@pytest.mark.slow
def test_a_second_verdict_and_a_torn_object_are_noticed(night: Night) -> None:
    subject = git(night.worktree, "log", "-1", "--format=%s")
    git(night.worktree, "commit", "--allow-empty", "--quiet", "-m", subject)
    with pytest.raises(Broken, match="two verdicts on 1"):
        checks.one_verdict_each(night)
    blob = git(night.repository, "rev-parse", "HEAD:train.py")
    path = night.repository / ".git/objects" / blob[:2] / blob[2:]
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:10])
    with pytest.raises(Broken, match="fsck"):
        checks.repository_is_whole(night)


@pytest.mark.slow
def test_leftovers_and_survivors_are_noticed(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    (night.home / "tmp" / "autoresearch-canary-x").mkdir()
    with pytest.raises(Broken, match="autoresearch-canary-x"):
        checks.nothing_is_left(night)
    monkeypatch.setattr(checks, "DEATH_SECONDS", 0.3)
    orphan = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(60)"], cwd=night.repository
    )
    with pytest.raises(Broken, match="1 processes survive"):
        checks.nobody_survives(night, "it")
    orphan.kill()
    orphan.wait()


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", FAULTS)
def test_a_night_survives_every_kind_of_accident(kind: str) -> None:
    assert main(["--rounds", "1", "--seed", "0", "--kinds", kind]) == 0


def _changed(trial: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    result = trial["result"]
    first, *others = result["scores"]
    return {**trial, "result": {**result, "scores": [{**first, **change}, *others]}}
