"""Passes messages about a model's retries to the present listener."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

Listener = Callable[[str], None]


class News:
    """Passes lines from any thread to the present listener."""

    def __init__(self) -> None:
        self._listener: Listener | None = None

    def __call__(self, line: str) -> None:
        """Pass a line on; without a listener it is dropped."""
        if self._listener:
            self._listener(line)

    @contextmanager
    def to(self, listener: Listener) -> Iterator[None]:
        """Send lines to `listener` during the block."""
        before = self._listener
        self._listener = listener
        try:
            yield
        finally:
            self._listener = before
