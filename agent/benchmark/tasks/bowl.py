"""A tilted bowl, its bottom a little off the start (`valley`) or far from it (`far`)."""

import numpy as np

from agent.benchmark.task import Task
from agent.benchmark.tasks import TASKS
from agent.benchmark.tasks.fourteen import NUMBERS, SPACE, START, Objective, places, synthetic
from agent.propose.search.scale import levels
from agent.records.proposals import Configuration

NOISE = 0.0005
# Eight times what the start takes: width squared, depth, and batch.
MAX_MEMORY = 8 * (512 * 512 * 8 * 128)
MAX_RATES = 0.15


def task(name: str) -> Task:
    """Return the task `valley` or `far`."""
    make = {"valley": valley, "far": far}[name]
    return synthetic(name, TASKS[name].about, make, NOISE)


def valley(seed: int, offset: float = 0.15) -> Objective:
    """Return a bowl whose bottom is about `offset` of the range off the start in each constant.

    Big models and high rates fail.
    """
    rng = np.random.default_rng(seed)
    count = len(NUMBERS)
    bottom = np.clip(START + offset * rng.standard_normal(count), 0, 1)
    weights = 0.3 * rng.lognormal(-1.5, 1.0, count)
    tilt = np.linalg.qr(np.eye(count) + 0.3 * rng.standard_normal((count, count)))[0]
    bonus = {choice: 0.01 * rng.standard_normal() for choice in levels(SPACE.parameters[-1])}

    def objective(configuration: Configuration) -> float | None:
        depth = float(configuration["DEPTH"])
        width = depth * float(configuration["ASPECT_RATIO"])
        memory = width * width * depth * float(configuration["DEVICE_BATCH_SIZE"])
        rates = float(configuration["MATRIX_LR"]) * float(configuration["EMBEDDING_LR"])
        if memory > MAX_MEMORY or rates > MAX_RATES:
            return None
        slope = tilt @ (places(configuration) - bottom)
        return 0.97 + float(np.sum(weights * slope**2)) + bonus[configuration["WINDOW_PATTERN"]]

    return objective


def far(seed: int) -> Objective:
    """Return the bowl with its bottom far from the start: the constants to start from are poor."""
    return valley(seed, offset=0.4)
