"""The tool `constants`: what may be searched, what was tried of it, and how much it mattered."""

from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import Field

from agent.dashboard.importance import importances
from agent.errors import UsageFault
from agent.records.proposals import Value
from agent.records.results import TAKEN, Trial
from agent.serve.answers import Constant, Constants, ConstantText
from agent.serve.quoted import line
from agent.serve.read import Run
from agent.serve.rows import NAME
from agent.serve.served import Repository
from agent.space import read_choices
from agent.space.read import Choice

MAX_CONSTANTS = 100


class ConstantTools:
    """What an agent may read of the constants of a run."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    def constants(
        self,
        run: Run = None,
        searched: Annotated[
            bool, Field(description="Only constants that the search methods vary.")
        ] = True,
    ) -> Constants:
        """List the constants at the run's tip: value, range, what was tried, and its effect."""
        with self._repository.reading(run) as served:
            settings = self._repository.around.settings
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
            return Constants(
                run=served.tag,
                constants=tuple(shown),
                left_out=len(choices) - len(shown),
                note=note,
            )


def _constant(choice: Choice, trials: Sequence[Trial], shares: Mapping[str, float]) -> Constant:
    name = choice.constant.name
    tried = [trial for trial in trials if any(change.name == name for change in trial.changes)]
    best = min(
        (trial for trial in tried if trial.delta is not None),
        key=lambda trial: trial.delta or 0.0,
        default=None,
    )
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
