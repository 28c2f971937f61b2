"""Resolves what bounds the time of a training: a budget that it keeps to, or a limit."""

from dataclasses import dataclass
from shlex import quote

from agent.errors import UsageFault
from agent.project.flags import Flags
from agent.project.option import Option, Origin
from agent.project.program import FrontMatter
from agent.project.settings import RunSettings, Settings
from sandbox.ground.budget import USUAL_LIMIT, Budget, Limit

DEFAULT_BUDGET = Budget(amount=300)


@dataclass(frozen=True)
class TimeInferred:
    """What the project's files show of its trainings' time."""

    budget: Budget | None = None
    """TIME_BUDGET of a prepare.py in upstream's layout: train.py keeps to it, whatever we say."""
    file: str = ""
    """The path of that prepare.py."""
    sealed: bool = False
    """Whether the harness computes the score."""
    reads_budget: bool = True
    """Whether anything that a training runs names AUTORESEARCH_BUDGET."""


KEEPS_A_BUDGET = TimeInferred()
"""What is assumed where nobody has looked."""


def time_options(
    flags: Flags,
    front_matter: FrontMatter,
    settings: Settings,
    inferred: TimeInferred,
    parent: RunSettings | None = None,
) -> tuple[Option[Budget | None], Option[Limit | None]]:
    """Return the budget, or the limit, or both where the baseline decides which of them holds.

    parent: the record of the run that a new one begins at, which comes before what is assumed. A
    budget in seconds that nothing reads is no budget. A TIME_BUDGET of prepare.py cannot be
    overruled: train.py asks nobody else.
    """
    budget, limit = _stated_time(flags, front_matter, settings)
    if limit.value is not None:
        return Option(None, Origin.DEFAULT), limit
    own = inferred.budget
    if own is not None:
        _refuse_other(budget, own, inferred.file)
        return Option(own, Origin.INFERRED), Option(None, Origin.DEFAULT)
    if parent is not None and budget.value is None:
        limit_there = parent.goal.time_limit
        return Option(parent.budget, Origin.PARENT), Option(limit_there, Origin.PARENT)
    if not inferred.reads_budget and (budget.value is None or budget.value.unit == "s"):
        return Option(None, budget.origin), Option(USUAL_LIMIT, Origin.INFERRED)
    if budget.value is None:
        budget = Option(DEFAULT_BUDGET, Origin.DEFAULT)
    in_seconds = budget.value is not None and budget.value.unit == "s"
    usual = USUAL_LIMIT if in_seconds and not inferred.sealed else None
    return budget, Option(usual, Origin.DEFAULT)


def _stated_time(
    flags: Flags, front_matter: FrontMatter, settings: Settings
) -> tuple[Option[Budget | None], Option[Limit | None]]:
    """Return the budget or the limit that comes first; raise UsageFault where it is both."""
    no_budget: Option[Budget | None] = Option(None, Origin.DEFAULT)
    no_limit: Option[Limit | None] = Option(None, Origin.DEFAULT)
    places = (
        (flags, Origin.FLAG),
        (front_matter, Origin.FRONT_MATTER),
        (settings, Origin.SETTINGS),
    )
    for place, origin in places:
        if place.budget is not None and place.limit is not None:
            raise UsageFault(
                f"A budget ({place.budget}) and a limit ({place.limit}) are given {origin}. A "
                "training keeps to a budget, or it ends by itself and has a limit.",
                "autoresearch start --limit 1.1x",
            )
        if place.budget is not None:
            return Option(place.budget, origin), no_limit
        if place.limit is not None:
            return no_budget, Option(place.limit, origin)
    return no_budget, no_limit


def _refuse_other(asked: Option[Budget | None], own: Budget, file: str) -> None:
    """Raise UsageFault where another budget is asked for than prepare.py has."""
    if asked.value is not None and asked.value != own:
        raise UsageFault(
            f"The budget {asked.value} ({asked.origin}) cannot be kept: trainings here follow "
            f"TIME_BUDGET in {file} ({own}).",
            f"$EDITOR {quote(file)}   # commit it, and start without a budget",
        )
