"""A run in miniature for tests: a real repository in upstream's layout, a scripted runner, a proposer that reads from a list."""

import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.evaluate.bench import Bench, Plan
from agent.evaluate.slots import make_slots
from agent.git.plumbing import Plumbing
from agent.history.history import History
from agent.history.runs import trials_folder
from agent.project.find import Project, find_project
from agent.project.settings import RunSettings, read_settings
from agent.propose import Context, Unreadable
from agent.records.edits import Edit, SetConstant
from agent.records.proposals import Proposal, Provenance
from agent.records.results import Attempt, Order, Result, Trial
from agent.run.bounds import Bounds
from agent.run.ledger import Ledger
from agent.run.loop import Loop
from agent.space import read_constants, read_space
from sandbox.ground.budget import Budget
from sandbox.ground.outcome import Crashed, Finished, Outcome, RunSpec, Usage
from sandbox.tiers.scripted import ScriptedRunner

TRAIN = "LR = 0.1  # [0.01 .. 1 log]\nDEPTH = 4  # [1 .. 16]\nSEED = 1\nprint('trained')\n"


def make_repository(folder: Path) -> Path:
    """A git repository with train.py, prepare.py and program.md at its root."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {
        "train.py": TRAIN,
        "prepare.py": "MAX_SEQ_LEN = 64\n",
        "program.md": "# Goal\nLower val_bpb.\n",
    }
    for name, text in files.items():
        (folder / name).write_text(text)
    for command in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "start"]):
        subprocess.run(
            ["git", "-c", "user.name=t", "-c", "user.email=t@t", *command], cwd=folder, check=True
        )
    return folder


def val_bpb(source: str) -> float:
    """The miniature's loss surface: best at LR 0.4 and DEPTH 8."""
    constants = read_constants(source)
    return 1.0 + abs(float(constants["LR"]) - 0.4) + 0.01 * abs(int(constants["DEPTH"]) - 8)


def train(spec: RunSpec) -> tuple[Outcome, str]:
    """What the scripted runner does with a train.py: score its constants, plus a noise by seed; DEPTH 13 crashes."""
    source = (Path(spec.folder) / "train.py").read_text()
    usage = Usage(seconds=1.0, peak_memory_bytes=2**20)
    if "DEPTH = 13" in source:
        return Crashed(
            usage=usage, exit_code=1
        ), "Traceback (most recent call last):\nRuntimeError: thirteen\n"
    noise = int(spec.environment["AUTORESEARCH_SEED"]) * 0.001
    return Finished(
        usage=usage
    ), f"step 00001 (50.0%) | loss: 2.5 |\n---\nval_bpb: {val_bpb(source) + noise}\nnum_steps: 3\n"


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
        """The next of the list; raises it where it is an exception."""
        self.contexts.append(context)
        proposal = next(self._proposals)
        if isinstance(proposal, Exception):
            raise proposal
        return proposal


def proposal(
    *edits: Edit, hypothesis: str = "try it", cost: float | None = None, **constants: object
) -> Proposal:
    """A proposal of edits and of constants to set."""
    settings = [SetConstant(name=name, value=repr(value)) for name, value in constants.items()]
    by = Provenance(method="list", origin="scripted", cost=cost)
    return Proposal(hypothesis=hypothesis, edits=(*edits, *settings), by=by)


def settings_of(project: Project, **changes: object) -> RunSettings:
    """Settings of a run on `project` with two baseline runs."""
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
    """The project in `folder`."""
    return find_project(folder, read_settings(folder))


def loop_of(
    history: History,
    proposer: ListProposer,
    script: Callable[[RunSpec], tuple[Outcome, str]] = train,
    trials: int | None = None,
) -> Loop:
    """A loop over `history` with a scripted runner in as many slots as the run has workers."""
    run = history.run
    plan = Plan(
        score="printed",
        train="train.py",
        data=None,
        read_only=(),
        budget=run.budget,
        memory_bytes=None,
    )
    slots = make_slots(run.workers, tuple(range(run.workers)), ())
    folder = trials_folder(history.project, history.tag)
    bench = Bench(plan, ScriptedRunner(script), slots, folder, history.export)
    return Loop(
        Ledger(history, read_space), bench, proposer, Bounds(trials=trials), threading.Event()
    )


@contextmanager
def study(folder: Path, **changes: object) -> Iterator[History]:
    """A new run on a new repository in `folder`."""
    project = project_of(make_repository(folder))
    with History.create(project, settings_of(project, **changes)) as history:
        yield history


def settle(ledger: Ledger, attempt: Attempt, result: Result) -> tuple[Trial, Proposal | None]:
    """The verdict on an attempt whose runs gave `result`, and what to try again; runs it still lacks repeat the last score."""
    ledger.history.note(attempt, result)
    while isinstance(needed := ledger.next(attempt), Order):
        score = result.scores[-1].model_copy(update={"seed": needed.seed, "role": needed.role})
        ledger.record(attempt, needed, result.model_copy(update={"scores": (score,)}))
    return needed.trial, needed.replay
