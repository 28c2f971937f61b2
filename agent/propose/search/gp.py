"""Gaussian process: optuna's GPSampler (log expected improvement; needs torch), told the whole history anew for each proposal."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from statistics import median

import torch
from optuna.samplers import GPSampler
from optuna.trial import TrialState

from agent.propose.search.fresh import fresh
from agent.propose.search.observe import Observation, fit
from agent.propose.search.scale import draw, generator
from agent.propose.search.study import Axes, quiet, study_of
from agent.records.proposals import Configuration
from agent.space import Space

# Optuna's own number of random trials before the process is trusted.
STARTUP_TRIALS = 10
RELATIVE_PARAMS = "gp:relative_params"
# Its time grows with the cube of the trials: beyond so many, the newest.
NEWEST = 200


def suggest(space: Space, observations: Sequence[Observation], seed: int) -> Configuration:
    """The next configuration; the same for the same arguments. Takes a second or more behind a hundred trials.

    A failure violates a constraint, which the sampler models by a process of its own. It wants a value beside it, and gets
    the median of the scores, which speaks neither for nor against the place.
    """
    rng = generator(seed, len(observations))
    seen = fit(space, observations)
    scores = [observation.value for observation in seen if observation.value is not None]
    if sum(not observation.pending for observation in seen) < STARTUP_TRIALS or not scores:
        return fresh(space, seen, lambda: draw(space, rng), rng)
    axes, sampler = Axes(space), GPSampler(seed=int(rng.integers(2**32)), n_startup_trials=0)
    stand_in = median(scores)
    told = [
        axes.trial(observation, TrialState.COMPLETE, RELATIVE_PARAMS, stand_in)
        for observation in seen[-NEWEST:]
    ]
    with one_thread(), quiet("optuna", logging.ERROR):  # it advises a package that makes it faster
        return fresh(space, seen, lambda: axes.ask(study_of(sampler, told)), rng)


@contextmanager
def one_thread() -> Iterator[None]:
    """torch on one thread, for the time of this block only: matrices this small take four times as long on two that meet at each
    product, and much longer where a training keeps the cores busy."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
