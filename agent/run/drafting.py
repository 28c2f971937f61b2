"""What is written for the slots: when the method is asked, by how many writers, and what fills in.

A stock of proposals is kept for the free slots, and as many more as there are writers where
proposing takes long. Drafts in writing count as pending. With several writers each has another
assignment and is told those of the others; their number follows from the slots, from how long an
answer takes and from how long a trial occupies a slot.

The rule for filling in: while the model writes, or while its provider refuses questions until a
limit lifts, a search method proposes for a slot that has been free for GRACE_SECONDS, or for
GRACE_SHARE of a trial where that is longer, and for which nothing is in stock. It needs constants
to search and a baseline; its proposals are recorded as that method's. `--fill none` turns it off.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from time import monotonic

from agent.errors import ModelFault, ModelLimited, MoneySpent, UsageFault
from agent.project.staffing import MAX_WRITERS, NOBODY
from agent.propose import Context, Proposer, Unreadable
from agent.propose.assignments import next_assignment
from agent.propose.context import InHand
from agent.records.edits import Refused
from agent.records.events import Event, Judged, ModelWaited, Note, Proposed, Proposing
from agent.records.proposals import Proposal
from agent.records.results import Trial
from agent.run.bounds import Meter
from agent.run.ledger import Ledger
from agent.run.writers import Draft, Drafted, DraftFailed, Writers

MAX_REFUSALS_IN_A_ROW = 10
"""A method that is refused so often has run out of proposals; going on would only spend tokens."""
GRACE_SECONDS = 2.0
GRACE_SHARE = 0.02
CALLED_OFF = "(an answer that was called off)"
NEWEST = 8
"""So many of the newest answers and trials say how long the next ones take."""


@dataclass(frozen=True)
class Staff:
    """Who writes the proposals of a session."""

    writers: int | None = 1
    """How many at once; None for as many as keep the slots busy, 0 to wait for people's trials."""
    filler: Proposer | None = None
    """Proposes for slots that would wait for the model; None to let them wait."""


@dataclass(frozen=True)
class Demand:
    """What the slots need at a moment."""

    slots: int
    free: int
    """Slots in which nothing trains."""
    ready: int
    """Attempts that would take a slot that becomes free."""
    begun: tuple[Proposal, ...]
    """The proposals of attempts without a verdict."""
    training: int
    """Attempts of which something runs."""
    cost: float
    """Dollars spent so far."""


