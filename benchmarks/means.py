"""Means over simulated nights with their standard errors, and how many nights there may be."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan, nan, sqrt
from statistics import fmean, variance


@dataclass(frozen=True)
class Mean:
    """A mean over nights, and its standard error."""

    value: float
    error: float
    """Not a number for a single night."""

    @classmethod
    def of(cls, samples: Sequence[float]) -> "Mean":
        """Return the mean of at least one sample."""
        error = sqrt(variance(samples) / len(samples)) if len(samples) > 1 else nan
        return cls(fmean(samples), error)

    def __format__(self, form: str) -> str:
        """Return `0.42 ±0.11`, or the mean alone where one night tells nothing of its error."""
        if isnan(self.error):
            return f"{self.value:{form}}"
        return f"{self.value:{form}} ±{self.error:{form.lstrip('+')}}"


def at_least_one(text: str) -> int:
    """Return the number that an option of a benchmark says. Raise ArgumentTypeError for others."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is less than 1")
    return number
