"""Synthetic tasks for the search methods: 14 mixed constants, started where they stand, with failures, noise and interactions.

None of them is a training. Each is made to have one thing that real ones have; each seed of a task is another function.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from agent.propose.scale import is_fixed, levels, nearest_level, to_unit
from agent.records import Configuration
from agent.space import Space, read_space

SOURCE = """
DEPTH = 8  # [4 .. 24]
ASPECT_RATIO = 64  # [32 .. 128]
HEAD_DIM = 128  # [64 .. 256 pow2]
DEVICE_BATCH_SIZE = 128  # [32 .. 256 pow2]
TOTAL_BATCH_SIZE = 524288  # [65536 .. 2097152 pow2]
EMBEDDING_LR = 0.6  # [0.01 .. 2 log]
UNEMBEDDING_LR = 0.004  # [0.0005 .. 0.05 log]
MATRIX_LR = 0.04  # [0.005 .. 0.2 log]
SCALAR_LR = 0.5  # [0.05 .. 2 log]
WEIGHT_DECAY = 0.2  # [0 .. 0.5]
WARMUP_RATIO = 0.0  # [0 .. 0.3]
WARMDOWN_RATIO = 0.5  # [0.1 .. 0.8]
FINAL_LR_FRAC = 0.0  # [0 .. 0.2]
WINDOW_PATTERN = "SSSL"  # [SSSL | SSLL | SLSL | LLLL | SSSS | LSSL]
"""
SPACE = read_space(SOURCE)
NUMBERS = [p for p in SPACE.parameters if p.kind != "categorical" and not is_fixed(p)]
START = np.array([to_unit(p, p.default) for p in NUMBERS])
Objective = Callable[[Configuration], float | None]


@dataclass(frozen=True)
class Task:
    """A family of functions over SPACE: `make(seed)` is one, None where the trial fails. noise: standard deviation of a score."""

    make: Callable[[int], Objective]
    noise: float
    description: str
    space: Space = SPACE


def places(configuration: Configuration) -> np.ndarray:
    """The numbers of a configuration on the unit interval, in the order of NUMBERS."""
    return np.array([to_unit(p, configuration[p.name]) for p in NUMBERS])


def valley(seed: int, offset: float = 0.15) -> Objective:
    """A tilted bowl whose bottom lies `offset` of the range off the start in each constant; big models and high rates fail."""
    rng = np.random.default_rng(seed)
    bottom = np.clip(START + offset * rng.standard_normal(len(NUMBERS)), 0, 1)
    weights = 0.3 * rng.lognormal(-1.5, 1.0, len(NUMBERS))
    tilt = np.linalg.qr(np.eye(len(NUMBERS)) + 0.3 * rng.standard_normal((len(NUMBERS), len(NUMBERS))))[0]
    bonus = {choice: 0.01 * rng.standard_normal() for choice in levels(SPACE.parameters[-1])}

    def objective(configuration: Configuration) -> float | None:
        width = float(configuration["DEPTH"]) * float(configuration["ASPECT_RATIO"])
        memory = width * width * float(configuration["DEPTH"]) * float(configuration["DEVICE_BATCH_SIZE"])
        if memory > 8 * (512 * 512 * 8 * 128) or float(configuration["MATRIX_LR"]) * float(configuration["EMBEDDING_LR"]) > 0.15:
            return None
        slope = tilt @ (places(configuration) - bottom)
        return 0.97 + float(np.sum(weights * slope**2)) + bonus[configuration["WINDOW_PATTERN"]]

    return objective


def far(seed: int) -> Objective:
    """The valley with its bottom far from the start: what a start from the given constants costs where they are poor."""
    return valley(seed, offset=0.4)


def scaling(seed: int) -> Objective:
    """A scaling law under a fixed time: size against steps, rates that depend on width and batch, schedules that depend on rates.

    Bits per byte as Hoffmann et al. (2022, arXiv 2203.15556) fit them, coefficients varied by the seed; out of memory by
    activations and weights, divergence by a rate too high for its warm-up.
    """
    rng = np.random.default_rng(seed + 5_000)
    shift = 0.5 * rng.standard_normal(8)
    speed = {choice: 1 + 0.06 * rng.standard_normal() for choice in levels(SPACE.parameters[-1])}
    quality = {choice: 0.004 * rng.standard_normal() for choice in speed}
    limit = 2.5 * math.exp(0.3 * rng.standard_normal())

    def objective(c: Configuration) -> float | None:
        number = {name: float(value) for name, value in c.items() if name != "WINDOW_PATTERN"}
        depth, head = number["DEPTH"], number["HEAD_DIM"]
        width = max(1.0, round(depth * number["ASPECT_RATIO"] / head)) * head
        size, device, total = (
            depth * width**2 / (8 * 512**2),
            number["DEVICE_BATCH_SIZE"] / 128,
            number["TOTAL_BATCH_SIZE"] / 2**19,
        )
        if size * 0.5 + 0.5 * device * depth * width / (8 * 512) > limit:
            return None
        rate = math.log(number["MATRIX_LR"] / 0.04)
        if rate - 4 * number["WARMUP_RATIO"] + 0.5 * math.log(size) > 1.2 or number["EMBEDDING_LR"] * total**-0.25 > 1.8:
            return None
        throughput = speed[c["WINDOW_PATTERN"]] * device**0.12 / (1 + 0.1 * abs(math.log2(head / 128)))
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
        law = 0.55 + 0.21 * size**-0.28 + 0.19 * tokens**-0.30 + 0.02 * (0.3 + steps) ** -0.8 + 0.004 * (1 + shift[7]) * total
        return law + off + quality[c["WINDOW_PATTERN"]]

    return objective


def rugged(seed: int) -> Objective:
    """Kinks, ripples and products of pairs that depend on the choice; half of the space fails behind walls of any direction."""
    rng = np.random.default_rng(seed + 9_000)
    count = len(NUMBERS)
    bottom = np.clip(START + 0.2 * rng.standard_normal(count), 0, 1)
    kinks, ripples = 0.12 * rng.lognormal(-1.5, 1.0, count), 0.004 * rng.random(count)
    pairs = [(*rng.choice(count, 2, replace=False), 0.15 * rng.standard_normal()) for _ in range(10)]
    moved = [0.15 * rng.standard_normal(count) * (rng.random(count) < 0.2) for _ in levels(SPACE.parameters[-1])]
    walls = []
    for _ in range(4):
        direction = rng.standard_normal(count) * (rng.random(count) < 0.4)
        direction /= np.linalg.norm(direction) or 1.0
        walls.append((direction, float(direction @ START) + 0.25))

    def objective(configuration: Configuration) -> float | None:
        x = places(configuration)
        if any(direction @ x > edge for direction, edge in walls):
            return None
        off = x - bottom - moved[nearest_level(SPACE.parameters[-1], configuration["WINDOW_PATTERN"])]
        products = sum(weight * abs(off[one] * off[two]) for one, two, weight in pairs)
        waves = float(np.sum(ripples * (1 - np.cos(6 * math.pi * off))))
        return 0.97 + float(np.sum(kinks * np.abs(off) ** 1.3)) + 0.5 * max(products, -0.02) + waves

    return objective


TASKS: dict[str, Task] = {
    "valley": Task(valley, 0.0005, "a tilted bowl a little off the start; big models and high rates fail"),
    "scaling": Task(scaling, 0.0005, "a scaling law under a fixed time; size, batch, rates and schedules depend on each other"),
    "rugged": Task(rugged, 0.002, "kinks, ripples and pairs; half of the space fails, and the noise is four times as high"),
    "far": Task(far, 0.0005, "the bowl far from the start"),
}
