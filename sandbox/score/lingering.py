"""Ends a run early that has printed its score and then neither prints nor exits."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

from sandbox.score.metric import Metric, Reading
from sandbox.score.reading import read_metric

POLL_SECONDS = 0.25
SUMMARY_GRACE_SECONDS = 60.0
"""Silence that is allowed behind a summary, which is the end of what a run prints."""
GRACE_SECONDS = 300.0
"""Silence that is allowed behind any other score, which may be that of an epoch."""
GRACE_FACTOR = 3.0
"""The same, as a multiple of the longest silence before: an epoch may take long."""


class Lingering:
    """A context manager that follows a run's log in a thread of its own.

    metric: what the run prints; None to end no run. clock: in seconds.
    """

    def __init__(
        self,
        log: Path,
        metric: Metric | None,
        cancel: threading.Event,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._log = log
        self._metric = metric
        self._cancel = cancel
        self._clock = clock
        self.stop = cancel if metric is None else threading.Event()
        """To be heeded by the run; set on `cancel`, or when it lingers."""
        self.silence: float | None = None
        """Seconds without a word behind its score, after which it was ended; None if it was not."""
        self._size = 0
        self._since = clock()
        self._longest = 0.0
        self._grace = SUMMARY_GRACE_SECONDS
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="lingering", daemon=True)

    def __enter__(self) -> Self:
        if self._metric is not None:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._metric is not None:
            self._thread.join()

    def lingers(self) -> bool:
        """Look at the log once, and return whether its run lingers."""
        silence = self._silence()
        if silence < SUMMARY_GRACE_SECONDS:
            self._grace = SUMMARY_GRACE_SECONDS
            return False
        if silence < self._grace:
            return False
        # The log is read only when a grace has passed, and not again in the same silence.
        self._grace = self._grace_now()
        if silence < self._grace:
            return False
        self.silence = silence
        return True

    def _follow(self) -> None:
        while not self._over.wait(POLL_SECONDS):
            if self._cancel.is_set() or self.lingers():
                self.stop.set()
                return

    def _silence(self) -> float:
        """Return the seconds since the last output."""
        now = self._clock()
        silence = now - self._since
        size = self._printed()
        if size == self._size:
            return silence
        self._size = size
        self._since = now
        self._longest = max(self._longest, silence)
        return 0.0

    def _printed(self) -> int:
        try:
            return self._log.stat().st_size
        except OSError:
            return 0

    def _grace_now(self) -> float:
        """Return the seconds of silence that are allowed after the present output."""
        assert self._metric is not None
        reading = read_metric(self._log, self._metric)
        if not isinstance(reading, Reading):
            return float("inf")
        if reading.blocks:
            return SUMMARY_GRACE_SECONDS
        return max(GRACE_SECONDS, GRACE_FACTOR * self._longest)