class Drafting:
    """Asks for proposals and keeps what is written until a slot is free.

    given: edits of people that wait already. over: returns why nothing more may be started, with
    a number of trials counted as measured, or None. told: adds what a model may look at.
    """

    def __init__(
        self,
        ledger: Ledger,
        proposer: Proposer,
        writers: Writers,
        staff: Staff,
        meter: Meter,
        given: Sequence[Proposal],
        over: Callable[[int], str | None],
        told: Callable[[Context], Context],
    ) -> None:
        self._ledger = ledger
        self._proposer = proposer
        self._writers = writers
        self._staff = staff
        self._meter = meter
        self._over = over
        self._told = told
        self.staged: deque[Proposal] = deque(given)
        """Admitted proposals that wait for a slot."""
        self.fault: BaseException | None = None
        """Why the run ends, once asking has shown that."""
        self._refusals = 0
        self._alone = False  # money is left for one writer at most
        self._probing = False  # the first question after a limit is asked alone
        self._limited_until: datetime | None = None
        self._idle_since: float | None = None
        self._fills_refused = 0

    @property
    def goes_on(self) -> bool:
        """Whether something is being written, or will be: once a limit has lifted, or by people.

        Nothing is waited for once a bound is reached: it would not be started.
        """
        if self._over(0):
            return False
        awaits = self._limited_until is not None or self._staff.writers == NOBODY
        return bool(self._writers.writing) or awaits

    # ------------------------------------------------------------ asking

    def ask(self, demand: Demand) -> Iterator[Event]:
        """Ask for what the slots will need."""
        yield from self._look_at_limit()
        while self._limited_until is None and self._is_wanted(demand):
            self._ask(demand)
            yield Proposing(self._proposer.name, len(self._writers.drafts))
        if self._is_to_fill(demand) and self._staff.filler:
            filler = self._staff.filler
            self._writers.ask(filler, self._context(demand), fills=True)
            yield Proposing(filler.name, len(self._writers.drafts))

    def _look_at_limit(self) -> Iterator[Event]:
        """Let the method be asked again once the limit has lifted."""
        if self._limited_until is not None and datetime.now(UTC) >= self._limited_until:
            self._limited_until = None
            yield ModelWaited("", "")

    def _is_wanted(self, demand: Demand) -> bool:
        """Return whether one more draft is to be written."""
        writing = len(self._writers.writing)
        looks_ahead = self._proposer.looks_ahead
        most = self._most(demand)
        if len(self._writers.drafts) >= most or (self._ledger.needs_baseline and not looks_ahead):
            return False
        ready = len(self.staged) + demand.ready + writing
        wanted = demand.free + (most if looks_ahead else 0)
        under_way = len(demand.begun) + len(self.staged) + writing
        return ready < wanted and not self._over(under_way)

    def _most(self, demand: Demand) -> int:
        """Return how many drafts may be in writing at once."""
        if self._staff.writers == NOBODY:
            return 0
        if self._alone or self._probing or not self._proposer.looks_ahead:
            return 1
        if self._staff.writers is not None:
            return min(self._staff.writers, MAX_WRITERS)
        latency = latency_of([*self._judged(), *self._pending(demand)])
        return writers_for(demand.slots, latency, occupation_of(self._ledger.history.trials))

    def _ask(self, demand: Demand) -> None:
        """Ask the method for one more draft; several writers share the money that is left."""
        most = self._most(demand)
        context = self._context(demand)
        if most > 1:
            dollars = None if context.dollars is None else context.dollars / most
            assignment = next_assignment(context)
            context = replace(context, dollars=dollars, assignment=assignment)
        self._writers.ask(self._proposer, self._told(context))

    def _context(self, demand: Demand) -> Context:
        writing = len(self._writers.writing)
        under_way = demand.training + len(self.staged) + writing
        remaining, dollars = self._meter.left(under_way, demand.cost)
        context = self._ledger.context(self._pending(demand), remaining, dollars)
        in_hand = tuple(map(_in_hand, self._writers.drafts))
        return replace(context, seed=context.seed + writing, in_hand=in_hand)

    def _is_to_fill(self, demand: Demand) -> bool:
        """Return whether a slot has waited for the model for long enough, by the rule above."""
        ready = len(self.staged) + demand.ready
        if self._ledger.needs_baseline or demand.free <= ready:
            self._idle_since = None
            return False
        if self._idle_since is None:
            self._idle_since = monotonic()
        if not self._may_fill or self._writers.is_filling:
            return False
        under_way = len(demand.begun) + len(self.staged) + len(self._writers.writing)
        if self._over(under_way):
            return False
        return self._limited_until is not None or self._has_waited

    @property
    def _may_fill(self) -> bool:
        """Whether there is somebody to fill in, something to search, and a model to wait for."""
        if self._staff.filler is None or self._fills_refused >= MAX_REFUSALS_IN_A_ROW:
            return False
        waits = bool(self._writers.drafts) or self._limited_until is not None
        return waits and bool(self._ledger.space.parameters)

    @property
    def _has_waited(self) -> bool:
        if self._idle_since is None:
            return False
        trial = occupation_of(self._ledger.history.trials) or 0.0
        return monotonic() - self._idle_since >= max(GRACE_SECONDS, GRACE_SHARE * trial)

    def _pending(self, demand: Demand) -> tuple[Proposal, ...]:
        return (*demand.begun, *self.staged)

    def _judged(self) -> list[Proposal]:
        return [trial.proposal for trial in self._ledger.history.trials]

    # ------------------------------------------------------------ taking in

    def take_last(self, message: Drafted | DraftFailed) -> Iterator[Event]:
        """Take in what a writer had when it was called off, so that nothing paid for is lost."""
        if isinstance(message, DraftFailed):
            yield from self.fail(message)
        elif message.proposal.by.calls:
            yield from self.take(message)

    def put_before(self, proposal: Proposal) -> None:
        """Put edits of a person in stock, behind those of people and before the method's."""
        place = sum(staged.by.origin == "human" for staged in self.staged)
        self.staged.insert(place, proposal)

    def take(self, drafted: Drafted) -> Iterator[Event]:
        """Put an admitted proposal in stock, or record its refusal."""
        draft = drafted.draft
        self._writers.end(draft)
        if not draft.fills:
            self._probing = False
        proposal = drafted.proposal
        if isinstance(proposal, Unreadable):
            yield from self._refuse(self._ledger.refuse(proposal, proposal.reason), draft)
            return
        proposal = _knowing(proposal, draft)
        admitted = self._ledger.admit(proposal)
        if isinstance(admitted, Refused):
            yield from self._refuse(self._ledger.refuse(proposal, admitted), draft)
            return
        if draft.fills:
            self._fills_refused = 0
        else:
            self._refusals = 0
        self.staged.append(proposal)
        yield Proposed(proposal, len(self._writers.drafts))

    def fail(self, failed: DraftFailed) -> Iterator[Event]:
        """Take in that asking failed; `fault` then says whether that ends the run."""
        self._writers.end(failed.draft)
        error = failed.error
        if failed.spent:
            called_off = Proposal(hypothesis=CALLED_OFF, by=failed.spent)
            yield Judged(self._ledger.refuse(called_off, f"no proposal came of it: {error}"))
        if failed.draft.fills and isinstance(error, UsageFault):  # nothing is left to try
            self._fills_refused = MAX_REFUSALS_IN_A_ROW
            yield Note(f"free slots wait for the model from now on: {error.message}")
        elif isinstance(error, ModelLimited):
            yield from self._wait(error)
        elif isinstance(error, MoneySpent) and failed.draft.context.assignment is not None:
            self._alone = True  # its share was too small; all that is left may do for one
        else:
            self.fault = self.fault or error

    def _wait(self, limit: ModelLimited) -> Iterator[Event]:
        """Note until when the model is not asked; once it lifts, one question is asked first."""
        self._probing = True
        if self._limited_until is not None and limit.until <= self._limited_until:
            return
        self._limited_until = limit.until
        yield ModelWaited(limit.until.isoformat(timespec="seconds"), limit.message)

    def refused(self, trial: Trial) -> Iterator[Event]:
        """Report a proposal that was refused; too many in a row are a fault."""
        yield Judged(trial)
        if trial.proposal.by.origin in ("human", "adopted"):
            return
        self._refusals += 1
        if self._refusals >= MAX_REFUSALS_IN_A_ROW:
            times = f"{self._proposer.name} was refused {self._refusals} times in a row"
            message = f"{times}; the last time: {trial.reason}"
            self.fault = ModelFault(message, f"autoresearch show {trial.number}")

    def _refuse(self, trial: Trial, draft: Draft) -> Iterator[Event]:
        """Report a draft that was refused; the filler's refusals only end the filling in."""
        if not draft.fills:
            yield from self.refused(trial)
            return
        self._fills_refused += 1
        yield Judged(trial)


