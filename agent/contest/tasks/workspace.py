"""Real training of the bundled workspace on the CPU, in the sandbox, with the sealed score: the constants of its train.py.

`workspace` trains for 30 steps, `workspace:60steps` and `workspace:20s` for as long as they say. A budget in steps does not
depend on how busy the machine is, and one in seconds does; but what fits into memory and into its wall-clock limit, and so
what fails, depends on the machine either way.
"""

import threading
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

from agent.bench import Assignment, Bench, Plan
from agent.contest.task import Evaluate, Outcome, Task
from agent.data import Prepared, prepare_data
from agent.edit import Applied, apply
from agent.errors import UsageFault
from agent.records import Attempt, Configuration, Failure, Order, Proposal, Provenance, Result
from agent.slots import Slot
from agent.space import constant_edits, read_constants, read_space
from agent.template import template_files
from sandbox.budget import Budget
from sandbox.choose import choose_runner

BUDGET = "30steps"
TRAIN, PREPARE = "workspace/train.py", "workspace/prepare.py"
NOISE = "one seed trains all trials of a game alike; the order of sums and the steps that fit into seconds vary"
BY = Provenance(method="bench", origin="search")


def task(name: str) -> Task:
    """The task `workspace` with its budget; UsageFault where that is none."""
    try:
        budget = Budget.parse(name.partition(":")[2] or BUDGET)
    except ValueError as error:
        raise UsageFault(str(error), f"autoresearch bench --tasks workspace:{BUDGET}") from None
    files = template_files()
    space = read_space(files[TRAIN], constants=read_constants(files[PREPARE]))
    about = f"real: the bundled train.py in the sandbox, {budget} a trial, sealed score"
    return Task(name, about, NOISE, space, files[TRAIN], lambda seed: make(budget, seed), files["program.md"])


def make(budget: Budget, seed: int) -> Evaluate:
    """The function of a seed: the sealed score of a training under it. The first trial's time bounds those of the others."""
    files = template_files()
    data, runner = _prepared(files[PREPARE]), choose_runner().runner
    plan = Plan(score="sealed", train="train.py", data=data.data, read_only=(), budget=budget, memory_bytes=None)
    slot = Slot(number=0, cpus=())
    baseline_seconds: float | None = None

    def evaluate(configuration: Configuration, trial: int) -> Outcome:
        nonlocal baseline_seconds
        attempt = Attempt(number=trial, commit="", parent="", proposal=Proposal(hypothesis="constants", by=BY))
        assignment = Assignment(attempt, Order(commit="", seed=seed), slot, 1, baseline_seconds)
        export = _exporter({**files, TRAIN: _source(files[TRAIN], configuration)})
        with TemporaryDirectory(prefix="autoresearch-bench-") as folder:
            result = Bench(plan, runner, (slot,), Path(folder), export).run(assignment, lambda _: None, threading.Event())
        assert result is not None, "nobody cancels"
        if baseline_seconds is None and result.status == "scored":
            baseline_seconds = result.seconds
        return _outcome(result)

    return evaluate


def _prepared(prepare: str) -> Prepared:
    """The data, from where prepare.py keeps it for the whole machine."""
    with TemporaryDirectory(prefix="autoresearch-bench-") as folder:
        path = Path(folder) / "prepare.py"
        path.write_text(prepare, encoding="utf-8")
        return prepare_data(path)


def _exporter(files: dict[str, str]) -> Callable[[str, Path], None]:
    """Writes the workspace into the folder of a trial."""

    def export(_: str, target: Path) -> None:
        target.mkdir(parents=True)
        for name in (TRAIN, PREPARE):
            (target / Path(name).name).write_text(files[name], encoding="utf-8")

    return export


def _source(train: str, configuration: Configuration) -> str:
    """train.py with these constants."""
    edits = constant_edits(train, configuration)
    applied = apply(train, edits) if edits else Applied(source=train)
    assert isinstance(applied, Applied), f"{applied}"
    return applied.source


def _outcome(result: Result) -> Outcome:
    if result.value is not None:
        return Outcome(result.value, curve=result.curve)
    return Outcome(cast(Failure, result.status), curve=result.curve)
