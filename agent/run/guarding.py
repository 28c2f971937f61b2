"""Holds would-be keeps to the run's guards on further metrics and to its checks."""

from statistics import fmean

from agent.history.history import History
from agent.judge.decide import LOOKS
from agent.judge.decision import Baseline, Discard, Guarded, Keep, Rerun, Simplify
from agent.judge.guards import by_value, guard_noise, pass_rate, values_of, weigh
from agent.judge.noise import differences_of
from agent.judge.pairing import Scores, comparable, next_seed
from agent.records.guards import Check, Guard, GuardResult
from agent.records.results import Attempt, Order, Result, Score, Trial, on_newest_data
from agent.run.evidence import Evidence

MAX_REFERENCES = 2 * LOOKS
"""The most runs of the first baseline that one attempt may cost."""
RARELY = 0.8
"""A guard that a harmless change passes less often than this gets a warning."""

Kept = Keep | Simplify


class Guarding:
    """Holds attempts to a run's guards and checks.

    scores: everything that was measured of each code in the run.
    """

    def __init__(self, history: History, scores: Scores) -> None:
        self._history = history
        self._scores = scores

    @property
    def _guards(self) -> tuple[Guard, ...]:
        return self._history.run.goal.guards

    # ------------------------------------------------------------ attempts

    def step(
        self, attempt: Attempt, evidence: Evidence, judgement: Kept
    ) -> Order | Kept | Guarded | Discard:
        """Return the verdict on a would-be keep, or the run or checks that it needs first."""
        if not self._guards:
            return self._checked(attempt, evidence.result, judgement)
        reference = self._reference_for(evidence)
        results = self._results(evidence.here, reference)
        broken = [outcome for outcome in results if outcome.finding == "outside"]
        if broken:
            return _guarded(judgement, f"it breaks {broken[0]}{_else_kept(judgement)}", results)
        order = self._reference_run(evidence, reference)
        if order:
            return order
        open_ones = [outcome for outcome in results if outcome.finding == "undecided"]
        if open_ones or len(results) < len(self._guards):
            return self._one_more(attempt, evidence, judgement, results)
        return self._checked(attempt, evidence.result, _with(judgement, results))

    def already_broken(self, evidence: Evidence, rerun: Rerun) -> Guarded | None:
        """Return the verdict on an undecided attempt that breaks a guard already; else None."""
        if not self._guards:
            return None
        results = self._results(evidence.here, self._reference_for(evidence))
        for outcome in results:
            if outcome.finding == "outside":
                reason = f"it breaks {outcome}; of its score: {rerun.reason}"
                changes = differences_of(evidence.pairs, self._history.run.sense)
                delta = fmean(changes[1:] or changes) if changes else None
                return Guarded(reason=reason, delta=delta, guards=results)
        return None

    def _reference_run(self, evidence: Evidence, reference: dict[int, Score]) -> Order | None:
        """Return a run of the first baseline under a seed of the attempt, if a guard needs it.

        Only relative guards do.
        """
        relative = next((guard for guard in self._guards if guard.is_relative), None)
        lacking = [seed for seed in evidence.here if seed not in reference]
        done = sum(score.role == "reference" for score in evidence.result.scores)
        if relative is None or not lacking or self._is_greedy or done >= MAX_REFERENCES:
            return None
        return Order(
            commit=self._first_baseline.attempt,
            seed=lacking[0],
            role="reference",
            why=f"what does the first baseline give for {relative}?",
        )

    def _one_more(
        self,
        attempt: Attempt,
        evidence: Evidence,
        judgement: Kept,
        results: tuple[GuardResult, ...],
    ) -> Order | Discard:
        """Return one more run of the attempt, or its discard after LOOKS runs."""
        history = self._history
        own = evidence.here
        undecided = next((f for f in results if f.finding == "undecided"), None)
        if len(evidence.result.own) >= LOOKS or self._is_greedy:
            what = str(undecided) if undecided else "its guards: no run could be compared"
            return Discard(
                reason=f"{len(own)} runs leave it undecided whether it keeps to {what}"
                f"{_else_kept(judgement)}",
                delta=judgement.delta,
                interval=judgement.interval,
                guards=results,
            )
        seeds = tuple(self._reference_for(evidence))
        return Order(
            commit=attempt.commit,
            seed=next_seed(tuple(own), seeds, attempt.number, history.run.seed),
            why=f"does it keep to {undecided.guard if undecided else 'its guards'}?",
        )

    def _checked(self, attempt: Attempt, result: Result, judgement: Kept) -> Order | Kept | Guarded:
        order = self._checks_of(attempt, result)
        if order:
            return order
        failed = result.failed_check
        if failed:
            reason = f"{check_words(failed)}{_else_kept(judgement)}"
            return _guarded(judgement, reason, judgement.guards)
        return judgement

    def _checks_of(self, attempt: Attempt, result: Result) -> Order | None:
        """Return the order of the checks; None if there are none, or they have run."""
        commands = self._history.run.goal.checks
        if not commands or result.checks:
            return None
        return Order(
            commit=attempt.commit,
            seed=self._history.run.seed,
            checks=commands,
            why="do the project's checks succeed with it?",
        )

    # ------------------------------------------------------------ the baseline

    def baseline(self, result: Result, verdict: Baseline) -> Baseline | Guarded:
        """Return the verdict on a baseline after all its runs.

        It is guarded if it breaks a guard's limit itself: no attempt could pass then.
        """
        results = self._of_baseline(result)
        broken = [outcome for outcome in results if outcome.excess > 0]
        if broken:
            return Guarded(reason=f"the code as it is breaks {broken[0]}", guards=results)
        return verdict.model_copy(update={"guards": results})

    def checks_of_baseline(self, attempt: Attempt, result: Result) -> Order | Guarded | None:
        """Return the order of a baseline's checks, or the verdict if one failed; else None.

        They come right after its first run, so that no night starts with a check that cannot
        succeed.
        """
        order = self._checks_of(attempt, result)
        if order:
            return order
        failed = result.failed_check
        return Guarded(reason=f"{check_words(failed)}, with the code as it is") if failed else None

    def _of_baseline(self, result: Result) -> tuple[GuardResult, ...]:
        """Return a baseline's results on the absolute guards."""
        own = {score.seed: score for score in result.own}
        results = []
        for guard in self._guards:
            values = values_of(own, guard.metric)
            outcome = by_value(guard, values, values)
            if outcome and not guard.is_relative:
                results.append(outcome)
        return tuple(results)

    def advice(self) -> list[str]:
        """Return a warning for each guard that a change without any effect would often miss."""
        lines = []
        for guard in self._guards:
            values = values_of(self._earlier(), guard.metric)
            outcome = by_value(guard, values, values)
            noise = guard_noise(guard, self._history.trials, values)
            if outcome is None or noise.sd is None:
                continue
            rate = pass_rate(noise.sd, noise.degrees + LOOKS - 1, LOOKS, outcome.excess)
            if rate < RARELY:
                lines.append(
                    f"the guard {guard}: {guard.metric} scatters by {noise.sd:.2g} from run to "
                    f"run, so a change that leaves it alone passes only about {rate:.0%} of the "
                    f"time, within {LOOKS} runs; a wider limit would help"
                )
        return lines

    # ------------------------------------------------------------ values

    @property
    def _is_greedy(self) -> bool:
        return self._history.run.verdict == "greedy"

    @property
    def _first_baseline(self) -> Trial:
        """The first baseline on the run's present data."""
        trials = on_newest_data(self._history.trials)
        return next(trial for trial in trials if trial.status == "baseline")

    def _reference_for(self, evidence: Evidence) -> dict[int, Score]:
        """Return the first baseline's comparable scores by seed, those of this attempt included."""
        first = self._first_baseline.number
        roles = {"reference"}
        if evidence.incumbent.number == first:
            roles.add("incumbent")
        fresh = [score for score in evidence.result.scores if score.role in roles]
        return comparable((*self._earlier(), *fresh), evidence.machine, evidence.tolerance)

    def _earlier(self) -> tuple[Score, ...]:
        return self._scores.of(self._first_baseline.number, self._history.trials)

    def _results(
        self, own: dict[int, Score], reference: dict[int, Score]
    ) -> tuple[GuardResult, ...]:
        """Return the result of each guard that can be compared.

        own, reference: scores by seed of the attempt and of the first baseline.
        """
        results = []
        for guard in self._guards:
            values = values_of(own, guard.metric)
            baseline = values_of(reference, guard.metric)
            if self._is_greedy:
                outcome = by_value(guard, values, values_of(self._earlier(), guard.metric))
            else:
                noise = guard_noise(guard, self._history.trials, baseline)
                outcome = weigh(guard, values, baseline, noise)
            if outcome:
                results.append(outcome)
        return tuple(results)


def check_words(check: Check) -> str:
    """Return ``the check `pytest -q tests` fails: 2 failed, 11 passed``."""
    return f"the check `{check.command}` fails: {check.reason}"


def _else_kept(judgement: Kept) -> str:
    return f"; else it would be kept: {judgement.reason}"


def _with(judgement: Kept, results: tuple[GuardResult, ...]) -> Kept:
    return judgement.model_copy(update={"guards": results})


def _guarded(judgement: Kept, reason: str, results: tuple[GuardResult, ...]) -> Guarded:
    return Guarded(
        reason=reason, delta=judgement.delta, interval=judgement.interval, guards=results
    )
