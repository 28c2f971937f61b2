"""A model that is opened by its first question: its provider could not name it before."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal

from agent.errors import ModelAway
from agent.llm.model import LooksBy, Model, Reply, Request, looks_by


class Deferred:
    """The model that `open` returns; each question raises `away` until that is over.

    name: what the user typed, which is its name until it is open.
    """

    origin: Literal["llm"] = "llm"

    def __init__(self, name: str, open: Callable[[], Model], away: ModelAway) -> None:
        self._typed = name
        self._open = open
        self.away = away
        """Why it could not be opened the last time."""
        self._model: Model | None = None
        self._lock = threading.Lock()  # several writers ask at the same time

    @property
    def name(self) -> str:
        """See Model."""
        return self._model.name if self._model else self._typed

    @property
    def looks(self) -> LooksBy:
        """See `looks_by`: a model whose provider lists it calls tools."""
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
        """Open the model; until it may be asked again, raise why not, without asking."""
        if datetime.now(UTC) < self.away.until:
            raise self.away
        try:
            return self._open()
        except ModelAway as away:
            self.away = away
            raise
