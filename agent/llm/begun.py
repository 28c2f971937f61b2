"""The part of an answer that had arrived when its question was called off: it was paid for."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from agent.errors import ModelAway, ModelLimited, ModelUnavailable
from agent.llm.model import CalledOff, Reply

MOST_CHARACTERS_A_TOKEN = 8
"""Characters per token of a model's text, at most: a count by it is never too high."""


class Begun:
    """The part of an answer that had arrived when its question was called off."""

    def __init__(self) -> None:
        self._reply: Reply | None = None

    @contextmanager
    def kept(self, so_far: Callable[[], Reply]) -> Iterator[None]:
        """Store the result of `so_far` if the task is cancelled inside the block."""
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
    """Return a lower bound on the number of tokens of a text."""
    return len(text) // MOST_CHARACTERS_A_TOKEN
