"""Checks that the circles of packing.json neither overlap nor leave the square, and sums radii.

No run sees this file or writes where it runs. Best known for 26 circles: 2.63586.
"""

import json
from pathlib import Path

import numpy as np
from autoresearch_evaluate import report

COUNT = 26
SLACK = 1e-9


def fault_of(circles: np.ndarray) -> str:
    """Return what is wrong with a packing; "" for a valid one."""
    if circles.shape != (COUNT, 3) or not np.isfinite(circles).all():
        return f"it is not {COUNT} circles of three finite numbers"
    points = circles[:, :2]
    radii = circles[:, 2]
    if (radii < 0).any():
        return "a radius is negative"
    if ((points - radii[:, None] < -SLACK) | (points + radii[:, None] > 1 + SLACK)).any():
        return "a circle leaves the square"
    gaps = np.linalg.norm(points[:, None] - points[None], axis=2) - radii[:, None] - radii[None]
    if gaps[np.triu_indices(COUNT, 1)].min() < -SLACK:
        return "two circles overlap"
    return ""


def main() -> None:
    circles = np.array(json.loads(Path("packing.json").read_text()), dtype=float)
    fault = fault_of(circles)
    if fault:
        raise ValueError(f"no valid packing: {fault}")
    report(sum_of_radii=float(circles[:, 2].sum()))


if __name__ == "__main__":
    main()
