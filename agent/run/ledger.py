"""The ledger of a run: admits proposals, begins attempts, orders their runs, records verdicts.

It is not thread-safe: the loop calls it from one thread only.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from agent.edit.files import Sources
from agent.errors import BranchMoved
from agent.evaluate.bench import Assignment
from agent.evaluate.results import add_run, crashed, first_score, in_units
from agent.evaluate.slots import Slot
from agent.history.history import History
from agent.history.prior import priors_of
from agent.judge.decide import incumbent_of
from agent.judge.decision import (
    Compared,
    Discard,
    Failed,
    Held,
    Keep,
    Refusal,
    Simplify,
    Skipped,
    Verdict,
)
from agent.judge.overtime import over_result
from agent.judge.pruning import rivals_of
from agent.judge.suspicion import approved_by
from agent.project.budgets import time_words
from agent.project.program import read_program
from agent.propose import Context, Unreadable
from agent.propose.by_people import proposal_of_input
from agent.propose.code.policy import Policy
from agent.records.curves import Curve
from agent.records.edits import Edit, Refused
from agent.records.events import PATIENCE
from agent.records.guards import Checks
from agent.records.inputs import Approve, Input, Skip
from agent.records.losses import loss_of, own_fault
from agent.records.newest import kept_for_newest
from agent.records.notes import notes_of
from agent.records.proposals import Proposal, Provenance
from agent.records.results import (
    KEPT,
    Attempt,
    Order,
    Pair,
    Result,
    Trial,
)
from agent.records.steering import Steering, steering_of
from agent.run.admission import NOTHING_FIXED, Admission, Fixed
from agent.run.advice import baseline_fault, missing_metrics, unsteadiness
from agent.run.assessment import Assessment, Step
from agent.run.fleet import Fleet, Wait
from agent.run.replaying import replay_of
from agent.run.timing import Timing
from agent.run.verdicts import Tried, trial_of
from agent.space import Space

MOVED_BASELINE = "the branch moved on before this baseline was measured"


@dataclass(frozen=True)
class Settled:
    """A recorded verdict."""

    trial: Trial
    replay: Proposal | None
    """The proposal to try again on the newest tip; None if none is."""


class Ledger:
    """Applies the rules of a run to its history, where each attempt and verdict is a commit.

    space_of: returns the search space of the files. fixed: names that no edit may touch.
    memory_mb: memory of one trial. cores: cores of one trial, None for all.
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
        # Computed once for each tip, though every proposal and its admission need it.
        space_of = kept_for_newest(1)(space_of)
        self._space_of = space_of
        self._memory_mb = memory_mb
        self._protected = tuple(sorted(fixed.protected))
        self._admission = Admission(history, space_of, fixed)
        self.fleet = Fleet()
        self._timing = Timing(history, cores, self.fleet)
        self._assessment = Assessment(history, self._timing, self.fleet)

    # ------------------------------------------------------------ reading

    @property
    def needs_baseline(self) -> bool:
        """Whether the tip has no score yet: at the start of a run, and after a change by hand."""
        measured = any(trial.status in KEPT for trial in self.history.trials)
        return not measured or bool(self.history.foreign_commits)

    @property
    def goal_reached(self) -> str | None:
        """Why the run is over, if its incumbent has proved the target; else None."""
        incumbent = incumbent_of(self.history.comparable)
        proof = incumbent.target if incumbent else None
        if incumbent is None or proof is None or not proof.reached:
            return None
        return f"{proof}, by #{incumbent.number}"

    @property
    def space(self) -> Space:
        """The search space of the tip."""
        return self._space_of(self.history.sources)

    @property
    def steering(self) -> Steering:
        """The state that all inputs of people and agents add up to."""
        return steering_of(self.history.inputs, len(self.history.trials))

    @property
    def human_proposals(self) -> tuple[Proposal, ...]:
        """The edits of people that have not begun as attempts, oldest first."""
        history = self.history
        begun = [trial.proposal for trial in history.trials]
        begun += [attempt.proposal for attempt in history.in_flight]
        used: set[str] = set()
        for proposal in begun:
            if proposal.by.origin == "human":
                used.update(proposal.by.inputs)
        asked = (admitted.input for admitted in self.steering.tries)
        unused = (entry for entry in asked if entry.id not in used and self._is_possible(entry))
        return tuple(map(self.human_proposal, unused))

    def _is_possible(self, asked: Input) -> bool:
        """Return whether the trial that an input approves exists; a forged branch may lack it."""
        ask = asked.ask
        return not isinstance(ask, Approve) or ask.number in self.history.numbers

    @property
    def approved(self) -> frozenset[int]:
        """The numbers of approved trials whose repetition has not begun."""
        numbers = (approved_by(proposal) for proposal in self.human_proposals)
        return frozenset(number for number in numbers if number is not None)

    def human_proposal(self, asked: Input) -> Proposal:
        """Return the proposal of a Try or Approve input."""
        return proposal_of_input(asked, self.history.trials)

    def context(
        self, pending: tuple[Proposal, ...], remaining: str = "", dollars: float | None = None
    ) -> Context:
        """Return everything that a method gets to see of the run.

        The context's seed is different for each proposal, and the same after a resume. pending:
        proposals without a verdict. remaining, dollars: as in Context.
        """
        history = self.history
        space = self.space
        program = read_program(history.program)
        steering = self.steering
        patience = steering.patience or program.front_matter.patience or PATIENCE
        return Context(
            program=program.brief,
            sources=history.sources,
            space=space,
            trials=history.comparable,
            pending=pending,
            seed=history.run.seed * 1_000_003 + len(history.trials) + len(pending),
            budget=self._timing.allowance,
            most_seconds=self._timing.most_seconds,
            check=self._admission.check(pending, space, writing=True),
            remaining=remaining,
            dollars=dollars,
            memory_mb=self._memory_mb,
            objective=history.run.goal,
            score=history.run.score,
            imported=history.imported,
            public=history.public,
            protected=self._protected,
            policy=Policy(patience=patience, kinds=program.front_matter.explore),
            prior=(*history.prior, *priors_of(history.incomparable)),
            remarks=steering.remarks,
            notes=notes_of(history.inputs),
        )

    # ------------------------------------------------------------ proposals

    def admit(self, proposal: Proposal) -> Sources | Refused:
        """Return the tip's files after the edits of `proposal`, or why it is refused."""
        return self._admission.admit(proposal)

    def refusal_of(self, edits: Sequence[Edit]) -> Refused | None:
        """Return why a person's edits would be refused; None if they would be admitted."""
        space = self._space_of(self.history.sources)
        return self._admission.check(self.human_proposals, space)(edits)

    def begin(self, proposal: Proposal) -> Attempt | Trial:
        """Commit `proposal` on the tip as an attempt; record a refused trial if not admitted."""
        sources = self._admission.begin(proposal)
        if isinstance(sources, Refused):
            return self.refuse(proposal, sources)
        return self.history.commit_attempt(self.history.next_number, proposal, sources)

    def begin_baseline(self) -> Attempt:
        """Return an attempt that measures the tip: one that is in flight, or a new one."""
        for attempt in self.history.in_flight:
            if attempt.proposal.is_baseline:
                if self.history.same_files(attempt.commit, self.history.tip):
                    return attempt
                self._settle(attempt, Refusal(reason=MOVED_BASELINE))
        by = Provenance(method="baseline", origin="baseline")
        sources = self.history.sources
        what = "the files as they are" if sources.is_project else f"{sources.main} as it is"
        proposal = Proposal(hypothesis=what, by=by)
        return self.history.commit_attempt(self.history.next_number, proposal, sources)

    def refuse(self, proposal: Proposal | Unreadable, refused: Refused | str) -> Trial:
        """Record a proposal as refused, for the next question to the method to show why."""
        if isinstance(proposal, Unreadable):
            hypothesis = "(a reply that is no proposal)"
            proposal = Proposal(hypothesis=hypothesis, rationale=proposal.reply, by=proposal.by)
        history = self.history
        draft = history.draft(history.next_number, proposal, history.sources)
        return self._settle(draft, Refusal(reason=str(refused))).trial

    # ------------------------------------------------------------ runs

    def assignment(self, attempt: Attempt, order: Order, slot: Slot) -> Assignment:
        """Return what the bench needs to run `order` of `attempt` in `slot`."""
        result = self.history.measured(attempt)
        scores = result.scores if result else ()
        return Assignment(
            attempt=attempt,
            order=order,
            slot=slot,
            run=1 + sum(score.role != "baseline" for score in scores),
            usual=self._timing.usual_for(attempt, order, self._incumbent(attempt), slot.machine),
            baseline_speed=self._timing.speed_on(slot.machine),
            rivals=self._rivals(attempt, slot.machine),
        )

    def _incumbent(self, attempt: Attempt) -> Trial | None:
        """Return the trial that an attempt has to beat; None for a baseline."""
        if attempt.proposal.is_baseline:
            return None
        return self._assessment.incumbent(attempt)

    def _rivals(self, attempt: Attempt, machine: str) -> tuple[Curve, ...]:
        """Return the loss curves by which a training of `attempt` on `machine` may be pruned."""
        if self.history.run.prune != "median":
            return ()
        is_alike = self._assessment.alike(machine)
        return rivals_of(self.history.comparable, attempt.proposal, is_alike)

    def record(self, attempt: Attempt, order: Order, run: Result | Checks) -> None:
        """Commit the result of an ordered run to the attempt's ref, where a resume finds it.

        Raise ProjectFault if the run is one of the baseline on a further machine, and failed.
        """
        if isinstance(run, Checks):
            measured = self.history.measured(attempt)
            assert measured is not None, "checks follow a training"
            self.history.note(attempt, measured.model_copy(update={"checks": run.checks}))
            return
        if order.role == "baseline" and run.status != "scored":
            raise baseline_fault(run)
        before = self.history.measured(attempt)
        first = first_score(self.history.trials, before)
        run = in_units(run, first, self.history.run.goal.guarded_metrics)
        self.history.note(attempt, add_run(before, run, order))

    def lose(self, run: Assignment, why: str) -> bool:
        """Record that a place was lost during a run; return whether the attempt is to blame."""
        attempt = run.attempt
        beside = self.fleet.runs_of(attempt.number)
        is_told_again = any(other.slot.place == run.slot.place for other in beside)
        is_own = run.order.commit == attempt.commit and run.order.role != "baseline"
        own = is_own and not is_told_again
        loss = loss_of(run.slot.machine, run.slot.place, why, own)
        self.history.lose(attempt, loss)
        return own_fault(self.history.losses(attempt)) is not None

    def next(self, attempt: Attempt, machine: str) -> Order | Wait | Settled:
        """Return the next run of `attempt` on `machine`, or record and return its verdict.

        Return Wait while the decision depends on runs that are under way.
        """
        while True:
            step = self._step(attempt, machine)
            if isinstance(step, Order | Wait):
                return step
            if self.fleet.runs_of(attempt.number):
                return Wait()
            with suppress(BranchMoved):  # judge again, on the newest tip
                return self._settle(attempt, step)

    def _step(self, attempt: Attempt, machine: str) -> Step:
        """Return the next run of `attempt`, Wait, or its verdict."""
        history = self.history
        is_baseline = attempt.proposal.is_baseline
        if is_baseline and not history.same_files(attempt.commit, history.tip):
            return Refusal(reason=MOVED_BASELINE)
        fault = own_fault(history.losses(attempt))
        if fault:
            return Failed(kind="crash", reason=fault)
        step = self._assessment.next(attempt, machine)
        if not isinstance(step, Keep | Simplify):
            return step
        if self.steering.held is None or approved_by(attempt.proposal) is not None:
            return step
        reason = f"held for your word: {step.reason}"
        return Held(reason=reason, delta=step.delta, interval=step.interval, guards=step.guards)

    def skip(self, attempt: Attempt) -> Settled:
        """Record that an attempt was ended because a person or an agent asked for it."""
        who = ""
        for admitted in self.history.inputs:
            ask = admitted.input.ask
            if isinstance(ask, Skip) and ask.number == attempt.number and admitted.accepted:
                who = f" by {admitted.input.sender}" if admitted.input.sender else ""
        return self._settle(attempt, Skipped(reason=f"skipped{who}"))

    def advice(self, baseline: Trial) -> list[str]:
        """Return warnings about a judged baseline, a line each."""
        speed = unsteadiness(baseline) if self._timing.is_timed else None
        missing = missing_metrics(self.history.run.goal, baseline)
        return [*filter(None, (speed, missing)), *self._assessment.advice(baseline)]

    def time_words(self) -> str | None:
        """Return a line that says what bounds a training's time: the budget or the limit.

        None for a budget in steps, and before the baseline's time is known.
        """
        run = self.history.run
        usual = self._timing.usual
        if usual is None or (run.budget and run.budget.unit == "steps"):
            return None
        return time_words(usual.seconds, run.budget, run.goal.time_limit)

    # ------------------------------------------------------------ verdicts

    def _settle(self, attempt: Attempt, verdict: Verdict) -> Settled:
        """Record a verdict. A gain on a state that is not the tip is tried again, not merged."""
        trial = trial_of(attempt, verdict, self._tried(attempt, verdict))
        losses = self.history.losses(attempt)
        if losses:
            trial = trial.model_copy(update={"losses": losses})
        recorded = self.history.commit_verdict(attempt, trial)
        retry = isinstance(verdict, Discard | Refusal) and verdict.retry
        return Settled(recorded, self._replay(attempt) if retry else None)

    def _tried(self, attempt: Attempt, verdict: Verdict) -> Tried | None:
        """Return the measurements behind a verdict; None if nothing was trained."""
        history = self.history
        if isinstance(verdict, Refusal):
            return None
        result = None if isinstance(verdict, Skipped) else history.measured(attempt)
        fault = own_fault(history.losses(attempt))
        if fault and isinstance(verdict, Failed):
            result = crashed(result, fault)
        if result is None and not isinstance(verdict, Skipped):
            return None
        if result and isinstance(verdict, Failed) and verdict.kind == "over-limit":
            result = over_result(result)
        incumbent = self._incumbent(attempt) if result else None
        pairs: tuple[Pair, ...] = ()
        if result and incumbent and isinstance(verdict, Compared):
            pairs = self._assessment.pairs(attempt, result, incumbent)
        return Tried(
            result=result,
            before=history.sources_at(attempt.parent),
            after=history.sources_at(attempt.commit),
            incumbent=incumbent,
            pairs=pairs,
            sense=history.run.sense,
        )

    def _replay(self, attempt: Attempt) -> Proposal | None:
        """Return the attempt's edits as a proposal for the newest tip; None after two of them."""
        self._admission.forget(self.history.sources_at(attempt.commit))
        return replay_of(self.history, attempt)
