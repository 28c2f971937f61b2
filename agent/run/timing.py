"""How long trainings take on this machine, by the run's baseline."""

from agent.edit.files import fingerprint_of
from agent.evaluate.machine import machine_name
from agent.history.history import History
from agent.judge.yardstick import usual_of, yardstick_of
from agent.records.results import KEPT, Attempt, Order, Trial
from sandbox.ground.deadline import Usual


class Timing:
    """The time and speed of the baseline's trainings, read from the ledger.

    cores: how many cores a training has here, None for all of them.
    """

    def __init__(self, history: History, cores: int | None) -> None:
        self._history = history
        self._cores = cores

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

    def usual_for(self, attempt: Attempt, order: Order) -> Usual | None:
        """Return what a run of `attempt` is timed by; None for a run that is to show it."""
        if order.role == "baseline" or self._is_new_code(attempt):
            return None
        return self.usual

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
