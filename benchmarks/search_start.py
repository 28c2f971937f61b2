"""How far the search methods get in a short run: `python -m benchmarks.search_start`.

The space is the 14 constants that the papers tune, started where they stand. The objective is synthetic, made to have what
the real one has: a valley whose bottom lies a little off the start, coupled learning rates, flat and irrelevant constants,
models too big or rates too high that fail, and noise on every score. Each seed moves the bottom of the valley and the
couplings. Printed is the median over seeds of the best score so far, without its noise.
"""

import argparse
import math
from collections.abc import Callable
from statistics import median

import numpy as np

from agent.propose import Observation, cmaes, random, tpe
from agent.propose.scale import is_fixed, levels, to_unit
from agent.propose.suggest import Suggest
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
SEARCHES: dict[str, Suggest] = {"random": random.suggest, "tpe": tpe.suggest, "cmaes": cmaes.suggest}
CHECKPOINTS = (10, 25, 50, 100)
# Of the range: how far the bottom of the valley lies from the start in each constant, standard deviation.
OFFSET = 0.15
NOISE = 0.0005
Objective = Callable[[Configuration], float | None]


def make_objective(space: Space, seed: int) -> Objective:
    """A loss like val_bpb over `space`, about 1 at the start; None is a failed trial."""
    rng = np.random.default_rng(seed)
    numbers = [p for p in space.parameters if p.kind != "categorical" and not is_fixed(p)]
    start = np.array([to_unit(p, p.default) for p in numbers])
    bottom = np.clip(start + OFFSET * rng.standard_normal(len(numbers)), 0, 1)
    weights = 0.3 * rng.lognormal(-1.5, 1.0, len(numbers))
    tilt = np.linalg.qr(np.eye(len(numbers)) + 0.3 * rng.standard_normal((len(numbers), len(numbers))))[0]
    bonus = {choice: 0.01 * rng.standard_normal() for choice in levels(space.parameters[-1])}

    def objective(configuration: Configuration) -> float | None:
        x = np.array([to_unit(p, configuration[p.name]) for p in numbers])
        width = float(configuration["DEPTH"]) * float(configuration["ASPECT_RATIO"])
        memory = width * width * float(configuration["DEPTH"]) * float(configuration["DEVICE_BATCH_SIZE"])
        if memory > 8 * (512 * 512 * 8 * 128) or float(configuration["MATRIX_LR"]) * float(configuration["EMBEDDING_LR"]) > 0.15:
            return None
        slope = tilt @ (x - bottom)
        return 0.97 + float(np.sum(weights * slope**2)) + bonus[configuration["WINDOW_PATTERN"]]

    return objective


def best_so_far(suggest: Suggest, space: Space, objective: Objective, seed: int, trials: int) -> tuple[list[float], float]:
    """The best true score after each of `trials`, the baseline's before the first, and the share that failed; the method sees
    noisy scores."""
    noise = np.random.default_rng(seed + 1_000)

    def observed(configuration: Configuration) -> Observation:
        value = objective(configuration)
        shown = None if value is None else value + NOISE * noise.standard_normal()
        return Observation(configuration, "oom" if shown is None else shown)

    seen = [observed(space.default)]
    best = [objective(space.default) or math.inf]
    for _ in range(trials):
        configuration = suggest(space, seen, seed)
        seen.append(observed(configuration))
        best.append(min(best[-1], objective(configuration) or math.inf))
    return best, sum(observation.failure is not None for observation in seen) / trials


def compare(trials: int, seeds: int) -> dict[str, tuple[list[float], float]]:
    """For each method, medians over seeds: what is gained on the baseline after each number of trials, and the failed share."""
    space = read_space(SOURCE)
    rows: dict[str, tuple[list[float], float]] = {}
    for name, suggest in SEARCHES.items():
        runs = [best_so_far(suggest, space, make_objective(space, seed), seed, trials) for seed in range(seeds)]
        gains = [median(best[0] - best[after] for best, _ in runs) for after in range(trials + 1)]
        rows[name] = gains, median(failed for _, failed in runs)
    return rows


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=50)
    parser.add_argument("--seeds", type=int, default=9)
    options = parser.parse_args()
    points = [point for point in CHECKPOINTS if point <= options.trials]
    print(f"gain on the baseline, median of {options.seeds} seeds; higher is better")
    print("method   " + "".join(f"{f'{point} trials':>12}" for point in points) + "      failed")
    for name, (gains, failed) in compare(options.trials, options.seeds).items():
        print(f"{name:<9}" + "".join(f"{gains[point]:12.4f}" for point in points) + f"{failed:12.0%}")


if __name__ == "__main__":
    main()
