"""Chooses the failed trial that a question asks to correct, and checks whether an answer does."""

from collections.abc import Sequence
from itertools import product

from agent.propose.context import Context
from agent.records.edits import AddFile, DeleteFile, Edit, RenameFile, RewriteFile
from agent.records.results import Trial

# Failures whose traceback or reason is enough to correct them, a training that did not end in time
# among them; out of memory is the price of the idea.
MENDABLE = frozenset({"crash", "invalid"})
# After so many further trials a failure is no longer worth correcting.
MEND_WITHIN = 5
CODE = "code"
"""The method whose failures go back to it."""
_WHOLE = (AddFile, DeleteFile, RenameFile, RewriteFile)

Place = tuple[str, str]
"""A file and a name in it; an empty name for the whole file."""


def to_mend(context: Context) -> Trial | None:
    """Return the newest failed trial of this method that no question has asked to correct.

    A better trial that failed a check counts, too; a failed correction does not. With several
    writers, the first one that knows of a failure corrects it.
    """
    asked: set[int | None] = set()
    for proposal in context.proposals:
        asked |= {proposal.by.repairs, proposal.by.mend_asked}
    newest = list(enumerate(context.trials))[-MEND_WITHIN:]
    for place, trial in reversed(newest):
        if any(draft.known > place for draft in context.in_hand):
            continue
        by = trial.proposal.by
        first_try = by.method == CODE and by.repairs is None
        broken_check = trial.result is not None and trial.result.failed_check is not None
        mendable = trial.status in MENDABLE or broken_check
        if mendable and first_try and trial.number not in asked:
            return trial
    return None


def mends(edits: Sequence[Edit], failed: Trial, main: str) -> bool:
    """Return whether edits correct a failed trial: they touch a place that it touched."""
    here = [_place(edit, main) for edit in edits]
    there = [_place(edit, main) for edit in failed.proposal.edits]
    return any(_meet(place, other) for place, other in product(here, there))


def _place(edit: Edit, main: str) -> Place:
    file = edit.file or main
    if isinstance(edit, _WHOLE):
        return file, ""
    for field in ("name", "within", "old", "code"):
        value = getattr(edit, field, None)
        if value:
            return file, str(value)
    return file, ""


def _meet(place: Place, other: Place) -> bool:
    """Return whether two places are equal, or one is inside the other."""
    if place[0] != other[0]:
        return False
    names = (place[1], other[1])
    return "" in names or names[0] == names[1]
