"""Assigns to each of several writers another kind of change to look for."""

from agent.propose.context import Context
from agent.records.proposals import ASSIGNMENTS, Assignment

NEEDS_TRIALS = 2
"""Measured trials that were not kept, of which two can be combined."""
USUAL_SHARE = 2.0
"""How much more often the usual next step is assigned than each of the others."""


def next_assignment(context: Context) -> Assignment:
    """Return the assignment of the next writer.

    It is the one that was given least often so far, among those that make sense now and no other
    writer has. The usual next step counts half, and so is given more often.
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
