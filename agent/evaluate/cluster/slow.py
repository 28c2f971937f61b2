"""An answer that takes long, as one that reads a large data set: it is asked for until it is there.

A node that is silent for long counts as dead, so none works on one question for minutes.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Slow(Generic[Value]):
    """Work in a thread of its own, which begins at once."""

    def __init__(self, work: Callable[[], Value]) -> None:
        self._work = work
        self._outcome: Future[Value] = Future()
        threading.Thread(target=self._run, name="slow-answer", daemon=True).start()

    def within(self, seconds: float) -> Value | None:
        """Return what came of it; None where that takes longer. Raise what the work raised."""
        done, _ = wait((self._outcome,), seconds)
        return self._outcome.result() if done else None

    def _run(self) -> None:
        try:
            self._outcome.set_result(self._work())
        except BaseException as error:
            self._outcome.set_exception(error)
