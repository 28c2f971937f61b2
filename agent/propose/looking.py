"""What a proposer may look at before it proposes, and the meter that ends it."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from agent.llm.model import CHARACTERS_A_TOKEN, Door, Tool
from agent.records.edits import Edit, Refused
from agent.records.looks import LookBounds, Looked
from agent.records.sources import Sources

CALLS_A_TURN = 8
"""Tools that an answer may call on average."""
Awaited = Callable[[], float]
"""Returns how many seconds a free slot has waited for the proposal; 0 if none does."""


@dataclass
class LookMeter:
    """Counts what one proposal looks at, and says when it is to propose."""

    bounds: LookBounds
    awaited: Awaited
    began: float = field(default_factory=time.monotonic)
    turns: int = 0
    calls: int = 0
    tokens: int = 0
    dollars: float = 0.0
    probes: int = 0

    def show(self, text: str) -> None:
        """Count a text that is shown."""
        self.tokens += len(text.encode("utf-8", "replace")) // CHARACTERS_A_TOKEN

    @property
    def spent(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self.began

    def over(self) -> str:
        """Return why nothing more is looked at, or ""."""
        bounds = self.bounds
        if self.awaited() > bounds.wait:
            return "a slot is free and waits for your proposal"
        if self.turns >= bounds.turns:
            return f"you have looked {self.turns} times, which is the bound"
        if self.calls >= bounds.turns * CALLS_A_TURN:
            return f"you have called {self.calls} tools, which is the bound"
        if self.tokens >= bounds.tokens:
            return f"you have read about {self.tokens} tokens, which is beyond the bound"
        if self.dollars >= bounds.dollars > 0:
            return f"your answers have cost ${self.dollars:.2f}, which is beyond the bound"
        if self.spent >= bounds.seconds:
            return f"the {bounds.seconds:.0f} s for looking are over"
        return ""


class Looks(Protocol):
    """What one proposal looks at, by calls of ours or through a door."""

    @property
    def meter(self) -> LookMeter:
        """What it has used."""
        ...

    @property
    def tools(self) -> tuple[Tool, ...]:
        """What may be called."""
        ...

    @property
    def looked(self) -> tuple[Looked, ...]:
        """What was called, for the record."""
        ...

    def call(self, name: str, arguments: Mapping[str, Any]) -> str:
        """Return what a tool answers, as text of bounded length; a refusal is an answer, too."""
        ...

    def door(self) -> AbstractContextManager[Door | None]:
        """Serve the same tools to a command for the block; None where that is not possible."""
        ...


class Asker(Protocol):
    """What the looks of a proposal are for: a context."""

    @property
    def sources(self) -> Sources:
        """The files that edits may touch, at the tip."""
        ...

    @property
    def check(self) -> Callable[[Sequence[Edit]], Refused | None]:
        """Returns why the ledger would refuse edits, or None."""
        ...

    @property
    def awaited(self) -> Awaited:
        """How long a free slot has waited."""
        ...


Look = Callable[[Asker], Looks]
"""Begins the looks of one proposal."""


def never_awaited() -> float:
    """Return that no slot waits."""
    return 0.0
