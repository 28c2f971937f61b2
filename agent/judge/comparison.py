"""Records of states of a run measured again side by side, by `replicate` and `ablate`."""

from collections.abc import Iterator, Sequence
from math import sqrt
from statistics import fmean, stdev
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from agent.judge.noise import CONFIDENCE, critical, differences_of
from agent.records.bounded import MAX_ITEMS, Stamp, Text, Whole
from agent.records.guards import MAX_GUARDS, GuardResult
from agent.records.objective import LOWER, Sense
from agent.records.results import Pair, Trial
from sandbox.ground.record import Record


class Comparison(Record):
    """A comparison of two states, seed by seed."""

    what: Text
    """The candidate in words."""
    trial: Whole
    """The trial whose state it is, or whose change was removed from the final state."""
    pairs: Annotated[tuple[Pair, ...], Field(max_length=MAX_ITEMS)] = ()
    failure: Text = ""
    """Why there are no pairs."""
    sense: Sense = LOWER
    """Of the metric that the pairs hold."""
    guards: Annotated[tuple[GuardResult, ...], Field(max_length=MAX_GUARDS)] = ()
    """Results on the run's guards, from these runs alone."""
    unjudged: Text = Field(default="", exclude_if=lambda text: not text)
    """The guards that these runs do not test, and why."""

    @model_validator(mode="after")
    def _on_the_scale(self) -> Self:
        for pair in self.pairs:
            for value in (pair.candidate, pair.incumbent):
                if not self.sense.has(value):
                    raise ValueError(
                        f"a score of {value:g}, which is not on the scale {self.sense.scale}"
                    )
        return self

    @property
    def delta(self) -> float | None:
        """Mean difference of losses, candidate minus reference; None without pairs."""
        return fmean(differences_of(self.pairs, self.sense)) if self.pairs else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Confidence interval of delta, 95 % by Student's t; None unless two pairs differ.

        Equal differences are one measurement, not several.
        """
        differences = differences_of(self.pairs, self.sense)
        count = len(differences)
        if len(set(differences)) < 2:
            return None
        quantile = critical((1 - CONFIDENCE) / 2, count - 1)
        half = quantile * stdev(differences) / sqrt(count)
        mean = fmean(differences)
        return mean - half, mean + half

    @property
    def verdict(self) -> str:
        """Whether the candidate is better, worse, or not significantly different, in words."""
        if self.failure:
            return self.failure
        if not self.pairs:
            return "nothing was measured"
        if not any(differences_of(self.pairs, self.sense)):
            return "no difference at all"
        if len(self.pairs) == 1:
            return "one pair is too few"
        if self.interval is None:
            change = self.sense.change_text(self.delta or 0.0)
            return f"{change} in every pair: equal differences are no independent repeats"
        low, high = self.interval
        if high < 0:
            return "better"
        return "worse" if low > 0 else "not significant"

    def __str__(self) -> str:
        """Return `better: -0.012, 95 % from -0.014 to -0.010 (3 pairs)`, or the verdict alone."""
        guards = "".join(f"; {result.guard}: {result.finding}" for result in self.guards)
        if self.unjudged:
            guards += f"; not judged: {self.unjudged}"
        if self.delta is None or self.interval is None:
            return f"{self.verdict}{guards}"
        between = self.sense.interval_text(self.interval)
        figures = f"{self.sense.change_text(self.delta)}, 95 % {between}"
        return f"{self.verdict}: {figures} ({len(self.pairs)} pairs){guards}"


class Measurement(Record):
    """The comparisons of one `replicate` or `ablate`, and how to repeat them."""

    kind: Literal["replicate", "ablate"]
    against: Text
    """The reference, in words."""
    comparisons: tuple[Comparison, ...] = Field(min_length=1, max_length=MAX_ITEMS)
    machine: str
    command: Text
    versions: Annotated[dict[str, str], Field(max_length=MAX_ITEMS)] = {}
    """Versions of the packages that computed it, by name."""
    split: Literal["val", "test"] = "val"
    """The split that the project's own evaluator measured."""
    at: Stamp
    """When, ISO 8601 UTC."""

    def of(self, number: int) -> Comparison | None:
        """Return the comparison of trial `number`, or None."""
        return next((part for part in self.comparisons if part.trial == number), None)


def afterwards(measurements: Sequence[Measurement], number: int) -> Iterator[tuple[str, str]]:
    """Yield the kind and a line on the outcome of each later measurement of trial `number`."""
    for measurement in measurements:
        comparison = measurement.of(number)
        if comparison:
            where = ", on the test split" if measurement.split == "test" else ""
            yield measurement.kind, f"{comparison}, against {measurement.against}{where}"


def replication_of(measurements: Sequence[Measurement], trial: Trial | None) -> Comparison | None:
    """Return the newest comparison of `trial` with the baseline under fresh seeds, or None.

    Such a comparison is free of selection luck.
    """
    if trial is None:
        return None
    for measurement in reversed(measurements):
        comparison = measurement.of(trial.number)
        if measurement.kind != "replicate" or measurement.split == "test":
            continue
        if comparison and comparison.pairs:
            return comparison
    return None
