"""The one retry layer: backoff with jitter, the server's retry-after, one deadline, cancelling."""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    sleep_using_event,
    stop_before_delay,
)
from tenacity.wait import wait_exponential_jitter

from agent.errors import ModelUnavailable

T = TypeVar("T")

# A connection that is silent for this share of the deadline is dead: hang up and try again.
SILENCE_SHARE = 1 / 3
LONGEST_SILENCE_SECONDS = 600.0
LONGEST_WAIT_SECONDS = 60.0
POLL_SECONDS = 0.05


class Transient(Exception):
    """This attempt failed; another may succeed."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """Seconds, if the server named them."""


@dataclass(frozen=True)
class Patience:
    """How long one request may take."""

    seconds: float
    """In all, retries included."""
    cancel: threading.Event
    """Cancels the request when it is set."""
    first_wait: float = 1.0
    """Seconds before the first retry."""

    @property
    def silence(self) -> float:
        """Seconds without a byte after which an attempt ends."""
        return min(LONGEST_SILENCE_SECONDS, self.seconds * SILENCE_SHARE)


def persist(who: str, call: Callable[[], Coroutine[Any, Any, T]], patience: Patience) -> T:
    """Return what `call` returns; if it raises Transient, call it again after a wait.

    Raise ModelUnavailable at the deadline or when cancelled, and any other exception at once.
    """
    end = time.monotonic() + patience.seconds
    jittered = wait_exponential_jitter(
        multiplier=patience.first_wait, max=LONGEST_WAIT_SECONDS, jitter=patience.first_wait
    )

    def wait(state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        requested = error.retry_after if isinstance(error, Transient) else None
        return max(jittered(state), requested or 0.0)

    def attempt() -> T:
        return asyncio.run(_race(call(), end, patience.cancel))

    retrying = Retrying(
        retry=retry_if_exception_type(Transient),
        wait=wait,
        stop=stop_before_delay(patience.seconds),
        sleep=sleep_using_event(patience.cancel),
        reraise=True,
    )
    try:
        return retrying(attempt)
    except Transient as last:
        message = f"{who} gave no answer within {patience.seconds:.0f} s; the last attempt: {last}"
        raise ModelUnavailable(message, "autoresearch resume") from None


async def _race(call: Coroutine[Any, Any, T], end: float, cancel: threading.Event) -> T:
    """Await `call` until `end` (monotonic) or `cancel`; then close whatever it has open."""
    task = asyncio.ensure_future(call)
    while not task.done():
        left = end - time.monotonic()
        if left <= 0 or cancel.is_set():
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            if cancel.is_set():
                raise ModelUnavailable("the request was cancelled", "autoresearch resume")
            raise Transient("no complete answer before the deadline")
        await asyncio.wait({task}, timeout=min(left, POLL_SECONDS))
    return task.result()
