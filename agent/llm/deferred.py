"""A model that is opened by its first question: a limit kept its provider from naming it before."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal

from agent.errors import ModelLimited
from agent.llm.model import LooksBy, Model, Reply, Request, looks_by


class Deferred:
    """The model that `open` returns; each question raises `limit` until that has lifted.

    name: what the user typed, which is its name until it is open.
    """

    origin: Literal["llm"] = "llm"

    def __init__(self, name: str, open: Callable[[], Model], limit: ModelLimited) -> None:
        self._typed = name
        self._open = open
        self.limit = limit
        """What its provider said last."""
        self._model: Model | None = None
        self._lock = threading.Lock()  # several writers ask at the same time

    @property
    def name(self) -> str:
        """See Model."""
        return self._model.name if self._model else self._typed

    @property
    def looks(self) -> LooksBy:
        """How it looks things up; all whose provider names them call tools."""
        return looks_by(self._model) if self._model else "calls"

    def estimate(self, request: Request) -> float | None:
        """See Model; raise what opening it raises."""
        return self._opened().estimate(request)

    def complete(self, request: Request) -> Reply:
        """See Model; raise what opening it raises."""
        return self._opened().complete(request)

    def _opened(self) -> Model:
        with self._lock:
            if self._model is None:
                self._model = self._asked()
            return self._model

    def _asked(self) -> Model:
        """Open the model; raise the limit as long as it holds, without asking."""
        if datetime.now(UTC) < self.limit.until:
            raise self.limit
        try:
            return self._open()
        except ModelLimited as limit:
            self.limit = limit
            raise
