"""CatCMA with margin (Hamano et al. 2025, arXiv 2504.07884): an evolution strategy over floats, integers and choices at once.

It starts at the constants as they stand, with a small step, or at the best of the prior trials. Its state is a function of the
history: the trials that ended, in their order, are told in generations of equal size, as the values that really ran, however they
came about.
"""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from hashlib import sha256
from itertools import accumulate

import numpy as np
from cmaes import CatCMAwM  # type: ignore[import-untyped]

from agent.propose.search.fresh import fresh
from agent.propose.search.observe import Observation, fit
from agent.propose.search.scale import (
    from_unit,
    generator,
    is_fixed,
    levels,
    nearest_level,
    to_unit,
)
from agent.records.proposals import Configuration, Value
from agent.space import Space

# Of the range: constants that someone chose are rarely far off, and a trial far from them mostly fails.
STEP = 0.1
# The chance at first that a choice stays what it is; the rest is shared among the others.
STAY = 0.75


def suggest(space: Space, observations: Sequence[Observation], seed: int) -> Configuration:
    """The next configuration; the same for the same arguments."""
    rng = generator(seed, len(observations))
    seen = fit(space, observations)
    axes = _Axes(space)
    if not axes.count:
        return fresh(space, seen, lambda: space.default, rng)
    strategy = _strategy_of(space, axes, seen)
    strategy.reseed_rng(int(rng.integers(2**32)))
    return fresh(space, seen, lambda: axes.configuration(strategy.ask()), rng)


@dataclass(frozen=True)
class State:
    """What the strategy believes. mean (n,) and covariance (n, n) of the numbers called `names`, each on its unit interval; step:
    what the covariance is to be multiplied with, squared. centre: the mean as constants. chances: of each choice's values."""

    names: tuple[str, ...]
    mean: np.ndarray
    step: float
    covariance: np.ndarray
    centre: Configuration
    chances: dict[str, tuple[tuple[Value, float], ...]]


def state_of(space: Space, observations: Sequence[Observation]) -> State:
    """The state after all complete generations of `observations`."""
    axes = _Axes(space)
    return axes.state(_strategy_of(space, axes, fit(space, observations)))


def _strategy_of(space: Space, axes: "_Axes", seen: Sequence[Observation]) -> CatCMAwM:
    done = [
        observation for observation in seen if not observation.pending and not observation.prior
    ]
    known = [
        observation for observation in seen if observation.prior and observation.value is not None
    ]
    start = done[0].configuration if done else space.repair(space.default)
    return _replay(axes, _best(known, start), done)


# The strategies after the latest generations, by a digest of all they were told: a memo of a pure function, so that a proposal
# costs one generation and not all of them. Without it (after a resume) the whole history is told once, 3 ms a generation.
_told: dict[str, CatCMAwM] = {}
MAX_TOLD = 8


def _replay(axes: "_Axes", start: Configuration, done: Sequence[Observation]) -> CatCMAwM:
    """The strategy after all complete generations of `done`; the caller's own to use."""
    strategy = axes.strategy(start)
    size = strategy.population_size
    generations = [done[first : first + size] for first in range(0, len(done) - size + 1, size)]
    digests = list(
        accumulate(generations, _digest, initial=_digest(repr(axes), [Observation(start)]))
    )
    known = next((n for n in range(len(generations), 0, -1) if digests[n] in _told), 0)
    strategy = deepcopy(_told[digests[known]]) if known else strategy
    for n in range(known, len(generations)):
        ranked = _by_rank(axes, generations[n], _best(done[: (n + 1) * size], start))
        strategy.tell(
            [
                (axes.solution(seen.configuration, strategy), float(rank))
                for rank, seen in enumerate(ranked)
            ]
        )
    if digests[-1] not in _told:
        _told[digests[-1]] = deepcopy(strategy)
        while len(_told) > MAX_TOLD:
            del _told[next(iter(_told))]
    return strategy


def _digest(before: str, generation: Sequence[Observation]) -> str:
    told = [(seen.key, seen.outcome) for seen in generation]
    return sha256(f"{before}{told}".encode()).hexdigest()


def _best(done: Sequence[Observation], start: Configuration) -> Configuration:
    scored = [(seen.value, place) for place, seen in enumerate(done) if seen.value is not None]
    return done[min(scored)[1]].configuration if scored else start


def _by_rank(
    axes: "_Axes", generation: Sequence[Observation], best: Configuration
) -> list[Observation]:
    """Best first; failures behind every success, those further from what works last."""
    centre = axes.place(best)

    def order(seen: Observation) -> tuple[bool, float]:
        failed = seen.value is None
        distance = float(np.linalg.norm(axes.place(seen.configuration) - centre))
        return failed, distance if seen.value is None else seen.value

    return sorted(generation, key=order)


def _moments(strategy: CatCMAwM) -> tuple[np.ndarray, float, np.ndarray]:
    """Mean, step size and covariance of what `strategy` draws, the widening of counted numbers (its margin) included."""
    return strategy._mean, strategy._sigma, strategy._C * np.outer(strategy._A, strategy._A)


