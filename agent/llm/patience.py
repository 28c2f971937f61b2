"""The one retry layer: backoff with jitter, the server's retry-after, one deadline, cancelling.

A limit that lifts later than a question should wait is no failure of the question: whoever asked
hears when to ask again (ModelLimited).
"""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    sleep_using_event,
    stop_before_delay,
)
from tenacity.wait import wait_exponential_jitter

from agent.errors import ModelLimited, ModelUnavailable
from agent.llm.lifting import AGAIN_AFTER, clock_text

T = TypeVar("T")

# A connection that is silent for this share of the deadline is dead: hang up and try again.
SILENCE_SHARE = 1 / 3
LONGEST_SILENCE_SECONDS = 600.0
LONGEST_WAIT_SECONDS = 60.0
POLL_SECONDS = 0.05
CONNECT_SECONDS = 10.0
"""A server that is there accepts a connection sooner: no route, or a wall that drops packets."""
LONGEST_PAUSE_SECONDS = 120.0
"""A question waits for a limit that lifts so soon; for a later one the run goes on without it."""
DEAD_SECONDS = 15.0
"""An address or a command that has never answered is given up so soon: it is a wrong one."""


def _nobody(_: str) -> None:
    """Tell nobody."""


class Transient(Exception):
    """This attempt failed; another may succeed."""

    def __init__(
        self,
        message: str,
        retry_after: float | None = None,
        limited: bool = False,
        unreached: bool = False,
        astray: bool = False,
    ) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """Seconds, if the server named them."""
        self.limited = limited
        """Whether the server refuses for a limit, which lifts by itself."""
        self.unreached = unreached
        """Whether nobody answered at all."""
        self.astray = astray or unreached
        """Whether this may be a wrong address or command: nothing came that is an answer of it."""


class _OutOfTime(Transient):
    """The deadline ended an attempt, which says nothing of the server."""


@dataclass(frozen=True)
class Patience:
    """How long one request may take."""

    seconds: float
    """In all, retries included."""
    cancel: threading.Event
    """Cancels the request when it is set."""
    first_wait: float = 1.0
    """Seconds before the first retry."""
    tell: Callable[[str], None] = _nobody
    """Is told, from the thread of the request, why an attempt failed and when the next follows."""
    answered: threading.Event = field(default_factory=threading.Event)
    """Set once anybody has answered."""
    listing_seconds: float = 0.0
    """As `seconds`, for the list of a provider's models."""

    @property
    def silence(self) -> float:
        """Seconds without a byte after which an attempt ends."""
        return min(LONGEST_SILENCE_SECONDS, self.seconds * SILENCE_SHARE)

    @property
    def connecting(self) -> float:
        """Seconds that the connection of an attempt may take."""
        return min(CONNECT_SECONDS, self.silence)


def persist(who: str, call: Callable[[], Coroutine[Any, Any, T]], patience: Patience) -> T:
    """Return what `call` returns; if it raises Transient, call it again after a wait.

    Raise ModelUnavailable at the deadline or when cancelled, ModelLimited for a limit that lifts
    later than a question waits, and any other exception at once.
    """
    began = time.monotonic()
    end = began + patience.seconds
    jittered = wait_exponential_jitter(
        multiplier=patience.first_wait, max=LONGEST_WAIT_SECONDS, jitter=patience.first_wait
    )

    def wait(state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        requested = error.retry_after if isinstance(error, Transient) else None
        return max(jittered(state), requested or 0.0)

    reasons: list[BaseException | None] = []

    def tell(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        reasons.append(error)
        pause = state.next_action.sleep if state.next_action else 0.0
        gives_up = end
        if isinstance(error, Transient) and error.astray and not patience.answered.is_set():
            gives_up = min(end, began + DEAD_SECONDS)
        left = gives_up - time.monotonic()
        patience.tell(
            f"{error}; trying again in {pause:.0f} s (attempt {state.attempt_number + 1}; "
            f"gives up in {_span(left)})"
        )

    def once() -> T:
        with asyncio.Runner() as runner:
            runner.get_loop().set_default_executor(_Unawaited(1))
            return runner.run(_race(call(), end, patience.cancel))

    def attempt() -> T:
        try:
            answer = once()
        except Transient as error:
            if (error.retry_after or 0.0) > LONGEST_PAUSE_SECONDS:
                raise _limited(error, error.retry_after) from None
            if not error.astray and not isinstance(error, _OutOfTime):
                patience.answered.set()
            elif time.monotonic() - began > DEAD_SECONDS and not patience.answered.is_set():
                raise _dead(error) from None
            raise
        patience.answered.set()
        return answer

    retrying = Retrying(
        retry=retry_if_exception_type(Transient),
        wait=wait,
        stop=stop_before_delay(patience.seconds),
        sleep=sleep_using_event(patience.cancel),
        before_sleep=tell,
        reraise=True,
    )
    try:
        return retrying(attempt)
    except Transient as last:
        reason = reasons[-1] if reasons and isinstance(last, _OutOfTime) else last
        if isinstance(reason, Transient) and reason.limited:
            raise _limited(reason, reason.retry_after) from None
        message = (
            f"{who} gave no answer within {patience.seconds:.0f} s; the last attempt: {reason}"
        )
        raise ModelUnavailable(message, "autoresearch resume") from None


def _limited(error: Transient, seconds: float | None) -> ModelLimited:
    """Return the limit behind a failed attempt. seconds: until it lifts; None if it is unknown."""
    now = datetime.now(UTC)
    until = now + (AGAIN_AFTER if seconds is None else timedelta(seconds=seconds))
    lifts = "once the limit lifts"
    if seconds is not None:
        lifts = f"the limit lifts at {clock_text(until, now)}"
    return ModelLimited(str(error), f"autoresearch resume   # {lifts}", until)


def _dead(error: Transient) -> ModelUnavailable:
    so_far = "nobody has answered there"
    if not error.unreached:
        so_far = "nothing else has come from there"
    return ModelUnavailable(
        f"{error}; {so_far} since this command began, so it is not asked again",
        "autoresearch models",
    )


class _Unawaited(ThreadPoolExecutor):
    """Runs each call in a daemon thread, for which neither an attempt nor the process waits.

    It is for look-ups of names, which nobody can call off: without a name server one takes half a
    minute, and Ctrl-C would seem to do nothing meanwhile.
    """

    def submit(self, call: Callable[..., T], /, *args: Any, **more: Any) -> Future[T]:
        """Start `call`, and return its future."""
        future: Future[T] = Future()

        def work() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(call(*args, **more))
            except BaseException as error:
                future.set_exception(error)

        threading.Thread(target=work, daemon=True).start()
        return future


def _span(seconds: float) -> str:
    """Return `40 s` or `28 min`."""
    return f"{max(0.0, seconds):.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


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
            raise _OutOfTime("no complete answer before the deadline")
        await asyncio.wait({task}, timeout=min(left, POLL_SECONDS))
    return task.result()
