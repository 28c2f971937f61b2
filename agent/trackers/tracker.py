"""The Tracker protocol, and what every tracker is told about a trial."""

from typing import Protocol

from agent.records.events import RunStarted
from agent.records.results import FAILED, TAKEN, Trial


class Tracker(Protocol):
    """Listens to one session of a run, in a thread of its own; what it raises becomes a warning."""

    def open(self, run: RunStarted) -> None:
        """Begin, or resume: only new verdicts follow, as earlier ones were told when they came."""
        ...

    def verdict(self, trial: Trial) -> None:
        """Take in a trial that has its verdict."""
        ...

    def close(self, reason: str, failed: bool) -> None:
        """End the session; if `failed`, `reason` is the message of a fault."""
        ...


def numbers_of(trial: Trial) -> dict[str, float]:
    """Return what can be plotted over the trials; what is unknown is left out."""
    result = trial.result
    by = trial.proposal.by
    numbers = {
        "val_bpb": trial.value,
        "delta": trial.delta,
        "seconds": result.seconds if result else None,
        "peak_memory_mb": result.peak_memory_mb if result else None,
        "parameters": result.parameters if result else None,
        "cost": by.cost,
        "input_tokens": by.input_tokens or None,
        "output_tokens": by.output_tokens or None,
        "kept": trial.status in TAKEN,
        "failed": trial.status in FAILED,
    }
    return {name: float(value) for name, value in numbers.items() if value is not None}


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
    }
