"""Measures how much of a baseline's time is training; the rest is the harness's overhead."""

import time

from agent.records.results import Trial


class Stopwatch:
    """Times a baseline from its beginning to its verdict."""

    def __init__(self) -> None:
        self._began: float | None = None

    def start(self) -> None:
        """Start the clock: a baseline begins."""
        self._began = time.monotonic()

    def words(self, baseline: Trial) -> str | None:
        """Return a warning if the overhead took longer than the trainings, else None."""
        if self._began is None or baseline.result is None:
            return None
        runs = len(baseline.result.scores)
        training = baseline.result.seconds
        others = time.monotonic() - self._began - training - baseline.result.score_seconds
        if not runs or others <= training:
            return None
        return (
            f"a training takes {training / runs:.2f} s, and {others / runs:.2f} s pass around it "
            "(its copy of the files, its sandbox, its commits): a night is mostly that, unless a "
            "trial does more work"
        )
