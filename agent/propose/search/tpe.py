"""Tree-structured Parzen estimator: optuna's TPESampler.

It is told the whole history anew for each proposal.
"""

from collections.abc import Sequence

from optuna.samplers import TPESampler
from optuna.trial import TrialState

from agent.propose.search.fresh import fresh
from agent.propose.search.observe import Observation, ended_in, fit
from agent.propose.search.scale import draw, generator
from agent.propose.search.study import Axes, study_of
from agent.records.proposals import Configuration
from agent.space import Space

# Optuna's own number of random trials before the estimator is trusted.
STARTUP_TRIALS = 10
# Where TPESampler looks for the parameters of a trial that is running.
RELATIVE_PARAMS = "tpe:relative_params"
# The estimator's good side never holds more trials than BEST, and its bad side fades with age.
# Beyond the best and the NEWEST the history changes only the time that a proposal takes.
BEST = 25
NEWEST = 200


def suggest(space: Space, observations: Sequence[Observation], seed: int) -> Configuration:
    """Return the next configuration; the same for the same arguments.

    A failure is told as a pruned trial without a value, which the sampler ranks below every
    success; a pending trial as running, which it keeps its distance from.
    """
    rng = generator(seed, len(observations))
    history = fit(space, observations)
    if ended_in(history) < STARTUP_TRIALS:
        return fresh(space, history, lambda: draw(space, rng), rng)
    axes = Axes(space)
    sampler = TPESampler(seed=int(rng.integers(2**32)), n_startup_trials=STARTUP_TRIALS)
    trials = [
        axes.trial(observation, TrialState.PRUNED, RELATIVE_PARAMS)
        for observation in _best_and_newest(history)
    ]
    study = study_of(sampler, trials)
    return fresh(space, history, lambda: axes.ask(study), rng)


def _best_and_newest(history: Sequence[Observation]) -> list[Observation]:
    """Return the best of the old observations and all new ones, in their order."""
    cut = max(0, len(history) - NEWEST)
    scored = []
    for place, observation in enumerate(history[:cut]):
        if observation.value is not None:
            scored.append((observation.value, place))
    places = sorted(place for _, place in sorted(scored)[:BEST])
    return [*(history[place] for place in places), *history[cut:]]
