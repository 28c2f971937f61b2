"""How long trainings take on this machine, by the run's baseline."""

from collections.abc import Iterable

from agent.edit.files import fingerprint_of
from agent.evaluate.machine import machine_name
from agent.history.history import History
from agent.judge.overtime import PATIENCE, Clock
from agent.judge.pairing import Scores
from agent.judge.yardstick import usual_of, yardstick_of
from agent.records.results import KEPT, Attempt, Order, Result, Score, Trial
from sandbox.ground.budget import Limit, allowance_text
from sandbox.ground.deadline import Usual, allowed_seconds, is_limited


class Timing:
    """The time and speed of the baseline's trainings, read from the ledger.

    cores: how many cores a training has here, None for all of them.
    """

    def __init__(self, history: History, cores: int | None) -> None:
        self._history = history
        self._cores = cores
        self._scores = Scores()

    @property
    def yardstick(self) -> Trial | None:
        """The baseline that trainings are timed by."""
        return yardstick_of(self._history.trials)

    @property
    def usual(self) -> Usual | None:
        """How long the baseline trains here with as many cores; None where it has not run here."""
        history = self._history
        yardstick = self.yardstick
        if yardstick is None:
            return None
        measured = [history.measured(attempt) for attempt in history.in_flight]
        under_way = [result for result in measured if result]
        return usual_of(yardstick, history.trials, under_way, machine_name(), self._cores)

    @property
    def limit(self) -> Limit | None:
        """The limit of trainings that end by themselves; None where they keep to a budget."""
        run = self._history.run
        limit = run.goal.time_limit
        return limit if is_limited(run.budget, limit, self.usual) else None

    @property
    def allowance(self) -> str:
        """What bounds the time of a training: `300s`, or `limit 1.1x`."""
        limit = self.limit
        return self._history.run.allowance if limit is None else allowance_text(None, limit)

    @property
    def most_seconds(self) -> float | None:
        """What a training that ends by itself may take; None while that is unknown."""
        limit = self.limit
        usual = self.usual
        if limit is None or usual is None:
            return None
        return allowed_seconds(limit, usual.seconds)

    @property
    def is_timed(self) -> bool:
        """Whether the machine's speed moves scores: trainings end at a time."""
        budget = self._history.run.budget
        return budget is not None and budget.unit == "s" and self.limit is None

    def usual_for(self, attempt: Attempt, order: Order, incumbent: Trial | None) -> Usual | None:
        """Return what a run of `attempt` is timed by; None for a run that is to show it.

        incumbent: None for a baseline.
        """
        if order.role == "baseline" or self._is_new_code(attempt):
            return None
        usual = self.usual
        if usual is None or self.limit is None:
            return usual
        slower = PATIENCE
        result = self._history.measured(attempt)
        if order.role == "candidate" and incumbent:
            clock = self.clock(result, incumbent) if result else None
            slower = clock.drift if clock else 1.0
        return usual.model_copy(update={"seconds": usual.seconds * slower})

    def clock(self, result: Result, incumbent: Trial) -> Clock | None:
        """Return what the time of a candidate is held against; None where no limit holds."""
        limit = self.limit
        usual = self.usual
        if limit is None or usual is None:
            return None
        return Clock(
            limit=limit,
            usual=usual.seconds,
            earlier=_seconds(self._scores.of(incumbent.number, self._history.trials)),
            beside=_seconds(score for score in result.scores if score.role == "incumbent"),
        )

    def late_baseline(self, result: Result | None) -> str:
        """Return why a baseline breaks a limit that is a duration; empty where it does not."""
        run = self._history.run
        limit = run.goal.time_limit
        if result is None or run.budget is not None or limit is None or limit.duration is None:
            return ""
        took = max((score.seconds or 0.0 for score in result.own), default=0.0)
        if took <= limit.duration:
            return ""
        return f"trained {took:.1f} s, where the limit allows {limit}: state a longer one"

    @property
    def speed(self) -> float | None:
        """Steps a second of the newest baseline's first run; None where they are not known."""
        for trial in reversed(self._history.trials):
            if trial.status == "baseline":
                own = trial.result.own if trial.result else ()
                return own[0].speed if own else None
        return None

    def _is_new_code(self, attempt: Attempt) -> bool:
        """Return whether it is a baseline of unmeasured code: the first, or changed by hand."""
        if attempt.proposal.by.origin != "baseline":
            return False
        kept = [trial for trial in self._history.trials if trial.status in KEPT]
        sources = self._history.sources_at(attempt.commit)
        return not kept or kept[-1].fingerprint != fingerprint_of(sources)


def _seconds(scores: Iterable[Score]) -> tuple[float, ...]:
    """Return the training times of runs on this machine."""
    here = machine_name()
    return tuple(
        score.seconds
        for score in scores
        if score.seconds is not None and score.machine in ("", here)
    )
