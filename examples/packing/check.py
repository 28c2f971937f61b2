"""Runs pack.py, checks that its circles neither overlap nor leave the square, and prints the sum.

Best known for 26 circles: 2.63586.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np

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
    subprocess.run([sys.executable, "pack.py"], check=True)
    circles = np.array(json.loads(Path("packing.json").read_text()), dtype=float)
    fault = fault_of(circles)
    if fault:
        sys.exit(f"no valid packing: {fault}")
    print(f"sum_of_radii: {circles[:, 2].sum():.9f}")


if __name__ == "__main__":
    main()
