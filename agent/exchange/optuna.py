"""A run's trials as a study in optuna's SQLite storage, for optuna-dashboard and for optuna's own samplers."""

import logging
import tempfile
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
from agent.project.settings import RunSettings
from agent.propose.search.study import quiet
from agent.records.proposals import Value
from agent.records.results import FAILED, SCORED, Trial
from agent.space import Parameter, Space


def write_study(path: Path, run: RunSettings, trials: Sequence[Trial], space: Space) -> None:
    """Write a study `autoresearch/TAG` to the file `path`, in place of what is there; UsageFault where it cannot be written.

    A score is a COMPLETE trial, a failure is FAIL without a value, what was given up is PRUNED. A refused proposal, which never
    ran, is not in it.
    Parameters are the constants that the newest train.py is searched over, within its ranges or what was tried beyond them;
    the others are in the user attribute `configuration`. The intermediate values are training losses, at percent of the budget.
    """
    ran = [trial for trial in trials if trial.result is not None]
    ranges = {
        p.name: _distribution(
            p, [t.configuration[p.name] for t in ran if p.name in t.configuration]
        )
        for p in space.parameters
    }
    try:
        with tempfile.TemporaryDirectory(
            prefix=".autoresearch-", dir=path.absolute().parent
        ) as folder:
            made = Path(folder) / "study.db"
            _write(made, run, [_told(trial, ranges) for trial in ran])
            made.replace(path)
    except (OSError, SQLAlchemyError, StorageInternalError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error).splitlines()[0]
        raise UsageFault(
            f"cannot write {path}: {why}", "autoresearch export --format optuna -o study.db"
        ) from None


def _write(path: Path, run: RunSettings, told: Sequence[FrozenTrial]) -> None:
    with quiet("optuna", logging.WARNING):
        storage = optuna.storages.RDBStorage(f"sqlite:///{path}")
        study = optuna.create_study(
            storage=storage, study_name=f"autoresearch/{run.tag}", direction="minimize"
        )
        for name in ("method", "model", "start_commit", "score"):
            study.set_user_attr(name, getattr(run, name))
        study.set_user_attr("budget", str(run.budget))
        study.add_trials(told)
        storage.engine.dispose()


def _told(trial: Trial, ranges: dict[str, BaseDistribution]) -> FrozenTrial:
    assert trial.result is not None
    known = {name: trial.configuration[name] for name in ranges if name in trial.configuration}
    params = {name: value for name, value in known.items() if _fits(ranges[name], value)}
    made = create_trial(
        state=_state(trial),
        value=trial.value if trial.status in SCORED else None,
        params=params,
        distributions={name: ranges[name] for name in params},
        user_attrs=_attributes(trial),
        intermediate_values={round(100 * fraction): loss for fraction, loss in trial.result.curve},
    )
    if trial.at:
        made.datetime_complete = datetime.fromisoformat(trial.at).astimezone().replace(tzinfo=None)
        made.datetime_start = made.datetime_complete - timedelta(
            seconds=trial.result.seconds + trial.result.score_seconds
        )
    return made


def _fits(distribution: BaseDistribution, value: Value) -> bool:
    """Return whether a constant of some trial is one that is searched now; it may have been of another type then."""
    try:
        return bool(distribution._contains(distribution.to_internal_repr(value)))
    except (ValueError, TypeError, OverflowError):
        return False


def _state(trial: Trial) -> TrialState:
    if trial.status == "pruned":
        return TrialState.PRUNED
    return TrialState.FAIL if trial.status in {*FAILED, "suspect"} else TrialState.COMPLETE


def _attributes(trial: Trial) -> dict[str, Any]:
    """What a reader of the dashboard asks next."""
    by, result = trial.proposal.by, trial.result
    said = {
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
        "configuration": dict(trial.configuration),
        "parameters": result.parameters if result else None,
        "peak_memory_mb": result.peak_memory_mb if result else None,
    }
    return {name: value for name, value in said.items() if value is not None}


def _distribution(parameter: Parameter, tried: Sequence[Value]) -> BaseDistribution:
    """The range in the constant's own terms, widened to what was tried."""
    if parameter.kind == "categorical":
        return CategoricalDistribution(list(dict.fromkeys((*parameter.choices, *tried))))
    assert parameter.low is not None and parameter.high is not None, (
        f"{parameter.name} has no bounds"
    )
    numbers = [
        value for value in tried if isinstance(value, int | float) and not isinstance(value, bool)
    ]
    low, high = min([parameter.low, *numbers]), max([parameter.high, *numbers])
    log = (parameter.log or parameter.power_of_two) and low > 0
    if parameter.kind == "int":
        return IntDistribution(int(low), int(high), log=log)
    return FloatDistribution(float(low), float(high), log=log)
