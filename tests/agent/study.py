"""A run in miniature: a real repository, a scripted runner, a list of proposals."""

import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.evaluate.bench import Bench, Plan
from agent.evaluate.machine import machine_name
from agent.evaluate.slots import make_slots
from agent.git.plumbing import Plumbing
from agent.history.history import History
from agent.history.runs import trials_folder
from agent.project.find import Project, find_project
from agent.project.objective import metric_of
from agent.project.settings import RunSettings, read_settings
from agent.propose import Context, Unreadable
from agent.records.edits import Edit, SetConstant
from agent.records.events import Event
from agent.records.proposals import Proposal, Provenance
from agent.records.results import Attempt, Order, Result, Trial
from agent.run.bounds import Bounds
from agent.run.inbox import Inbox
from agent.run.ledger import Ledger, Settled
from agent.run.loop import Loop
from agent.space import read_constants, read_space
from sandbox.ground.budget import Budget
from sandbox.ground.outcome import Crashed, Finished, Outcome, RunSpec, Usage
from sandbox.tiers.scripted import ScriptedRunner

Script = Callable[[RunSpec], tuple[Outcome, str]]
"""What a scripted training gives: its outcome, and its log."""
TRAIN = "LR = 0.1  # [0.01 .. 1 log]\nDEPTH = 4  # [1 .. 16]\nSEED = 1\nprint('trained')\n"


def make_repository(folder: Path) -> Path:
    """Make a git repository with train.py, prepare.py and program.md at its root."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {
        "train.py": TRAIN,
        "prepare.py": "MAX_SEQ_LEN = 64\n",
        "program.md": "# Goal\nLower val_bpb.\n",
    }
    for name, text in files.items():
        (folder / name).write_text(text)
    author = ["-c", "user.name=t", "-c", "user.email=t@t"]
    for command in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "start"]):
        subprocess.run(["git", *author, *command], cwd=folder, check=True)
    return folder


def change(file: Path) -> None:
    """Change a file and not its size: git then has to read it, through its filters."""
    file.write_text(file.read_text().swapcase())


def val_bpb(source: str) -> float:
    """Return the miniature's loss: best at LR 0.4 and DEPTH 8."""
    constants = read_constants(source)
    return 1.0 + abs(float(constants["LR"]) - 0.4) + 0.01 * abs(int(constants["DEPTH"]) - 8)


def train(spec: RunSpec) -> tuple[Outcome, str]:
    """Score the constants of a train.py, plus a noise by seed; DEPTH 13 crashes."""
    source = source_of(spec)
    usage = Usage(seconds=1.0, peak_memory_bytes=2**20)
    if "DEPTH = 13" in source:
        log = "Traceback (most recent call last):\nRuntimeError: thirteen\n"
        return Crashed(usage=usage, exit_code=1), log
    score = val_bpb(source) + seed_of(spec) * 0.001
    log = f"step 00001 (50.0%) | loss: 2.5 |\n---\nval_bpb: {score}\nnum_steps: 3\n"
    return Finished(usage=usage), log


def source_of(spec: RunSpec) -> str:
    """Return the train.py that a training runs."""
    return (Path(spec.folder) / "train.py").read_text()


def seed_of(spec: RunSpec) -> int:
    """Return the harness's seed of a training."""
    return int(spec.environment["AUTORESEARCH_SEED"])


class ListProposer:
    """Proposes from a list; `looks_ahead` like a model does."""

    name = "list"

    def __init__(
        self, proposals: Iterable[Proposal | Unreadable | Exception], looks_ahead: bool = False
    ) -> None:
        self._proposals = iter(proposals)
        self.looks_ahead = looks_ahead
        self.contexts: list[Context] = []

    def propose(self, context: Context) -> Proposal | Unreadable:
        """Return the next of the list, or raise it where it is an exception."""
        self.contexts.append(context)
        proposal = next(self._proposals)
        if isinstance(proposal, Exception):
            raise proposal
        return proposal


