"""Finds whose code a score belongs to: the trial's own, its incumbent's, or a baseline's."""

from agent.records.results import KEPT, Score, Trial


class Owners:
    """Remembers the baselines of a run while its trials are read, oldest first."""

    def __init__(self) -> None:
        self._first: int | None = None
        """The first baseline on the present data, which guards refer to."""
        self._yardstick: int | None = None
        """The newest baseline of new code, which times refer to; None after new data."""
        self._kept: str | None = None

    def meet(self, trial: Trial) -> None:
        """Read the next trial of the run."""
        if trial.status == "baseline" and (trial.new_data or self._first is None):
            self._first = trial.number
        if trial.new_data:
            self._yardstick = None
        elif trial.status == "baseline" and trial.fingerprint != self._kept:
            self._yardstick = trial.number
        if trial.status in KEPT:
            self._kept = trial.fingerprint

    def code(self, trial: Trial, score: Score) -> int | None:
        """Return the number of the trial whose code gave `score`.

        trial: the one that `score` is recorded in, which must be the last that was met. None for a
        baseline of other data.
        """
        match score.role:
            case "incumbent":
                return trial.against
            case "reference":
                return self._first
            case "baseline" if trial.status != "baseline":
                return self._yardstick
        return trial.number
