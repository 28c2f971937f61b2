"""How far the search methods get from the given constants: `python -m benchmarks.search_start --methods trust,cmaes,tpe,random`.

For each task (benchmarks/search_tasks.py, synthetic) and number of trials: what is gained on the baseline, median over the seeds,
without the noise that the method sees; then the spread (half the distance between the quartiles), the share of trials that
failed, in all and after the first twenty, processor time a proposal, and the trials needed for what `tpe` had at the end.
"""

import argparse
import math
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np

from agent.propose import METHODS, Observation
from agent.records import Configuration
from benchmarks.search_tasks import TASKS

CHECKPOINTS = (25, 50, 100, 300)
# The failures up to here teach; after it they are waste.
LEARNT = 20
YARDSTICK = "tpe"


@dataclass(frozen=True)
class Run:
    """One method on one function. best: the true score after each trial, the baseline's before the first; failed: likewise."""

    method: str
    task: str
    best: tuple[float, ...]
    failed: tuple[bool, ...]
    seconds: float

    def gain(self, trials: int) -> float:
        """What is gained on the baseline after so many trials."""
        return self.best[0] - self.best[trials]


def play(method: str, task: str, seed: int, trials: int) -> Run:
    """Search for `trials` from the given constants; every method meets the same function and the same stream of noise."""
    about, suggest = TASKS[task], METHODS[method].suggest()
    objective, noise = about.make(seed), np.random.default_rng(seed + 1_000)
    seen: list[Observation] = []
    best, failed, spent = math.inf, [], 0.0
    scores = []

    def see(configuration: Configuration) -> None:
        nonlocal best
        value, error = objective(configuration), about.noise * noise.standard_normal()
        seen.append(Observation(configuration, "oom" if value is None else value + error))
        best = best if value is None else min(best, value)
        scores.append(best)
        failed.append(value is None)

    see(about.space.default)
    for _ in range(trials):
        began = time.process_time()
        configuration = suggest(about.space, seen, seed)
        spent += time.process_time() - began
        see(configuration)
    return Run(method, task, tuple(scores), tuple(failed), spent / trials)


def table(runs: Sequence[Run], trials: int) -> Iterator[str]:
    """One block a task, one line a method."""
    points = [point for point in CHECKPOINTS if point <= trials]
    for task in dict.fromkeys(run.task for run in runs):
        yield f"\n{task}: {TASKS[task].description}"
        yield "method  " + "".join(f"{point:>9}" for point in points) + "    spread  failed  after 20  ms  as tpe at"
        rows = {name: [r for r in runs if (r.method, r.task) == (name, task)] for name in dict.fromkeys(r.method for r in runs)}
        goal = np.median([run.gain(trials) for run in rows[YARDSTICK]]) if YARDSTICK in rows else None
        for name, played in rows.items():
            gains = np.array([[run.best[0] - score for score in run.best] for run in played])
            quartiles = np.quantile(gains[:, trials], (0.25, 0.75))
            middle = np.median(gains, axis=0)
            equal = next((str(n) for n in range(trials + 1) if goal is not None and middle[n] >= goal), "-")
            failed = np.array([run.failed for run in played])
            yield (
                f"{name:8}" + "".join(f"{middle[point]:9.4f}" for point in points) + f"{np.ptp(quartiles) / 2:10.4f}"
                f"{failed[:, 1:].mean():8.0%}{failed[:, LEARNT + 1 :].mean():10.1%}"
                f"{1000 * np.mean([run.seconds for run in played]):4.0f}{equal:>11}"
            )


def main() -> None:
    """Play all, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--methods", default="random,tpe,cmaes,trust")
    parser.add_argument("--tasks", default=",".join(TASKS))
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first-seed", type=int, default=100, help="the methods' settings were chosen on seeds below 100")
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args()
    seeds = range(asked.first_seed, asked.first_seed + asked.seeds)
    jobs = [(method, task, seed) for task in asked.tasks.split(",") for method in asked.methods.split(",") for seed in seeds]
    with ProcessPoolExecutor(asked.workers) as pool:
        runs = list(pool.map(play, *zip(*jobs, strict=True), [asked.trials] * len(jobs)))
    print(f"gain on the baseline after so many trials, median of {asked.seeds} seeds; higher is better")
    print("\n".join(table(runs, asked.trials)))


if __name__ == "__main__":
    main()
