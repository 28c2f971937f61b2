"""How the methods stand: for each task a row a method, over all tasks their ranks, and what of it is more than chance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from agent.benchmark.results import LEARNT, Game, Line, Results, Setup
from agent.benchmark.statistics import Comparison, Reached, compare, gains, ranks, reached

CHECKPOINTS = (10, 25, 50, 100, 200, 300)
YARDSTICK = ("optuna-tpe", "tpe", "random")
"""The method whose result the others' trials are counted to: the first of these that played."""


@dataclass(frozen=True)
class Standing:
    """A method on a task. gain: on the baseline after each checkpoint, mean over the seeds; spread: standard deviation at the
    end. score: of the final incumbent, mean. rank: mean, at the end. failed: share of the trials; late: of those after the first
    LEARNT. asked, ran: mean seconds of proposing and evaluating a trial. dollars: None where a price is not known. reached: after
    how many trials the mean gain is what the yardstick has at the end. beaten: None for the best method, for another Holm's p of
    the paired test against that one.
    """

    method: str
    seeds: int
    gain: dict[int, float]
    spread: float
    score: float
    rank: float
    failed: float
    late: float
    asked: float
    ran: float
    tokens: int
    dollars: float | None
    reached: Reached
    beaten: float | None


@dataclass(frozen=True)
class Field:
    """One task with all who played it. curves: of each method (seeds, trials + 1) gains; seconds: likewise, spent by then."""

    setup: Setup
    trials: int
    seeds: tuple[int, ...]
    unfinished: int
    yardstick: str
    curves: dict[str, np.ndarray]
    seconds: dict[str, np.ndarray]
    standings: tuple[Standing, ...]
    comparisons: tuple[Comparison, ...]


@dataclass(frozen=True)
class Overall:
    """The tasks that all methods of the first one played, on the blocks (a task under a seed) of them all. ranks: of each method
    after each trial (blocks, trials + 1); a task that is shorter than the longest keeps its last ranks."""

    blocks: int
    tasks: tuple[str, ...]
    ranks: dict[str, np.ndarray]
    comparisons: tuple[Comparison, ...]


def fields(results: Results) -> list[Field]:
    """The tasks that at least one game of was finished, in the order of the file."""
    return [field for setup in results.setups.values() if (field := _field(results, setup))]


def _field(results: Results, setup: Setup) -> Field | None:
    games = {game: lines for game, lines in results.games.items() if game.task == setup.task}
    length = results.lengths.get(setup.task, 0) + 1
    done = {game: lines for game, lines in games.items() if len(lines) >= length > 1}
    if not done:
        return None
    methods = list(dict.fromkeys(game.method for game in done))
    seeds = tuple(
        sorted(
            set.intersection(
                *({game.seed for game in done if game.method == method} for method in methods)
            )
        )
    )
    if not seeds:
        return None
    played = {
        method: [done[Game(task=setup.task, method=method, seed=seed)] for seed in seeds]
        for method in methods
    }
    curves = {
        method: np.array([gains(lines) for lines in several]) for method, several in played.items()
    }
    seconds = {
        method: np.array([np.cumsum([o.asked + o.ran for o in lines]) for lines in several])
        for method, several in played.items()
    }
    yardstick = next((name for name in YARDSTICK if name in methods), methods[0])
    comparisons = compare({method: curve[:, -1] for method, curve in curves.items()})
    standings = _standings(played, curves, yardstick, comparisons)
    unfinished = len(games) - len(seeds) * len(methods)
    return Field(
        setup,
        length - 1,
        seeds,
        unfinished,
        yardstick,
        curves,
        seconds,
        standings,
        tuple(comparisons),
    )


def _standings(
    played: Mapping[str, Sequence[Sequence[Line]]],
    curves: Mapping[str, np.ndarray],
    yardstick: str,
    comparisons: Sequence[Comparison],
) -> tuple[Standing, ...]:
    """The methods, best first."""
    final = ranks(np.stack([curve[:, -1] for curve in curves.values()], axis=1)).mean(axis=0)
    goals = curves[yardstick][:, -1]
    best = max(curves, key=lambda method: float(np.mean(curves[method][:, -1])))
    p = {frozenset((one.one, one.two)): one.corrected for one in comparisons}
    found = [
        _standing(
            method, played[method], curve, float(rank), goals, p.get(frozenset((method, best)))
        )
        for (method, curve), rank in zip(curves.items(), final, strict=True)
    ]
    return tuple(sorted(found, key=lambda standing: -max(standing.gain.items())[1]))


def _standing(
    method: str,
    played: Sequence[Sequence[Line]],
    curve: np.ndarray,
    rank: float,
    goals: np.ndarray,
    beaten: float | None,
) -> Standing:
    last = curve.shape[1] - 1
    mean = np.mean(curve, axis=0)
    trials = [line for lines in played for line in lines[1:]]
    late = [line for lines in played for line in lines[LEARNT + 1 :]]
    by = [line.proposal.by for line in trials if line.proposal]
    costs = [one.cost for one in by if one.calls]
    return Standing(
        method=method,
        seeds=len(played),
        gain={n: float(mean[n]) for n in sorted({*CHECKPOINTS, last}) if n <= last},
        spread=float(np.std(curve[:, -1], ddof=1)) if len(curve) > 1 else 0.0,
        score=float(
            np.mean(
                [
                    (lines[0].score or 0.0) - gain
                    for lines, gain in zip(played, curve[:, -1], strict=True)
                ]
            )
        ),
        rank=rank,
        failed=_share(trials),
        late=_share(late),
        asked=float(np.mean([line.asked for line in trials])),
        ran=float(np.mean([line.ran for line in trials])),
        tokens=sum(one.input_tokens + one.output_tokens for one in by),
        dollars=None if None in costs else float(sum(cost for cost in costs if cost is not None)),
        reached=reached(curve, goals),
        beaten=beaten,
    )


def _share(lines: Sequence[Line]) -> float:
    return sum(line.failure is not None for line in lines) / len(lines) if lines else 0.0


def overall(found: Sequence[Field]) -> Overall | None:
    """All tasks together; None where no two methods played. Gains are compared in units of their task: the standard deviation of
    the final gains of all games on it."""
    methods = list(found[0].curves) if found else []
    shared = [field for field in found if set(methods) <= set(field.curves)]
    if len(methods) < 2:
        return None
    length = max(field.trials for field in shared)
    placed, scaled = [], []
    for field in shared:
        cube = np.stack([field.curves[method] for method in methods], axis=1)
        ranked = np.stack([ranks(cube[:, :, n]) for n in range(field.trials + 1)], axis=2)
        placed.append(np.pad(ranked, ((0, 0), (0, 0), (0, length - field.trials)), mode="edge"))
        final = cube[:, :, -1]
        scaled.append(final / (float(np.std(final)) or 1.0))
    blocks, table = np.concatenate(placed), np.concatenate(scaled)
    return Overall(
        blocks=len(blocks),
        tasks=tuple(field.setup.task for field in shared),
        ranks={method: blocks[:, place] for place, method in enumerate(methods)},
        comparisons=tuple(
            compare({method: table[:, place] for place, method in enumerate(methods)})
        ),
    )
