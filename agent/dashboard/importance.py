"""Which constants the score depended on in this run: optuna's PED-ANOVA over what was measured."""

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.importance import PedAnovaImportanceEvaluator
from optuna.trial import create_trial

from agent.dashboard.charts import LOG_RATIO, is_number
from agent.errors import UsageFault
from agent.records.proposals import Value
from agent.records.results import Trial, on_newest_data

# Below this many scores the best tenth is one trial, and its constants are an anecdote.
ENOUGH = 20
# "Good" is the best tenth of the run, compared with all of it.
QUANTILE = 0.1


def importances(trials: Sequence[Trial]) -> dict[str, float]:
    """Share of each constant, the most important first, summing to 1; UsageFault where there is too little to tell.

    Watanabe, Bansal and Hutter (2023), PED-ANOVA. Only constants that every scored trial has, and only as far as this run
    varied them: an incumbent that never moved has no importance here, whatever it would have elsewhere.
    """
    scored = [
        trial for trial in on_newest_data(trials) if trial.value is not None and trial.configuration
    ]
    ranges = _distributions(scored)
    if len(scored) < ENOUGH or not ranges:
        raise UsageFault(
            f"the importance of constants needs {ENOUGH} scored trials in which some constant varies; there are {len(scored)}",
            "autoresearch resume --method random --trials 20   # or autoresearch plot progress",
        )
    with _quiet():
        study = optuna.create_study()
        for trial in scored:
            params = {name: _coded(trial.configuration[name], ranges[name]) for name in ranges}
            study.add_trial(create_trial(params=params, distributions=ranges, value=trial.value))
        evaluator = PedAnovaImportanceEvaluator(target_quantile=QUANTILE)
        found = evaluator.evaluate(study)
    total = sum(found.values())
    return {
        name: share / total if total else 0.0
        for name, share in sorted(found.items(), key=lambda pair: -pair[1])
    }


def _distributions(scored: Sequence[Trial]) -> dict[str, BaseDistribution]:
    common = set.intersection(*(set(trial.configuration) for trial in scored)) if scored else set()
    made: dict[str, BaseDistribution] = {}
    for name in sorted(common):
        values = {trial.configuration[name] for trial in scored}
        if len(values) > 1:
            made[name] = _distribution(values)
    return made


def _distribution(values: set[Value]) -> BaseDistribution:
    if not all(map(is_number, values)):
        return CategoricalDistribution(sorted(map(repr, values)))
    low, high = min(map(float, values)), max(map(float, values))
    return FloatDistribution(low, high, log=low > 0 and high / low >= LOG_RATIO)


def _coded(value: Value, distribution: BaseDistribution) -> float | str:
    return repr(value) if isinstance(distribution, CategoricalDistribution) else float(value)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without optuna's announcements; its evaluator is marked experimental."""
    logger = logging.getLogger("optuna.storages._in_memory")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        logger.setLevel(level)
