"""Which constants the score of a run depended on: optuna's PED-ANOVA over its trials."""

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.importance import PedAnovaImportanceEvaluator
from optuna.trial import create_trial

from agent.dashboard.charts import LOG_RATIO
from agent.errors import UsageFault
from agent.records.bounded import is_number
from agent.records.objective import VAL_BPB, Direction
from agent.records.proposals import Value
from agent.records.results import Trial, on_newest_data

# With fewer scores the best tenth is a single trial, which shows nothing.
ENOUGH = 20
# "Good" is the best tenth of the run, compared with all of it.
QUANTILE = 0.1


def importances(
    trials: Sequence[Trial], direction: Direction = VAL_BPB.direction
) -> dict[str, float]:
    """Return the share of each constant, the most important first; they sum to 1.

    Raise UsageFault if there are too few scores. PED-ANOVA: Watanabe, Bansal and Hutter (2023).
    Only constants that every scored trial has count, and only over the values that this run
    tried: a constant that never varied has no importance here.
    """
    newest = on_newest_data(trials)
    scored = [trial for trial in newest if trial.value is not None and trial.configuration]
    ranges = _distributions(scored)
    if len(scored) < ENOUGH or not ranges:
        raise UsageFault(
            f"the importance of constants needs {ENOUGH} scored trials in which some constant "
            f"varies; there are {len(scored)}",
            "autoresearch resume --method random --trials 20   # or autoresearch plot progress",
        )
    with _quiet():
        study = optuna.create_study(direction=direction)
        for trial in scored:
            params = {name: _coded(trial.configuration[name], ranges[name]) for name in ranges}
            study.add_trial(create_trial(params=params, distributions=ranges, value=trial.value))
        evaluator = PedAnovaImportanceEvaluator(target_quantile=QUANTILE)
        shares = evaluator.evaluate(study)
    total = sum(shares.values())
    ordered = sorted(shares, key=lambda name: -shares[name])
    return {name: shares[name] / total if total else 0.0 for name in ordered}


def _distributions(scored: Sequence[Trial]) -> dict[str, BaseDistribution]:
    common = set.intersection(*(set(trial.configuration) for trial in scored)) if scored else set()
    distributions: dict[str, BaseDistribution] = {}
    for name in sorted(common):
        values = {trial.configuration[name] for trial in scored}
        if len(values) > 1:
            distributions[name] = _distribution(values)
    return distributions


def _distribution(values: set[Value]) -> BaseDistribution:
    if not all(map(is_number, values)):
        return CategoricalDistribution(sorted(map(repr, values)))
    low = min(map(float, values))
    high = max(map(float, values))
    return FloatDistribution(low, high, log=low > 0 and high / low >= LOG_RATIO)


def _coded(value: Value, distribution: BaseDistribution) -> float | str:
    return repr(value) if isinstance(distribution, CategoricalDistribution) else float(value)


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence optuna: its log lines, and the warning that its evaluator is experimental."""
    logger = logging.getLogger("optuna.storages._in_memory")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        logger.setLevel(level)
