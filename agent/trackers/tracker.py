"""The Tracker protocol, and what every tracker is told of a trial."""

from typing import Protocol

from agent.records.events import RunStarted
from agent.records.results import FAILED, TAKEN, Trial


class Tracker(Protocol):
    """Is told of one session of a run, from one thread that is its own. Whatever it raises becomes a warning."""

    def open(self, run: RunStarted) -> None:
        """The run began or goes on. Only what is judged from now on follows: earlier verdicts were told when they came."""
        ...

    def verdict(self, trial: Trial) -> None:
        """A trial has its verdict."""
        ...

    def close(self, reason: str, failed: bool) -> None:
        """The session ended; failed: by a fault, of which `reason` is the message."""
        ...


def numbers_of(trial: Trial) -> dict[str, float]:
    """What can be plotted over the trials. A trial without a score has none here, never a large number."""
    result, by = trial.result, trial.proposal.by
    known = {
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
    return {name: float(value) for name, value in known.items() if value is not None}


def identity_of(run: RunStarted) -> str:
    """A name for the run that it keeps when it is resumed and shares with no other: its tag and where it began."""
    return f"{run.tag}-{run.start_commit[:12]}" if run.start_commit else run.tag


def settings_of(run: RunStarted) -> dict[str, str]:
    """What the run was asked for."""
    return {
        "tag": run.tag,
        "branch": run.branch,
        "method": run.method,
        "model": run.model or "none",
        "budget": run.budget,
        "sandbox_tier": run.tier,
        "workers": str(run.workers),
    }
