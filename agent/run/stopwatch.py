"""How much of a trial's time is training, by the baseline: the rest is the harness's own."""

import time

from agent.records.results import Trial


class Stopwatch:
    """Times a baseline from its beginning to its verdict."""

    def __init__(self) -> None:
        self._began: float | None = None

    def start(self) -> None:
        """Note that a baseline begins."""
        self._began = time.monotonic()

    def words(self, baseline: Trial) -> str | None:
        """Return what is to be said where a training is shorter than what surrounds it, or None."""
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
