"""The flags of start, resume and adopt, checked."""

from typing import Any, Literal

from pydantic import ValidationError

from agent.errors import UsageFault
from agent.judge.decide import VerdictRule
from agent.judge.pruning import PruneRule
from agent.llm.effort import Effort
from agent.project.quantities import BudgetText, LimitText
from agent.project.settings import (
    Caps,
    Dollars,
    FalseKeeps,
    Hours,
    Repeats,
    TrialCount,
    Word,
    Workers,
    problem_of,
)
from agent.project.staffing import WriterCount
from agent.records.bounded import Whole
from agent.records.objective import Direction

# A value to suggest where a flag makes no sense.
EXAMPLES = {
    "budget": "5m",
    "limit": "1.1x",
    "trials": "20",
    "hours": "8",
    "max_cost": "10",
    "workers": "1",
    "writers": "4",
    "fill": "none",
    "effort": "high",
    "seed": "0",
    "baseline_repeats": "3",
    "false_keeps": "0.5",
    "memory": "8GiB",
    "vram": "8GiB",
    "disk": "2GiB",
    "output": "256MiB",
    "metric": "val_acc",
    "direction": "maximize",
}


class Flags(Caps):
    """The flags of a command line; None for each that was left out."""

    model: Word | None = None
    method: Word | None = None
    budget: BudgetText = None
    limit: LimitText = None
    trials: TrialCount | None = None
    hours: Hours | None = None
    max_cost: Dollars | Literal["none"] | None = None
    workers: Workers | None = None
    writers: WriterCount | None = None
    fill: Word | None = None
    effort: Effort | None = None
    seed: Whole | None = None
    baseline_repeats: Repeats | None = None
    verdict: VerdictRule | None = None
    false_keeps: FalseKeeps | None = None
    prune: PruneRule | None = None
    look: bool | None = None
    metric: Word | None = None
    direction: Direction | None = None


def read_flags(command: str, **typed: Any) -> Flags:
    """Return the flags of `autoresearch COMMAND`; raise UsageFault for a wrong value."""
    try:
        return Flags(**typed)
    except ValidationError as error:
        name = str(error.errors()[0]["loc"][0])
        flag = f"--{name.replace('_', '-')}"
        _, problem = problem_of(error)
        hint = f"autoresearch {command} {flag} {EXAMPLES.get(name, name.upper())}"
        raise UsageFault(f"{flag} {typed[name]}: {problem}", hint) from None
