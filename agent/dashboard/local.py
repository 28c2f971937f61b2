"""The files about a trial that only the machine that ran it has."""

from dataclasses import dataclass

from agent.dashboard.usage import Traces
from agent.llm.recorded import Exchange


@dataclass(frozen=True)
class Local:
    """The files about a trial that only this machine has."""

    logs: tuple[tuple[str, str], ...] = ()
    """Name and tail of each training log."""
    exchanges: tuple[Exchange, ...] = ()
    """Questions to the model and its answers."""
    traces: tuple[Traces, ...] = ()
    """The resources that each training used."""
