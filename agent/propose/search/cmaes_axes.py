"""Converts between a search space and the arguments, solutions and state of CatCMA.

The package offers no public way to read its state or to tell it a point that it did not draw, so
this file reads private attributes. pyproject.toml pins its version exactly, and
tests/agent/propose/search/test_cmaes.py names each attribute.
"""

from dataclasses import dataclass

import numpy as np
from cmaes import CatCMAwM  # type: ignore[import-untyped]

from agent.propose.search.scale import (
    from_unit,
    is_fixed,
    levels,
    nearest_level,
    to_unit,
    unit_levels,
)
from agent.records.proposals import Configuration, Value
from agent.space import Parameter, Space

# Share of the range: constants that someone chose are rarely far off, and a trial far from them
# mostly fails.
STEP = 0.1
# The chance at first that a choice stays what it is; the others share the rest.
STAY = 0.75


@dataclass(frozen=True)
class State:
    """The state of the strategy in terms of the space."""

    names: tuple[str, ...]
    """The numbers, in the order of `mean` and `covariance`."""
    mean: np.ndarray
    """(n,), each on the unit interval of its constant."""
    step: float
    """Its square scales the covariance."""
    covariance: np.ndarray
    """(n, n)."""
    centre: Configuration
    """The mean as constants."""
    chances: dict[str, tuple[tuple[Value, float], ...]]
    """For each choice its values, each with its probability."""


class Axes:
    """Floats, counted numbers and choices of a space, in CatCMA's order, numbers in 0..1."""

    def __init__(self, space: Space) -> None:
        free = [parameter for parameter in space.parameters if not is_fixed(parameter)]
        # The package wants numbers with just two levels as choices.
        self._choices = [p for p in free if p.kind == "categorical" or len(levels(p)) == 2]
        numbers = [parameter for parameter in free if parameter not in self._choices]
        self._floats = [parameter for parameter in numbers if not levels(parameter)]
        self._counted = [parameter for parameter in numbers if levels(parameter)]
        self._default = space.default
        self.count = len(free)

    @property
    def _numbers(self) -> list[Parameter]:
        return [*self._floats, *self._counted]

    def signature(self) -> str:
        """Return all that a strategy depends on, as text: the bounds, not the defaults."""
        names = [_names(self._floats), _names(self._counted), _names(self._choices)]
        free = [*self._numbers, *self._choices]
        return repr((names, [(p.low, p.high, p.log, levels(p)) for p in free]))

    def strategy(self, start: Configuration) -> CatCMAwM:
        """Return the strategy before its first generation."""
        options: dict[str, object] = {}
        if self._numbers:
            options["mean"] = self._row(start)
            options["sigma"] = STEP
            options["cov"] = np.eye(len(self._numbers))
        if self._choices:
            options["cat_param"] = self._first_chances(start)
        return CatCMAwM(
            x_space=[[0.0, 1.0]] * len(self._floats) or None,
            z_space=[unit_levels(parameter) for parameter in self._counted] or None,
            c_space=[len(levels(parameter)) for parameter in self._choices] or None,
            seed=0,
            **options,
        )

    def solution(self, configuration: Configuration, strategy: CatCMAwM) -> CatCMAwM.Solution:
        """Return a configuration as if `strategy` had drawn it.

        A point that it would hardly draw itself (of another method or of a model) is told as the
        point in the same direction as far out as a draw may lie (Hansen 2011, arXiv 1110.4181,
        equations 4 and 5).
        """
        place = self._row(configuration)
        raw = _shortened(place, strategy) if place.size else place
        floats = place[: len(self._floats)]
        counted = place[len(self._floats) :]
        return CatCMAwM.Solution(floats, counted, self._one_hot(configuration), raw)

    def state(self, strategy: CatCMAwM) -> State:
        """Return the state of `strategy` in terms of the space."""
        names = tuple(parameter.name for parameter in self._numbers)
        chances = self._chances(strategy) if self._choices else {}
        if not names:
            return State(names, np.zeros(0), STEP, np.zeros((0, 0)), {}, chances)
        mean = np.array(strategy._mean)
        # The covariance of what is drawn, with the widening of counted numbers (the margin).
        covariance = np.array(strategy._C * np.outer(strategy._A, strategy._A))
        centre = {
            parameter.name: parameter.repair(from_unit(parameter, float(place)))
            for parameter, place in zip(self._numbers, mean, strict=True)
        }
        return State(names, mean, float(strategy._sigma), covariance, centre, chances)

    def _chances(self, strategy: CatCMAwM) -> dict[str, tuple[tuple[Value, float], ...]]:
        chances = {}
        for parameter, row in zip(self._choices, strategy._q, strict=True):
            numbers = [float(chance) for chance in row]
            # A row is as wide as the choice with the most values.
            chances[parameter.name] = tuple(zip(levels(parameter), numbers, strict=False))
        return chances

    def configuration(self, solution: CatCMAwM.Solution) -> Configuration:
        """Return a solution of the strategy as constants."""
        values: dict[str, Value] = {}
        if self._floats:
            for parameter, place in zip(self._floats, solution.x, strict=True):
                values[parameter.name] = from_unit(parameter, float(place))
        if self._counted:
            for parameter, place in zip(self._counted, solution.z, strict=True):
                values[parameter.name] = _level_at(parameter, float(place))
        if self._choices:
            for parameter, row in zip(self._choices, solution.c, strict=True):
                values[parameter.name] = levels(parameter)[int(np.argmax(row))]
        return {**self._default, **values}

    def place(self, configuration: Configuration) -> np.ndarray:
        """Return a point to measure distances from; two different choices are one range apart."""
        choices = self._one_hot(configuration).ravel() / np.sqrt(2)
        return np.concatenate([self._row(configuration), choices])

    def _row(self, configuration: Configuration) -> np.ndarray:
        places = [to_unit(p, configuration[p.name]) for p in self._numbers]
        return np.array(places, dtype=float)

    def _one_hot(self, configuration: Configuration) -> np.ndarray:
        width = max((len(levels(p)) for p in self._choices), default=0)
        rows = np.zeros((len(self._choices), width), dtype=bool)
        for row, parameter in zip(rows, self._choices, strict=True):
            row[nearest_level(parameter, configuration[parameter.name])] = True
        return rows

    def _first_chances(self, start: Configuration) -> np.ndarray:
        chosen = self._one_hot(start)
        table = np.zeros(chosen.shape)
        for row, stays, parameter in zip(table, chosen, self._choices, strict=True):
            count = len(levels(parameter))
            row[:count] = (1 - STAY) / (count - 1)
            row[stays] = STAY
        return table


def _names(parameters: list[Parameter]) -> list[str]:
    return [parameter.name for parameter in parameters]


def _level_at(parameter: Parameter, place: float) -> Value:
    distances = [abs(level - place) for level in unit_levels(parameter)]
    return levels(parameter)[int(np.argmin(distances))]


def _shortened(place: np.ndarray, strategy: CatCMAwM) -> np.ndarray:
    """Return `place`, at most √n + 2n / (n + 2) standard deviations from the mean."""
    mean = strategy._mean
    axes, deviations = strategy._eigen_decomposition()
    standard = (place - mean) / (strategy._sigma * strategy._A)
    length = float(np.linalg.norm(axes.T @ standard / deviations))
    dimensions = len(place)
    limit = dimensions**0.5 + 2 * dimensions / (dimensions + 2)
    return np.asarray(mean + (place - mean) * min(1.0, limit / max(length, 1e-12)))
