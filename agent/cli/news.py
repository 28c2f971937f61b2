"""Passes on what a model's retries say, to whatever shows it at the time."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

Listener = Callable[[str], None]


class News:
    """Called with a line from any thread; whoever listens at the time hears it."""

    def __init__(self) -> None:
        self._listener: Listener | None = None

    def __call__(self, line: str) -> None:
        """Pass a line on; without a listener it is dropped."""
        if self._listener:
            self._listener(line)

    @contextmanager
    def to(self, listener: Listener) -> Iterator[None]:
        """Let `listener` hear what is said during the block."""
        before = self._listener
        self._listener = listener
        try:
            yield
        finally:
            self._listener = before
