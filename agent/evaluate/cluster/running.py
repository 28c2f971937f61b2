"""One run on a node: its thread, its events so far, and its growing logs."""

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from agent.evaluate.bench import Assignment, Bench
from agent.evaluate.cluster.wire import (
    MAX_BLOB,
    MAX_EVENTS,
    Ending,
    Follow,
    Growth,
    News,
    Seen,
)
from agent.git.home import no_link
from agent.records.events import Checking, Event, Note, Progress, Scoring, TrialStarted
from agent.records.guards import Checks
from sandbox.ground.fault import Fault
from sandbox.ground.leftovers import remove_tree
from sandbox.ground.text import one_line


class Running:
    """A run in a thread of its own, which goes on while the connection is down."""

    def __init__(self, bench: Bench, assignment: Assignment, folder: Path) -> None:
        """Start the run. folder: for its logs, of this run alone."""
        self._bench = bench
        self._assignment = assignment
        self._folder = folder
        self._events: list[Seen] = []
        self._ending: Ending | None = None
        # Of each log: its inode, its size, and which file of this name it is.
        self._files: dict[str, tuple[int, int, int]] = {}
        self._change = threading.Condition()
        self._cancel = threading.Event()
        name = f"run-{assignment.attempt.number}"
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def cancel(self) -> None:
        """Cancel the run; `news` will report its end."""
        self._cancel.set()

    def clear(self) -> None:
        """Wait for the end of the run, and remove its files."""
        self._cancel.set()
        self._thread.join()
        remove_tree(self._folder.parent)

    def join(self, seconds: float | None = None) -> None:
        """Wait for the end of the run."""
        self._thread.join(seconds)

    def news(self, asked: Follow) -> tuple[News, list[bytes]]:
        """Wait for news, and return it with the new bytes of the logs."""
        with self._change:
            self._change.wait_for(
                lambda: len(self._events) > asked.events or self._ending is not None,
                asked.seconds,
            )
            events = tuple(self._events[asked.events : asked.events + MAX_EVENTS])
            ending = self._ending
        growths, pieces, more = self._grown(asked.logs)
        ending_now = ending if not more and len(events) < MAX_EVENTS else None
        return News(events=events, logs=growths, more=more, ending=ending_now), pieces

    def _work(self) -> None:
        ending = Ending()
        try:
            ending = self._measured()
        except Fault as fault:
            ending = Ending(fault=one_line(fault.message))
        except BaseException as error:
            ending = Ending(fault=one_line(f"{type(error).__name__}: {error}"))
        with self._change:
            self._ending = ending
            self._change.notify_all()

    def _measured(self) -> Ending:
        work_on: Callable[..., object] = self._bench.run
        if self._assignment.order.checks:
            work_on = self._bench.check
        outcome = work_on(self._assignment, self._hear, self._cancel)
        if isinstance(outcome, Checks):
            return Ending(checks=outcome)
        return Ending.model_validate({"result": outcome})

    def _hear(self, event: Event) -> None:
        seen = _seen(event)
        if seen is not None:
            with self._change:
                self._events.append(seen)
                self._change.notify_all()

    def _grown(
        self, known: dict[str, tuple[int, int]]
    ) -> tuple[tuple[Growth, ...], list[bytes], bool]:
        """Return where the logs grew, the new bytes, and whether there are more."""
        growths: list[Growth] = []
        pieces: list[bytes] = []
        room = MAX_BLOB
        more = False
        for path in sorted(self._folder.glob("*.log")):
            with suppress(OSError), open(path, "rb", opener=no_link) as log:
                status = os.fstat(log.fileno())
                number = self._number(path.name, status)
                file, offset = known.get(path.name, (0, 0))
                if file != number:
                    offset = 0
                log.seek(offset)
                piece = log.read(room)
                more = more or offset + len(piece) < status.st_size
                if piece:
                    growth = Growth(log=path.name, file=number, offset=offset, size=len(piece))
                    growths.append(growth)
                    pieces.append(piece)
                    room -= len(piece)
        return tuple(growths), pieces, more

    def _number(self, name: str, status: os.stat_result) -> int:
        """Return which file of this name a log is, from 1; a new one may have the old one's inode.

        A log only grows: one that is smaller than it was is a new one.
        """
        with self._change:
            inode, size, number = self._files.get(name, (status.st_ino, 0, 1))
            if inode != status.st_ino or status.st_size < size:
                number += 1
            self._files[name] = (status.st_ino, status.st_size, number)
            return number


def _seen(event: Event) -> Seen | None:
    """Return the part of an event that the driver does not know."""
    match event:
        case TrialStarted():
            return Seen(kind="started")
        case Progress(fraction=fraction, loss=loss):
            return Seen(kind="progress", fraction=fraction, loss=loss)
        case Scoring():
            return Seen(kind="scoring")
        case Checking(command=command):
            return Seen(kind="checking", text=command)
        case Note(text):
            return Seen(kind="note", text=one_line(text))
    return None
