"""The tools of a model before it proposes, and the bounds on their use."""

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
    """Counts the tool calls of one proposal against their bounds."""

    bounds: LookBounds
    awaited: Awaited
    began: float = field(default_factory=time.monotonic)
    turns: int = 0
    calls: int = 0
    tokens: int = 0
    dollars: float = 0.0
    probes: int = 0

    def show(self, text: str) -> None:
        """Count the characters of a text that is shown."""
        self.tokens += len(text.encode("utf-8", "replace")) // CHARACTERS_A_TOKEN

    @property
    def spent(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self.began

    def over(self) -> str:
        """Return why no tool may be called any more; "" while one may."""
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
    """The tools of one proposal, called by us or through a server."""

    @property
    def meter(self) -> LookMeter:
        """What was used of the bounds."""
        ...

    @property
    def tools(self) -> tuple[Tool, ...]:
        """The tools that may be called."""
        ...

    @property
    def looked(self) -> tuple[Looked, ...]:
        """The calls so far, for the record."""
        ...

    def call(self, name: str, arguments: Mapping[str, Any]) -> str:
        """Call a tool; return its answer, or its refusal, as text of bounded length."""
        ...

    def door(self) -> AbstractContextManager[Door | None]:
        """Serve the same tools to a command during the block; None if that is impossible."""
        ...


class Asker(Protocol):
    """The part of a context that tools need."""

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
        """Returns for how many seconds a free slot has waited."""
        ...


Look = Callable[[Asker], Looks]
"""Begins the looks of one proposal."""


def never_awaited() -> float:
    """Return 0.0: no slot waits."""
    return 0.0