def writers_for(slots: int, latency: float | None, occupation: float | None) -> int:
    """Return how many writers keep `slots` busy: slots x latency / occupation + 1, at most eight.

    latency: seconds of an answer. occupation: seconds for which a trial occupies a slot. While
    one of them is unknown, one for each slot.
    """
    if latency is None or not occupation:
        return min(MAX_WRITERS, max(1, slots))
    return min(MAX_WRITERS, int(slots * latency / occupation) + 1)


def latency_of(proposals: Sequence[Proposal]) -> float | None:
    """Return how many seconds a model's answer takes; None before the first."""
    seconds = [proposal.by.seconds for proposal in proposals if proposal.by.calls]
    return _mean(seconds)


def occupation_of(trials: Sequence[Trial]) -> float | None:
    """Return for how many seconds a trial occupies a slot; None before the first, or a baseline.

    Of a baseline it is one of its runs.
    """
    trained = [trial for trial in trials if trial.result]
    own = [trial for trial in trained if trial.status != "baseline"]
    if own:
        results = [trial.result for trial in own if trial.result]
        return _mean([result.seconds + result.score_seconds for result in results])
    runs = [trial.result for trial in trained if trial.result]
    return _mean([(run.seconds + run.score_seconds) / max(1, len(run.scores)) for run in runs])


def _mean(numbers: Sequence[float]) -> float | None:
    newest = numbers[-NEWEST:]
    return sum(newest) / len(newest) if newest else None


def _in_hand(draft: Draft) -> InHand:
    return InHand(draft.context.assignment, len(draft.context.trials))


def _knowing(proposal: Proposal, draft: Draft) -> Proposal:
    """Return a model's proposal with the remarks that it was asked with."""
    remarks = tuple(remark.id for remark in draft.context.remarks)
    if not proposal.by.calls or not remarks:
        return proposal
    by = proposal.by.model_copy(update={"inputs": remarks})
    return proposal.model_copy(update={"by": by})
