"""A small night that trains on a cluster: the driver, what it says, and whether all is whole."""

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.raylets import Cluster, Raylet
from tests.e2e.researcher import (
    AUTORESEARCH,
    TRAIN,
    clean_environment,
    fsck,
    git,
    in_flight,
    ledger,
    miniature,
    wait_for,
)

PAUSE = 1.5
END_SECONDS = 300.0
COMMON = ("--budget=1steps", "--trust")
START = ("--model=none", "--method=random", "--tag=t", "--baseline-repeats=2", *COMMON)


class Night:
    """A repository with a run `t`, and the driver that works on it now."""

    def __init__(self, folder: Path, pause: float = PAUSE, **variables: str) -> None:
        self.home = miniature(folder, TRAIN.replace("pause = 0.0", f"pause = {pause}"))
        self.said = folder.parent / f"{folder.name}.jsonl"
        self.environment = clean_environment(**variables)
        self.driver: subprocess.Popen[bytes] | None = None

    def start(self, *words: str) -> "subprocess.Popen[bytes]":
        """Type `start`, and return while it works."""
        return self._type("start", *START, *words)

    def resume(self, *words: str) -> "subprocess.Popen[bytes]":
        """Type `resume`, and return while it works."""
        return self._type("resume", "t", "--trust", *words)

    def _type(self, *words: str) -> "subprocess.Popen[bytes]":
        with self.said.open("ab") as output, self.said.with_suffix(".err").open("ab") as error:
            self.driver = subprocess.Popen(
                [str(AUTORESEARCH), *words, "--json"],
                cwd=self.home,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=error,
                start_new_session=True,
            )
        return self.driver

    def end(self, seconds: float = END_SECONDS) -> int:
        """Wait for the driver's end, and return its exit code."""
        assert self.driver is not None
        try:
            return self.driver.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the driver did not end:\n{self.account()}") from None

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send the driver a signal."""
        assert self.driver is not None
        os.kill(self.driver.pid, number)

    def close(self) -> None:
        """End the driver whatever it does."""
        if self.driver is not None and self.driver.poll() is None:
            self.driver.kill()
            self.driver.wait()

    def events(self, kind: str) -> list[dict[str, Any]]:
        """Return the events of one kind that the drivers told."""
        lines = self.said.read_text().splitlines() if self.said.exists() else []
        events = [json.loads(line) for line in lines if line.startswith("{")]
        return [event for event in events if event["event"] == kind]

    def errors(self) -> str:
        """Return what the drivers printed on stderr."""
        return self.said.with_suffix(".err").read_text()

    def account(self) -> str:
        """Return all that is known, for a failing test."""
        lines = [line[:300] for line in self.said.read_text().splitlines()[-30:]]
        return "\n".join([*lines, self.errors()[-3000:]])

    def wait_for_training(self, node: Raylet) -> None:
        """Wait until a trial trains on a node, and the run has a baseline."""
        wait_for(self._is_past_baseline, 240, f"a baseline:\n{self.errors()}")
        wait_for(lambda: self._trains_on(node), 120, f"a training on {node.name}")

    def _is_past_baseline(self) -> bool:
        self._alive()
        return bool(self.events("Judged"))

    def _trains_on(self, node: Raylet) -> bool:
        self._alive()
        started = self.events("TrialStarted")
        is_newest = bool(started) and started[-1].get("place") == node.name
        return is_newest and bool(node.trainings())

    def _alive(self) -> None:
        assert self.driver is not None
        assert self.driver.poll() is None, f"the driver ended early:\n{self.account()}"

    def check_whole_so_far(self) -> None:
        """Assert that what is recorded is whole, whatever waits in flight."""
        found = ledger(self.home, "t")
        attempts = [trial["attempt"] for trial in found if trial["attempt"]]
        assert len(attempts) == len(set(attempts)), "no attempt has two verdicts"
        fsck(self.home)
        for trial in found:
            if trial["result"] and trial["status"] != "baseline":
                _check_scores(trial)

    def check_whole(self, trials: int) -> list[dict[str, Any]]:
        """Assert that nothing is lost and nothing doubled; return the trials."""
        found = ledger(self.home, "t")
        numbers = sorted(trial["number"] for trial in found)
        assert numbers == list(range(len(found))), self.account()
        measured = [trial for trial in found if trial["result"] and trial["status"] != "baseline"]
        assert len(measured) == trials, self.account()
        attempts = [trial["attempt"] for trial in found if trial["attempt"]]
        assert len(attempts) == len(set(attempts)), "no attempt has two verdicts"
        waiting = {git(self.home, "rev-parse", ref) for ref in in_flight(self.home)}
        assert not waiting & set(attempts), "what has a verdict does not wait for one"
        fsck(self.home)
        for trial in measured:
            _check_scores(trial)
        return found


def _check_scores(trial: dict[str, Any]) -> None:
    """Assert that the scores are the trial's own, each seed once on each machine."""
    constants = trial["configuration"]
    loss = 1.0 + abs(constants["LR"] - 0.4) + 0.01 * abs(constants["DEPTH"] - 8)
    own = [score for score in trial["result"]["scores"] if score["role"] == "candidate"]
    for score in own:
        assert score["value"] == pytest.approx(loss + 0.0001 * score["seed"], abs=1e-5)
    seeds = [(score["machine"], score["seed"]) for score in own]
    assert len(seeds) == len(set(seeds)), "no run is counted twice"


def quiet(cluster: Cluster, seconds: float = 90) -> None:
    """Wait until nothing trains on any node, and no station is left."""

    def over() -> bool:
        return not any(left(node) for node in cluster.nodes.values())

    wait_for(over, seconds, "the trainings to end")


def left(node: Raylet) -> list[str]:
    """Return trainings and stations that a node still has."""
    stations = [command for command in node.pids().values() if "ray::Door" in command]
    return [*stations, *map(str, node.trainings())]
