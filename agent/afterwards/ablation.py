"""Removes one kept change from the final state, if later changes allow it."""

from collections.abc import Sequence
from dataclasses import dataclass

from agent.edit.files import Sources, apply_edits, difference, following_renames
from agent.history.history import History
from agent.records.edits import Edit, Refused, SetConstant
from agent.records.results import KEPT, Trial
from agent.space import read_constants

REPLACED = "later changes replaced it"


@dataclass(frozen=True)
class Without:
    """The final state without one kept change."""

    trial: Trial
    sources: Sources | None
    """Its files; None where the change cannot be taken out."""
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
    """Return the tip's files with the change of `trial` undone, except for later settings."""
    before = history.sources_at(f"{trial.attempt}^")
    after = history.sources_at(trial.attempt)
    undone = following_renames(difference(after, before), after, history.sources)
    edits = _still_standing(undone, after, history.sources)
    if not edits:
        return Without(trial, None, REPLACED)
    applied = apply_edits(history.sources, edits)
    if isinstance(applied, Refused):
        return Without(trial, None, f"later changes build on it ({applied})")
    if applied == history.sources:
        return Without(trial, None, REPLACED)
    return Without(trial, applied)


def _still_standing(edits: Sequence[Edit], after: Sources, tip: Sources) -> list[Edit]:
    """Return the edits that undo a change, without constants that the tip has set anew."""
    then = read_constants(after)
    now = read_constants(tip)
    standing = []
    for edit in edits:
        if isinstance(edit, SetConstant):
            name = tip.named(edit.file or tip.main, edit.name)
            if now.get(name) != then.get(name):
                continue
        standing.append(edit)
    return standing
