"""The tasks that methods are compared on: a file each (or a family), imported when it is asked for."""

from dataclasses import dataclass
from importlib import import_module

from agent.benchmark.task import Task
from agent.errors import UsageFault


@dataclass(frozen=True)
class Row:
    """One row of TASKS. module: its file in this folder, whose `task(argument)` makes it. argument: what may follow a colon."""

    module: str
    about: str
    argument: str = ""


TASKS: dict[str, Row] = {
    "valley": Row(
        "bowl", "synthetic: a tilted bowl a little off the start; big models and high rates fail"
    ),
    "far": Row("bowl", "synthetic: the bowl far from the start"),
    "scaling": Row(
        "scaling",
        "synthetic: a scaling law under a fixed time; size, batch, rates and schedules interact",
    ),
    "rugged": Row(
        "rugged",
        "synthetic: kinks, ripples and pairs; half of the space fails, and the noise is four times as high",
    ),
    "cnn": Row(
        "cnn",
        "real: a CNN of 14 constants, after neuropt's, on scikit-learn's digits; about 1 s an evaluation",
    ),
    "trees": Row(
        "trees",
        "real: boosted trees of 8 constants on scikit-learn's breast cancer data; about 0.5 s an evaluation",
    ),
    "workspace": Row(
        "workspace",
        "real: the bundled train.py in the sandbox, for a small BUDGET (30steps)",
        "BUDGET",
    ),
    "trials": Row(
        "past", "a surrogate of the past trials in FILE (what --trials FILE adds)", "FILE"
    ),
}
DEFAULT = ("valley", "scaling", "rugged")


def open_task(name: str) -> Task:
    """The task called `name`, or `name:argument`; UsageFault where there is none."""
    kind, _, argument = name.partition(":")
    row = TASKS.get(kind)
    if row is None or (argument and not row.argument):
        raise UsageFault(
            f"no task is called {name!r}; there are {', '.join(TASKS)}", "autoresearch bench --list"
        )
    made: Task = import_module(f"agent.benchmark.tasks.{row.module}").task(name)
    return made
