"""What each of several writers is to look for: something else than the others have in hand."""

from agent.propose.context import Context
from agent.records.proposals import ASSIGNMENTS, Assignment

NEEDS_TRIALS = 2
"""Measured trials that were not kept, of which two can be combined."""
USUAL_SHARE = 2.0
"""How much more often the usual next step is assigned than each of the others."""


def next_assignment(context: Context) -> Assignment:
    """Return what the next writer is to look for.

    Of what makes sense now and nobody has in hand, it is what was assigned least often so far;
    the usual next step counts half.
    """
    in_hand = [draft.assignment for draft in context.in_hand]
    given = [proposal.by.assigned for proposal in context.proposals]

    def count(assignment: Assignment) -> tuple[bool, float]:
        share = USUAL_SHARE if assignment == "exploit" else 1.0
        times = in_hand.count(assignment) + given.count(assignment)
        return assignment in in_hand, times / share

    return min(filter(lambda each: _makes_sense(each, context), ASSIGNMENTS), key=count)


def _makes_sense(assignment: Assignment, context: Context) -> bool:
    if assignment == "combine":
        misses = [trial for trial in context.trials if trial.status == "discard"]
        return len(misses) >= NEEDS_TRIALS
    if assignment == "constants":
        return bool(context.space.parameters)
    return True
