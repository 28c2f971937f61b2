"""Runs trackers beside the loop, each in a thread of its own: one that fails or hangs costs a warning, never a trial."""

import queue
import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from agent.records.events import Event, Judged, RunFinished, RunStarted
from agent.trackers.tracker import Tracker
from sandbox.ground.redaction import redacted

# How long the end of a run waits for what a tracker still has to send.
GRACE_SECONDS = 40.0


class Aside:
    """One tracker, called `name` in warnings; listens from `__enter__` to `__exit__`, and never raises or waits in between.

    After its first failure it is still told the rest (a server may be back), without a further word; if it could not open, not.
    """

    def __init__(self, name: str, tracker: Tracker, grace: float = GRACE_SECONDS) -> None:
        self._name, self._tracker, self._grace = name, tracker, grace
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._said: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._failed = self._open = False
        self._reason = "the run ended"
        # A daemon: a tracker that hangs must not keep the process alive.
        self._thread = threading.Thread(target=self._serve, name=f"tracker {name}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        reason = self._reason if error is None else redacted(str(error)) or type(error).__name__
        self._work.put(
            lambda: self._while_open(lambda: self._tracker.close(reason, error is not None))
        )
        self._work.put(None)
        self._thread.join(self._grace)
        if self._thread.is_alive():
            self._said.put(
                f"{self._name} was not done {self._grace:.0f} s after the end, and is left behind"
            )

    def handle(self, event: Event) -> None:
        """Hand on what trackers are told of."""
        match event:
            case RunStarted():
                self._work.put(lambda: self._begin(event))
            case Judged(trial):
                self._work.put(lambda: self._while_open(lambda: self._tracker.verdict(trial)))
            case RunFinished(reason):
                self._reason = reason

    def warnings(self) -> list[str]:
        """What went wrong since the last call."""
        return [self._said.get() for _ in range(self._said.qsize())]

    def _begin(self, run: RunStarted) -> None:
        self._tracker.open(run)
        self._open = True

    def _while_open(self, job: Callable[[], None]) -> None:
        if self._open:
            job()

    def _serve(self) -> None:
        while (job := self._work.get()) is not None:
            try:
                job()
            except BaseException as error:  # other people's code: SystemExit, too, is theirs alone
                self._fail(error)

    def _fail(self, error: BaseException) -> None:
        if not self._failed:
            what = " ".join(redacted(str(error)).split()) or type(error).__name__
            rest = "the run goes on" if self._open else "the run goes on without it"
            self._said.put(f"{self._name} failed, {rest}: {what[:300]}")
        self._failed = True


class Trackers:
    """All trackers of a session as one listener."""

    def __init__(self, trackers: Sequence[Aside] = ()) -> None:
        self._trackers = trackers

    def __enter__(self) -> Self:
        for tracker in self._trackers:
            tracker.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for tracker in self._trackers:
            tracker.__exit__(kind, error, trace)

    def handle(self, event: Event) -> None:
        """Hand `event` to each."""
        for tracker in self._trackers:
            tracker.handle(event)

    def warnings(self) -> list[str]:
        """What went wrong with any of them since the last call."""
        return [said for tracker in self._trackers for said in tracker.warnings()]
