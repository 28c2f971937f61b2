"""Decides what may be tried on the tip: edits that apply, are new and have a chance to run."""

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
    """Names that edits must leave alone."""

    protected: frozenset[str] = frozenset()
    """Names whose definitions may not change."""
    required: frozenset[str] = frozenset()
    """Names in train.py that may change, but not be removed."""


NOTHING_FIXED = Fixed()


@dataclass(frozen=True)
class _Admitted:
    """A proposal that was admitted and has not begun."""

    proposal: Proposal
    tip: Sources
    """The files that its edits were applied to."""
    result: Sources
    """The files after its edits."""


@dataclass(frozen=True)
class _Marked:
    """A proposal without a verdict, with the fingerprint of the tip after its edits."""

    proposal: Proposal
    mark: str
    """Empty if its edits do not apply to the tip."""


class Admission:
    """Checks proposals against the tip of a run, and remembers by fingerprint what was tried.

    The fingerprints of pending proposals are kept for each tip: a run with many slots needs them
    for every question to a model.
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
        """Return the tip's files after the edits of `proposal`, or why it is refused."""
        sources = self._history.sources
        repeated = {trial.fingerprint for trial in suspect_of(self._history, proposal)}
        space = self._space_of(sources)
        result = _admitted(sources, proposal.edits, space, self._fixed, self._tried - repeated)
        if isinstance(result, Sources):
            self._waiting.append(_Admitted(proposal, sources, result))
            self._mark(proposal, sources, fingerprint_of(result))
        return result

    def begin(self, proposal: Proposal) -> Sources | Refused:
        """Return what `admit` returns, and remember the result as tried.

        The result of an earlier `admit` is used again unless the tip has other files by now, or
        an equal result was tried meanwhile.
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
        """Return a function that says why edits to the present tip would be refused, if so.

        pending: proposals that count as tried. space: the tip's. writing: the function is called
        from a writer's thread, and proposals admitted since then count as tried, too.
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
        """Return the fingerprint of the tip after a proposal; "" if its edits do not apply."""
        marked = self._marked.get(id(proposal)) if self._marked_tip is sources else None
        if marked is not None and marked.proposal is proposal:
            return marked.mark
        applied = apply_edits(sources, proposal.edits)
        mark = fingerprint_of(applied) if isinstance(applied, Sources) else ""
        self._mark(proposal, sources, mark)
        return mark

    def _marks_of(self, sources: Sources) -> set[str]:
        """Return the fingerprints of all pending proposals on a tip. Thread-safe."""
        marked = tuple(self._marked.values()) if self._marked_tip is sources else ()
        return {each.mark for each in marked}

    def _mark(self, proposal: Proposal, sources: Sources, mark: str) -> None:
        if self._marked_tip is not sources:
            self._marked_tip = sources
            self._marked.clear()
        self._marked[id(proposal)] = _Marked(proposal, mark)

    def forget(self, sources: Sources) -> None:
        """Allow these files to be tried again."""
        self._tried.discard(fingerprint_of(sources))


def suspect_of(history: History, proposal: Proposal) -> tuple[Trial, ...]:
    """Return the approved suspect that `proposal` repeats; () for any other proposal."""
    number = approved_by(proposal)
    return tuple(trial for trial in history.trials if trial.number == number)


def _admitted(
    sources: Sources, edits: Sequence[Edit], space: Space, fixed: Fixed, tried: Collection[str]
) -> Sources | Refused:
    """Return `sources` after the edits, or why they are refused without a run."""
    new = apply_edits(sources, edits)
    if isinstance(new, Refused):
        return new
    refused = guard_files(
        sources, new, tried=tried, protected=fixed.protected, required=fixed.required
    )
    if refused:
        return refused
    return foresee(sources, new, edits, space) or new
