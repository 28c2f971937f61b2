"""The Tracker protocol, and the facts that every tracker gets about a trial."""

import re
from typing import Protocol, runtime_checkable

from agent.records.events import ModelWaited, RunStarted
from agent.records.inputs import Admitted
from agent.records.objective import VAL_BPB, Objective
from agent.records.results import FAILED, TAKEN, Trial, also_of


class Tracker(Protocol):
    """Listens to one session of a run, in a thread of its own; what it raises becomes a warning."""

    def open(self, run: RunStarted) -> None:
        """Begin, or resume: only new verdicts follow, as earlier ones were told when they came."""
        ...

    def verdict(self, trial: Trial) -> None:
        """Record a trial that has its verdict."""
        ...

    def close(self, reason: str, failed: bool) -> None:
        """End the session; if `failed`, `reason` is the message of a fault."""
        ...


@runtime_checkable
class Hearing(Protocol):
    """A tracker that also hears what people say to the run."""

    def heard(self, admitted: Admitted) -> None:
        """Record an input with its answer."""
        ...


@runtime_checkable
class Awaiting(Protocol):
    """A tracker that also hears that the run's model is away."""

    def waited(self, event: ModelWaited) -> None:
        """Record that the model is away, or asked again."""
        ...


RESERVED = frozenset({"trial", "status", "hypothesis", "reason", "curve"})
"""What trackers are told besides numbers."""
# Of a series: what every tracker takes.
_UNUSUAL = re.compile(r"[^A-Za-z0-9_./ -]")
MAX_NAME = 100


def numbers_of(trial: Trial, objective: Objective = VAL_BPB) -> dict[str, float]:
    """Return what can be plotted over the trials; what is unknown is left out.

    The score goes by the metric's name, or by `score` where that is taken. `delta` has the sign
    that readers of the metric expect. Metrics that are not judged are `also/NAME`.
    """
    result = trial.result
    by = trial.proposal.by
    others = {
        "delta": None if trial.delta is None else objective.sense.change(trial.delta),
        "seconds": result.seconds if result else None,
        "peak_memory_mb": result.peak_memory_mb if result else None,
        "parameters": result.parameters if result else None,
        "cost": by.cost,
        "input_tokens": by.input_tokens or None,
        "output_tokens": by.output_tokens or None,
        "kept": trial.status in TAKEN,
        "failed": trial.status in FAILED,
    }
    name = _series(objective.metric)
    numbers = {"score" if name in (*others, *RESERVED) else name: trial.value, **others}
    for other, series in _further(objective).items():
        numbers[series] = also_of(trial).get(other)
    return {name: float(value) for name, value in numbers.items() if value is not None}


def _further(objective: Objective) -> dict[str, str]:
    """Return the series of each further metric; names that would be the same have numbers."""
    names: dict[str, str] = {}
    for metric in objective.further:
        series = f"also/{_series(metric)}"
        number = 1
        while series in names.values():
            number += 1
            series = f"also/{_series(metric)}_{number}"
        names[metric] = series
    return names


def _series(name: str) -> str:
    """Return a metric's name as the name of a series."""
    return _UNUSUAL.sub("_", name)[:MAX_NAME].strip(" /.") or "score"


def identity_of(run: RunStarted) -> str:
    """Return the run's tag and start commit: unique, and the same when it is resumed."""
    return f"{run.tag}-{run.start_commit[:12]}" if run.start_commit else run.tag


def settings_of(run: RunStarted) -> dict[str, str]:
    """Return the settings of a run."""
    return {
        "tag": run.tag,
        "branch": run.branch,
        "method": run.method,
        "model": run.model or "none",
        "budget": run.budget,
        "sandbox_tier": run.tier,
        "workers": str(run.workers),
        "metric": run.objective.metric,
        "direction": run.objective.direction,
    }
