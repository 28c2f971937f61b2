"""The run's rules over its history: what may be tried, what a result is worth, and what is written down. No threads here."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import FiniteFloat

from agent.edit import Applied, apply, code_lines, fingerprint, guard
from agent.errors import HistoryFault, ProjectFault
from agent.evaluate.bench import add_run
from agent.evaluate.machine import machine_name
from agent.history.history import History
from agent.judge.decide import (
    LOOKS,
    Case,
    Decision,
    Discard,
    Noise,
    Rerun,
    Rule,
    allowance_of,
    decide,
    differences_of,
    incumbent_of,
    luck_of,
    noise_of,
)
from agent.judge.pairing import (
    Scores,
    comparable,
    next_run,
    next_seed,
    overdue,
    pairs_of,
    suspicious,
    unsteady,
)
from agent.judge.pruning import Curve, rivals_of
from agent.judge.suspicion import approved_by, implausible, is_suspect
from agent.judge.yardstick import usual_of, yardstick_of
from agent.project.program import read_program
from agent.propose import Context, Unreadable
from agent.propose.code.policy import PATIENCE, Policy
from agent.records.edits import Edit, Refused
from agent.records.proposals import Proposal, Provenance
from agent.records.results import (
    FAILED,
    KEPT,
    Attempt,
    Order,
    Pair,
    PriorTrial,
    Result,
    Score,
    Status,
    Trial,
)
from agent.run.preflight import foresee
from agent.space import Space, changes, read_constants
from sandbox.ground.deadline import Usual
from sandbox.ground.outcome import Audit
from sandbox.ground.record import Record


class Fixed(Record):
    """Names in train.py that no edit may change (protected), and names that may change but not vanish (required)."""

    protected: frozenset[str] = frozenset()
    required: frozenset[str] = frozenset()


NOTHING_FIXED = Fixed()
RECHECKED = {
    "sealed": "the score was implausible, and the full audit under a fresh seed found nothing",
    "self-reported": "the score was implausible, and repeated under a fresh seed; it is self-reported, so nobody audited it",
}
# A trial has this many runs, its own and the incumbent's, whatever the machine does.
MAX_RUNS = 2 * LOOKS + 4


class Verdict(Record):
    """What becomes of an attempt, and why in one line. again: it is to be tried on the newer tip."""

    status: Status
    reason: str
    delta: FiniteFloat | None = None
    interval: tuple[FiniteFloat, FiniteFloat] | None = None
    charge: FiniteFloat | None = None
    again: bool = False


@dataclass(frozen=True)
class Settled:
    """A recorded verdict, with the proposal to try again on the tip where it has moved on under an improvement."""

    trial: Trial
    replay: Proposal | None


class Ledger:
    """Admits proposals, begins attempts, orders their runs and settles them, each in one or two commits.

    space_of: the search space of a source. fixed: what an edit may not touch. memory_mb: what one trial may use. cores: on which
    one trains, None for all.
    """

    def __init__(
        self,
        history: History,
        space_of: Callable[[str], Space],
        fixed: Fixed = NOTHING_FIXED,
        memory_mb: float | None = None,
        cores: int | None = None,
    ) -> None:
        self.history = history
        self._space_of, self._fixed, self._memory_mb = space_of, fixed, memory_mb
        self._cores = cores
        self._scores = Scores()
        self._tried = {trial.fingerprint for trial in history.comparable if trial.fingerprint}
        self._tried |= {
            fingerprint(history.source_at(attempt.commit)) for attempt in history.in_flight
        }

    # ------------------------------------------------------------ reading

    @property
    def needs_baseline(self) -> bool:
        """True until the tip's own train.py has a score: at the start, and after a change by a human hand."""
        measured = any(
            trial.status in KEPT for trial in self.history.trials
        )  # the first one, mostly
        return not measured or bool(self.history.foreign_commits)

    @property
    def noise(self) -> Noise:
        """The noise, pooled over what was measured on the run's data."""
        return noise_of(self.history.comparable)

    @property
    def usual(self) -> Usual | None:
        """What training the baseline takes on this machine, with as many cores; None where it has not run here."""
        yardstick = yardstick_of(self.history.trials)
        if yardstick is None:
            return None
        under_way = [
            result
            for attempt in self.history.in_flight
            if (result := self.history.measured(attempt))
        ]
        return usual_of(yardstick, self.history.trials, under_way, machine_name(), self._cores)

    def usual_for(self, attempt: Attempt, order: Order) -> Usual | None:
        """What a run of `attempt` is judged by; None for one that shows what is usual."""
        if order.role == "baseline" or self._is_new_code(attempt):
            return None
        return self.usual

    def _is_new_code(self, attempt: Attempt) -> bool:
        """Whether it is a baseline of something that was not measured before: the first one, or after a change by hand."""
        if attempt.proposal.by.origin != "baseline":
            return False
        kept = [trial for trial in self.history.trials if trial.status in KEPT]
        return not kept or kept[-1].fingerprint != fingerprint(
            self.history.source_at(attempt.commit)
        )

    @property
    def baseline_speed(self) -> float | None:
        """Steps a second of the newest baseline's first run; None before there is one, and where nobody knows."""
        result = self._baseline()
        return result.own[0].speed if result and result.own else None

    def _baseline(self) -> Result | None:
        return next(
            (trial.result for trial in reversed(self.history.trials) if trial.status == "baseline"),
            None,
        )

    def context(
        self, pending: tuple[Proposal, ...], remaining: str = "", dollars: float | None = None
    ) -> Context:
        """Everything a method may look at, with a seed that differs for each proposal and is the same after a resume.

        remaining, dollars: as in Context.
        """
        history = self.history
        space = self._space_of(history.source)
        program = read_program(history.program)
        return Context(
            program=program.brief,
            source=history.source,
            space=space,
            trials=history.comparable,
            pending=pending,
            seed=history.run.seed * 1_000_003 + len(history.trials) + len(pending),
            budget=str(history.run.budget),
            check=self._check(pending, space),
            remaining=remaining,
            dollars=dollars,
            memory_mb=self._memory_mb,
            policy=Policy(
                patience=program.front_matter.patience or PATIENCE,
                kinds=program.front_matter.explore,
            ),
            prior=(*history.prior, *_elsewhere(history.incomparable)),
        )

    def _check(
        self, pending: tuple[Proposal, ...], space: Space
    ) -> Callable[[Sequence[Edit]], Refused | None]:
        """Whether edits would be admitted to the tip as it is now, what is pending counted as tried."""
        source, fixed = self.history.source, self._fixed
        waiting = (apply(source, proposal.edits) for proposal in pending)
        tried = self._tried | {
            fingerprint(applied.source) for applied in waiting if isinstance(applied, Applied)
        }

        def check(edits: Sequence[Edit]) -> Refused | None:
            admitted = _admitted(source, edits, space, fixed, tried)
            return admitted if isinstance(admitted, Refused) else None

        return check

    # ------------------------------------------------------------ proposals

    def admit(self, proposal: Proposal) -> str | Refused:
        """The train.py that `proposal` makes of the tip's, or why it is not worth a budget."""
        source = self.history.source
        tried = self._tried - {trial.fingerprint for trial in self._suspect_of(proposal)}
        return _admitted(source, proposal.edits, self._space_of(source), self._fixed, tried)

    def begin(self, proposal: Proposal) -> Attempt | Trial:
        """Commit `proposal` on the tip as an attempt in flight; a refused trial where it no longer applies."""
        source = self.admit(proposal)
        if isinstance(source, Refused):
            return self.refuse(proposal, source)
        self._tried.add(fingerprint(source))
        return self.history.commit_attempt(self.history.next_number, proposal, source)

    def begin_baseline(self) -> Attempt:
        """The tip as it is, as an attempt: the one left in flight by a killed run, or a new one."""
        for attempt in self.history.in_flight:
            if attempt.proposal.by.origin == "baseline":
                if self.history.same_files(attempt.commit, self.history.tip):
                    return attempt
                self._refuse(attempt, "the branch moved on before this baseline was measured")
        proposal = Proposal(
            hypothesis="train.py as it is", by=Provenance(method="baseline", origin="baseline")
        )
        return self.history.commit_attempt(self.history.next_number, proposal, self.history.source)

    def refuse(self, proposal: Proposal | Unreadable, refused: Refused) -> Trial:
        """Record a proposal that was not trained. It cost tokens, and the next proposal will see why."""
        if isinstance(proposal, Unreadable):
            proposal = Proposal(
                hypothesis="(a reply that is no proposal)", rationale=proposal.reply, by=proposal.by
            )
        return self._refuse(
            self.history.draft(self.history.next_number, proposal, self.history.source),
            str(refused),
        )

    def _refuse(self, attempt: Attempt, reason: str) -> Trial:
        trial = Trial(
            number=attempt.number,
            status="refused",
            proposal=attempt.proposal,
            reason=reason,
            at=_now(),
        )
        return self.history.commit_verdict(attempt, trial)

    # ------------------------------------------------------------ runs

    def runs_done(self, attempt: Attempt) -> int:
        """How many runs an attempt in flight has behind it."""
        result = self.history.measured(attempt)
        return sum(score.role != "baseline" for score in result.scores) if result else 0

    def rivals(self, attempt: Attempt) -> tuple[Curve, ...]:
        """The curves that a training of `attempt` may be given up against; none where nothing is to be given up."""
        return (
            rivals_of(self.history.comparable, attempt.proposal)
            if self.history.run.prune == "median"
            else ()
        )

    def record(self, attempt: Attempt, order: Order, run: Result) -> None:
        """Write down what an ordered run gave, so that a killed process loses no other.

        ProjectFault where it is the baseline that fails on this machine.
        """
        if order.role == "baseline" and run.status != "scored":
            message = f"the baseline fails on this machine ({run.status}): {run.detail}"
            raise ProjectFault(
                message, "autoresearch start   # a new run, with a train.py that runs here"
            )
        self.history.note(attempt, add_run(self.history.measured(attempt), run, order))

    def next(self, attempt: Attempt) -> Order | Settled:
        """The run that `attempt` needs next, or its verdict, recorded."""
        result = self.history.measured(attempt)
        if attempt.proposal.by.origin == "baseline":
            return self._next_of_baseline(attempt, result)
        if self.history.on_other_data(attempt.parent):
            return Settled(
                self._refuse(attempt, "proposed before the run was given other data"),
                self._again(attempt),
            )
        incumbent = self._incumbent(attempt)
        yardstick = yardstick_of(self.history.trials)
        failed = result is not None and result.status != "scored"
        if (
            yardstick and self.usual is None and not failed
        ):  # the run goes on elsewhere, or on another share of the cores
            why = "how long does the baseline train on this machine?"
            return Order(
                commit=yardstick.attempt, seed=self.history.run.seed, role="baseline", why=why
            )
        if result is None or (result.status == "scored" and not result.own):
            seed, audit = self._screening_seed(attempt, incumbent), self._audit(attempt)
            return Order(commit=attempt.commit, seed=seed, audit=audit)
        if result.status != "scored":
            return self._settle(
                attempt, result, Verdict(status=result.status, reason=result.detail)
            )
        return self._weigh(attempt, result, incumbent)

    def _next_of_baseline(self, attempt: Attempt, result: Result | None) -> Order | Settled:
        run, done = self.history.run, len(result.scores) if result else 0
        if result is None or (result.status == "scored" and done < run.baseline_repeats):
            return Order(commit=attempt.commit, seed=run.seed + done)
        if result.status != "scored":
            return self._settle(
                attempt, result, Verdict(status=result.status, reason=result.detail)
            )
        return self._settle(
            attempt, result, Verdict(status="baseline", reason=f"{done} runs under different seeds")
        )

    def _screening_seed(self, attempt: Attempt, incumbent: Trial) -> int:
        run = self.history.run
        seen = self._seen_seeds(attempt)
        if run.verdict == "greedy" and not seen:
            return run.seed
        known = comparable(
            self._scores.of(incumbent.number, self.history.trials),
            machine_name(),
            self._tolerance(),
        )
        return next_seed(seen, tuple(known), attempt.number, run.seed)

    def _weigh(self, attempt: Attempt, result: Result, incumbent: Trial) -> Order | Settled:
        """Judge what was measured of `attempt`, or order one more run of it or of the incumbent."""
        run, trials = self.history.run, self.history.trials
        machine = result.own[-1].machine
        rerun = tuple(score for score in result.scores if score.role == "incumbent")
        tolerance = self._tolerance(result.scores)
        own = comparable(result.own, machine, tolerance)
        other = comparable((*self._scores.of(incumbent.number, trials), *rerun), machine, tolerance)
        pairs = pairs_of(own, other)
        if approved_by(attempt.proposal) is None:
            # greedy keeps what scores better once, by its owner's wish
            why = implausible(
                result, incumbent, pairs, trials if run.verdict != "greedy" else None, run.plausible
            )
            if is_suspect(result, run.plausible):
                reason = f"{why}; measured again under a fresh seed: {result.detail or 'the same, and no audit vouches for it'}"
                return self._settle(attempt, result, Verdict(status="suspect", reason=reason))
            if why and result.recheck is None:
                seed = next_seed(tuple(own), tuple(other), attempt.number, run.seed)
                return Order(
                    commit=attempt.commit, seed=seed, why=f"implausible: {why}", audit="full"
                )
        if result.detail:
            return self._settle(
                attempt, result, Verdict(status="discard", reason=result.detail), pairs
            )
        if not rerun and self._doubtful(result, incumbent, other):
            return Order(
                commit=incumbent.attempt,
                seed=result.own[-1].seed,
                role="incumbent",
                why="is the machine still itself?",
            )
        decision = (
            self._decide(attempt, incumbent, pairs)
            if pairs
            else Rerun(reason="nothing to compare with yet")
        )
        if (
            isinstance(decision, Rerun)
            and len(result.scores) < MAX_RUNS
            and not self._stale(attempt)
        ):
            seed, role = next_run(own, other, attempt.number, run.seed, self._seen_seeds(attempt))
            return Order(
                commit=attempt.commit if role == "candidate" else incumbent.attempt,
                seed=seed,
                role=role,
                why=decision.reason,
                audit=self._audit(attempt),
            )
        return self._settle(attempt, result, self._verdict(attempt, decision), pairs)

    def _suspect_of(self, proposal: Proposal) -> tuple[Trial, ...]:
        """The suspect that `proposal` repeats by approval; none for any other proposal."""
        number = approved_by(proposal)
        return tuple(trial for trial in self.history.trials if trial.number == number)

    def _seen_seeds(self, attempt: Attempt) -> tuple[int, ...]:
        """Seeds under which a suspect was measured: its approved repetition has to do without them."""
        results = [trial.result for trial in self._suspect_of(attempt.proposal)]
        return tuple(score.seed for result in results if result for score in result.scores)

    def _audit(self, attempt: Attempt) -> Audit:
        return "usual" if approved_by(attempt.proposal) is None else "full"

    def _decide(self, attempt: Attempt, incumbent: Trial, pairs: tuple[Pair, ...]) -> Decision:
        history, noise = self.history, self.noise
        base, source = history.source_at(attempt.parent), history.source_at(attempt.commit)
        case = Case(
            differences=differences_of(pairs),
            luck=luck_of(history.trials, incumbent.number, pairs),
            noise=noise,
            simpler=code_lines(source) < code_lines(base),
            allowance=allowance_of(history.comparable, noise),
        )
        return decide(case, Rule(verdict=history.run.verdict, false_keeps=history.run.false_keeps))

    def _doubtful(self, result: Result, incumbent: Trial, known: dict[int, Score]) -> bool:
        """Whether a timed trial may have met a slow machine, or nobody has looked at the incumbent for long."""
        if not self._timed or self.history.run.verdict == "greedy" or len(result.own) > 1:
            return False
        there = incumbent.result.parameters if incumbent.result else None
        newest = next(reversed(known.values()), None)
        slow = suspicious(
            result.own[0],
            result.parameters,
            newest,
            there,
            self._scores.tolerance(self.history.trials),
        )
        return slow or overdue(self.history.trials, incumbent.number)

    def _verdict(self, attempt: Attempt, decision: Decision) -> Verdict:
        match decision:
            case Rerun(reason=reason):
                stale = (
                    "the tip has moved since: tried again on it"
                    if self._stale(attempt)
                    else "runs differ too much in speed"
                )
                return Verdict(
                    status="discard", reason=f"{reason}; {stale}", again=self._stale(attempt)
                )
            case Discard():
                return Verdict(
                    status="discard",
                    reason=decision.reason,
                    delta=decision.delta,
                    interval=decision.interval,
                )
        kept: Status = "keep" if decision.charge is None else "simplify"
        verdict = Verdict(
            status=kept,
            reason=decision.reason,
            delta=decision.delta,
            interval=decision.interval,
            charge=decision.charge,
        )
        if self._stale(attempt):
            reason = f"{decision.reason}, but the tip has moved since: tried again on it"
            return verdict.model_copy(
                update={"status": "discard", "reason": reason, "charge": None, "again": True}
            )
        return verdict

    def advice(self, baseline: Trial) -> str | None:
        """What to do about a machine on which the runs of `baseline` took turns at being fast; None where they did not."""
        own = baseline.result.own if baseline.result else ()
        apart = (
            unsteady(own) if self._timed and all(score.kind == "sealed" for score in own) else None
        )
        steps = baseline.result.facts.get("num_steps") if baseline.result else None
        if apart is None or not isinstance(steps, int):
            return None
        return (
            f"the baseline's runs differ by {apart:.0%} in speed, so scores also measure the load of this machine: "
            f"--budget {steps}steps would not"
        )

    # ------------------------------------------------------------ results

    def _settle(
        self, attempt: Attempt, result: Result, verdict: Verdict, pairs: tuple[Pair, ...] = ()
    ) -> Settled:
        """Record the verdict; an improvement on a state that is no longer the tip comes back as a proposal, never merged."""
        base, source = (
            self.history.source_at(attempt.parent),
            self.history.source_at(attempt.commit),
        )
        against = None if attempt.proposal.by.origin == "baseline" else self._incumbent(attempt)
        known = against.value if against else None
        if result.recheck == "passed":
            reason = f"{verdict.reason}; {RECHECKED[result.own[-1].kind]}"
            verdict = verdict.model_copy(update={"reason": reason})
        cut = (
            " (its training was ended at its deadline)"
            if any(score.cut for score in result.own)
            else ""
        )
        trial = Trial(
            number=attempt.number,
            status=verdict.status,
            proposal=attempt.proposal,
            reason=verdict.reason + cut,
            result=result,
            against=against.number if against else None,
            pairs=pairs,
            delta=verdict.delta,
            interval=verdict.interval,
            estimate=known + verdict.delta
            if known is not None and verdict.delta is not None
            else None,
            charge=verdict.charge,
            changes=changes(base, source),
            configuration=read_constants(source),
            fingerprint=fingerprint(source),
            at=_now(),
        )
        return Settled(
            self.history.commit_verdict(attempt, trial),
            self._again(attempt) if verdict.again else None,
        )

    def _stale(self, attempt: Attempt) -> bool:
        return not self.history.same_files(attempt.parent, self.history.tip)

    def _incumbent(self, attempt: Attempt) -> Trial:
        """The trial that made the state that `attempt` was proposed on: what it has to beat."""
        trials = self.history.trials
        first = next((trial for trial in trials if trial.status == "baseline"), None)
        incumbent = (
            incumbent_of(self.history.trials_at(attempt.parent)) or first
        )  # proposed while the baseline was in flight
        if incumbent is None:
            raise HistoryFault(
                f"attempt #{attempt.number} stands before any baseline", "autoresearch log"
            )
        return incumbent

    def _again(self, attempt: Attempt) -> Proposal:
        proposal = attempt.proposal
        self._tried.discard(
            fingerprint(self.history.source_at(attempt.commit))
        )  # beside other files it is another experiment
        by = Provenance(
            method=proposal.by.method,
            origin="replay",
            model=proposal.by.model,
            replays=attempt.number,
        )
        return proposal.model_copy(update={"by": by})

    @property
    def _timed(self) -> bool:
        """Whether the machine's speed moves scores."""
        return self.history.run.budget.unit == "s"

    def _tolerance(self, fresh: Sequence[Score] = ()) -> float | None:
        """By how much the speeds of runs that are compared may differ; None where that is all the same."""
        return self._scores.tolerance(self.history.trials, fresh) if self._timed else None


def _admitted(
    source: str, edits: Sequence[Edit], space: Space, fixed: Fixed, tried: Collection[str]
) -> str | Refused:
    """`source` with the edits made, or why that is not worth a budget."""
    applied = apply(source, edits)
    if isinstance(applied, Refused):
        return applied
    refused = guard(
        source, applied.source, tried=tried, protected=fixed.protected, required=fixed.required
    )
    return refused or foresee(source, applied.source, edits, space) or applied.source


def _elsewhere(trials: Sequence[Trial]) -> list[PriorTrial]:
    """Return what a run learnt of its constants on other data, as trials of another run: a hint, on a offset of its own."""
    told = []
    for trial in trials:
        outcome = trial.value if trial.value is not None else trial.status
        if outcome in FAILED or isinstance(outcome, float):
            curve = trial.result.curve if trial.result else ()
            told.append(
                PriorTrial.model_validate(
                    {
                        "number": trial.number,
                        "configuration": trial.configuration,
                        "outcome": outcome,
                        "curve": curve,
                    }
                )
            )
    return told


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
