"""Admission: what may be tried on the tip. Edits that apply, change something new, and can run."""

from collections.abc import Callable, Collection, Sequence

from agent.edit import Applied, apply, fingerprint, guard
from agent.history.history import History
from agent.judge.suspicion import approved_by
from agent.records.edits import Edit, Refused
from agent.records.proposals import Proposal
from agent.records.results import Trial
from agent.run.preflight import foresee
from agent.space import Space
from sandbox.ground.record import Record


class Fixed(Record):
    """Names in train.py that no edit may change or remove."""

    protected: frozenset[str] = frozenset()
    """May not change in any way."""
    required: frozenset[str] = frozenset()
    """May change, but not vanish."""


NOTHING_FIXED = Fixed()


class Admission:
    """Admits proposals to the tip of a run, and remembers by fingerprint what was tried already."""

    def __init__(self, history: History, space_of: Callable[[str], Space], fixed: Fixed) -> None:
        self._history = history
        self._space_of = space_of
        self._fixed = fixed
        self._tried = {trial.fingerprint for trial in history.comparable if trial.fingerprint}
        self._tried |= {
            fingerprint(history.source_at(attempt.commit)) for attempt in history.in_flight
        }

    def admit(self, proposal: Proposal) -> str | Refused:
        """Return the train.py that `proposal` makes of the tip's, or why it is refused."""
        source = self._history.source
        repeated = {trial.fingerprint for trial in suspect_of(self._history, proposal)}
        space = self._space_of(source)
        return _admitted(source, proposal.edits, space, self._fixed, self._tried - repeated)

    def check(
        self, pending: Sequence[Proposal], space: Space
    ) -> Callable[[Sequence[Edit]], Refused | None]:
        """Return the question whether edits would be admitted to the tip as it is now.

        pending: proposals that count as tried. space: the tip's.
        """
        source = self._history.source
        fixed = self._fixed
        tried = set(self._tried)
        for proposal in pending:
            applied = apply(source, proposal.edits)
            if isinstance(applied, Applied):
                tried.add(fingerprint(applied.source))

        def refusal_of(edits: Sequence[Edit]) -> Refused | None:
            admitted = _admitted(source, edits, space, fixed, tried)
            return admitted if isinstance(admitted, Refused) else None

        return refusal_of

    def remember(self, source: str) -> None:
        """Count a train.py as tried."""
        self._tried.add(fingerprint(source))

    def forget(self, source: str) -> None:
        """Let a train.py be tried again."""
        self._tried.discard(fingerprint(source))


def suspect_of(history: History, proposal: Proposal) -> tuple[Trial, ...]:
    """Return the suspect that `proposal` repeats by approval; empty for any other proposal."""
    number = approved_by(proposal)
    return tuple(trial for trial in history.trials if trial.number == number)


def _admitted(
    source: str, edits: Sequence[Edit], space: Space, fixed: Fixed, tried: Collection[str]
) -> str | Refused:
    """Return `source` with the edits made, or why that is not worth a budget."""
    applied = apply(source, edits)
    if isinstance(applied, Refused):
        return applied
    new = applied.source
    refused = guard(source, new, tried=tried, protected=fixed.protected, required=fixed.required)
    if refused:
        return refused
    return foresee(source, new, edits, space) or new
