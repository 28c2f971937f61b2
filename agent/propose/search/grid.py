"""Configurations as points of a cube, and points around them that would run as they are."""

from collections.abc import Sequence

import numpy as np

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

# How far `around` moves a number, as a share of its range, and how often it keeps a choice.
STEP = 0.1
STAY = 0.75
# The length of a choice's column: two different choices are then one range apart.
CHOSEN = 0.5**0.5
# Changed alone, a number with at most FEW levels goes to each of them, another one by ALONE ranges.
FEW = 8
ALONE = np.array([-0.25, -0.12, 0.12, 0.25])


class Grid:
    """Configurations as points: a column in 0..1 for each number, one for each choice's value."""

    def __init__(self, space: Space) -> None:
        self._default = space.default
        free = [parameter for parameter in space.parameters if not is_fixed(parameter)]
        self._numbers = [parameter for parameter in free if parameter.kind != "categorical"]
        self._choices = [parameter for parameter in free if parameter.kind == "categorical"]
        self._levels = [np.array(unit_levels(parameter)) for parameter in self._numbers]
        sizes = [1] * len(self._numbers) + [len(levels(p)) for p in self._choices]
        self.groups = np.repeat(np.arange(len(sizes)), sizes)
        """(d,): the constant that each column belongs to."""

    def points(self, configurations: Sequence[Configuration]) -> np.ndarray:
        """Return configurations as points (n, d)."""
        return np.array([self._point(configuration) for configuration in configurations])

    def _point(self, configuration: Configuration) -> list[float]:
        row = [to_unit(parameter, configuration[parameter.name]) for parameter in self._numbers]
        for parameter in self._choices:
            chosen = nearest_level(parameter, configuration[parameter.name])
            row += [CHOSEN * (place == chosen) for place in range(len(levels(parameter)))]
        return row

    def configuration(self, point: np.ndarray) -> Configuration:
        """Return the constants at a point (d,)."""
        values: dict[str, Value] = {}
        for column, parameter in enumerate(self._numbers):
            values[parameter.name] = self._number_at(parameter, column, point)
        for group, parameter in enumerate(self._choices, len(self._numbers)):
            chosen = int(np.argmax(point[self.groups == group]))
            values[parameter.name] = levels(parameter)[chosen]
        return {**self._default, **values}

    def _number_at(self, parameter: Parameter, column: int, point: np.ndarray) -> Value:
        if not levels(parameter):
            return from_unit(parameter, float(point[column]))
        nearest = int(np.argmin(np.abs(self._levels[column] - point[column])))
        return levels(parameter)[nearest]

    def around(self, centre: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
        """Return points (count, d) with every number a little off `centre` (1, d)."""
        points = np.repeat(centre, count, axis=0)
        numbers = len(self._numbers)
        points[:, :numbers] += STEP * rng.standard_normal((count, numbers))
        self._redraw(points, rng.random((count, len(self._choices))) > STAY, rng)
        return self._snapped(points)

    def neighbours(
        self,
        centres: np.ndarray,
        count: int,
        changed: float,
        steps: tuple[float, float],
        rng: np.random.Generator,
    ) -> np.ndarray:
        """Return points (count, d), each beside one of `centres`.

        changed: how many constants move on average, at least one. steps: the least and the largest
        step, as shares of a range.
        """
        numbers = len(self._numbers)
        total = numbers + len(self._choices)
        points = centres[rng.integers(len(centres), size=count)]
        draws = rng.random((count, total))
        moved = draws < rng.choice([1.0, changed, 2 * changed], size=(count, 1)) / total
        moved[np.arange(count), rng.integers(total, size=count)] = True
        size = np.exp(rng.uniform(np.log(steps[0]), np.log(steps[1]), size=(count, 1)))
        points[:, :numbers] += moved[:, :numbers] * size * rng.standard_normal((count, numbers))
        self._redraw(points, moved[:, numbers:], rng)
        return self._snapped(points)

    def alone(self, centre: np.ndarray) -> np.ndarray:
        """Return points (m, d) that differ from `centre` (d,) in one constant each."""
        rows = []
        for column, places in enumerate(self._levels):
            few = 0 < places.size <= FEW
            for place in places if few else centre[column] + ALONE:
                row = centre.copy()
                row[column] = place
                rows.append(row)
        for choice in range(len(self._choices)):
            columns = self._columns(choice)
            for column in columns:
                row = centre.copy()
                row[columns] = CHOSEN * (columns == column)
                rows.append(row)
        points = self._snapped(np.array(rows))
        return points[np.any(points != centre, axis=1)]

    def _columns(self, choice: int) -> np.ndarray:
        return np.flatnonzero(self.groups == len(self._numbers) + choice)

    def _redraw(self, points: np.ndarray, redrawn: np.ndarray, rng: np.random.Generator) -> None:
        """Draw those choices of `points` anew that `redrawn` (n, choices) marks."""
        for choice, parameter in enumerate(self._choices):
            columns = self._columns(choice)
            rows = np.flatnonzero(redrawn[:, choice])
            points[np.ix_(rows, columns)] = 0.0
            drawn = rng.integers(len(levels(parameter)), size=len(rows))
            points[rows, columns[drawn]] = CHOSEN

    def _snapped(self, points: np.ndarray) -> np.ndarray:
        """Return `points` with numbers clipped to their bounds and moved onto their levels."""
        numbers = len(self._numbers)
        points[:, :numbers] = np.clip(points[:, :numbers], 0, 1)
        for column, places in enumerate(self._levels):
            if places.size:
                distances = np.abs(points[:, column, None] - places)
                points[:, column] = places[np.argmin(distances, 1)]
        return points
