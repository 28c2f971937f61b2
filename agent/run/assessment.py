"""Decides the next step of an attempt: another run of it or of its incumbent, or its verdict."""

from collections.abc import Callable, Collection, Sequence

from agent.edit.files import code_lines_of
from agent.errors import HistoryFault
from agent.history.history import History
from agent.history.neutral import perturbed_order
from agent.judge.decide import LOOKS, Case, Rule, allowance_of, decide, incumbent_of
from agent.judge.decision import (
    Discard,
    Failed,
    Judgement,
    Keep,
    Refusal,
    Rerun,
    Simplify,
    Suspect,
    Verdict,
    overtaken,
)
from agent.judge.determinism import is_continuous, is_still, repeats_of
from agent.judge.luck import luck_of
from agent.judge.machines import model_of
from agent.judge.noise import across_of, differences_of
from agent.judge.overtime import judge_time, over_reason
from agent.judge.pace import is_hopeless, is_suspicious, share_of_work
from agent.judge.pairing import Scores, next_run, next_seed, overdue
from agent.judge.suspicion import approved_by, implausible, is_suspect
from agent.records.results import Attempt, Order, Pair, Result, Score, Trial
from agent.run.baselining import Baselining, seed_advice
from agent.run.doubts import doubt_of
from agent.run.evidence import Evidence, Evidences
from agent.run.fleet import Fleet, Wait
from agent.run.guarding import Guarding
from agent.run.proving import Proving
from agent.run.replaying import replayed_by
from agent.run.timing import Timing
from sandbox.ground.outcome import Audit

# The most runs that one trial may cost, its own and the incumbent's together.
MAX_RUNS = 2 * LOOKS + 4
Step = Order | Wait | Verdict


