"""A run's trials as a study in optuna's SQLite storage, for optuna-dashboard and its samplers."""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.exceptions import StorageInternalError
from optuna.trial import FrozenTrial, TrialState, create_trial
from sqlalchemy.exc import SQLAlchemyError

from agent.errors import UsageFault
from agent.judge.decide import incumbent_of
from agent.project.settings import RunSettings
from agent.propose.search.study import quiet
from agent.records.bounded import is_number
from agent.records.objective import Sense
from agent.records.proposals import Value
from agent.records.results import FAILED, SCORED, UNBELIEVED, Trial, on_newest_data
from agent.space import Parameter, Space
from sandbox.ground.fault import SandboxFault
from sandbox.ground.leftovers import temporary_folder
from sandbox.ground.text import one_line

CONSTRAINT = "outranked"
"""Violated by a trial whose value is better than the best's, or not comparable with it."""


def write_study(path: Path, run: RunSettings, trials: Sequence[Trial], space: Space) -> None:
    """Write a study `autoresearch/TAG` to the file `path`, replacing what is there.

    A score is a COMPLETE trial, a failure is FAIL without a value, a pruned training is PRUNED. A
    refused proposal, which never ran, is left out. Parameters are the constants that the newest
    train.py is searched over, within its ranges widened to what was tried; all constants are in
    the user attribute `configuration`. Intermediate values are training losses, at percent of the
    budget.

    `study.best_trial` is the ledger's best. Values are as measured, so a discarded trial may have a
    better one, by luck, and an older state too, before a simplification or on other data: each
    violates the constraint CONSTRAINT, and `outranked_by` names the best. Raise UsageFault if the
    file cannot be written.
    """
    ran = [trial for trial in trials if trial.result is not None]
    best = incumbent_of(trials)
    outranked = _outranked(trials, best, run.sense) if best else frozenset()
    ranges = {}
    for p in space.parameters:
        tried = [t.configuration[p.name] for t in ran if p.name in t.configuration]
        ranges[p.name] = _distribution(p, tried)
    parent = path.absolute().parent
    try:
        with temporary_folder("export", parent, prefix=".autoresearch-") as folder:
            written = folder / "study.db"
            frozen = []
            for trial in ran:
                by = best.number if best and trial.number in outranked else None
                frozen.append(_frozen(trial, ranges, by))
            _write(written, run, frozen)
            written.replace(path)
    except (OSError, SandboxFault, SQLAlchemyError, StorageInternalError) as error:
        why = error.strerror if isinstance(error, OSError) else one_line(str(error))
        raise UsageFault(
            f"cannot write {path}: {why}", "autoresearch export --format optuna -o study.db"
        ) from None


def _write(path: Path, run: RunSettings, trials: Sequence[FrozenTrial]) -> None:
    with quiet("optuna", logging.WARNING):
        storage = optuna.storages.RDBStorage(f"sqlite:///{path}")
        name = f"autoresearch/{run.tag}"
        study = optuna.create_study(storage=storage, study_name=name, direction=run.goal.direction)
        for setting in ("method", "model", "start_commit", "score"):
            study.set_user_attr(setting, getattr(run, setting))
        study.set_user_attr("budget", run.allowance)
        study.set_user_attr("metric", run.goal.metric)
        study.add_trials(trials)
        storage.engine.dispose()


def _outranked(trials: Sequence[Trial], best: Trial, sense: Sense) -> frozenset[int]:
    """Return the numbers of the trials that optuna would take for the best, or may not compare."""
    comparable = {trial.number for trial in on_newest_data(trials)}
    numbers = set()
    for trial in trials:
        if trial.status not in SCORED or trial.value is None or trial.number == best.number:
            continue
        ahead = best.value is None or not sense.is_better(best.value, trial.value)
        if ahead or trial.number not in comparable:
            numbers.add(trial.number)
    return frozenset(numbers)


def _frozen(
    trial: Trial, ranges: dict[str, BaseDistribution], outranked_by: int | None
) -> FrozenTrial:
    result = trial.result
    assert result is not None
    params = {
        name: value
        for name, value in trial.configuration.items()
        if name in ranges and _fits(ranges[name], value)
    }
    frozen = create_trial(
        state=_state(trial),
        value=trial.value if trial.status in SCORED else None,
        params=params,
        distributions={name: ranges[name] for name in params},
        user_attrs=_attributes(trial, outranked_by),
        constraints={CONSTRAINT: 0.0 if outranked_by is None else 1.0},
        intermediate_values={round(100 * fraction): loss for fraction, loss in result.curve},
    )
    if trial.at:
        end = datetime.fromisoformat(trial.at).astimezone().replace(tzinfo=None)
        frozen.datetime_complete = end
        frozen.datetime_start = end - timedelta(seconds=result.seconds + result.score_seconds)
    return frozen


def _fits(distribution: BaseDistribution, value: Value) -> bool:
    """Return whether a constant fits today's range; in an old trial it may be of another type."""
    try:
        return bool(distribution._contains(distribution.to_internal_repr(value)))
    except (ValueError, TypeError, OverflowError):
        return False


def _state(trial: Trial) -> TrialState:
    if trial.status == "pruned":
        return TrialState.PRUNED
    return TrialState.FAIL if trial.status in FAILED | UNBELIEVED else TrialState.COMPLETE


def _attributes(trial: Trial, outranked_by: int | None) -> dict[str, Any]:
    """Return what a reader of optuna-dashboard asks next."""
    by = trial.proposal.by
    result = trial.result
    attributes = {
        "trial": trial.number,
        "status": trial.status,
        "reason": trial.reason,
        "hypothesis": trial.proposal.hypothesis,
        "method": by.method,
        "origin": by.origin,
        "model": by.model,
        "cost": by.cost,
        "attempt": trial.attempt,
        "verdict": trial.verdict,
        "delta": trial.delta,
        "outranked_by": outranked_by,
        "configuration": dict(trial.configuration),
        "parameters": result.parameters if result else None,
        "peak_memory_mb": result.peak_memory_mb if result else None,
    }
    return {name: value for name, value in attributes.items() if value is not None}


def _distribution(parameter: Parameter, tried: Sequence[Value]) -> BaseDistribution:
    """Return the range on the constant's own scale, widened to what was tried."""
    if parameter.kind == "categorical":
        return CategoricalDistribution(list(dict.fromkeys((*parameter.choices, *tried))))
    assert parameter.low is not None and parameter.high is not None, (
        f"{parameter.name} has no bounds"
    )
    numbers = [value for value in tried if is_number(value)]
    low = min([parameter.low, *map(float, numbers)])
    high = max([parameter.high, *map(float, numbers)])
    log = (parameter.log or parameter.power_of_two) and low > 0
    if parameter.kind == "int":
        return IntDistribution(int(low), int(high), log=log)
    return FloatDistribution(float(low), float(high), log=log)
