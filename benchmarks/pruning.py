"""When giving trainings up pays: `python -m benchmarks.pruning`.

The synthetic tasks of benchmarks/functions.py with a simulated curve for each training: its score at the end, and above it a
gap that closes with the square of what is left of the budget. The gap differs between configurations: not at all (curves never
cross), by a little, or by as much as schedules that decay early or late make it. A run has the time of so many full trainings
with `--prune off` and with `median`, and what is compared is the gain after that time, without the noise that the method sees.
"""

import argparse
import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import product
from statistics import fmean

import numpy as np

from agent.benchmark.tasks.fourteen import SPACE
from agent.judge.pruning import CHECKPOINTS, LEAST, hopeless
from agent.propose import METHODS, Observation
from agent.records.proposals import Configuration
from benchmarks.functions import FUNCTIONS

# The gap half way is a quarter of this, in bits per byte. It differs by a factor whose logarithm has these deviations.
GAP = 0.4
CROSSING = {"never cross": 0.0, "cross a little": 0.05, "cross": 0.3}
# Of a training's time: a failure shows soon.
FAILURE_SECONDS = 0.1
POINTS = tuple((n + 1) / 20 for n in range(20))


@dataclass(frozen=True)
class Night:
    """What one run came to. gain: of its best trial on the baseline, true; negative where none was better. lost: how many were
    given up although they were better than everything before."""

    gain: float
    trials: int
    given_up: int
    lost: int


class Curves:
    """Simulated training losses on one function of a task."""

    def __init__(self, task: str, seed: int, crossing: float) -> None:
        make, self._deviation = FUNCTIONS[task]
        self._objective, self._noise = make(seed), np.random.default_rng(seed + 1_000)
        self._lean, self._crossing = np.random.default_rng(seed + 2_000), crossing

    def train(
        self, configuration: Configuration
    ) -> tuple[float | None, float, tuple[tuple[float, float], ...]]:
        """The true score, the one that is seen, and the curve; no score where it fails."""
        true, error = (
            self._objective(configuration),
            self._deviation * self._noise.standard_normal(),
        )
        gap = GAP * float(np.exp(self._crossing * self._lean.standard_normal()))
        seen = 0.0 if true is None else true + error
        return (
            true,
            seen,
            () if true is None else tuple((at, seen + gap * (1 - at) ** 2) for at in POINTS),
        )


def play(method: str, task: str, seed: int, crossing: str, prune: bool, budget: float) -> Night:
    """One run for the time of `budget` full trainings after the baseline's."""
    curves, suggest = Curves(task, seed, CROSSING[crossing]), METHODS[method].suggest()
    start, value, curve = curves.train(SPACE.default)
    assert start is not None, "the given constants work"
    seen, best, spent, given_up, lost = (
        [Observation(SPACE.default, value, curve)],
        math.inf,
        0.0,
        0,
        0,
    )
    while spent < budget:
        configuration = suggest(SPACE, seen, seed)
        true, value, curve = curves.train(configuration)
        stop = checkpoint_of(curve, seen) if prune else None
        if true is None:
            seen.append(Observation(configuration, "oom"))
            spent += FAILURE_SECONDS
        elif stop is not None:
            seen.append(
                Observation(
                    configuration, "pruned", tuple(point for point in curve if point[0] <= stop)
                )
            )
            spent, given_up, lost = spent + stop, given_up + 1, lost + (true < best)
        else:
            seen.append(Observation(configuration, value, curve))
            spent, best = spent + 1.0, min(best, true)
    return Night(start - best, len(seen) - 1, given_up, lost)


def checkpoint_of(
    curve: Sequence[tuple[float, float]], seen: Sequence[Observation]
) -> float | None:
    """The checkpoint at which a training with this curve is given up, as a run would; None where it is not."""
    rivals = [observation.curve for observation in seen if observation.curve]
    if sum(observation.value is not None for observation in seen) < LEAST:
        return None
    so_far = ((at, [point for point in curve if point[0] <= at]) for at in CHECKPOINTS)
    return next((at for at, points in so_far if hopeless(points, rivals)), None)


def table(rows: dict[tuple[str, str, str, bool], list[Night]]) -> Iterator[str]:
    """One line for each method, task and kind of curves, `off` beside `median`."""
    yield "method  task     curves           gain: off   median   trials: off  median   given up   better ones lost"
    for (method, task, crossing, prune), without in rows.items():
        if not prune:
            pruned = rows[method, task, crossing, True]
            gains = [
                float(np.median([night.gain for night in nights])) for nights in (without, pruned)
            ]
            counts = [fmean(night.trials for night in nights) for nights in (without, pruned)]
            share = sum(night.given_up for night in pruned) / sum(night.trials for night in pruned)
            lost = fmean(night.lost for night in pruned)
            yield (
                f"{method:8}{task:9}{crossing:15}{gains[0]:11.4f}{gains[1]:9.4f}{counts[0]:14.0f}{counts[1]:8.0f}"
                f"{share:11.0%}{lost:12.1f} a run"
            )


def main() -> None:
    """Play all, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--methods", default="random,tpe,trust")
    parser.add_argument("--tasks", default="valley")
    parser.add_argument("--budget", type=float, default=40, help="in full trainings")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args()
    kinds = list(product(asked.methods.split(","), asked.tasks.split(","), CROSSING, (False, True)))
    jobs = [
        (method, task, seed, crossing, prune)
        for method, task, crossing, prune in kinds
        for seed in range(asked.seeds)
    ]
    with ProcessPoolExecutor(asked.workers) as pool:
        nights = list(pool.map(play, *zip(*jobs, strict=True), [asked.budget] * len(jobs)))
    rows = {kind: nights[n * asked.seeds : (n + 1) * asked.seeds] for n, kind in enumerate(kinds)}
    print(
        f"gain after the time of {asked.budget:.0f} full trainings, median of {asked.seeds} seeds; higher is better"
    )
    print("\n".join(table(rows)))


if __name__ == "__main__":
    main()