def proposal(
    *edits: Edit, hypothesis: str = "try it", cost: float | None = None, **constants: object
) -> Proposal:
    """Return a proposal of edits and of constants to set."""
    settings = [SetConstant(name=name, value=repr(value)) for name, value in constants.items()]
    by = Provenance(method="list", origin="scripted", cost=cost, calls=1)
    return Proposal(hypothesis=hypothesis, edits=(*edits, *settings), by=by)


def settings_of(project: Project, **changes: object) -> RunSettings:
    """Return settings of a run on `project` with two baseline runs."""
    head = Plumbing(Path(project.root))("rev-parse", "HEAD").strip()
    fields: dict[str, object] = {
        "tag": "t",
        "method": "list",
        "model": None,
        "budget": Budget(amount=3, unit="steps"),
        "seed": 0,
        "workers": 1,
        "trials": None,
        "hours": None,
        "max_cost": None,
        "baseline_repeats": 2,
        "data_fingerprint": None,
        "start_commit": head,
        "score": project.score,
        "verdict": "greedy",
    }
    return RunSettings(**{**fields, **changes})


def project_of(folder: Path) -> Project:
    """Return the project in `folder`."""
    return find_project(folder, read_settings(folder))


def loop_of(
    history: History,
    proposer: ListProposer,
    script: Script = train,
    trials: int | None = None,
    heard: bool = False,
    machine: str | None = None,
) -> Loop:
    """Return a loop over `history` with a scripted runner in as many slots as there are workers.

    heard: whether it reads the run's inbox. machine: where the slots are, by default here.
    """
    run = history.run
    plan = Plan(
        score="printed",
        train="train.py",
        data=None,
        read_only=(),
        budget=run.budget,
        memory_bytes=None,
        metric=metric_of(run.goal),
        sense=run.sense,
        limit=run.goal.time_limit,
    )
    slots = make_slots(run.workers, tuple(range(run.workers)), ())
    if machine is not None:
        slots = tuple(slot.model_copy(update={"machine": machine}) for slot in slots)
    folder = trials_folder(history.project, history.tag)
    bench = Bench(plan, ScriptedRunner(script), slots, folder, history.export)
    ledger = Ledger(history, read_space)
    inbox = Inbox(history.project, history.tag) if heard else None
    return Loop(ledger, bench, proposer, Bounds(trials=trials), threading.Event(), inbox=inbox)


def work_on(
    history: History,
    proposals: Iterable[Proposal | Unreadable | Exception],
    script: Script = train,
    trials: int | None = None,
    looks_ahead: bool = False,
    machine: str | None = None,
) -> list[Event]:
    """Return the events of a loop over `history` that tries these proposals."""
    proposer = ListProposer(proposals, looks_ahead)
    return list(loop_of(history, proposer, script, trials, machine=machine).events())


def commit_by_hand(worktree: Path) -> None:
    """Commit what was changed in a worktree, as a person would."""
    author = ["-c", "user.name=h", "-c", "user.email=h@h"]
    subprocess.run(["git", *author, "commit", "-qam", "by hand"], cwd=worktree, check=True)


@contextmanager
def study(folder: Path, **changes: object) -> Iterator[History]:
    """Give a new run on a new repository in `folder`."""
    project = project_of(make_repository(folder))
    with History.create(project, settings_of(project, **changes)) as history:
        yield history


def settle(ledger: Ledger, attempt: Attempt, result: Result) -> tuple[Trial, Proposal | None]:
    """Return the verdict on an attempt whose runs gave `result`, and what to try again.

    The runs that it still lacks repeat the last score.
    """
    ledger.history.note(attempt, result)
    step = ledger.next(attempt, machine_name())
    while isinstance(step, Order):
        score = result.scores[-1].model_copy(update={"seed": step.seed, "role": step.role})
        ledger.record(attempt, step, result.model_copy(update={"scores": (score,)}))
        step = ledger.next(attempt, machine_name())
    assert isinstance(step, Settled)
    return step.trial, step.replay
