"""Runs each tracker in a thread of its own: a failure or a hang costs a warning, not a trial."""

import queue
import threading
from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Self

from agent.display.waiting import waiting
from agent.records.events import Event, Heard, Judged, ModelWaited, RunFinished, RunStarted
from agent.trackers.tracker import Awaiting, Hearing, Tracker
from sandbox.ground.text import one_line

# How long the end of a run waits for what a tracker still has to send.
GRACE_SECONDS = 40.0


class Aside:
    """One tracker, called `name` in warnings; listens from `__enter__` to `__exit__`.

    It never raises or blocks in between. After its first failure the tracker is still told the
    rest, as a server may come back, but warns no more; if it could not open, it is told nothing.
    folder: where it may write; made before it opens.
    """

    def __init__(
        self,
        name: str,
        tracker: Tracker,
        grace: float = GRACE_SECONDS,
        folder: Path | None = None,
    ) -> None:
        self.name = name
        self._tracker = tracker
        self._folder = folder
        self._grace = grace
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._warnings: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._failed = False
        self._open = False
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
        failed = error is not None
        reason = (one_line(str(error)) or type(error).__name__) if failed else self._reason
        self._work.put(lambda: self._while_open(lambda: self._tracker.close(reason, failed)))
        self._work.put(None)
        late = f"it has {self._grace:.0f} s, and is left then"
        with waiting(f"{self.name} to take in the last results", late):
            self._thread.join(self._grace)
        if self._thread.is_alive():
            self._warnings.put(
                f"{self.name} was not done {self._grace:.0f} s after the end, and is abandoned"
            )

    def handle(self, event: Event) -> None:
        """Pass on the events that trackers are told."""
        match event:
            case RunStarted():
                self._work.put(lambda: self._begin(event))
            case Judged(trial):
                self._work.put(lambda: self._while_open(lambda: self._tracker.verdict(trial)))
            case Heard(admitted) if isinstance(self._tracker, Hearing):
                hearing = self._tracker
                self._work.put(lambda: self._while_open(lambda: hearing.heard(admitted)))
            case ModelWaited() if isinstance(self._tracker, Awaiting):
                awaiting = self._tracker
                self._work.put(lambda: self._while_open(lambda: awaiting.waited(event)))
            case RunFinished(reason):
                self._reason = reason

    def warnings(self) -> list[str]:
        """Return the warnings since the last call."""
        return [self._warnings.get() for _ in range(self._warnings.qsize())]

    def _begin(self, run: RunStarted) -> None:
        if self._folder is not None:
            self._folder.mkdir(parents=True, exist_ok=True)
        self._tracker.open(run)
        self._open = True

    def _while_open(self, job: Callable[[], None]) -> None:
        if self._open:
            job()

    def _serve(self) -> None:
        while (job := self._work.get()) is not None:
            try:
                job()
            except BaseException as error:  # other people's code, which may raise SystemExit
                self._fail(error)

    def _fail(self, error: BaseException) -> None:
        if not self._failed:
            what = one_line(str(error)) or type(error).__name__
            rest = "the run goes on" if self._open else "the run goes on without it"
            self._warnings.put(f"{self.name} failed, {rest}: {what}")
        self._failed = True


class Trackers:
    """All trackers of a session as one listener."""

    def __init__(self, trackers: Sequence[Aside] = ()) -> None:
        self._trackers = trackers

    @property
    def names(self) -> tuple[str, ...]:
        """What warnings call each of them."""
        return tuple(tracker.name for tracker in self._trackers)

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
        """Pass `event` to each tracker."""
        for tracker in self._trackers:
            tracker.handle(event)

    def warnings(self) -> list[str]:
        """Return the warnings of all of them since the last call."""
        return list(chain.from_iterable(tracker.warnings() for tracker in self._trackers))
