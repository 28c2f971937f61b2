"""Gaussian process: optuna's GPSampler (log expected improvement; needs torch).

It is told the whole history anew for each proposal.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from statistics import median

import torch
from optuna.samplers import GPSampler
from optuna.trial import TrialState

from agent.propose.search.fresh import fresh
from agent.propose.search.observe import Observation, ended_in, fit, values_of
from agent.propose.search.scale import draw, generator
from agent.propose.search.study import Axes, quiet, study_of
from agent.records.proposals import Configuration
from agent.space import Space

# Optuna's own number of random trials before the process is trusted.
STARTUP_TRIALS = 10
RELATIVE_PARAMS = "gp:relative_params"
# The time grows with the cube of the trials: beyond this many, only the newest are told.
NEWEST = 200


def suggest(space: Space, observations: Sequence[Observation], seed: int) -> Configuration:
    """Return the next configuration; the same for the same arguments.

    Takes a second or more after a hundred trials. A failure violates a constraint, which the
    sampler models by a process of its own. The sampler also wants a value beside it and gets the
    median of the scores, which speaks neither for nor against the place.
    """
    rng = generator(seed, len(observations))
    history = fit(space, observations)
    scores = values_of(history)
    if ended_in(history) < STARTUP_TRIALS or not scores:
        return fresh(space, history, lambda: draw(space, rng), rng)
    axes = Axes(space)
    sampler = GPSampler(seed=int(rng.integers(2**32)), n_startup_trials=0)
    neutral = median(scores)
    trials = [
        axes.trial(observation, TrialState.COMPLETE, RELATIVE_PARAMS, neutral)
        for observation in history[-NEWEST:]
    ]
    # Optuna would advise a package that makes it faster.
    with one_thread(), quiet("optuna", logging.ERROR):
        return fresh(space, history, lambda: axes.ask(study_of(sampler, trials)), rng)


@contextmanager
def one_thread() -> Iterator[None]:
    """Run torch on one thread within this block.

    Matrices this small take four times as long on two threads that meet at each product, and much
    longer while a training keeps the cores busy.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
