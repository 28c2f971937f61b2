"""Follows a training: reports progress, prunes it, and reads the state of the machine."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

from agent.evaluate.machine import Conditions, conditions
from agent.evaluate.slots import Slot
from agent.judge.pruning import LATEST, hopeless, passed
from agent.records.curves import Curve
from agent.records.events import Event, Progress, Scoring
from sandbox.ground.deadline import LATE_SECONDS
from sandbox.score.printed import parse_progress, read_curve

POLL_SECONDS = 0.5
# Reading clock and temperature asks a driver, which takes a while: one reading in so many polls.
POLLS_PER_READING = 20
TAIL_BYTES = 4096

Listener = Callable[[Event], None]


class Watch:
    """Follows the log of attempt `number` in a thread, for the time of a `with` block.

    rivals: curves that the training is pruned against; () to never prune it.
    """

    def __init__(
        self,
        number: int,
        slot: Slot,
        log: Path,
        rivals: tuple[Curve, ...],
        listen: Listener,
        cancel: threading.Event,
    ) -> None:
        self._number = number
        self._slot = slot
        self._log = log
        self._rivals = rivals
        self._listen = listen
        self._cancel = cancel
        self.stop = threading.Event() if rivals else cancel
        """To be heeded by the training; set on `cancel`, or when it is pruned."""
        self.hopeless = ""
        """Why it was pruned; empty otherwise."""
        self.conditions = Conditions()
        """Of the machine, near the end of the training."""
        self.stood_still = False
        """Whether this process was stopped meanwhile, as by Ctrl-Z: times are too long then."""
        self._passed = 0
        self._over = threading.Event()
        self._trained = threading.Event()
        self._thread = threading.Thread(target=self._follow, name=f"watch-{number}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def trained(self) -> None:
        """Stop pruning and reading the machine: the training has ended."""
        self._rivals = ()
        self._trained.set()
        self._listen(Scoring(self._number, self._slot.number))

    def _follow(self) -> None:
        last: tuple[float, float] | None = None
        polls = 0
        while not self._is_over():
            if polls % POLLS_PER_READING == 0 and not self._trained.is_set():
                self.conditions = conditions(self._slot.cpus, self._slot.gpus)
            polls += 1
            if self._cancel.is_set():
                self.stop.set()
            points = parse_progress(self._tail())
            if points and points[-1] != last:
                last = points[-1]
                self._listen(Progress(self._number, *last, self._slot.number))
                self._prune(last[0])

    def _is_over(self) -> bool:
        """Return whether the block has ended, at the latest when it is time for the next poll."""
        before = time.monotonic()
        over = self._over.wait(POLL_SECONDS)
        if time.monotonic() - before > POLL_SECONDS + LATE_SECONDS:
            self.stood_still = True
        return over

    def _prune(self, fraction: float) -> None:
        """Decide about pruning once at each checkpoint, by the whole curve so far."""
        if not self._rivals or fraction > LATEST or passed(fraction) == self._passed:
            return
        self._passed = passed(fraction)
        why = hopeless(read_curve(self._log), self._rivals)
        if why and self._rivals:
            self.hopeless = why
            self.stop.set()

    def _tail(self) -> str:
        try:
            with self._log.open("rb") as file:
                file.seek(max(0, file.seek(0, 2) - TAIL_BYTES))
                return file.read(TAIL_BYTES).decode("utf-8", "replace")
        except FileNotFoundError:
            return ""
