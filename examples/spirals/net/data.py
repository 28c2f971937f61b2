"""The points of two spirals: the same in every run, so that scores compare."""

import numpy as np

SEEDS = {"train": 1, "val": 2}
TURNS = 2.0
NOISE = 0.06
COUNT = 600


def spirals(split: str) -> tuple[np.ndarray, np.ndarray]:
    """Return points (COUNT, 2) and the spiral that each is on, 0 or 1."""
    rng = np.random.default_rng(SEEDS[split])
    labels = rng.integers(2, size=COUNT)
    along = np.sqrt(rng.random(COUNT))
    angle = 2 * np.pi * TURNS * along + np.pi * labels
    points = np.stack([along * np.cos(angle), along * np.sin(angle)], axis=1)
    return points + rng.normal(0, NOISE, points.shape), labels
