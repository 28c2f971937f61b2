"""Keeps a stock of proposals for the slots: when to ask the method, by how many writers at once.

The stock holds a proposal for each free slot, and one more for each writer if the method takes
long. Drafts that are being written count as pending. Several writers get different assignments and
know those of the others. Their number follows from the number of slots, the time of an answer and
the time of a trial.

Filling in: while the model writes, or while it is away (a limit of its provider, an outage), a
search method proposes for a slot that nothing is in stock for. The slot must have been free for
GRACE_SECONDS, or for GRACE_SHARE of a trial's time if that is longer. Filling in needs a baseline
and constants to search; the proposals are recorded as the search method's. `--fill none` turns it
off.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from time import monotonic

from agent.errors import ModelAway, ModelFault, MoneySpent, UsageFault
from agent.project.staffing import AUTO_WRITERS, NOBODY
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
"""After so many refusals a method has run out of proposals: more questions only cost money."""
GRACE_SECONDS = 2.0
GRACE_SHARE = 0.02
CALLED_OFF = "(an answer that was called off)"
NEWEST = 8
"""How many of the newest answers and trials are averaged to predict the next one's time."""


@dataclass(frozen=True)
class Staff:
    """Who writes the proposals of a session."""

    writers: int | None = 1
    """How many at once; None: as many as keep the slots busy, 0: only people propose."""
    filler: Proposer | None = None
    """Proposes for slots that would wait for the model; None lets them wait."""


@dataclass(frozen=True)
class Demand:
    """How many proposals the slots need now, and what is under way."""

    slots: int
    free: int
    """Slots in which nothing trains."""
    ready: int
    """Attempts that could start in any slot that becomes free."""
    begun: tuple[Proposal, ...]
    """The proposals of attempts without a verdict."""
    training: int
    """Attempts of which something runs."""
    cost: float
    """Dollars spent so far."""


class Drafting:
    """Asks for proposals, and keeps them until a slot is free.

    given: edits of people that wait already. over: returns why nothing more may be started, or
    None; its argument is a number of trials to count as measured. equip: adds the tools of a model
    to a context.
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
        equip: Callable[[Context], Context],
    ) -> None:
        self._ledger = ledger
        self._proposer = proposer
        self._writers = writers
        self._staff = staff
        self._meter = meter
        self._over = over
        self._equip = equip
        self.staged: deque[Proposal] = deque(given)
        """Admitted proposals that wait for a slot."""
        self.fault: BaseException | None = None
        """Why the run has to end; None while it may go on."""
        self._refusals = 0
        self._alone = False  # money is left for one writer at most
        self._probing = False  # the first question to a model that was away is asked alone
        self._away_until: datetime | None = None
        self._idle_since: float | None = None
        self._fills_refused = 0

    @property
    def goes_on(self) -> bool:
        """Whether to wait for a proposal: one is in writing, the model is away, or people propose.

        False once a bound is reached, since nothing more would be started.
        """
        if self._over(0):
            return False
        awaits = self._away_until is not None or self._staff.writers == NOBODY
        return bool(self._writers.writing) or awaits

    # ------------------------------------------------------------ asking

    def ask(self, demand: Demand) -> Iterator[Event]:
        """Ask the method, and if need be the search method that fills in, for new proposals."""
        yield from self._look_again()
        while self._away_until is None and self._is_wanted(demand):
            self._ask(demand)
            yield Proposing(self._proposer.name, len(self._writers.drafts))
        if self._is_to_fill(demand) and self._staff.filler:
            filler = self._staff.filler
            self._writers.ask(filler, self._context(demand), fills=True)
            yield Proposing(filler.name, len(self._writers.drafts))

    def _look_again(self) -> Iterator[Event]:
        """Allow questions again once the model may be asked again."""
        if self._away_until is not None and datetime.now(UTC) >= self._away_until:
            self._away_until = None
            yield ModelWaited("", "")

    def _is_wanted(self, demand: Demand) -> bool:
        """Return whether one more draft should be written now."""
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
        """Return how many drafts may be written at once."""
        if self._staff.writers == NOBODY:
            return 0
        if self._alone or self._probing or not self._proposer.looks_ahead:
            return 1
        if self._staff.writers is not None:
            return self._staff.writers
        latency = latency_of([*self._judged(), *self._pending(demand)])
        return writers_for(demand.slots, latency, occupation_of(self._ledger.history.trials))

    def _ask(self, demand: Demand) -> None:
        """Ask the method for one more draft. Several writers share the dollars that are left."""
        most = self._most(demand)
        context = self._context(demand)
        if most > 1:
            dollars = None if context.dollars is None else context.dollars / most
            assignment = next_assignment(context)
            context = replace(context, dollars=dollars, assignment=assignment)
        self._writers.ask(self._proposer, self._equip(context))

    def _context(self, demand: Demand) -> Context:
        writing = len(self._writers.writing)
        under_way = demand.training + len(self.staged) + writing
        remaining, dollars = self._meter.left(under_way, demand.cost)
        context = self._ledger.context(self._pending(demand), remaining, dollars)
        in_hand = tuple(map(_in_hand, self._writers.drafts))
        return replace(context, seed=context.seed + writing, in_hand=in_hand)

    def _is_to_fill(self, demand: Demand) -> bool:
        """Return whether the search method should propose for a waiting slot; see the module."""
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
        return self._away_until is not None or self._has_waited

    @property
    def _may_fill(self) -> bool:
        """Whether a filler, constants to search and a model that is waited for are there."""
        if self._staff.filler is None or self._fills_refused >= MAX_REFUSALS_IN_A_ROW:
            return False
        waits = bool(self._writers.drafts) or self._away_until is not None
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
        """Record what a cancelled writer had already, so that nothing paid for is lost."""
        if isinstance(message, DraftFailed):
            yield from self.fail(message)
        elif message.proposal.by.calls:
            yield from self.take(message)

    def put_before(self, proposal: Proposal) -> None:
        """Put a person's edits in stock: after other people's, before the method's proposals."""
        place = sum(staged.by.origin == "human" for staged in self.staged)
        self.staged.insert(place, proposal)

    def take(self, drafted: Drafted) -> Iterator[Event]:
        """Put a new proposal in stock if it is admitted, or record its refusal."""
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
        """Handle a failed question. Set `fault` if the failure ends the run."""
        self._writers.end(failed.draft)
        error = failed.error
        if failed.spent:
            called_off = Proposal(hypothesis=CALLED_OFF, by=failed.spent)
            yield Judged(self._ledger.refuse(called_off, f"no proposal came of it: {error}"))
        if failed.draft.fills and isinstance(error, UsageFault):  # nothing is left to try
            self._fills_refused = MAX_REFUSALS_IN_A_ROW
            yield Note(f"free slots wait for the model from now on: {error.message}")
        elif isinstance(error, ModelAway):
            yield from self._wait(error)
        elif isinstance(error, MoneySpent) and failed.draft.context.assignment is not None:
            self._alone = True  # its share was too small; all that is left may do for one
        else:
            self.fault = self.fault or error

    def _wait(self, away: ModelAway) -> Iterator[Event]:
        """Pause the questions while the model is away. Then a single question goes first."""
        self._probing = True
        if self._away_until is not None and away.until <= self._away_until:
            return
        self._away_until = away.until
        yield ModelWaited(away.until.isoformat(timespec="seconds"), away.message)

    def refused(self, trial: Trial) -> Iterator[Event]:
        """Report a refused proposal. Set `fault` after too many of the method's in a row."""
        yield Judged(trial)
        if trial.proposal.by.origin in ("human", "adopted"):
            return
        self._refusals += 1
        if self._refusals >= MAX_REFUSALS_IN_A_ROW:
            times = f"{self._proposer.name} was refused {self._refusals} times in a row"
            message = f"{times}; the last time: {trial.reason}"
            self.fault = ModelFault(message, f"autoresearch show {trial.number}")

    def _refuse(self, trial: Trial, draft: Draft) -> Iterator[Event]:
        """Report a refused draft. Refusals of the filler end only the filling in."""
        if not draft.fills:
            yield from self.refused(trial)
            return
        self._fills_refused += 1
        yield Judged(trial)


