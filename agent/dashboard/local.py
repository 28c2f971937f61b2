"""What only the machine that ran a trial has of it."""

from dataclasses import dataclass

from agent.dashboard.usage import Traces
from agent.llm.recorded import Exchange


@dataclass(frozen=True)
class Local:
    """The part of a trial that only this machine has."""

    logs: tuple[tuple[str, str], ...] = ()
    """Name and tail of each training log."""
    exchanges: tuple[Exchange, ...] = ()
    """With the model."""
    traces: tuple[Traces, ...] = ()
    """What each training took of the machine."""
