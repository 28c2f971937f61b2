"""Random inputs, commits by hand and deaths: `python -m tests.fuzz.inputs --rounds 100 --seed 0`.

Each round lets a miniature run work while it is talked to at random moments, kills it a few times,
resumes it, and then checks that each input is on record once: none lost, none doubled.
"""

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.history.history import History
from agent.project.find import Project, find_project
from agent.project.settings import read_settings
from agent.records.edits import SetConstant
from agent.records.inputs import (
    Admitted,
    Ask,
    Brief,
    Comment,
    Go,
    Hold,
    Pause,
    Release,
    Set,
    Skip,
    Star,
    Tell,
    Try,
    Withdraw,
)
from agent.run.inbox import Inbox, NotSent, new_input, send
from tests.e2e.researcher import fsck, git
from tests.fuzz.night import TAG, Broken, Night

STEPS = 14
READ_SECONDS = 90.0


@dataclass
class Talk:
    """What was said in one round."""

    night: Night
    sent: dict[str, Ask] = field(default_factory=dict)
    refused: int = 0
    deaths: int = 0
    commits: int = 0

    @property
    def project(self) -> Project:
        return find_project(self.night.repository, read_settings(self.night.repository))

    def say(self, ask: Ask, id: str | None = None) -> None:
        """Send an input, one in five of them twice."""
        asked = new_input(ask, "fuzz", id)
        for _ in range(2 if self.night.rng.random() < 0.2 else 1):
            if isinstance(send(self.project, TAG, asked), NotSent):
                self.refused += 1
            else:
                self.sent[asked.id] = ask


def ask(rng: random.Random) -> Ask:
    """Return a random input."""
    number = rng.randint(0, 12)
    value = repr(round(rng.uniform(0.01, 1), 4))
    kinds: list[Callable[[], Ask]] = [
        lambda: Tell(text=f"remark {rng.random()}", trials=rng.choice((None, 1, 3))),
        lambda: Withdraw(number=number),
        lambda: Try(hypothesis="mine", edits=(SetConstant(name="LR", value=value),)),
        Pause,
        Go,
        Go,
        lambda: Set(patience=number + 1),
        lambda: Brief(text=f"# Goal {rng.random()}\n"),
        lambda: Skip(number=number),
        Hold,
        Release,
        lambda: Comment(text="a note", number=rng.choice((None, number))),
        lambda: Star(number=number, on=rng.random() < 0.5),
    ]
    return rng.choice(kinds)()


def play(seed: int, number: int, base: Path) -> Talk:
    """Run one round; raise Broken where something does not hold."""
    rng = random.Random(f"inputs:{seed}:{number}")
    night = Night(base / f"round-{number}", rng, workers=1)
    talk = Talk(night)
    try:
        night.begin()
        _wait(night.began, "the run's branch", night)
        for _ in range(STEPS):
            _step(talk)
            night.wait(rng.choice((0.0, 0.05, 0.3, 1.0)))
        _read_all(talk)
        _check(talk)
    finally:
        night.clear()
    return talk


def _step(talk: Talk) -> None:
    night = talk.night
    alive = night.process is not None and night.process.poll() is None
    chance = night.rng.random()
    if not alive:
        night.begin()
    elif chance < 0.2:
        night.end(night.rng.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGTERM)))
        talk.deaths += 1
    elif chance < 0.27 and (night.worktree / "program.md").exists():
        (night.worktree / "program.md").write_text(f"# By hand {night.rng.random()}\n")
        committed = subprocess.run(
            ["git", "-c", "user.name=h", "-c", "user.email=h@h", "commit", "-qam", "by hand"],
            cwd=night.worktree,
            capture_output=True,
            check=False,
        )
        talk.commits += committed.returncode == 0
    else:
        for _ in range(night.rng.randint(1, 4)):
            talk.say(ask(night.rng))


def _read_all(talk: Talk) -> None:
    """Let a session read what waits, and end."""
    night = talk.night
    talk.say(Go())
    inbox = Inbox(talk.project, TAG)
    if night.process is None or night.process.poll() is not None:
        night.begin()
    _wait(lambda: inbox.count() == 0, "the inbox to be read", night)
    night.end(signal.SIGINT)


def _wait(condition: Callable[[], object], what: str, night: Night) -> None:
    deadline = time.monotonic() + READ_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise Broken(f"waited {READ_SECONDS:.0f} s for {what}")
        if night.process is not None and night.process.poll() is not None:
            night.begin()
        night.wait(0.05)


def _check(talk: Talk) -> None:
    """Raise Broken unless each input is on record once, and what it led to, too."""
    with History.read(talk.project, TAG) as history:
        inputs = history.inputs
        trials = [trial.model_dump() for trial in history.trials]
        flying = [attempt.model_dump() for attempt in history.in_flight]
    log = git(talk.night.repository, "log", "--first-parent", "--format=%B", f"autoresearch/{TAG}")
    recorded = Counter(line.split('"id": "')[1].split('"')[0] for line in _records(log))
    doubled = [id for id, count in recorded.items() if count > 1]
    lost = [id for id in talk.sent if id not in recorded]
    if doubled or lost:
        raise Broken(f"lost: {lost}, doubled: {doubled}")
    if len(inputs) != len(recorded):
        raise Broken(f"{len(recorded)} inputs are recorded, and {len(inputs)} are read")
    _check_tries(inputs, [*trials, *flying])
    _check_skips(inputs, trials)
    fsck(talk.night.repository)


def _records(log: str) -> list[str]:
    mark = 'Autoresearch: {"record": "input"'
    return [line for line in log.splitlines() if line.startswith(mark)]


def _check_tries(inputs: tuple[Admitted, ...], entries: list[dict[str, Any]]) -> None:
    """Each accepted change is at most one trial by a person, whatever was killed."""
    used = Counter(
        entry["proposal"]["by"]["inputs"][0]
        for entry in entries
        if entry["proposal"]["by"]["method"] == "try"
        and entry["proposal"]["by"]["origin"] == "human"
    )
    tries = [admitted for admitted in inputs if isinstance(admitted.input.ask, Try)]
    for admitted in tries:
        count = used[admitted.input.id]
        if count > 1:
            raise Broken(f"the change {admitted.input.id} was tried {count} times")


def _check_skips(inputs: tuple[Admitted, ...], trials: list[dict[str, Any]]) -> None:
    statuses = {trial["number"]: trial["status"] for trial in trials}
    for admitted in inputs:
        ask = admitted.input.ask
        if isinstance(ask, Skip) and admitted.accepted:
            status = statuses.get(ask.number)
            if status != "skipped":
                raise Broken(f"#{ask.number} was skipped, and is recorded as {status}")


def main(arguments: list[str] | None = None) -> int:
    """Run the rounds, and print a line for each; return 1 if something did not hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.inputs", description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, help="play this round alone")
    asked = parser.parse_args(arguments)
    numbers = [asked.only] if asked.only is not None else range(asked.rounds)
    broken = 0
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        base = Path(folder)
        base.chmod(0o755)
        for number in numbers:
            try:
                talk = play(asked.seed, number, base)
            except (Broken, subprocess.CalledProcessError) as fault:
                broken += 1
                print(f"round {number}: BROKEN {fault}", flush=True)
                continue
            print(
                f"round {number}: ok, {len(talk.sent)} inputs, {talk.deaths} deaths, "
                f"{talk.commits} commits by hand",
                flush=True,
            )
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
