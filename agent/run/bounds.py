"""The bounds of a session: trials, hours and dollars."""

import time

from agent.records.inputs import Set
from sandbox.ground.record import Record


class Bounds(Record):
    """What a session may use; None means without bound.

    Arguments of the methods: `measured` trials and `seconds` are of this session, `cost` is in
    dollars, of the whole run.
    """

    trials: int | None = None
    """Trials to measure from now on."""
    hours: float | None = None
    """Hours of this session."""
    max_cost: float | None = None
    """Dollars of the whole run; 0 means that nothing may be spent."""

    def spent(self, measured: int, seconds: float, cost: float) -> str | None:
        """Return in words which bound is used up; None while the run may go on."""
        if self.trials is not None and measured >= self.trials:
            return f"{self.trials} trial{'' if self.trials == 1 else 's'} measured"
        if self.hours is not None and seconds >= self.hours * 3600:
            return f"{self.hours:g} hours used"
        # A run that may spend nothing goes on for as long as its proposals are free.
        if self.max_cost is not None and cost >= self.max_cost and cost > 0:
            return f"${cost:.2f} of ${self.max_cost:.2f} spent"
        return None

    def left(self, measured: int, seconds: float, cost: float) -> str:
        """Return what is left, as in `12 trials, 3.2 hours, $4.10`; empty if unbounded."""
        parts = []
        if self.trials is not None:
            parts.append(f"{max(0, self.trials - measured)} trials")
        if self.hours is not None:
            parts.append(f"{max(0.0, self.hours - seconds / 3600):.1f} hours")
        dollars = self.dollars(cost)
        if dollars is not None:
            parts.append(f"${dollars:.2f}")
        return ", ".join(parts)

    def dollars(self, cost: float) -> float | None:
        """Return the dollars that may still be spent; None without a bound."""
        return None if self.max_cost is None else max(0.0, self.max_cost - cost)


class Renewal(Record):
    """The bounds of the session that follows this one with another number of workers."""

    workers: int
    trials: int | None
    hours: float | None
    max_cost: float | None


class Meter:
    """Measures what a session uses of its bounds. Its clock starts at construction."""

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self._began = time.monotonic()
        self._paused_at: float | None = None
        self.measured = 0
        """Trials measured."""

    def over(self, under_way: int, cost: float) -> str | None:
        """Return in words which bound is used up, or None.

        under_way: trials that count as measured. cost: dollars of the whole run.
        """
        return self.bounds.spent(self.measured + under_way, self._seconds, cost)

    def left(self, under_way: int, cost: float) -> tuple[str, float | None]:
        """Return what is left in words, and the dollars that are left; arguments as in `over`."""
        words = self.bounds.left(self.measured + under_way, self._seconds, cost)
        return words, self.bounds.dollars(cost)

    def pause(self) -> None:
        """Stop the clock of the session."""
        if self._paused_at is None:
            self._paused_at = time.monotonic()

    def go(self) -> None:
        """Start the clock again."""
        if self._paused_at is not None:
            self._began += time.monotonic() - self._paused_at
            self._paused_at = None

    def renewal(self, workers: int) -> Renewal:
        """Return the bounds that are left for a session with `workers` workers."""
        trials = self.bounds.trials
        hours = self.bounds.hours
        return Renewal(
            workers=workers,
            trials=None if trials is None else trials - self.measured,
            hours=None if hours is None else hours - self._seconds / 3600,
            max_cost=self.bounds.max_cost,
        )

    def change(self, step: Set, measured: int) -> None:
        """Change the bounds.

        measured: trials of the whole run, this session's included.
        """
        changes: dict[str, float | None] = dict.fromkeys(step.lift)
        if step.trials is not None:
            changes["trials"] = max(0, step.trials - measured) + self.measured
        if step.hours is not None:
            changes["hours"] = step.hours
        if step.max_cost is not None:
            changes["max_cost"] = step.max_cost
        if step.only_down:
            changes = {
                name: value for name, value in changes.items() if self._is_lower(name, value)
            }
        self.bounds = self.bounds.model_copy(update=changes)

    def _is_lower(self, name: str, value: float | None) -> bool:
        present = getattr(self.bounds, name)
        return value is not None and (present is None or value < present)

    @property
    def _seconds(self) -> float:
        return (self._paused_at or time.monotonic()) - self._began
