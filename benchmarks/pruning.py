"""When pruning trainings pays: `python -m benchmarks.pruning`.

The synthetic tasks of benchmarks/functions.py with a simulated curve for each training: its score
at the end, and above it a gap that closes with the square of what is left of the budget. The gap
differs between configurations: not at all (curves never cross), by a little, or by as much as
schedules that decay early or late make it. A run has the time of so many full trainings with
`--prune off` and with `median`, and what is compared is the gain after that time, without the noise
that the method sees.
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

Curve = tuple[tuple[float, float], ...]
# The gap half way is a quarter of this, in bits per byte. It differs by a factor whose logarithm
# has the deviations below.
GAP = 0.4
CROSSING = {"never cross": 0.0, "cross a little": 0.05, "cross": 0.3}
# Of a training's time: a failure shows soon.
FAILURE_SECONDS = 0.1
POINTS = tuple((n + 1) / 20 for n in range(20))


@dataclass
class Night:
    """The outcome of one run."""

    baseline: float
    best: float = math.inf
    """The best true score."""
    trials: int = 0
    spent: float = 0.0
    """In full trainings."""
    pruned: int = 0
    lost: int = 0
    """Pruned trials that were better than everything before."""

    @property
    def gain(self) -> float:
        """True gain of the best trial on the baseline; negative where none was better."""
        return self.baseline - self.best


@dataclass(frozen=True)
class Training:
    """One simulated training; without a score and a curve where it fails."""

    true: float | None
    observed: float
    curve: Curve


class Curves:
    """Simulated training losses on one function of a task."""

    def __init__(self, task: str, seed: int, crossing: float) -> None:
        make, self._deviation = FUNCTIONS[task]
        self._objective = make(seed)
        self._noise = np.random.default_rng(seed + 1_000)
        self._lean = np.random.default_rng(seed + 2_000)
        self._crossing = crossing

    def train(self, configuration: Configuration) -> Training:
        """Return the training of a configuration."""
        true = self._objective(configuration)
        error = self._deviation * self._noise.standard_normal()
        gap = GAP * float(np.exp(self._crossing * self._lean.standard_normal()))
        if true is None:
            return Training(None, 0.0, ())
        observed = true + error
        return Training(
            true, observed, tuple((at, observed + gap * (1 - at) ** 2) for at in POINTS)
        )


def simulate(method: str, task: str, seed: int, crossing: str, prune: bool, budget: float) -> Night:
    """Return one run for the time of `budget` full trainings after the baseline's."""
    curves = Curves(task, seed, CROSSING[crossing])
    suggest = METHODS[method].suggest()
    baseline = curves.train(SPACE.default)
    assert baseline.true is not None, "the given constants work"
    observations = [Observation(SPACE.default, baseline.observed, baseline.curve)]
    night = Night(baseline.true)
    while night.spent < budget:
        configuration = suggest(SPACE, observations, seed)
        training = curves.train(configuration)
        stop = checkpoint_of(training.curve, observations) if prune else None
        night.trials += 1
        if training.true is None:
            observations.append(Observation(configuration, "oom"))
            night.spent += FAILURE_SECONDS
        elif stop is not None:
            so_far = tuple(point for point in training.curve if point[0] <= stop)
            observations.append(Observation(configuration, "pruned", so_far))
            night.spent += stop
            night.pruned += 1
            night.lost += training.true < night.best
        else:
            observations.append(Observation(configuration, training.observed, training.curve))
            night.spent += 1.0
            night.best = min(night.best, training.true)
    return night


def checkpoint_of(curve: Curve, observations: Sequence[Observation]) -> float | None:
    """Return the checkpoint at which a run prunes a training with this curve, or None."""
    rivals = [observation.curve for observation in observations if observation.curve]
    if sum(observation.value is not None for observation in observations) < LEAST:
        return None
    for checkpoint in CHECKPOINTS:
        so_far = [point for point in curve if point[0] <= checkpoint]
        if hopeless(so_far, rivals):
            return checkpoint
    return None


def table(rows: dict[tuple[str, str, str, bool], list[Night]]) -> Iterator[str]:
    """Yield a line for each method, task and kind of curves, `off` beside `median`."""
    yield (
        "method  task     curves           gain: off   median   trials: off  median   pruned   "
        "better ones lost"
    )
    for (method, task, crossing, prune), off in rows.items():
        if prune:
            continue
        median = rows[method, task, crossing, True]
        gains = [float(np.median([night.gain for night in nights])) for nights in (off, median)]
        counts = [fmean(night.trials for night in nights) for nights in (off, median)]
        share = sum(night.pruned for night in median) / sum(night.trials for night in median)
        lost = fmean(night.lost for night in median)
        yield (
            f"{method:8}{task:9}{crossing:15}{gains[0]:11.4f}{gains[1]:9.4f}"
            f"{counts[0]:14.0f}{counts[1]:8.0f}{share:9.0%}{lost:12.1f} a run"
        )


def main() -> None:
    """Simulate all runs, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--methods", default="random,tpe,trust")
    parser.add_argument("--tasks", default="valley")
    parser.add_argument("--budget", type=float, default=40, help="in full trainings")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    methods = options.methods.split(",")
    kinds = list(product(methods, options.tasks.split(","), CROSSING, (False, True)))
    jobs = [
        (method, task, seed, crossing, prune, options.budget)
        for (method, task, crossing, prune), seed in product(kinds, range(options.seeds))
    ]
    with ProcessPoolExecutor(options.workers) as pool:
        nights = list(pool.map(simulate, *zip(*jobs, strict=True)))
    rows = {}
    for number, kind in enumerate(kinds):
        rows[kind] = nights[number * options.seeds : (number + 1) * options.seeds]
    print(
        f"gain after the time of {options.budget:.0f} full trainings, "
        f"median of {options.seeds} seeds; higher is better"
    )
    print("\n".join(table(rows)))


if __name__ == "__main__":
    main()
