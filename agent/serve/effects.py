"""The constants of a run: what was tried of each, and how much it mattered."""

from collections.abc import Mapping, Sequence

from agent.dashboard.importance import importances
from agent.errors import UsageFault
from agent.project.settings import Settings
from agent.records.proposals import Value
from agent.records.results import TAKEN, Trial
from agent.serve.quoted import line
from agent.serve.rows import NAME
from agent.serve.served import Served
from agent.serve.tool_answers import Constant, Constants, ConstantText
from agent.space import read_choices
from agent.space.read import Choice

MAX_CONSTANTS = 100


def constants_of(served: Served, settings: Settings, searched: bool) -> Constants:
    """Return the constants at a run's tip, what was tried of each, and its effect.

    searched: only those that the search methods vary.
    """
    choices = [
        choice
        for choice in read_choices(served.history.sources, settings.stated_ranges)
        if choice.parameter or not searched
    ]
    trials = served.view.trials
    shares: Mapping[str, float] = {}
    note = ""
    try:
        shares = importances(trials, served.view.run.goal.direction)
    except UsageFault as fault:
        note = line(fault.message)
    shown = [_constant(choice, trials, shares) for choice in choices[:MAX_CONSTANTS]]
    left_out = len(choices) - len(shown)
    return Constants(run=served.tag, constants=tuple(shown), left_out=left_out, note=note)


def _sets(trial: Trial, name: str) -> bool:
    return any(change.name == name for change in trial.changes)


def _constant(choice: Choice, trials: Sequence[Trial], shares: Mapping[str, float]) -> Constant:
    name = choice.constant.name
    tried = [trial for trial in trials if _sets(trial, name)]
    compared = [trial for trial in tried if trial.delta is not None]
    best = min(compared, key=lambda trial: trial.delta or 0.0, default=None)
    text = ConstantText(
        name=line(name),
        file=line(choice.constant.file),
        value=_short(choice.constant.value),
        range=line(str(choice.parameter)) if choice.parameter else None,
        why=line(choice.reason),
        best=_after(best, name) if best else None,
    )
    return Constant(
        searched=choice.parameter is not None,
        tried=len(tried),
        kept=sum(trial.status in TAKEN for trial in tried),
        best_delta=best.delta if best else None,
        importance=shares.get(name),
        untrusted=text,
    )


def _after(trial: Trial, name: str) -> Value | None:
    after = next(change.after for change in trial.changes if change.name == name)
    return None if after is None else _short(after)


def _short(value: Value) -> Value:
    return line(value, NAME) if isinstance(value, str) else value
