"""The state that a run's inputs lead to. It depends on the record alone, so a resume has it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from agent.records.inputs import (
    Admitted,
    Approve,
    Go,
    Hold,
    Pause,
    Release,
    Set,
    Skip,
    Tell,
    Try,
    Withdraw,
)


@dataclass(frozen=True)
class Remark:
    """A remark to the proposers."""

    number: int
    """Counted from 1, over all remarks of the run."""
    admitted: Admitted
    tell: Tell

    @property
    def id(self) -> str:
        """The id of the input."""
        return self.admitted.input.id


@dataclass(frozen=True)
class Steering:
    """The state that the accepted inputs of a run have led to."""

    paused: Admitted | None = None
    """The pause that holds now."""
    held: Admitted | None = None
    """The hold that holds now."""
    remarks: tuple[Remark, ...] = ()
    """Those that hold now, oldest first."""
    withdrawn: frozenset[int] = frozenset()
    """The numbers of those that were withdrawn."""
    told: int = 0
    """How many remarks there ever were."""
    sets: tuple[Set, ...] = ()
    """What was set, oldest first."""
    skipped: frozenset[int] = frozenset()
    """The numbers of trials to be skipped, those with a verdict included."""
    tries: tuple[Admitted, ...] = ()
    """The edits that people gave or approved, oldest first."""

    @property
    def patience(self) -> int | None:
        """The patience that was set last."""
        values = (step.patience for step in reversed(self.sets))
        return next((value for value in values if value is not None), None)


def steering_of(inputs: Sequence[Admitted], trials: int, now: datetime | None = None) -> Steering:
    """Return the state after these inputs. trials: the length of the ledger."""
    accepted = [admitted for admitted in inputs if admitted.accepted]
    remarks = _remarks(accepted)
    withdrawn = _withdrawn(accepted)
    at = now or datetime.now(UTC)
    return Steering(
        paused=_newest(accepted, Pause, Go),
        held=_newest(accepted, Hold, Release),
        remarks=tuple(
            remark
            for remark in remarks
            if remark.number not in withdrawn and _holds(remark, trials, at)
        ),
        withdrawn=withdrawn,
        told=len(remarks),
        sets=tuple(a.input.ask for a in accepted if isinstance(a.input.ask, Set)),
        skipped=frozenset(a.input.ask.number for a in accepted if isinstance(a.input.ask, Skip)),
        tries=tuple(a for a in accepted if isinstance(a.input.ask, Try | Approve)),
    )


def _remarks(accepted: Sequence[Admitted]) -> list[Remark]:
    remarks: list[Remark] = []
    for admitted in accepted:
        ask = admitted.input.ask
        if isinstance(ask, Tell):
            remarks.append(Remark(len(remarks) + 1, admitted, ask))
    return remarks


def _withdrawn(accepted: Sequence[Admitted]) -> frozenset[int]:
    asks = (admitted.input.ask for admitted in accepted)
    return frozenset(ask.number for ask in asks if isinstance(ask, Withdraw))


def _holds(remark: Remark, trials: int, now: datetime) -> bool:
    """Return whether a remark is still in force."""
    tell = remark.tell
    if tell.trials is not None and trials - remark.admitted.trials >= tell.trials:
        return False
    return not tell.until or now < datetime.fromisoformat(tell.until)


def _newest(
    accepted: Sequence[Admitted], on: type[Pause | Hold], off: type[Go | Release]
) -> Admitted | None:
    """Return the newest input of the kind `on`, unless one of the kind `off` came later."""
    for admitted in reversed(accepted):
        if isinstance(admitted.input.ask, off):
            return None
        if isinstance(admitted.input.ask, on):
            return admitted
    return None