class Assessment:
    """Orders the runs of attempts in flight, and judges each when it needs no further run."""

    def __init__(self, history: History, timing: Timing, fleet: Fleet) -> None:
        self._history = history
        self._timing = timing
        self._fleet = fleet
        self._scores = Scores()
        self._guarding = Guarding(history, self._scores)
        self._proving = Proving(history)
        self._evidences = Evidences(history, self._scores)
        self._baselining = Baselining(history, timing, fleet, self._guarding, self._proving)

    def next(self, attempt: Attempt, machine: str) -> Step:
        """Return the next run of `attempt` on `machine`, or the verdict if it needs none.

        Return Wait while the decision depends on a run that is under way.
        """
        if attempt.proposal.is_baseline:
            step: Step = self._baselining.next(attempt, machine)
        elif self._fleet.runs_of(attempt.number):
            return Wait()
        else:
            step = self._step(attempt, machine)
        return perturbed_order(self._history, step) if isinstance(step, Order) else step

    def _step(self, attempt: Attempt, machine: str) -> Step:
        history = self._history
        result = history.measured(attempt)
        if history.on_other_data(attempt.parent):
            return Refusal(reason="proposed before the run was given other data", retry=True)
        incumbent = self.incumbent(attempt)
        if result and result.status != "scored":
            failed = Failed(kind=result.status, reason=result.detail)
            return self._overtime(attempt, result, incumbent, machine) or failed
        timed = self._timed(machine)
        if timed:
            return timed
        if result is None or not result.own:
            seed = self._screening_seed(attempt, incumbent, machine)
            return Order(commit=attempt.commit, seed=seed, audit=_audit(attempt))
        evidence = self._evidence(attempt, result, incumbent, machine)
        step = self._weigh(attempt, evidence, machine)
        if isinstance(step, Order) and machine != evidence.machine in self._fleet.machines:
            return step.model_copy(update={"machine": evidence.machine})
        return step

    def _timed(self, machine: str) -> Order | Wait | None:
        """Return a run of the baseline, if it has not been timed on `machine` with as many cores.

        Return Wait while that run is under way, None if the time is known.
        """
        yardstick = self._timing.yardstick
        if yardstick is None or self._timing.usual_on(machine) is not None:
            return None
        order = Order(
            commit=yardstick.attempt,
            seed=self._history.run.seed,
            role="baseline",
            why="how long does the baseline train on this machine?",
        )
        return Wait() if self._is_under_way(order, frozenset((machine,))) else order

    def _is_under_way(self, order: Order, machines: Collection[str]) -> bool:
        """Return whether a run that would also serve `order` is under way on one of `machines`."""
        for run in self._fleet.running.values():
            same = (run.order.commit, run.order.seed) == (order.commit, order.seed)
            if same and run.order.role == order.role and run.slot.machine in machines:
                return True
        return False

    def incumbent(self, attempt: Attempt) -> Trial:
        """Return the trial that `attempt` has to beat: the newest kept one that it builds on.

        Raise HistoryFault if there is no baseline before it.
        """
        incumbent = incumbent_of(self._history.trials_at(attempt.parent))
        if incumbent:
            return incumbent
        for trial in self._history.trials:  # it was proposed while the baseline was in flight
            if trial.status == "baseline":
                return trial
        message = f"attempt #{attempt.number} stands before any baseline"
        raise HistoryFault(message, "autoresearch log")

    def pairs(self, attempt: Attempt, result: Result, incumbent: Trial) -> tuple[Pair, ...]:
        """Return the seed pairs of an attempt and its incumbent that may be compared."""
        if not result.own:
            return ()
        return self._evidence(attempt, result, incumbent, result.own[-1].machine).pairs

    @property
    def _is_exact(self) -> bool:
        """Whether the owner declared `noise = "none"`: equal code gives equal results."""
        objective = self._history.run.objective
        return objective is not None and objective.noise == "none"

    def _screening_seed(self, attempt: Attempt, incumbent: Trial, machine: str) -> int:
        run = self._history.run
        excluded = self._excluded_seeds(attempt)
        if run.verdict == "greedy" and not excluded:
            return run.seed
        measured = self._evidences.seeds_to_screen(
            incumbent, attempt.number, machine, self._tolerance()
        )
        return next_seed(excluded, measured, attempt.number, run.seed)

    # ------------------------------------------------------------ weighing

    def _evidence(
        self, attempt: Attempt, result: Result, incumbent: Trial, machine: str
    ) -> Evidence:
        """Return the scores to compare on the attempt's machine, or on `machine` if that left."""
        own = result.own[-1].machine
        is_gone = bool(self._fleet.machines) and own not in self._fleet.machines
        home = machine if is_gone else own
        tolerance = self._tolerance(result.scores)
        return self._evidences.of(attempt, result, incumbent, home, tolerance)

    def _weigh(self, attempt: Attempt, evidence: Evidence, machine: str) -> Step:
        """Return the verdict on a scored attempt, or the run that is needed before it."""
        result = evidence.result
        step = self._doubted(attempt, evidence)
        if step:
            return step
        if result.detail:  # the incumbent failed when it was run again
            return Discard(reason=result.detail)
        if self._is_slow(attempt, evidence):
            return _beside(evidence, "is the machine still itself?")
        judgement = self._judge(attempt, evidence)
        late = self._overtime(attempt, result, evidence.incumbent, machine)
        if late and (not isinstance(judgement, Discard) or _looked_better(judgement, result)):
            return late
        if self.is_stale(attempt):
            return overtaken(judgement, self._is_tried_again(attempt))
        match judgement:
            case Keep() | Simplify():
                if self._may_be_faster(evidence):
                    return _beside(evidence, "is the machine faster than before?")
                if evidence.chosen:
                    return Discard(reason=evidence.chosen)
                return self._admitted(attempt, evidence, judgement)
            case Rerun():
                broken = self._guarding.already_broken(evidence, judgement)
                return broken or self._rerun(attempt, evidence, judgement.reason)
        return judgement

    def _admitted(self, attempt: Attempt, evidence: Evidence, judgement: Keep | Simplify) -> Step:
        """Hold a would-be keep to the guards, the checks and the target; return what is next."""
        step = self._guarding.step(attempt, evidence, judgement)
        if isinstance(step, Keep | Simplify):
            return self._proving.step(attempt, evidence.result, step, evidence.incumbent)
        return step

    def _overtime(
        self, attempt: Attempt, result: Result, incumbent: Trial, machine: str
    ) -> Step | None:
        """Return the next step after a training over the time limit; None if it kept to it."""
        clock = self._timing.clock(result, incumbent, machine)
        if clock is None:
            return None
        first = self._history.run.seed
        own = [score.seed for score in result.own]
        why = f"is the machine slow? {over_reason(result, clock)}"
        match judge_time(result, clock):
            case "over":
                return Failed(kind="over-limit", reason=over_reason(result, clock))
            case "ask-incumbent":
                seed = own[-1] if own else self._screening_seed(attempt, incumbent, machine)
                return Order(commit=incumbent.attempt, seed=seed, role="incumbent", why=why)
            case "ask-candidate":
                others = [score.seed for score in result.scores if score.role == "incumbent"]
                seed = next_seed(own, others, attempt.number, first)
                return Order(commit=attempt.commit, seed=seed, why=why, audit=_audit(attempt))
        return None

    def _doubted(self, attempt: Attempt, evidence: Evidence) -> Step | None:
        """Return the next step after an implausible score; None for a plausible one.

        It is measured a second time, and is a suspect if that does not clear it.
        """
        run = self._history.run
        result = evidence.result
        if approved_by(attempt.proposal) is not None:
            return None
        # greedy keeps a jump at once, by its owner's wish
        jumps = None if run.verdict == "greedy" else self._history.trials
        replaced = doubt_of(self._history, attempt, result)
        why = implausible(
            result, evidence.incumbent, evidence.pairs, jumps, run.plausible, run.sense, replaced
        )
        if is_suspect(result, run.plausible, evidence.incumbent, replaced):
            outcome = result.detail or "the same, and no audit vouches for it"
            return Suspect(reason=f"{why}; measured again under a fresh seed: {outcome}")
        if why and result.recheck is None:
            seed = next_seed(tuple(evidence.own), tuple(evidence.other), attempt.number, run.seed)
            return Order(commit=attempt.commit, seed=seed, why=f"implausible: {why}", audit="full")
        return None

    def _may_be_faster(self, evidence: Evidence) -> bool:
        """Return whether the machine, and not the candidate, may be what is better.

        True until the incumbent has run beside it: where trainings end at a time, a machine that
        another program has left makes any code look better.
        """
        is_sequential = self._history.run.verdict != "greedy"
        return self.is_timed and is_sequential and not _has_rerun(evidence.result)

    def _is_slow(self, attempt: Attempt, evidence: Evidence) -> bool:
        """Return whether the incumbent should be run again to check the machine's speed."""
        result = evidence.result
        greedy = self._history.run.verdict == "greedy"
        if _has_rerun(result) or greedy or not self.is_timed or len(result.own) > 1:
            return False
        if overdue(self._history.trials, evidence.incumbent.number):
            return True
        return self._explains_slowness(attempt, evidence)

    def _explains_slowness(self, attempt: Attempt, evidence: Evidence) -> bool:
        """Return whether a slow machine may explain how little a first run did, and its score."""
        result = evidence.result
        incumbent = evidence.incumbent.result
        newest = evidence.newest_other
        if incumbent is None or newest is None or result.parameters != incumbent.parameters:
            return False
        share = share_of_work(result, incumbent, newest, attempt.proposal.edits)
        tolerance = self._scores.tolerance(self._history.trials)
        if share is None or not is_suspicious(share, tolerance):
            return False
        return not is_hopeless(result.curve, incumbent.curve, share)

    def _judge(self, attempt: Attempt, evidence: Evidence) -> Judgement:
        history = self._history
        pairs = evidence.pairs
        if not pairs:
            return Rerun(reason="nothing to compare with yet")
        sense = history.run.sense
        noise = self._evidences.noise
        before = history.sources_at(attempt.parent)
        after = history.sources_at(attempt.commit)
        repeats = repeats_of(history.comparable)
        losses = [sense.loss(score.value) for score in evidence.own.values()]
        case = Case(
            differences=differences_of(pairs, sense),
            luck=luck_of(history.trials, evidence.incumbent.number, pairs, sense),
            noise=noise,
            sense=sense,
            repeats=repeats,
            still=repeats == "seeds" and not noise.step and is_still(losses, noise.scatter),
            continuous=is_continuous(history.comparable),
            simpler=code_lines_of(after) < code_lines_of(before),
            allowance=allowance_of(history.comparable, noise),
            across=across_of(pairs),
        )
        rule = Rule(
            verdict=history.run.verdict,
            false_keeps=history.run.false_keeps,
            exact=self._is_exact,
        )
        return decide(case, rule)

    def _rerun(self, attempt: Attempt, evidence: Evidence, why: str) -> Order | Wait | Discard:
        compared = [s for s in evidence.result.scores if s.role in ("candidate", "incumbent")]
        if len(compared) >= MAX_RUNS:
            return Discard(reason=f"{why}; the runs differ too much in speed")
        seed, role = next_run(
            evidence.own,
            evidence.other,
            attempt.number,
            self._history.run.seed,
            self._excluded_seeds(attempt),
        )
        commit = attempt.commit if role == "candidate" else evidence.incumbent.attempt
        order = Order(commit=commit, seed=seed, role=role, why=why, audit=_audit(attempt))
        shared = role == "incumbent" and self._is_under_way(order, evidence.machines)
        return Wait() if shared else order

    # ------------------------------------------------------------ the run's state

    def alike(self, machine: str) -> Callable[[str], bool]:
        """Return a function that says whether curves of another machine compare with `machine`'s.

        The machines must be of one model, and of one speed where trainings end at a time.
        """
        if not self.is_timed:
            return lambda other: model_of(other) == model_of(machine)
        reached = self._scores.reach(machine, self._history.trials, timed=True)
        return lambda other: other in reached

    def advice(self, baseline: Trial) -> list[str]:
        """Return warnings about the guards, the target and the seeds after a judged baseline."""
        said = baseline.result.seeds if baseline.result else ""
        seeds = seed_advice(said, self._history.run.goal)
        return [*self._guarding.advice(), *self._proving.advice(baseline), *seeds]

    def is_stale(self, attempt: Attempt) -> bool:
        """Return whether the tip has other files than when `attempt` was proposed."""
        return not self._history.same_files(attempt.parent, self._history.tip)

    def _is_tried_again(self, attempt: Attempt) -> bool:
        """Return whether a stale, undecided attempt is tried again on the newest tip.

        It is if a person gave it, or if the tip was changed by hand.
        """
        newest = incumbent_of(self._history.trials)
        by_hand = newest is None or newest.status == "baseline"
        is_human = attempt.proposal.by.origin == "human"
        return is_human or by_hand or bool(self._history.foreign_commits)

    @property
    def is_timed(self) -> bool:
        """Whether the machine's speed moves scores."""
        return self._timing.is_timed

    def _tolerance(self, fresh: Sequence[Score] = ()) -> float | None:
        """Return how far the speeds of compared runs may differ; None if speed does not matter."""
        return self._scores.tolerance(self._history.trials, fresh) if self.is_timed else None

    def _excluded_seeds(self, attempt: Attempt) -> tuple[int, ...]:
        """Return the seeds under which the trials that this one repeats were measured.

        An approved suspect and a winner that is tried again are measured under other seeds.
        """
        seeds: list[int] = []
        for trial in replayed_by(self._history, attempt.proposal):
            if trial.result:
                seeds += [score.seed for score in trial.result.scores]
                refuted = trial.result.recheck_seed
                seeds += [] if refuted is None else [refuted]
        return tuple(seeds)


def _has_rerun(result: Result) -> bool:
    """Return whether the incumbent was run again for a trial."""
    return any(score.role == "incumbent" for score in result.scores)


def _beside(evidence: Evidence, why: str) -> Order:
    """Return a run of the incumbent under the seed of the candidate's newest run."""
    seed = evidence.result.own[-1].seed
    return Order(commit=evidence.incumbent.attempt, seed=seed, role="incumbent", why=why)


def _looked_better(discarded: Discard, result: Result) -> bool:
    """Return whether what is discarded was better in several runs: its time is the reason then."""
    return len(result.own) > 1 and discarded.delta is not None and discarded.delta < 0


def _audit(attempt: Attempt) -> Audit:
    return "usual" if approved_by(attempt.proposal) is None else "full"
