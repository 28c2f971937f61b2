"""A repository whose run was written by the real history, and commands typed in it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from typer.testing import CliRunner, Result

from agent.cli import app
from agent.errors import Fault
from agent.history.history import History
from agent.project.settings import RunSettings
from agent.records.edits import SetConstant
from agent.records.proposals import Proposal, Provenance
from agent.records.results import Change, Score, Trial
from agent.records.results import Result as Measurement
from sandbox.ground.budget import Budget

TRAIN = "LR = 0.1  # [0.01 .. 1 log]\nDEPTH = 4  # [1 .. 16]\nprint('trained')\n"
HOSTILE = "[bold]wider[/bold] \x1b[31mred\u202e"


def make_repository(folder: Path) -> Path:
    """A git repository with a train.py at its root."""
    folder.mkdir(parents=True)
    (folder / "train.py").write_text(TRAIN)
    for words in (
        ("init", "-q", "-b", "main"),
        ("add", "."),
        ("-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "start"),
    ):
        git(folder, *words)
    return folder


def settings(folder: Path) -> RunSettings:
    """What the run `t` was asked for."""
    return RunSettings(
        tag="t",
        method="code",
        model="opus",
        budget=Budget(amount=20),
        seed=0,
        workers=1,
        trials=None,
        hours=None,
        max_cost=None,
        baseline_repeats=2,
        data_fingerprint=None,
        start_commit=git(folder, "rev-parse", "HEAD").strip(),
        score="printed",
    )


def proposal(hypothesis: str) -> Proposal:
    """A model's proposal."""
    by = Provenance(
        method="code", origin="llm", model="opus", input_tokens=1000, output_tokens=50, cost=0.02
    )
    return Proposal(
        hypothesis=hypothesis,
        rationale="because\nof this",
        edits=(SetConstant(name="DEPTH", value="5"),),
        by=by,
    )


def settle(
    history: History, status: str, hypothesis: str, source: str, value: float | None = None
) -> Trial:
    """Commit an attempt and its verdict."""
    before = history.trials[-1].value if history.trials else None
    attempt = history.commit_attempt(
        history.next_number, proposal(hypothesis), history.sources.with_text(source)
    )
    result: Measurement | None = None
    if value is not None:
        scores = (
            Score(value=value, seed=0, kind="self-reported"),
            Score(value=value + 0.002, seed=1, kind="self-reported"),
        )
        result = Measurement(
            status="scored",
            scores=scores,
            curve=((0.5, 3.0), (1.0, 2.5)),
            seconds=3.0,
            peak_memory_mb=2048.0,
            tier="A",
        )
    elif status != "refused":
        result = Measurement.model_validate({"status": status, "detail": "boom"})
    trial = Trial.model_validate(
        {
            "number": attempt.number,
            "status": status,
            "proposal": attempt.proposal,
            "reason": f"it is a {status}",
            "result": result,
            "delta": None if value is None or before is None else value - before,
            "changes": (Change(name="DEPTH", before=4, after=5),),
            "at": "2026-11-24T15:04:05+00:00",
        }
    )
    return history.commit_verdict(attempt, trial)


def run(*words: str) -> Result:
    """The result of a command, in this process."""
    return CliRunner().invoke(app, words)


def output_of(*words: str) -> str:
    """What a command that must succeed printed; never a raw control character."""
    result = run(*words)
    assert result.exit_code == 0, result.output or result.exception
    assert all(map(str.isprintable, result.stdout.replace("\t", " ").splitlines()))
    return result.stdout


def fault(*words: str) -> Fault:
    """The fault that a command ends with."""
    result = run(*words)
    assert isinstance(result.exception, Fault), result.output
    return result.exception


def git(home: Path, *words: str) -> str:
    return subprocess.run(
        ["git", *words], cwd=home, capture_output=True, text=True, check=True
    ).stdout


WORKER = """
import signal
import sys
from pathlib import Path

# Where the tests run in the background, Ctrl-C is ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
from agent.history.history import History
from agent.project.find import find_project
from agent.project.settings import read_settings

with History.open(find_project(Path.cwd(), read_settings(Path.cwd())), "t"):
    print("open", flush=True)
    sys.stdin.read()
"""


@contextmanager
def worker(home: Path) -> Iterator[int]:
    """The id of another process that works on the run."""
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(
        [sys.executable, "-c", WORKER], cwd=home, env=env, text=True, **pipes
    ) as process:  # type: ignore[call-overload]
        assert process.stdout.readline() == "open\n"
        yield process.pid
        process.stdin.close()
        assert process.wait(30) == 0
