"""Proves a run's target: trains a would-be keep under fresh seeds before its verdict."""

from agent.history.history import History
from agent.judge.decision import Baseline, Keep, Simplify
from agent.judge.determinism import independent, repeats_of
from agent.judge.noise import noise_of
from agent.judge.pairing import fresh_seeds
from agent.judge.target import LEAST_FRESH, needs_more, proof_of
from agent.records.objective import score_text
from agent.records.results import Attempt, Order, Result, Trial
from agent.records.target import TargetResult

Kept = Baseline | Keep | Simplify


class Proving:
    """Tests whether what a run keeps has reached its target."""

    def __init__(self, history: History) -> None:
        self._history = history

    def step(
        self, attempt: Attempt, result: Result, verdict: Kept, incumbent: Trial | None
    ) -> Order | Kept:
        """Return the verdict with the result of the test, or one more run under a fresh seed."""
        target = self._history.run.goal.target
        value = self._estimate(result, verdict, incumbent)
        sense = self._history.run.sense
        if target is None or value is None or not sense.has(target):
            return verdict
        if sense.is_better(target, value):
            return verdict
        values = self._values(result, verdict)
        if self._is_exact:
            proof = self._proof(values or [value], target)
            return _with(verdict, proof)
        if len(values) < LEAST_FRESH and self._repeats(verdict, result):
            return self._order(attempt, result, target)
        if not values:
            return verdict
        proof = self._proof(values, target)
        if needs_more(proof, sense) and self._repeats(verdict, result):
            return self._order(attempt, result, target)
        return _with(verdict, proof)

    def advice(self, baseline: Trial) -> list[str]:
        """Return a warning if no run of this project can prove the target; else []."""
        target = self._history.run.goal.target
        if target is None or self._is_exact or repeats_of((baseline,)) != "none":
            return []
        return [
            f"the target {target:g} cannot be proved here: every seed gives exactly the same "
            "score, and no searched float can be moved, so no run repeats another. A run started "
            'with seed_argument, or with noise = "none" if equal code gives equal results, can'
        ]

    @property
    def _is_exact(self) -> bool:
        return self._history.run.goal.noise == "none"

    def _repeats(self, verdict: Kept, result: Result) -> bool:
        """Return whether runs under different seeds are independent samples."""
        if isinstance(verdict, Baseline):
            return bool(independent(result))
        return repeats_of(self._history.comparable) != "none"

    def _estimate(self, result: Result, verdict: Kept, incumbent: Trial | None) -> float | None:
        """Return the estimated score of the attempt; None without an incumbent's score."""
        if isinstance(verdict, Baseline):
            return result.value
        if incumbent is None or incumbent.value is None:
            return None
        sense = self._history.run.sense
        return sense.value(sense.loss(incumbent.value) + verdict.delta)

    def _values(self, result: Result, verdict: Kept) -> list[float]:
        """Return the scores that the verdict does not depend on."""
        values = [score.value for score in result.scores if score.role == "fresh"]
        if isinstance(verdict, Baseline):
            values += [score.value for score in independent(result)]
        elif self._is_exact:
            values += [score.value for score in result.own]
        return values

    def _proof(self, values: list[float], target: float) -> TargetResult:
        history = self._history
        noise = noise_of(history.comparable, history.run.sense)
        return proof_of(values, target, history.run.sense, noise, self._is_exact)

    def _order(self, attempt: Attempt, result: Result, target: float) -> Order:
        history = self._history
        [seed] = fresh_seeds(history.trials, 1, history.run.seed, result.scores)
        why = f"is the target {score_text(target)} reached under a fresh seed?"
        return Order(commit=attempt.commit, seed=seed, role="fresh", why=why)


def _with(verdict: Kept, proof: TargetResult) -> Kept:
    reason = f"{verdict.reason}; {proof}"
    return verdict.model_copy(update={"reason": reason, "target": proof})
