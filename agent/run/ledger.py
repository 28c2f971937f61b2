"""The ledger of a run: admits proposals, begins attempts, orders their runs, records verdicts.

No threads here: the loop calls it from one thread only.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agent.edit.files import Sources, following_renames
from agent.errors import ProjectFault
from agent.evaluate.bench import Assignment
from agent.evaluate.results import add_run, in_unit
from agent.evaluate.slots import Slot
from agent.history.history import History
from agent.history.prior import as_prior
from agent.judge.decision import Discard, Keep, Refusal, Simplify, Verdict
from agent.judge.pairing import unsteady
from agent.judge.pruning import rivals_of
from agent.project.program import read_program
from agent.propose import Context, Unreadable
from agent.propose.code.policy import Policy
from agent.records.curves import Curve
from agent.records.edits import Refused
from agent.records.events import PATIENCE
from agent.records.proposals import Proposal, Provenance
from agent.records.results import (
    KEPT,
    Attempt,
    Order,
    Pair,
    PriorTrial,
    Result,
    Trial,
)
from agent.run.admission import NOTHING_FIXED, Admission, Fixed
from agent.run.assessment import Assessment
from agent.run.timing import Timing
from agent.run.verdicts import Tried, trial_of
from agent.space import Space


@dataclass(frozen=True)
class Settled:
    """A recorded verdict."""

    trial: Trial
    replay: Proposal | None
    """The proposal to try again, where the tip has moved on since it was made."""


class Ledger:
    """The rules of a run over its history; each attempt and each verdict is a commit.

    space_of: the search space of the files. fixed: what an edit may not touch. memory_mb: what one
    trial may use. cores: how many cores a trial has, None for all.
    """

    def __init__(
        self,
        history: History,
        space_of: Callable[[Sources], Space],
        fixed: Fixed = NOTHING_FIXED,
        memory_mb: float | None = None,
        cores: int | None = None,
    ) -> None:
        self.history = history
        self._space_of = space_of
        self._memory_mb = memory_mb
        self._protected = tuple(sorted(fixed.protected))
        self._admission = Admission(history, space_of, fixed)
        self._timing = Timing(history, cores)
        self._assessment = Assessment(history, self._timing)

    # ------------------------------------------------------------ reading

    @property
    def needs_baseline(self) -> bool:
        """True until the tip's train.py has a score: at the start, and after a change by hand."""
        measured = any(trial.status in KEPT for trial in self.history.trials)
        return not measured or bool(self.history.foreign_commits)

    def context(
        self, pending: tuple[Proposal, ...], remaining: str = "", dollars: float | None = None
    ) -> Context:
        """Return everything a method may look at.

        Its seed differs for each proposal, and is the same after a resume. pending: proposals
        without a verdict. remaining, dollars: as in Context.
        """
        history = self.history
        space = self._space_of(history.sources)
        program = read_program(history.program)
        patience = program.front_matter.patience or PATIENCE
        return Context(
            program=program.brief,
            sources=history.sources,
            space=space,
            trials=history.comparable,
            pending=pending,
            seed=history.run.seed * 1_000_003 + len(history.trials) + len(pending),
            budget=str(history.run.budget),
            check=self._admission.check(pending, space),
            remaining=remaining,
            dollars=dollars,
            memory_mb=self._memory_mb,
            objective=history.run.goal,
            score=history.run.score,
            imported=history.imported,
            protected=self._protected,
            policy=Policy(patience=patience, kinds=program.front_matter.explore),
            prior=(*history.prior, *_on_other_data(history.incomparable)),
        )

    # ------------------------------------------------------------ proposals

    def admit(self, proposal: Proposal) -> Sources | Refused:
        """Return the files that `proposal` makes of the tip's, or why it is refused."""
        return self._admission.admit(proposal)

    def begin(self, proposal: Proposal) -> Attempt | Trial:
        """Commit `proposal` on the tip as an attempt; a refused trial where it does not apply."""
        sources = self.admit(proposal)
        if isinstance(sources, Refused):
            return self.refuse(proposal, sources)
        self._admission.remember(sources)
        return self.history.commit_attempt(self.history.next_number, proposal, sources)

    def begin_baseline(self) -> Attempt:
        """Return the tip as an attempt: the one that a killed run left in flight, or a new one."""
        for attempt in self.history.in_flight:
            if attempt.proposal.by.origin == "baseline":
                if self.history.same_files(attempt.commit, self.history.tip):
                    return attempt
                moved = Refusal(reason="the branch moved on before this baseline was measured")
                self._settle(attempt, moved)
        by = Provenance(method="baseline", origin="baseline")
        sources = self.history.sources
        what = "the files as they are" if sources.is_project else f"{sources.main} as it is"
        proposal = Proposal(hypothesis=what, by=by)
        return self.history.commit_attempt(self.history.next_number, proposal, sources)

    def refuse(self, proposal: Proposal | Unreadable, refused: Refused) -> Trial:
        """Record a proposal that was not trained, so that the next one can see why."""
        if isinstance(proposal, Unreadable):
            hypothesis = "(a reply that is no proposal)"
            proposal = Proposal(hypothesis=hypothesis, rationale=proposal.reply, by=proposal.by)
        history = self.history
        draft = history.draft(history.next_number, proposal, history.sources)
        return self._settle(draft, Refusal(reason=str(refused))).trial

    # ------------------------------------------------------------ runs

    def assignment(self, attempt: Attempt, order: Order, slot: Slot) -> Assignment:
        """Return the training of an ordered run in a slot."""
        result = self.history.measured(attempt)
        scores = result.scores if result else ()
        return Assignment(
            attempt=attempt,
            order=order,
            slot=slot,
            run=1 + sum(score.role != "baseline" for score in scores),
            usual=self._timing.usual_for(attempt, order),
            baseline_speed=self._timing.speed,
            rivals=self._rivals(attempt),
        )

    def _rivals(self, attempt: Attempt) -> tuple[Curve, ...]:
        """Return the curves that a training of `attempt` may be pruned against."""
        if self.history.run.prune != "median":
            return ()
        return rivals_of(self.history.comparable, attempt.proposal)

    def record(self, attempt: Attempt, order: Order, run: Result) -> None:
        """Write down the result of an ordered run, so that a killed process loses no other.

        Raise ProjectFault where it is the baseline that fails on this machine.
        """
        if order.role == "baseline" and run.status != "scored":
            message = f"the baseline fails on this machine ({run.status}): {run.detail}"
            next_command = "autoresearch start   # a new run, with a train.py that runs here"
            raise ProjectFault(message, next_command)
        run = in_unit(run, self.history.trials)
        self.history.note(attempt, add_run(self.history.measured(attempt), run, order))

    def next(self, attempt: Attempt) -> Order | Settled:
        """Return the run that `attempt` needs next, or its verdict, recorded."""
        step = self._assessment.next(attempt)
        return step if isinstance(step, Order) else self._settle(attempt, step)

    def advice(self, baseline: Trial) -> str | None:
        """Return what to do where the runs of `baseline` varied in speed, or None."""
        result = baseline.result
        if result is None or not self._assessment.is_timed:
            return None
        steps = result.facts.get("num_steps")
        sealed = all(score.kind == "sealed" for score in result.own)
        share = unsteady(result.own)
        if not sealed or share is None or not isinstance(steps, int):
            return None
        return (
            f"the baseline's runs differ by {share:.0%} in speed, so scores also measure the load "
            f"of this machine: --budget {steps}steps would not"
        )

    # ------------------------------------------------------------ verdicts

    def _settle(self, attempt: Attempt, verdict: Verdict) -> Settled:
        """Record a verdict; a gain on a state that is not the tip is tried again, never merged."""
        trial = trial_of(attempt, verdict, self._tried(attempt, verdict))
        recorded = self.history.commit_verdict(attempt, trial)
        retry = isinstance(verdict, Discard | Refusal) and verdict.retry
        return Settled(recorded, self._replay(attempt) if retry else None)

    def _tried(self, attempt: Attempt, verdict: Verdict) -> Tried | None:
        """Return what the verdict rests on; None where nothing was trained."""
        history = self.history
        result = None if isinstance(verdict, Refusal) else history.measured(attempt)
        if result is None:
            return None
        incumbent: Trial | None = None
        if attempt.proposal.by.origin != "baseline":
            incumbent = self._assessment.incumbent(attempt)
        pairs: tuple[Pair, ...] = ()
        if incumbent and isinstance(verdict, Keep | Simplify | Discard):
            pairs = self._assessment.pairs(result, incumbent)
        return Tried(
            result=result,
            before=history.sources_at(attempt.parent),
            after=history.sources_at(attempt.commit),
            incumbent=incumbent,
            pairs=pairs,
            sense=history.run.sense,
        )

    def _replay(self, attempt: Attempt) -> Proposal:
        """Return the attempt's edits as a new proposal: on another tip it is a new experiment."""
        history = self.history
        proposal = attempt.proposal
        self._admission.forget(history.sources_at(attempt.commit))
        before = history.sources_at(attempt.parent)
        edits = following_renames(proposal.edits, before, history.sources)
        by = Provenance(
            method=proposal.by.method,
            origin="replay",
            model=proposal.by.model,
            replays=attempt.number,
        )
        return proposal.model_copy(update={"by": by, "edits": edits})


def _on_other_data(trials: Sequence[Trial]) -> list[PriorTrial]:
    """Return the run's trials on other data as prior trials: a hint, on an offset of its own."""
    return [prior for trial in trials if (prior := as_prior(trial)) is not None]
