"""The only retry layer: backoff with jitter, the server's retry-after, a deadline, cancelling.

A limit that lifts later than a question should wait is no failure of the question, nor is an
outage of a server that has answered: whoever asked hears when to ask again (ModelAway).
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

from agent.errors import ModelAway, ModelLimited, ModelUnavailable
from agent.llm.lifting import AGAIN_AFTER, clock_text

T = TypeVar("T")

# A connection that is silent for this share of the deadline is dead: hang up and try again.
SILENCE_SHARE = 1 / 3
LONGEST_SILENCE_SECONDS = 600.0
LONGEST_WAIT_SECONDS = 60.0
POLL_SECONDS = 0.05
CONNECT_SECONDS = 10.0
"""A reachable server accepts a connection sooner; else there is no route, or a firewall."""
LONGEST_PAUSE_SECONDS = 120.0
"""A question waits for a limit that lifts within this time; else the run goes on without it."""
DEAD_SECONDS = 15.0
"""An address or a command that has never answered is given up after this time as wrong."""


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
        silent: bool = False,
    ) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """Seconds to wait, if the server named them."""
        self.limited = limited
        """Whether the reason is a limit, which lifts by itself."""
        self.unreached = unreached
        """Whether no server answered at all."""
        self.astray = astray or unreached
        """Whether the address or command may be wrong: nothing that arrived is an answer of a
        model."""
        self.silent = silent
        """Whether nothing arrived, so that it is unknown which server listens there."""


class _OutOfTime(Transient):
    """The deadline ended an attempt, which says nothing of the server."""

    def __init__(self) -> None:
        super().__init__("no complete answer before the deadline", silent=True)


@dataclass(frozen=True)
class Patience:
    """How long one request may take."""

    seconds: float
    """Seconds for the whole request, retries included."""
    cancel: threading.Event
    """Cancels the request when it is set."""
    first_wait: float = 1.0
    """Seconds before the first retry."""
    tell: Callable[[str], None] = _nobody
    """Called in the request's thread with why an attempt failed and when the next one follows."""
    answered: threading.Event = field(default_factory=threading.Event)
    """Set once any server has answered."""
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

    who: what is asked, for messages. Raise ModelUnavailable when cancelled, and at the deadline if
    nobody has ever answered, else ModelAway; ModelLimited for a limit that lifts later than a
    question waits, and any other exception at once.
    """
    return _Question(who, patience).ask(call)


class _Question:
    """One question to a model: its attempts, the waits between them, and what ends it."""

    def __init__(self, who: str, patience: Patience) -> None:
        self._who = who
        self._patience = patience
        self._began = time.monotonic()
        self._deadline = self._began + patience.seconds
        self._jittered = wait_exponential_jitter(
            multiplier=patience.first_wait, max=LONGEST_WAIT_SECONDS, jitter=patience.first_wait
        )
        self._reason: BaseException | None = None
        """Why the last attempt before a retry failed."""

    def ask(self, call: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Return the answer after as many attempts as needed; see `persist`."""
        retrying = Retrying(
            retry=retry_if_exception_type(Transient),
            wait=self._wait,
            stop=stop_before_delay(self._patience.seconds),
            sleep=sleep_using_event(self._patience.cancel),
            before_sleep=self._tell,
            reraise=True,
        )
        try:
            return retrying(lambda: self._attempt(call))
        except Transient as last:
            raise self._failure(last) from None

    def _attempt(self, call: Callable[[], Coroutine[Any, Any, T]]) -> T:
        try:
            answer = self._once(call)
        except Transient as error:
            self._refuse_to_wait(error)
            raise
        self._patience.answered.set()
        return answer

    def _once(self, call: Callable[[], Coroutine[Any, Any, T]]) -> T:
        with asyncio.Runner() as runner:
            runner.get_loop().set_default_executor(_Unawaited(1))
            return runner.run(_race(call(), self._deadline, self._patience.cancel))

    def _refuse_to_wait(self, error: Transient) -> None:
        """Raise the fault that ends the question if no further attempt would help."""
        if (error.retry_after or 0.0) > LONGEST_PAUSE_SECONDS:
            raise _limited(error, error.retry_after) from None
        if not error.astray and not error.silent:
            self._patience.answered.set()
        dead = error.astray and time.monotonic() - self._began > DEAD_SECONDS
        if dead and not self._patience.answered.is_set():
            raise _dead(error) from None

    def _wait(self, state: RetryCallState) -> float:
        """Return the seconds until the next attempt: as long as the server asks for, or longer."""
        error = _error_of(state)
        requested = error.retry_after if isinstance(error, Transient) else None
        return max(self._jittered(state), requested or 0.0)

    def _tell(self, state: RetryCallState) -> None:
        """Report why an attempt failed, and when the next one follows."""
        error = _error_of(state)
        self._reason = error
        pause = state.next_action.sleep if state.next_action else 0.0
        end = self._deadline
        astray = isinstance(error, Transient) and error.astray
        if astray and not self._patience.answered.is_set():
            end = min(end, self._began + DEAD_SECONDS)
        self._patience.tell(
            f"{error}; trying again in {pause:.0f} s (attempt {state.attempt_number + 1}; "
            f"gives up in {_span(end - time.monotonic())})"
        )

    def _failure(self, last: Transient) -> ModelUnavailable | ModelAway:
        """Return the fault of a question that ran out of time; `last` ended its last attempt."""
        reason: BaseException = last
        if self._reason is not None and isinstance(last, _OutOfTime):
            reason = self._reason
        if isinstance(reason, Transient) and reason.limited:
            return _limited(reason, reason.retry_after)
        message = (
            f"{self._who} gave no answer within {self._patience.seconds:.0f} s; "
            f"the last attempt: {reason}"
        )
        if not self._patience.answered.is_set():
            return ModelUnavailable(message, "autoresearch resume")
        again = "autoresearch resume   # once it answers again"
        return ModelAway(message, again, datetime.now(UTC) + AGAIN_AFTER)


def _error_of(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None


def _limited(error: Transient, seconds: float | None) -> ModelLimited:
    """Return the fault for a limit. seconds: until it lifts; None if that is unknown."""
    now = datetime.now(UTC)
    until = now + (AGAIN_AFTER if seconds is None else timedelta(seconds=seconds))
    lifts = "once the limit lifts"
    if seconds is not None:
        lifts = f"the limit lifts at {clock_text(until, now)}"
    return ModelLimited(str(error), f"autoresearch resume   # {lifts}", until)


def _dead(error: Transient) -> ModelUnavailable:
    so_far = "no server has answered there"
    if not error.unreached:
        so_far = "no other answer has come from there"
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
            raise _OutOfTime
        await asyncio.wait({task}, timeout=min(left, POLL_SECONDS))
    return task.result()
