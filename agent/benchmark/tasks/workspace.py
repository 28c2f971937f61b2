"""The constants of the bundled train.py, really trained on the CPU, in the sandbox, and sealed.

`workspace` trains for 30 steps, `workspace:60steps` and `workspace:20s` as long as they say. A
budget in steps does not depend on how busy the machine is, and one in seconds does. What fits into
memory and into the wall-clock limit, and so what fails, depends on the machine either way.
"""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import cast

from agent.benchmark.task import Evaluate, Outcome, Task
from agent.edit import Applied, apply
from agent.errors import UsageFault
from agent.evaluate.bench import Assignment, Bench, Plan
from agent.evaluate.slots import Slot
from agent.project.data import Source, prepare_data
from agent.project.find import CORPORA
from agent.project.leaks import search_room
from agent.project.template import beside_prepare, template_files
from agent.project.unseen import held_out
from agent.records.proposals import Configuration, Proposal, Provenance
from agent.records.results import Attempt, Failure, Order, Result
from agent.space import constant_edits, read_constants, read_space
from sandbox.ground.budget import Budget
from sandbox.ground.deadline import Usual
from sandbox.ground.leftovers import temporary_folder
from sandbox.tiers.choose import choose_runner

BUDGET = "30steps"
TRAIN = "workspace/train.py"
PREPARE = "workspace/prepare.py"
NOISE = (
    "one seed for all trials of a run; the order of sums and the steps that fit into seconds vary"
)
BY = Provenance(method="bench", origin="search")


def task(name: str) -> Task:
    """Return the task `workspace` with its budget; raise UsageFault if that is none."""
    try:
        budget = Budget.parse(name.partition(":")[2] or BUDGET)
    except ValueError as error:
        raise UsageFault(str(error), f"autoresearch bench --tasks workspace:{BUDGET}") from None
    files = template_files()
    space = read_space(files[TRAIN], constants=read_constants(files[PREPARE]))
    about = f"real: the bundled train.py in the sandbox, {budget} a trial, sealed score"
    return Task(
        name,
        about,
        NOISE,
        space,
        files[TRAIN],
        lambda seed: make(budget, seed),
        files["program.md"],
    )


def make(budget: Budget, seed: int) -> Evaluate:
    """Return the function of a seed: the sealed score of a training under it.

    With a budget in seconds the first trial's time bounds the others'. A budget in steps needs no
    such bound: constants cannot ignore it, and the first trial may have a small model.
    """
    files = template_files()
    runner = choose_runner().runner
    # The bundled prepare.py leaves complete data as it is.
    with prepare_data(_source_of(files[PREPARE]), runner) as data:
        plan = Plan(
            score="sealed",
            train="train.py",
            data=data.data,
            read_only=(),
            budget=budget,
            memory_bytes=None,
            hidden=held_out(data.data, files[PREPARE]),
        )
        with temporary_folder("bench", passed=True) as folder:
            room = folder / "search"
            search_room(room, plan, data, lambda target: _exporter(files)("", target))
    slot = Slot(number=0, cpus=())
    usual: Usual | None = None

    def evaluate(configuration: Configuration, trial: int) -> Outcome:
        nonlocal usual
        proposal = Proposal(hypothesis="constants", by=BY)
        attempt = Attempt(number=trial, commit="", parent="", proposal=proposal)
        assignment = Assignment(attempt, Order(commit="", seed=seed), slot, 1, usual)
        export = _exporter({**files, TRAIN: _source(files[TRAIN], configuration)})
        with temporary_folder("bench", passed=True) as folder:
            bench = Bench(plan, runner, (slot,), folder, export)
            result = bench.run(assignment, lambda _: None, threading.Event())
        assert result is not None, "nobody cancels"
        if usual is None and result.status == "scored" and budget.unit == "s":
            usual = Usual(seconds=result.seconds)
        return _outcome(result)

    return evaluate


def _source_of(prepare: str) -> Source:
    """Return the bundled prepare.py, with the corpora.py that it imports."""
    corpora = beside_prepare()[CORPORA].encode()
    return Source(prepare.encode(), "prepare.py", Path.mkdir, "the bundled prepare.py", corpora)


def _exporter(files: dict[str, str]) -> Callable[[str, Path], None]:
    """Return what writes a trial's share of the workspace: train.py alone, as in a run."""

    def export(_: str, target: Path) -> None:
        target.mkdir(parents=True)
        (target / Path(TRAIN).name).write_text(files[TRAIN], encoding="utf-8")

    return export


def _source(train: str, configuration: Configuration) -> str:
    """Return train.py with these constants."""
    edits = constant_edits(train, configuration)
    applied = apply(train, edits) if edits else Applied(source=train)
    assert isinstance(applied, Applied), f"{applied}"
    return applied.source


def _outcome(result: Result) -> Outcome:
    if result.value is not None:
        return Outcome(result.value, curve=result.curve)
    return Outcome(cast(Failure, result.status), curve=result.curve)
