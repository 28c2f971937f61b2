"""What was found when states of a run were measured again, side by side: the record that `replicate` and `ablate` leave."""

from collections.abc import Iterator, Sequence
from math import sqrt
from statistics import fmean, stdev
from typing import Annotated, Literal

from pydantic import Field

from agent.judge.decide import CONFIDENCE, critical
from agent.records.bounded import MAX_ITEMS, Stamp, Text, Whole
from agent.records.results import Pair, Trial
from sandbox.ground.record import Record


class Comparison(Record):
    """One state against another, seed by seed. delta: mean difference, candidate minus reference; interval: at 95 %."""

    what: Text
    trial: Whole
    """The trial whose state it is, or whose change was taken out of the final one."""
    pairs: Annotated[tuple[Pair, ...], Field(max_length=MAX_ITEMS)] = ()
    failure: Text = ""
    """Why there are no pairs."""

    @property
    def delta(self) -> float | None:
        """Mean difference; None without pairs."""
        return fmean(pair.candidate - pair.incumbent for pair in self.pairs) if self.pairs else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Of delta, by Student's t; None with fewer than two pairs."""
        differences = [pair.candidate - pair.incumbent for pair in self.pairs]
        if len(differences) < 2:
            return None
        half = (
            critical((1 - CONFIDENCE) / 2, len(differences) - 1)
            * stdev(differences)
            / sqrt(len(differences))
        )
        return fmean(differences) - half, fmean(differences) + half

    @property
    def verdict(self) -> str:
        """In words: whether the candidate is better, worse, or not to be told apart."""
        if self.failure or self.delta is None:
            return self.failure or "nothing was measured"
        if all(pair.candidate == pair.incumbent for pair in self.pairs):
            return "no difference at all"
        if self.interval is None:
            return "one pair tells nothing"
        low, high = self.interval
        return "better" if high < 0 else "worse" if low > 0 else "not to be told from noise"

    def __str__(self) -> str:
        """`better: -0.012300, 95 % from -0.014100 to -0.010500 (3 pairs)`, or what there is instead of numbers."""
        if self.delta is None or self.interval is None:
            return self.verdict
        low, high = self.interval
        return f"{self.verdict}: {self.delta:+.6f}, 95 % from {low:+.6f} to {high:+.6f} ({len(self.pairs)} pairs)"


class Measurement(Record):
    """What one `replicate` or `ablate` found. against: the reference in words. machine, command, versions: how to repeat it."""

    kind: Literal["replicate", "ablate"]
    against: Text
    comparisons: tuple[Comparison, ...] = Field(min_length=1, max_length=MAX_ITEMS)
    machine: str
    command: Text
    versions: Annotated[dict[str, str], Field(max_length=MAX_ITEMS)] = {}
    at: Stamp
    """When, ISO 8601 UTC."""

    def of(self, number: int) -> Comparison | None:
        """What was found of trial `number`."""
        return next((one for one in self.comparisons if one.trial == number), None)


def afterwards(measurements: Sequence[Measurement], number: int) -> Iterator[tuple[str, str]]:
    """What was found of trial `number` when it was measured again: the kind, and the finding in words."""
    for one in measurements:
        if found := one.of(number):
            yield one.kind, f"{found}, against {one.against}"


def replication_of(measurements: Sequence[Measurement], trial: Trial | None) -> Comparison | None:
    """The newest figure of `trial` against the baseline under fresh seeds: what is left of its claim when luck has no say."""
    found = (
        (one.of(trial.number) for one in reversed(measurements) if one.kind == "replicate")
        if trial
        else ()
    )
    return next(
        (comparison for comparison in found if comparison and comparison.delta is not None), None
    )