def writers_for(slots: int, latency: float | None, occupation: float | None) -> int:
    """Return how many writers keep `slots` busy: slots * latency / occupation + 1.

    At most AUTO_WRITERS. latency: seconds of an answer. occupation: seconds that a trial takes in
    its slot. While either is unknown, one writer for each slot.
    """
    if latency is None or not occupation:
        return min(AUTO_WRITERS, max(1, slots))
    return min(AUTO_WRITERS, int(slots * latency / occupation) + 1)


def latency_of(proposals: Sequence[Proposal]) -> float | None:
    """Return the mean seconds of a model's newest answers; None before the first."""
    seconds = [proposal.by.seconds for proposal in proposals if proposal.by.calls]
    return _mean(seconds)


def occupation_of(trials: Sequence[Trial]) -> float | None:
    """Return the mean seconds that the newest trials took in their slots.

    Before the first trial, the seconds of one run of the baseline; None before that.
    """
    own = []
    of_one_run = []
    for trial in trials:
        result = trial.result
        if result is None:
            continue
        seconds = result.seconds + result.score_seconds
        if trial.status == "baseline":
            of_one_run.append(seconds / max(1, len(result.scores)))
        else:
            own.append(seconds)
    return _mean(own or of_one_run)


def _mean(numbers: Sequence[float]) -> float | None:
    newest = numbers[-NEWEST:]
    return sum(newest) / len(newest) if newest else None


def _in_hand(draft: Draft) -> InHand:
    return InHand(draft.context.assignment, len(draft.context.trials))


def _knowing(proposal: Proposal, draft: Draft) -> Proposal:
    """Return a model's proposal with the ids of the remarks that its question contained."""
    remarks = tuple(remark.id for remark in draft.context.remarks)
    if not proposal.by.calls or not remarks:
        return proposal
    by = proposal.by.model_copy(update={"inputs": remarks})
    return proposal.model_copy(update={"by": by})
