"""The tasks that methods are compared on: one file each (or a family), imported when needed."""

from dataclasses import dataclass
from importlib import import_module

from agent.benchmark.task import Task
from agent.errors import UsageFault, unknown


@dataclass(frozen=True)
class Row:
    """One row of TASKS."""

    module: str
    """The file in this folder whose `task(name)` builds it."""
    about: str
    argument: str = ""
    """What may follow the name, after a colon."""


TASKS: dict[str, Row] = {
    "valley": Row(
        "bowl", "synthetic: a tilted bowl a little off the start; big models and high rates fail"
    ),
    "far": Row("bowl", "synthetic: the bowl far from the start"),
    "scaling": Row(
        "scaling",
        "synthetic: a scaling law in a fixed time; size, batch, rates and schedules interact",
    ),
    "rugged": Row(
        "rugged",
        "synthetic: kinks, ripples and pairs; half of the space fails, four times the noise",
    ),
    "cnn": Row(
        "cnn",
        "real: a CNN of 14 constants, after neuropt's, on scikit-learn's digits; "
        "about 1 s an evaluation",
    ),
    "trees": Row(
        "trees",
        "real: boosted trees of 8 constants on scikit-learn's breast cancer data; "
        "about 0.5 s an evaluation",
    ),
    "workspace": Row(
        "workspace",
        "real: the bundled train.py in the sandbox, for a small BUDGET (30steps)",
        "BUDGET",
    ),
    "trials": Row("past", "a surrogate of the past trials in FILE (what --past FILE adds)", "FILE"),
}
DEFAULT = ("valley", "scaling", "rugged")


def open_task(name: str) -> Task:
    """Return the task called `name`, or `name:argument`; raise UsageFault if there is none."""
    kind, _, argument = name.partition(":")
    row = TASKS.get(kind)
    if row is None or (argument and not row.argument):
        raise UsageFault(unknown("task", name, TASKS), "autoresearch bench --list")
    try:
        module = import_module(f"agent.benchmark.tasks.{row.module}")
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise UsageFault(
            f"the task {name!r} needs torch, which is not installed",
            'pip install "autoresearch[workspace]"',
        ) from None
    made: Task = module.task(name)
    return made
