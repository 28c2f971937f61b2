"""How the methods rank: per task, over all tasks, and which differences are more than chance."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from agent.benchmark.results import LEARNT, Line, Results, Run, Setup
from agent.benchmark.statistics import Comparison, Reached, compare, gains, ranks, reached

CHECKPOINTS = (10, 25, 50, 100, 200, 300)
YARDSTICK = ("optuna-tpe", "tpe", "random")
"""The first of these that has runs: how soon the other methods reach its result is counted."""

Lines = Mapping[str, Sequence[Sequence[Line]]]
"""By method: the lines of each of its runs, in the order of the seeds."""


@dataclass(frozen=True)
class Ranking:
    """One method on one task."""

    method: str
    seeds: int
    gain: dict[int, float]
    """On the baseline after each checkpoint, mean over the seeds."""
    spread: float
    """Standard deviation of the final gain over the seeds."""
    score: float
    """Of the final incumbent, mean over the seeds."""
    rank: float
    """Mean over the seeds, at the end; 1 is best."""
    failed: float
    """Share of the trials."""
    late: float
    """Share of the trials after the first LEARNT that failed."""
    propose_seconds: float
    evaluate_seconds: float
    """Means of one trial."""
    tokens: int
    dollars: float | None
    """None if a price is unknown."""
    reached: Reached
    """After how many trials the mean gain is what the yardstick has at the end."""
    beaten: float | None
    """p after Holm of the paired test against the best method; None for that method."""


@dataclass(frozen=True)
class TaskResults:
    """One task with all methods that have complete runs of it."""

    setup: Setup
    trials: int
    seeds: tuple[int, ...]
    unfinished: int
    """Runs that are left out."""
    yardstick: str
    curves: dict[str, np.ndarray]
    """By method: (seeds, trials + 1) gains."""
    seconds: dict[str, np.ndarray]
    """By method: (seeds, trials + 1) seconds spent so far."""
    rankings: tuple[Ranking, ...]
    """Best first."""
    comparisons: tuple[Comparison, ...]


@dataclass(frozen=True)
class Overall:
    """The tasks that have all the methods of the first one; a block is a task under a seed."""

    blocks: int
    tasks: tuple[str, ...]
    ranks: dict[str, np.ndarray]
    """By method: (blocks, trials + 1). A task with fewer trials keeps its last ranks."""
    comparisons: tuple[Comparison, ...]


def results_by_task(results: Results) -> list[TaskResults]:
    """Return the tasks with at least one complete run, in the order of the file."""
    tasks = (_task_results(results, setup) for setup in results.setups.values())
    return [task for task in tasks if task is not None]


def _task_results(results: Results, setup: Setup) -> TaskResults | None:
    runs = {run: lines for run, lines in results.runs.items() if run.task == setup.task}
    trials = results.lengths.get(setup.task, 0)
    complete = {run: lines for run, lines in runs.items() if len(lines) > trials > 0}
    methods = list(dict.fromkeys(run.method for run in complete))
    seeds = _common_seeds(complete, methods)
    if not seeds:
        return None
    by_method = {method: _lines_of(complete, setup.task, method, seeds) for method in methods}
    curves = {}
    seconds = {}
    for method, of_seeds in by_method.items():
        curves[method] = np.array([gains(lines) for lines in of_seeds])
        seconds[method] = np.array([_seconds(lines) for lines in of_seeds])
    yardstick = next((name for name in YARDSTICK if name in methods), methods[0])
    comparisons = compare({method: curve[:, -1] for method, curve in curves.items()})
    return TaskResults(
        setup=setup,
        trials=trials,
        seeds=seeds,
        unfinished=len(runs) - len(seeds) * len(methods),
        yardstick=yardstick,
        curves=curves,
        seconds=seconds,
        rankings=_rankings(by_method, curves, yardstick, comparisons),
        comparisons=tuple(comparisons),
    )


def _common_seeds(complete: Mapping[Run, object], methods: Sequence[str]) -> tuple[int, ...]:
    """Return the seeds under which every method has a complete run."""
    seeds = {run.seed for run in complete}
    for method in methods:
        seeds &= {run.seed for run in complete if run.method == method}
    return tuple(sorted(seeds))


def _lines_of(
    complete: Mapping[Run, Sequence[Line]], task: str, method: str, seeds: Sequence[int]
) -> list[Sequence[Line]]:
    return [complete[Run(task=task, method=method, seed=seed)] for seed in seeds]


def _seconds(lines: Sequence[Line]) -> np.ndarray:
    return np.cumsum([line.propose_seconds + line.evaluate_seconds for line in lines])


def _rankings(
    by_method: Lines,
    curves: Mapping[str, np.ndarray],
    yardstick: str,
    comparisons: Sequence[Comparison],
) -> tuple[Ranking, ...]:
    """Return the methods, best first."""
    final = {method: curve[:, -1] for method, curve in curves.items()}
    mean_ranks = ranks(np.stack(list(final.values()), axis=1)).mean(axis=0)
    best = max(final, key=lambda method: float(np.mean(final[method])))
    p = {frozenset((pair.first, pair.second)): pair.corrected for pair in comparisons}
    rankings = [
        _ranking(
            method,
            by_method[method],
            curves[method],
            float(rank),
            reached(curves[method], final[yardstick]),
            p.get(frozenset((method, best))),
        )
        for method, rank in zip(curves, mean_ranks, strict=True)
    ]
    return tuple(sorted(rankings, key=lambda ranking: -max(ranking.gain.items())[1]))


def _ranking(
    method: str,
    runs: Sequence[Sequence[Line]],
    curve: np.ndarray,
    rank: float,
    reached: Reached,
    beaten: float | None,
) -> Ranking:
    last = curve.shape[1] - 1
    mean = np.mean(curve, axis=0)
    trials = list(_after(runs, 0))
    baselines = np.array([lines[0].score for lines in runs])
    makers = [line.proposal.by for line in trials if line.proposal]
    return Ranking(
        method=method,
        seeds=len(runs),
        gain={n: float(mean[n]) for n in sorted({*CHECKPOINTS, last}) if n <= last},
        spread=float(np.std(curve[:, -1], ddof=1)) if len(curve) > 1 else 0.0,
        score=float(np.mean(baselines - curve[:, -1])),
        rank=rank,
        failed=_failed(trials),
        late=_failed(list(_after(runs, LEARNT))),
        propose_seconds=float(np.mean([line.propose_seconds for line in trials])),
        evaluate_seconds=float(np.mean([line.evaluate_seconds for line in trials])),
        tokens=sum(by.input_tokens + by.output_tokens for by in makers),
        dollars=_total([by.cost for by in makers if by.calls]),
        reached=reached,
        beaten=beaten,
    )


def _after(runs: Sequence[Sequence[Line]], number: int) -> Iterator[Line]:
    """Yield the trials of all runs that come after trial `number`."""
    for lines in runs:
        yield from lines[number + 1 :]


def _failed(lines: Sequence[Line]) -> float:
    """Return the share of the trials that failed."""
    return sum(line.failure is not None for line in lines) / len(lines) if lines else 0.0


def _total(costs: Sequence[float | None]) -> float | None:
    """Return the sum in dollars, or None if one of them is unknown."""
    prices = [cost for cost in costs if cost is not None]
    return float(sum(prices)) if len(prices) == len(costs) else None


def overall(tasks: Sequence[TaskResults]) -> Overall | None:
    """Return all tasks together; None with fewer than two methods.

    Gains are compared in units of their task: the standard deviation of the final gains of all
    runs on it.
    """
    methods = list(tasks[0].curves) if tasks else []
    if len(methods) < 2:
        return None
    shared = [task for task in tasks if set(methods) <= set(task.curves)]
    length = max(task.trials for task in shared)
    blocks = np.concatenate([_padded_ranks(task, methods, length) for task in shared])
    scaled = np.concatenate([_scaled_gains(task, methods) for task in shared])
    samples = {method: scaled[:, place] for place, method in enumerate(methods)}
    return Overall(
        blocks=len(blocks),
        tasks=tuple(task.setup.task for task in shared),
        ranks={method: blocks[:, place] for place, method in enumerate(methods)},
        comparisons=tuple(compare(samples)),
    )


def _padded_ranks(task: TaskResults, methods: Sequence[str], length: int) -> np.ndarray:
    """Return (seeds, methods, length + 1) ranks after each trial, the last ones repeated."""
    cube = np.stack([task.curves[method] for method in methods], axis=1)
    ranked = np.stack([ranks(cube[:, :, n]) for n in range(task.trials + 1)], axis=2)
    return np.pad(ranked, ((0, 0), (0, 0), (0, length - task.trials)), mode="edge")


def _scaled_gains(task: TaskResults, methods: Sequence[str]) -> np.ndarray:
    """Return (seeds, methods) final gains over their standard deviation."""
    final = np.stack([task.curves[method][:, -1] for method in methods], axis=1)
    return np.asarray(final / (float(np.std(final)) or 1.0))
