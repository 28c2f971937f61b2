"""Small runs for benchmarks: a new repository in upstream's layout, and a loop that works on it."""

import subprocess
import threading
from pathlib import Path

from agent.evaluate.bench import Bench, Measures, Plan
from agent.evaluate.cluster.terms import Terms
from agent.evaluate.engines import find_engine
from agent.evaluate.slots import make_slots, this_machine
from agent.evaluate.where import Where
from agent.history.history import History
from agent.history.runs import head_of
from agent.project.find import Project, find_project
from agent.project.objective import recorded
from agent.project.settings import RunSettings, read_settings
from agent.propose import Proposer
from agent.records.objective import VAL_BPB
from agent.run.bounds import Bounds
from agent.run.ledger import Ledger
from agent.run.loop import Loop
from agent.space import read_space
from sandbox.ground.budget import Budget
from sandbox.ground.outcome import Runner

TAG = "bench"


def repository(folder: Path, train: str) -> Path:
    """Make a git repository with this train.py, an empty prepare.py and a program.md."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "train.py").write_text(train, encoding="utf-8")
    (folder / "prepare.py").write_text("", encoding="utf-8")
    (folder / "program.md").write_text("Lower val_bpb.\n", encoding="utf-8")
    author = ["-c", "user.name=b", "-c", "user.email=b@b"]
    for command in (["init", "-q"], ["add", "."], [*author, "commit", "-qm", "start"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    return folder


def project_of(folder: Path) -> Project:
    """Return the project in `folder`."""
    return find_project(folder, read_settings(folder))


def settings_of(project: Project, **changes: object) -> RunSettings:
    """Return settings of a run with printed scores on one slot, with some of them changed."""
    fields: dict[str, object] = {
        "tag": TAG,
        "method": "list",
        "model": None,
        "budget": Budget(amount=1, unit="steps"),
        "seed": 0,
        "workers": 1,
        "trials": None,
        "hours": None,
        "max_cost": None,
        "baseline_repeats": 1,
        "data_fingerprint": None,
        "start_commit": head_of(project),
        "score": "printed",
        "objective": recorded(VAL_BPB.model_copy(update={"files": project.files})),
    }
    return RunSettings(**{**fields, **changes})


def plan_of(run: RunSettings, data: str | None = None) -> Plan:
    """Return the plan of a run's measurements; data: of a sealed score."""
    return Plan(
        score=run.score,
        train="train.py",
        data=data,
        read_only=(),
        budget=run.budget,
        memory_bytes=None,
    )


def loop_of(history: History, proposer: Proposer, runner: Runner | Where, trials: int) -> Loop:
    """Return a loop of so many more trials on one slot, of this machine or of a cluster."""
    folder = Path(history.project.root) / ".autoresearch" / "trials"
    plan = plan_of(history.run)
    bench: Measures
    if isinstance(runner, Where):
        terms = Terms(address=runner.address, workers=1)
        bench = find_engine(runner.engine)(plan, terms, folder, history.export)
    else:
        slots = make_slots(1, *this_machine())
        bench = Bench(plan, runner, slots, folder, history.export)
    ledger = Ledger(history, read_space)
    return Loop(ledger, bench, proposer, Bounds(trials=trials), threading.Event())
