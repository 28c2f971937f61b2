"""A scaling law in a fixed time: size against steps; rates and schedules depend on both."""

import math

import numpy as np

from agent.benchmark.task import Task
from agent.benchmark.tasks import TASKS
from agent.benchmark.tasks.fourteen import SPACE, Objective, synthetic
from agent.propose.search.scale import levels
from agent.records.proposals import Configuration

NOISE = 0.0005


def task(name: str) -> Task:
    """Return the task `scaling`."""
    return synthetic(name, TASKS[name].about, scaling, NOISE)


def scaling(seed: int) -> Objective:
    """Return a scaling law: bits per byte as Hoffmann et al. (2022, arXiv 2203.15556) fit them.

    Rates depend on width and batch, schedules on rates; the seed varies the coefficients. A trial
    fails if activations and weights exceed memory, or if a rate is too high for its warm-up.
    """
    rng = np.random.default_rng(seed + 5_000)
    shift = 0.5 * rng.standard_normal(8)
    speed = {choice: 1 + 0.06 * rng.standard_normal() for choice in levels(SPACE.parameters[-1])}
    quality = {choice: 0.004 * rng.standard_normal() for choice in speed}
    limit = 2.5 * math.exp(0.3 * rng.standard_normal())

    def objective(c: Configuration) -> float | None:
        number = {name: float(value) for name, value in c.items() if name != "WINDOW_PATTERN"}
        depth = number["DEPTH"]
        head = number["HEAD_DIM"]
        width = max(1.0, round(depth * number["ASPECT_RATIO"] / head)) * head
        size = depth * width**2 / (8 * 512**2)
        device = number["DEVICE_BATCH_SIZE"] / 128
        total = number["TOTAL_BATCH_SIZE"] / 2**19
        if size * 0.5 + 0.5 * device * depth * width / (8 * 512) > limit:
            return None
        rate = math.log(number["MATRIX_LR"] / 0.04)
        if rate - 4 * number["WARMUP_RATIO"] + 0.5 * math.log(size) > 1.2:
            return None
        if number["EMBEDDING_LR"] * total**-0.25 > 1.8:
            return None
        heads = 1 + 0.1 * abs(math.log2(head / 128))
        throughput = speed[c["WINDOW_PATTERN"]] * device**0.12 / heads
        tokens = throughput / (0.35 + 0.65 * size)
        steps = tokens / total
        best = 0.5 * math.log(total) - 0.4 * math.log(width / 512)
        off = (
            0.010 * (rate - best - 0.4 - 0.5 * shift[0]) ** 2
            + 0.006 * (math.log(number["EMBEDDING_LR"] / 0.6) - 0.5 * best - shift[1]) ** 2
            + 0.003 * (math.log(number["UNEMBEDDING_LR"] / 0.004) - 0.5 * best - shift[2]) ** 2
            + 0.001 * (math.log(number["SCALAR_LR"] / 0.5) - shift[3]) ** 2
            + 0.15 * (number["WEIGHT_DECAY"] * math.exp(0.3 * rate) - 0.15 - 0.1 * shift[4]) ** 2
            + 0.06 * (number["WARMDOWN_RATIO"] - 0.6 - 0.1 * shift[5] - 0.1 * rate) ** 2
            + 0.3 * max(0.0, number["WARMUP_RATIO"] - 0.02) ** 2
            + 0.4 * (number["FINAL_LR_FRAC"] - 0.05 - 0.03 * shift[6]) ** 2
        )
        law = (
            0.55
            + 0.21 * size**-0.28
            + 0.19 * tokens**-0.30
            + 0.02 * (0.3 + steps) ** -0.8
            + 0.004 * (1 + shift[7]) * total
        )
        return float(law + off + quality[c["WINDOW_PATTERN"]])

    return objective