def _shortened(place: np.ndarray, strategy: CatCMAwM) -> np.ndarray:
    """`place`, brought closer to the mean where draws do not get (√n + 2n / (n + 2) deviations)."""
    mean, dimensions = strategy._mean, len(place)
    axes, deviations = strategy._eigen_decomposition()
    length = float(
        np.linalg.norm(axes.T @ ((place - mean) / (strategy._sigma * strategy._A)) / deviations)
    )
    limit = dimensions**0.5 + 2 * dimensions / (dimensions + 2)
    return np.asarray(mean + (place - mean) * min(1.0, limit / max(length, 1e-12)))


class _Axes:
    """Floats, counted numbers and choices of a space, in the order CatCMAwM wants them, all numbers on the unit interval."""

    def __init__(self, space: Space) -> None:
        free = [parameter for parameter in space.parameters if not is_fixed(parameter)]
        counted = {parameter.name: levels(parameter) for parameter in free}
        # The library asks for choices instead of numbers where there are just two.
        self._choices = [p for p in free if p.kind == "categorical" or len(counted[p.name]) == 2]
        numbers = [parameter for parameter in free if parameter not in self._choices]
        self._floats = [parameter for parameter in numbers if not counted[parameter.name]]
        self._counted = [parameter for parameter in numbers if counted[parameter.name]]
        self._default = space.default
        self.count = len(free)

    def __repr__(self) -> str:
        """Everything that a strategy depends on: the bounds, not the defaults."""
        names = [
            [parameter.name for parameter in group]
            for group in (self._floats, self._counted, self._choices)
        ]
        return repr(
            [
                names,
                [
                    (p.low, p.high, p.log, levels(p))
                    for p in (*self._floats, *self._counted, *self._choices)
                ],
            ]
        )

    def strategy(self, start: Configuration) -> CatCMAwM:
        """The strategy before its first generation."""
        numbers = len(self._floats) + len(self._counted)
        options = (
            {"mean": self._numbers(start), "sigma": STEP, "cov": np.eye(numbers)} if numbers else {}
        )
        return CatCMAwM(
            x_space=[[0.0, 1.0]] * len(self._floats) or None,
            z_space=[[to_unit(p, level) for level in levels(p)] for p in self._counted] or None,
            c_space=[len(levels(p)) for p in self._choices] or None,
            cat_param=self._leanings(start) if self._choices else None,
            seed=0,
            **options,
        )

    def solution(self, configuration: Configuration, strategy: CatCMAwM) -> CatCMAwM.Solution:
        """A configuration as if `strategy` had drawn it: one that it would hardly ever draw (another method's, a model's) is told
        as a point on the same way, as far as a draw may go (Hansen 2011, arXiv 1110.4181, equations 4 and 5)."""
        place = self._numbers(configuration)
        raw = _shortened(place, strategy) if place.size else place
        x, z = place[: len(self._floats)], place[len(self._floats) :]
        return CatCMAwM.Solution(x, z, self._one_hot(configuration), raw)

    def state(self, strategy: CatCMAwM) -> State:
        """What `strategy` believes, in the terms of the space."""
        numbers = (*self._floats, *self._counted)
        mean, step, covariance = (
            _moments(strategy) if numbers else (np.zeros(0), STEP, np.zeros((0, 0)))
        )
        centre = {
            p.name: p.repair(from_unit(p, float(place)))
            for p, place in zip(numbers, mean, strict=True)
        }
        chances = {
            p.name: tuple(zip(levels(p), (float(chance) for chance in row), strict=False))
            for p, row in zip(self._choices, strategy._q if self._choices else (), strict=True)
        }
        return State(
            tuple(p.name for p in numbers),
            np.array(mean),
            float(step),
            np.array(covariance),
            centre,
            chances,
        )

    def configuration(self, solution: CatCMAwM.Solution) -> Configuration:
        """What the strategy drew, as constants."""
        values: dict[str, Value] = {}
        for parameter, place in zip(self._floats, solution.x if self._floats else (), strict=True):
            values[parameter.name] = from_unit(parameter, float(place))
        for parameter, place in zip(
            self._counted, solution.z if self._counted else (), strict=True
        ):
            places = [abs(to_unit(parameter, level) - float(place)) for level in levels(parameter)]
            values[parameter.name] = levels(parameter)[int(np.argmin(places))]
        for parameter, row in zip(self._choices, solution.c if self._choices else (), strict=True):
            values[parameter.name] = levels(parameter)[int(np.argmax(row))]
        return {**self._default, **values}

    def place(self, configuration: Configuration) -> np.ndarray:
        """A point to measure distances between; two choices that differ are as far apart as the ends of a range."""
        return np.concatenate(
            [self._numbers(configuration), self._one_hot(configuration).ravel() / np.sqrt(2)]
        )

    def _numbers(self, configuration: Configuration) -> np.ndarray:
        return np.array(
            [to_unit(p, configuration[p.name]) for p in (*self._floats, *self._counted)],
            dtype=float,
        )

    def _one_hot(self, configuration: Configuration) -> np.ndarray:
        width = max((len(levels(p)) for p in self._choices), default=0)
        rows = np.zeros((len(self._choices), width), dtype=bool)
        for row, parameter in zip(rows, self._choices, strict=True):
            row[nearest_level(parameter, configuration[parameter.name])] = True
        return rows

    def _leanings(self, start: Configuration) -> np.ndarray:
        chosen = self._one_hot(start)
        table = np.zeros(chosen.shape)
        for row, stays, parameter in zip(table, chosen, self._choices, strict=True):
            count = len(levels(parameter))
            row[:count] = (1 - STAY) / (count - 1)
            row[stays] = STAY
        return table
