"""Packs 26 circles into the unit square: three rings of centres, and the best radii for them."""

import json
from pathlib import Path

import numpy as np
from scipy.optimize import linprog

COUNT = 26
INNER = 9  # circles of the inner ring [5 .. 12]
INNER_RADIUS = 0.22  # [0.1 .. 0.35]
OUTER_RADIUS = 0.44  # [0.3 .. 0.65]
INNER_TURN = 0.0  # radians [0 .. 0.7]
OUTER_TURN = 0.1  # radians [0 .. 0.4]
MARGIN = 0.07  # centres stay this far inside the square [0.02 .. 0.12]


def ring(count: int, radius: float, turn: float) -> np.ndarray:
    angles = turn + 2 * np.pi * np.arange(count) / count
    return 0.5 + radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)


def centres() -> np.ndarray:
    middle = np.array([[0.5, 0.5]])
    inner = ring(INNER, INNER_RADIUS, INNER_TURN)
    outer = ring(COUNT - 1 - INNER, OUTER_RADIUS, OUTER_TURN)
    return np.clip(np.concatenate([middle, inner, outer]), MARGIN, 1 - MARGIN)


def radii(points: np.ndarray) -> np.ndarray:
    """Return the radii with the largest sum that these centres allow: a linear program."""
    rows = []
    limits = []
    for first in range(COUNT):
        for second in range(first):
            row = np.zeros(COUNT)
            row[[first, second]] = 1
            rows.append(row)
            limits.append(np.linalg.norm(points[first] - points[second]))
    walls = np.minimum(points, 1 - points).min(axis=1)
    bounds = [(0, wall) for wall in walls]
    result = linprog(-np.ones(COUNT), np.array(rows), np.array(limits), bounds=bounds)
    return np.maximum(result.x * (1 - 1e-9), 0)


def main() -> None:
    points = centres()
    circles = np.column_stack([points, radii(points)])
    Path("packing.json").write_text(json.dumps(circles.tolist()))


if __name__ == "__main__":
    main()
