"""Kinks, ripples and products of pairs; half of the space fails, and the noise is high."""

import math

import numpy as np

from agent.benchmark.task import Task
from agent.benchmark.tasks import TASKS
from agent.benchmark.tasks.fourteen import NUMBERS, SPACE, START, Objective, places, synthetic
from agent.propose.search.scale import levels, nearest_level
from agent.records.proposals import Configuration

NOISE = 0.002


def task(name: str) -> Task:
    """Return the task `rugged`."""
    return synthetic(name, TASKS[name].about, rugged, NOISE)


def rugged(seed: int) -> Objective:
    """Return kinks, ripples and products of pairs, which depend on the choice of a window pattern.

    Half of the space fails, behind walls of any direction.
    """
    rng = np.random.default_rng(seed + 9_000)
    count = len(NUMBERS)
    bottom = np.clip(START + 0.2 * rng.standard_normal(count), 0, 1)
    kinks = 0.12 * rng.lognormal(-1.5, 1.0, count)
    ripples = 0.004 * rng.random(count)
    pairs = [
        (*rng.choice(count, 2, replace=False), 0.15 * rng.standard_normal()) for _ in range(10)
    ]
    moved = [
        0.15 * rng.standard_normal(count) * (rng.random(count) < 0.2)
        for _ in levels(SPACE.parameters[-1])
    ]
    walls = []
    for _ in range(4):
        direction = rng.standard_normal(count) * (rng.random(count) < 0.4)
        direction /= np.linalg.norm(direction) or 1.0
        walls.append((direction, float(direction @ START) + 0.25))

    def objective(configuration: Configuration) -> float | None:
        x = places(configuration)
        if any(direction @ x > edge for direction, edge in walls):
            return None
        pattern = nearest_level(SPACE.parameters[-1], configuration["WINDOW_PATTERN"])
        off = x - bottom - moved[pattern]
        slopes = float(np.sum(kinks * np.abs(off) ** 1.3))
        products = sum(weight * abs(off[i] * off[j]) for i, j, weight in pairs)
        waves = float(np.sum(ripples * (1 - np.cos(6 * math.pi * off))))
        return 0.97 + slopes + 0.5 * float(max(products, -0.02)) + waves

    return objective
