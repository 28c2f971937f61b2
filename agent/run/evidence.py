"""What was measured of an attempt that ran, and what it is compared with."""

from dataclasses import dataclass

from agent.judge.pairing import pairs_of
from agent.records.results import Pair, Result, Score, Trial


@dataclass(frozen=True)
class Evidence:
    """The scores of an attempt and of its incumbent that may be compared."""

    result: Result
    incumbent: Trial
    own: dict[int, Score]
    """The attempt's comparable scores, by seed."""
    other: dict[int, Score]
    """The incumbent's."""
    tolerance: float | None = None
    """How far compared runs may differ in speed; None where speed moves no score."""

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """The comparable pairs, in the order of the attempt's runs."""
        return pairs_of(self.own, self.other)
