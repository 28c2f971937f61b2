"""What had come of an answer when its question was called off, for the record of what was spent."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from agent.errors import ModelAway, ModelLimited, ModelUnavailable
from agent.llm.model import CalledOff, Reply

MOST_CHARACTERS_A_TOKEN = 8
"""Of a text that a model wrote: with so many its tokens are not overestimated."""


class Begun:
    """The answer to one question, as far as it had come when it was called off."""

    def __init__(self) -> None:
        self._reply: Reply | None = None

    @contextmanager
    def kept(self, so_far: Callable[[], Reply]) -> Iterator[None]:
        """Keep what `so_far` returns where the task of the block is cancelled."""
        try:
            yield
        except asyncio.CancelledError:
            self._reply = so_far()
            raise

    @contextmanager
    def told(self) -> Iterator[None]:
        """Turn a fault of the block, but a limit, into CalledOff where an answer had begun."""
        try:
            yield
        except (ModelUnavailable, ModelAway) as fault:
            if self._reply is None or isinstance(fault, ModelLimited):
                raise
            raise CalledOff(fault, self._reply) from None


def least_tokens(text: str) -> int:
    """Return how many tokens a text has at least."""
    return len(text) // MOST_CHARACTERS_A_TOKEN
