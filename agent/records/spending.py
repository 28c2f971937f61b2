"""Sums the cost of a run's proposals, for every bound, page and record."""

from collections.abc import Iterable

from agent.records.proposals import Proposal
from sandbox.ground.record import Record

DECIMALS = 6
"""No list price is finer than this part of a dollar for one question."""


class Spending(Record):
    """The cost of proposals."""

    dollars: float
    """The sum of the known prices."""
    unpriced: int
    """Proposals of models whose price is not known, or only in part, since an answer was called
    off; with any, the sum is a lower bound."""


def spending_of(proposals: Iterable[Proposal]) -> Spending:
    """Return the cost of all these proposals."""
    dollars = 0.0
    unpriced = 0
    for proposal in proposals:
        by = proposal.by
        dollars += by.cost or 0.0
        if by.origin == "llm" and (by.cost is None or by.called_off):
            unpriced += 1
    # Sums of binary fractions: $0.30000000000000004 is $0.3.
    return Spending(dollars=round(dollars, DECIMALS), unpriced=unpriced)
