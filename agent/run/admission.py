"""Admission: what may be tried on the tip. Edits that apply, change something new, and can run."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from agent.edit.files import Sources, apply_edits, fingerprint_of, guard_files
from agent.history.history import History
from agent.judge.suspicion import approved_by
from agent.records.edits import Edit, Refused
from agent.records.proposals import Proposal
from agent.records.results import Trial
from agent.run.preflight import foresee
from agent.space import Space
from sandbox.ground.record import Record


class Fixed(Record):
    """Names that no edit may change or remove."""

    protected: frozenset[str] = frozenset()
    """May not change in any way."""
    required: frozenset[str] = frozenset()
    """Names in train.py that may change, but not vanish."""


NOTHING_FIXED = Fixed()


@dataclass(frozen=True)
class _Admitted:
    """A proposal that was admitted, and not begun yet."""

    proposal: Proposal
    tip: Sources
    """The files that it was admitted to."""
    result: Sources
    """What it makes of them."""


@dataclass(frozen=True)
class _Marked:
    """A proposal without a verdict, with the fingerprint of what it makes of the tip."""

    proposal: Proposal
    mark: str
    """Empty where it does not apply to the tip."""


class Admission:
    """Admits proposals to the tip of a run, and remembers by fingerprint what was tried already.

    What pending proposals make of the tip is computed once for each tip: a run with many slots asks
    for that at each of its questions.
    """

    def __init__(
        self, history: History, space_of: Callable[[Sources], Space], fixed: Fixed
    ) -> None:
        self._history = history
        self._space_of = space_of
        self._fixed = fixed
        self._tried = {trial.fingerprint for trial in history.comparable if trial.fingerprint}
        self._tried |= {
            fingerprint_of(history.sources_at(attempt.commit)) for attempt in history.in_flight
        }
        self._waiting: list[_Admitted] = []
        self._marked: dict[int, _Marked] = {}  # by the identity of the proposal, for one tip
        self._marked_tip: Sources | None = None

    def admit(self, proposal: Proposal) -> Sources | Refused:
        """Return the files that `proposal` makes of the tip's, or why it is refused."""
        sources = self._history.sources
        repeated = {trial.fingerprint for trial in suspect_of(self._history, proposal)}
        space = self._space_of(sources)
        result = _admitted(sources, proposal.edits, space, self._fixed, self._tried - repeated)
        if isinstance(result, Sources):
            self._waiting.append(_Admitted(proposal, sources, result))
            self._mark(proposal, sources, fingerprint_of(result))
        return result

    def begin(self, proposal: Proposal) -> Sources | Refused:
        """Return likewise what is tried now, and count it as tried.

        What `admit` said of the same proposal holds as long as the tip has the same files, and
        nothing else made the same of them meanwhile.
        """
        waiting = [each for each in self._waiting if each.tip is self._history.sources]
        admitted = next((each for each in waiting if each.proposal is proposal), None)
        if admitted is None or fingerprint_of(admitted.result) in self._tried:
            result = self.admit(proposal)
        else:
            result = admitted.result
        self._waiting = [each for each in waiting if each.proposal is not proposal]
        if isinstance(result, Sources):
            self._tried.add(fingerprint_of(result))
        return result

    def check(
        self, pending: Sequence[Proposal], space: Space, writing: bool = False
    ) -> Callable[[Sequence[Edit]], Refused | None]:
        """Return the question whether edits would be admitted to the tip as it is now.

        pending: proposals that count as tried. space: the tip's. writing: whether a writer asks,
        from a thread of its own: what others write in the meantime counts as tried, too.
        """
        sources = self._history.sources
        fixed = self._fixed
        marks = {self._mark_of(proposal, sources) for proposal in pending}

        def refusal_of(edits: Sequence[Edit]) -> Refused | None:
            tried = marks | self._tried | (self._marks_of(sources) if writing else set())
            admitted = _admitted(sources, edits, space, fixed, tried)
            return admitted if isinstance(admitted, Refused) else None

        return refusal_of

    def _mark_of(self, proposal: Proposal, sources: Sources) -> str:
        """Return the fingerprint of what a proposal makes of the tip; "" if it does not apply."""
        known = self._marked.get(id(proposal)) if self._marked_tip is sources else None
        if known is not None and known.proposal is proposal:
            return known.mark
        applied = apply_edits(sources, proposal.edits)
        mark = fingerprint_of(applied) if isinstance(applied, Sources) else ""
        self._mark(proposal, sources, mark)
        return mark

    def _marks_of(self, sources: Sources) -> set[str]:
        """Return the fingerprints of what is pending on a state; safe to call from any thread."""
        marked = tuple(self._marked.values()) if self._marked_tip is sources else ()
        return {each.mark for each in marked}

    def _mark(self, proposal: Proposal, sources: Sources, mark: str) -> None:
        if self._marked_tip is not sources:
            self._marked_tip = sources
            self._marked.clear()
        self._marked[id(proposal)] = _Marked(proposal, mark)

    def forget(self, sources: Sources) -> None:
        """Let files be tried again."""
        self._tried.discard(fingerprint_of(sources))


def suspect_of(history: History, proposal: Proposal) -> tuple[Trial, ...]:
    """Return the suspect that `proposal` repeats by approval; empty for any other proposal."""
    number = approved_by(proposal)
    return tuple(trial for trial in history.trials if trial.number == number)


def _admitted(
    sources: Sources, edits: Sequence[Edit], space: Space, fixed: Fixed, tried: Collection[str]
) -> Sources | Refused:
    """Return `sources` with the edits made, or why that is not worth a budget."""
    new = apply_edits(sources, edits)
    if isinstance(new, Refused):
        return new
    refused = guard_files(
        sources, new, tried=tried, protected=fixed.protected, required=fixed.required
    )
    if refused:
        return refused
    return foresee(sources, new, edits, space) or new
