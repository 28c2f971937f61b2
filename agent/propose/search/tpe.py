"""Tree-structured Parzen estimator: optuna's TPESampler, told the whole history anew for each proposal."""

from collections.abc import Sequence

from optuna.samplers import TPESampler
from optuna.trial import TrialState

from agent.propose.search.fresh import fresh
from agent.propose.search.observe import Observation, fit
from agent.propose.search.scale import draw, generator
from agent.propose.search.study import Axes, study_of
from agent.records.proposals import Configuration
from agent.space import Space

# Optuna's own number of random trials before the estimator is trusted.
STARTUP_TRIALS = 10
# Where TPESampler looks for the parameters of a trial that is running.
RELATIVE_PARAMS = "tpe:relative_params"
# The estimator's good side never holds more trials than this, and its bad side fades with age: beyond the best and the newest
# few hundred the history changes nothing but the time a proposal takes.
BEST, NEWEST = 25, 200


def suggest(space: Space, observations: Sequence[Observation], seed: int) -> Configuration:
    """The next configuration; the same for the same arguments.

    A failure is told as a pruned trial without a value, which the sampler ranks below every success; a pending one as
    running, which it keeps its distance from.
    """
    rng = generator(seed, len(observations))
    seen = fit(space, observations)
    if sum(not observation.pending for observation in seen) < STARTUP_TRIALS:
        return fresh(space, seen, lambda: draw(space, rng), rng)
    axes, sampler = (
        Axes(space),
        TPESampler(seed=int(rng.integers(2**32)), n_startup_trials=STARTUP_TRIALS),
    )
    study = study_of(
        sampler,
        [
            axes.trial(observation, TrialState.PRUNED, RELATIVE_PARAMS)
            for observation in _telling(seen)
        ],
    )
    return fresh(space, seen, lambda: axes.ask(study), rng)


def _telling(seen: Sequence[Observation]) -> list[Observation]:
    """The best and the newest, in their order."""
    old = range(max(0, len(seen) - NEWEST))
    values = [(value, place) for place in old if (value := seen[place].value) is not None]
    return [seen[place] for place in sorted(place for _, place in sorted(values)[:BEST])] + list(
        seen[len(old) :]
    )
