"""Takes one kept change out of the final state, as far as later changes let it."""

from collections.abc import Sequence
from dataclasses import dataclass

from agent.edit import Applied, apply, diff
from agent.history.history import History
from agent.records.edits import Edit, SetConstant
from agent.records.results import KEPT, Trial
from agent.space import read_constants

REPLACED = "later changes replaced it"


@dataclass(frozen=True)
class Without:
    """The final state with one kept change taken out."""

    trial: Trial
    source: str | None
    """Its train.py; None where the change cannot be taken out."""
    reason: str = ""
    """Why it cannot."""


def kept_changes(trials: Sequence[Trial]) -> tuple[Trial, ...]:
    """Return the trials that were kept since the newest baseline, oldest first."""
    kept: list[Trial] = []
    for trial in trials:
        if trial.status == "baseline":
            kept = []
        elif trial.status in KEPT:
            kept.append(trial)
    return tuple(kept)


def without(history: History, trial: Trial) -> Without:
    """Return the tip's train.py with the change of `trial` undone, except for later settings."""
    before = history.source_at(f"{trial.attempt}^")
    after = history.source_at(trial.attempt)
    edits = _still_standing(diff(after, before), after, history.source)
    if not edits:
        return Without(trial, None, REPLACED)
    applied = apply(history.source, edits)
    if not isinstance(applied, Applied):
        return Without(trial, None, f"later changes build on it ({applied})")
    if applied.source == history.source:
        return Without(trial, None, REPLACED)
    return Without(trial, applied.source)


def _still_standing(edits: Sequence[Edit], after: str, tip: str) -> list[Edit]:
    """Return the edits that undo a change, without constants that the tip has set anew."""
    then = read_constants(after)
    now = read_constants(tip)
    standing = []
    for edit in edits:
        if not isinstance(edit, SetConstant) or now.get(edit.name) == then.get(edit.name):
            standing.append(edit)
    return standing
