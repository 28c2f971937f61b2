"""CatCMA with margin (Hamano et al. 2025, arXiv 2504.07884): floats, integers and choices at once.

It starts with a small step from the constants as they stand, or from the best prior trial. Its
state is a function of the history: the trials that ended are told in their order, in generations of
equal size, with the values that really ran, whichever method proposed them.
"""

from collections.abc import Sequence
from copy import deepcopy
from hashlib import sha256
from itertools import accumulate

import numpy as np
from cmaes import CatCMAwM  # type: ignore[import-untyped]

from agent.propose.search.cmaes_axes import Axes, State
from agent.propose.search.fresh import fresh
from agent.propose.search.observe import Observation, fit
from agent.propose.search.scale import generator
from agent.records.proposals import Configuration
from agent.space import Space

MAX_REMEMBERED = 8


def suggest(space: Space, observations: Sequence[Observation], seed: int) -> Configuration:
    """Return the next configuration; the same for the same arguments."""
    rng = generator(seed, len(observations))
    history = fit(space, observations)
    axes = Axes(space)
    if not axes.count:
        return fresh(space, history, lambda: space.default, rng)
    strategy = _strategy_of(space, axes, history)
    strategy.reseed_rng(int(rng.integers(2**32)))
    return fresh(space, history, lambda: axes.configuration(strategy.ask()), rng)


def state_of(space: Space, observations: Sequence[Observation]) -> State:
    """Return the state after all complete generations of `observations`."""
    axes = Axes(space)
    return axes.state(_strategy_of(space, axes, fit(space, observations)))


def _strategy_of(space: Space, axes: Axes, history: Sequence[Observation]) -> CatCMAwM:
    """Return the strategy after the history, started at the best prior trial."""
    own = [trial for trial in history if not trial.prior]
    prior = [trial for trial in history if trial.prior]
    ended = [trial for trial in own if not trial.pending]
    first = ended[0].configuration if ended else space.repair(space.default)
    return _replay(axes, _best(prior, first), ended)


# A memo of a pure function: strategies after the latest generations, by a digest of all that they
# were told. A proposal then costs one generation instead of all. Without it (after a resume) the
# whole history is told once, 3 ms a generation.
_remembered: dict[str, CatCMAwM] = {}


def _replay(axes: Axes, start: Configuration, ended: Sequence[Observation]) -> CatCMAwM:
    """Return the strategy after all complete generations of `ended`, as the caller's own copy."""
    strategy = axes.strategy(start)
    size = strategy.population_size
    count = len(ended) // size
    generations = [ended[number * size : (number + 1) * size] for number in range(count)]
    beginning = _digest(axes.signature(), [Observation(start)])
    digests = list(accumulate(generations, _digest, initial=beginning))
    first = _generations_remembered(digests)
    if first:
        strategy = deepcopy(_remembered[digests[first]])
    for number in range(first, count):
        best = _best(ended[: (number + 1) * size], start)
        ranked = _by_rank(axes, generations[number], best)
        strategy.tell(_solutions(axes, ranked, strategy))
    _remember(digests[-1], strategy)
    return strategy


def _solutions(
    axes: Axes, ranked: Sequence[Observation], strategy: CatCMAwM
) -> list[tuple[CatCMAwM.Solution, float]]:
    """Return a generation as the strategy takes it, with ranks in place of scores."""
    return [
        (axes.solution(trial.configuration, strategy), float(rank))
        for rank, trial in enumerate(ranked)
    ]


def _generations_remembered(digests: Sequence[str]) -> int:
    """Return after how many of the generations a cached strategy is available."""
    for count in range(len(digests) - 1, 0, -1):
        if digests[count] in _remembered:
            return count
    return 0


def _remember(digest: str, strategy: CatCMAwM) -> None:
    if digest in _remembered:
        return
    _remembered[digest] = deepcopy(strategy)
    while len(_remembered) > MAX_REMEMBERED:
        oldest = next(iter(_remembered))
        del _remembered[oldest]


def _digest(before: str, generation: Sequence[Observation]) -> str:
    outcomes = [(trial.key, trial.outcome) for trial in generation]
    return sha256(f"{before}{outcomes}".encode()).hexdigest()


def _best(history: Sequence[Observation], start: Configuration) -> Configuration:
    """Return the configuration with the lowest score, or `start` if nothing was scored."""
    values = [
        (trial.value, place) for place, trial in enumerate(history) if trial.value is not None
    ]
    if not values:
        return start
    return history[min(values)[1]].configuration


def _by_rank(
    axes: Axes, generation: Sequence[Observation], best: Configuration
) -> list[Observation]:
    """Return successes, best first, then failures, those furthest from `best` last."""
    centre = axes.place(best)

    def order(trial: Observation) -> tuple[bool, float]:
        if trial.value is not None:
            return False, trial.value
        return True, float(np.linalg.norm(axes.place(trial.configuration) - centre))

    return sorted(generation, key=order)
