"""Configurations as points of a cube, and the points around some of them that would run as they are."""

from collections.abc import Sequence

import numpy as np

from agent.propose.search.scale import from_unit, is_fixed, levels, nearest_level, to_unit
from agent.records.proposals import Configuration, Value
from agent.space import Space

# How far `around` goes, in ranges, and how often it leaves a choice as it is.
STEP = 0.1
STAY = 0.75
# The length of a choice's column: two choices that differ are then one range apart.
CHOSEN = 0.5**0.5
# Changed alone, a number goes to each of its levels where they are few, else so far to either side, in ranges.
FEW = 8
ALONE = np.array([-0.25, -0.12, 0.12, 0.25])


class Grid:
    """Configurations as points: a column for each number on its unit interval, one for each choice of the others."""

    def __init__(self, space: Space) -> None:
        self._default = space.default
        free = [p for p in space.parameters if not is_fixed(p)]
        self._numbers = [p for p in free if p.kind != "categorical"]
        self._choices = [p for p in free if p.kind == "categorical"]
        self._levels = [np.array([to_unit(p, level) for level in levels(p)]) for p in self._numbers]
        sizes = [1] * len(self._numbers) + [len(levels(p)) for p in self._choices]
        self.groups = np.repeat(np.arange(len(sizes)), sizes)

    def points(self, configurations: Sequence[Configuration]) -> np.ndarray:
        """(n, d); two choices that differ are a range apart."""
        return np.array([self._point(configuration) for configuration in configurations])

    def _point(self, configuration: Configuration) -> list[float]:
        row = [to_unit(p, configuration[p.name]) for p in self._numbers]
        for p in self._choices:
            chosen = nearest_level(p, configuration[p.name])
            row += [CHOSEN * (place == chosen) for place in range(len(levels(p)))]
        return row

    def configuration(self, point: np.ndarray) -> Configuration:
        """The constants at a point."""
        values: dict[str, Value] = {}
        for column, p in enumerate(self._numbers):
            values[p.name] = (
                levels(p)[int(np.argmin(np.abs(self._levels[column] - point[column])))]
                if levels(p)
                else from_unit(p, float(point[column]))
            )
        for group, p in enumerate(self._choices, len(self._numbers)):
            values[p.name] = levels(p)[int(np.argmax(point[self.groups == group]))]
        return {**self._default, **values}

    def around(self, centre: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
        """(count, d): points with every number a little off `centre` (1, d)."""
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
        """(count, d): around one of `centres` each, with `changed` constants moved on average, at least one."""
        total = len(self._numbers) + len(self._choices)
        points = centres[rng.integers(len(centres), size=count)]
        moved = (
            rng.random((count, total))
            < rng.choice([1.0, changed, 2 * changed], size=(count, 1)) / total
        )
        moved[np.arange(count), rng.integers(total, size=count)] = True
        size = np.exp(rng.uniform(np.log(steps[0]), np.log(steps[1]), size=(count, 1)))
        numbers = len(self._numbers)
        points[:, :numbers] += moved[:, :numbers] * size * rng.standard_normal((count, numbers))
        self._redraw(points, moved[:, numbers:], rng)
        return self._snapped(points)

    def alone(self, centre: np.ndarray) -> np.ndarray:
        """(m, d): the point `centre` (d,) with one constant changed alone, for each constant to a few other places."""
        rows = []
        for column, places in enumerate(self._levels):
            for place in places if 0 < places.size <= FEW else centre[column] + ALONE:
                rows.append(centre.copy())
                rows[-1][column] = place
        for choice in range(len(self._choices)):
            columns = self._columns(choice)
            for column in columns:
                rows.append(centre.copy())
                rows[-1][columns] = CHOSEN * (columns == column)
        points = self._snapped(np.array(rows))
        return points[np.any(points != centre, axis=1)]

    def _columns(self, choice: int) -> np.ndarray:
        return np.flatnonzero(self.groups == len(self._numbers) + choice)

    def _redraw(self, points: np.ndarray, redrawn: np.ndarray, rng: np.random.Generator) -> None:
        """Draw the choices anew that `redrawn` (n, choices) says."""
        for choice, p in enumerate(self._choices):
            columns, rows = self._columns(choice), np.flatnonzero(redrawn[:, choice])
            points[np.ix_(rows, columns)] = 0.0
            points[rows, columns[rng.integers(len(levels(p)), size=len(rows))]] = CHOSEN

    def _snapped(self, points: np.ndarray) -> np.ndarray:
        """The numbers within their bounds, and on their levels."""
        numbers = len(self._numbers)
        points[:, :numbers] = np.clip(points[:, :numbers], 0, 1)
        for column, places in enumerate(self._levels):
            if places.size:
                points[:, column] = places[np.argmin(np.abs(points[:, column, None] - places), 1)]
        return points
