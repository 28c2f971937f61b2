"""A tilted bowl, a little off the start (`valley`) or far from it (`far`): what starting there gains and costs."""

import numpy as np

from agent.benchmark.task import Task
from agent.benchmark.tasks import TASKS
from agent.benchmark.tasks.fourteen import NUMBERS, SPACE, START, Objective, places, synthetic
from agent.propose.search.scale import levels
from agent.records.proposals import Configuration

NOISE = 0.0005


def task(name: str) -> Task:
    """`valley` or `far`."""
    return synthetic(name, TASKS[name].about, {"valley": valley, "far": far}[name], NOISE)


def valley(seed: int, offset: float = 0.15) -> Objective:
    """A tilted bowl whose bottom lies `offset` of the range off the start in each constant; big models and high rates fail."""
    rng = np.random.default_rng(seed)
    bottom = np.clip(START + offset * rng.standard_normal(len(NUMBERS)), 0, 1)
    weights = 0.3 * rng.lognormal(-1.5, 1.0, len(NUMBERS))
    tilt = np.linalg.qr(
        np.eye(len(NUMBERS)) + 0.3 * rng.standard_normal((len(NUMBERS), len(NUMBERS)))
    )[0]
    bonus = {choice: 0.01 * rng.standard_normal() for choice in levels(SPACE.parameters[-1])}

    def objective(configuration: Configuration) -> float | None:
        width = float(configuration["DEPTH"]) * float(configuration["ASPECT_RATIO"])
        memory = (
            width
            * width
            * float(configuration["DEPTH"])
            * float(configuration["DEVICE_BATCH_SIZE"])
        )
        if (
            memory > 8 * (512 * 512 * 8 * 128)
            or float(configuration["MATRIX_LR"]) * float(configuration["EMBEDDING_LR"]) > 0.15
        ):
            return None
        slope = tilt @ (places(configuration) - bottom)
        return 0.97 + float(np.sum(weights * slope**2)) + bonus[configuration["WINDOW_PATTERN"]]

    return objective


def far(seed: int) -> Objective:
    """The valley with its bottom far from the start: what a start from the given constants costs where they are poor."""
    return valley(seed, offset=0.4)
