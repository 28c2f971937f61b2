"""How long trainings may take, measured by the run's baseline on each machine."""

from collections.abc import Iterable

from agent.edit.files import fingerprint_of
from agent.evaluate.machine import machine_name
from agent.history.history import History
from agent.judge.overtime import Clock, patient
from agent.judge.pairing import Scores
from agent.judge.yardstick import usual_of, yardstick_of
from agent.records.results import KEPT, Attempt, Order, Result, Score, Trial
from agent.run.fleet import Fleet
from sandbox.ground.budget import Limit, allowance_text
from sandbox.ground.deadline import Usual, allowed_seconds, is_limited


class Timing:
    """The time and speed of the baseline's trainings, read from the ledger.

    cores: cores of a training on a machine without a slot in `fleet`; None for all of them.
    """

    def __init__(self, history: History, cores: int | None, fleet: Fleet | None = None) -> None:
        self._history = history
        self._cores = cores
        self._fleet = fleet or Fleet()
        self._scores = Scores()

    @property
    def yardstick(self) -> Trial | None:
        """The baseline that sets the time of trainings (agent/judge/yardstick.py)."""
        return yardstick_of(self._history.trials)

    @property
    def usual(self) -> Usual | None:
        """How long the baseline trains on a machine of the run; None while unknown."""
        times = [self.usual_on(machine) for machine in self._fleet.machines or (machine_name(),)]
        return next(filter(None, times), None)

    def usual_on(self, machine: str) -> Usual | None:
        """Return how long the baseline trains on `machine` with as many cores; None if unknown."""
        history = self._history
        yardstick = self.yardstick
        if yardstick is None:
            return None
        judged = (a for a in history.in_flight if not a.proposal.is_baseline)
        measured = [history.measured(attempt) for attempt in judged]
        under_way = [result for result in measured if result]
        cores = self._fleet.cores_on(machine, self._cores)
        return usual_of(yardstick, history.trials, under_way, machine, cores)

    @property
    def limit(self) -> Limit | None:
        """The time limit of trainings that end by themselves; None if they have a budget."""
        run = self._history.run
        if run.goal.limit is None or run.budget is None:
            return run.goal.time_limit
        return self._limit_by(self.usual)

    def _limit_by(self, usual: Usual | None) -> Limit | None:
        """Return the limit, given the baseline's time if it is known."""
        run = self._history.run
        limit = run.goal.time_limit
        return limit if is_limited(run.budget, limit, usual) else None

    @property
    def allowance(self) -> str:
        """What bounds the time of a training: `300s`, or `limit 1.1x`."""
        limit = self.limit
        return self._history.run.allowance if limit is None else allowance_text(None, limit)

    @property
    def most_seconds(self) -> float | None:
        """The most seconds of a training that ends by itself; None while unknown."""
        usual = self.usual
        limit = self._limit_by(usual)
        if limit is None or usual is None:
            return None
        return allowed_seconds(limit, usual.seconds)

    @property
    def is_timed(self) -> bool:
        """Whether trainings end at a time, so that scores depend on the machine's speed."""
        budget = self._history.run.budget
        return budget is not None and budget.unit == "s" and self.limit is None

    def usual_for(
        self, attempt: Attempt, order: Order, incumbent: Trial | None, machine: str
    ) -> Usual | None:
        """Return the usual time that a run of `attempt` on `machine` is held to.

        None for a run that measures it: a baseline of new code, or on a new machine. incumbent:
        None for a baseline.
        """
        if order.role == "baseline" or self._is_new_code(attempt):
            return None
        usual = self.usual_on(machine)
        limit = self._limit_by(usual)
        if usual is None or limit is None:
            return usual
        if order.role != "candidate" or incumbent is None:
            return patient(usual, self._history.run.budget, limit)
        result = self._history.measured(attempt)
        clock = self.clock(result, incumbent, machine) if result else None
        drift = clock.drift if clock else 1.0
        return usual.model_copy(update={"seconds": usual.seconds * drift})

    def clock(self, result: Result, incumbent: Trial, machine: str) -> Clock | None:
        """Return the times to judge a candidate's time on `machine` by; None without a limit."""
        if self._history.run.goal.limit is None:
            return None
        usual = self.usual_on(machine)
        limit = self._limit_by(usual)
        if limit is None or usual is None:
            return None
        return Clock(
            limit=limit,
            usual=usual.seconds,
            earlier=_seconds(self._scores.of(incumbent.number, self._history.trials), machine),
            beside=_seconds((s for s in result.scores if s.role == "incumbent"), machine),
        )

    def late_baseline(self, result: Result | None) -> str:
        """Return why a baseline is over a limit that is a duration; "" if it is not."""
        run = self._history.run
        limit = run.goal.time_limit
        if result is None or run.budget is not None or limit is None or limit.duration is None:
            return ""
        took = max((score.seconds or 0.0 for score in result.own), default=0.0)
        if took <= limit.duration:
            return ""
        return f"trained {took:.1f} s, where the limit allows {limit}: state a longer one"

    def speed_on(self, machine: str) -> float | None:
        """Return the steps a second of the newest baseline's first run on `machine`, or None."""
        for trial in reversed(self._history.trials):
            if trial.status == "baseline":
                own = trial.result.own if trial.result else ()
                speeds = [score.speed for score in own if score.machine in ("", machine)]
                return speeds[0] if speeds else None
        return None

    def _is_new_code(self, attempt: Attempt) -> bool:
        """Return whether an attempt is a baseline of code that has no score yet."""
        if not attempt.proposal.is_baseline:
            return False
        kept = [trial for trial in self._history.trials if trial.status in KEPT]
        sources = self._history.sources_at(attempt.commit)
        return not kept or kept[-1].fingerprint != fingerprint_of(sources)


def _seconds(scores: Iterable[Score], machine: str) -> tuple[float, ...]:
    """Return the training times on `machine`, in seconds."""
    return tuple(
        score.seconds
        for score in scores
        if score.seconds is not None and score.machine in ("", machine)
    )
