"""Orders the runs of a baseline: under a few seeds, on every machine of the run.

The baseline's own scores are those of the first machine. The scores of the other machines under
the same seeds show how far machines differ, and how fast each of them is.
"""

from agent.history.history import History
from agent.history.neutral import texts_of
from agent.judge.decision import Baseline, Failed, Guarded, Keep, Simplify
from agent.judge.determinism import (
    NEUTRAL_RUNS,
    declared_exact,
    equal_scores,
    is_deterministic,
    neutral_scores,
)
from agent.project.settings import FILE
from agent.records.objective import Objective
from agent.records.results import Attempt, Order, Result, Role
from agent.run.fleet import Fleet, Wait
from agent.run.guarding import Guarding
from agent.run.proving import Proving
from agent.run.timing import Timing
from sandbox.score.seeding import SHIFTED

Step = Order | Wait | Baseline | Failed | Guarded | Keep | Simplify


class Baselining:
    """Orders the runs of a baseline, and judges it when all machines have run it."""

    def __init__(
        self, history: History, timing: Timing, fleet: Fleet, guarding: Guarding, proving: Proving
    ) -> None:
        self._history = history
        self._timing = timing
        self._fleet = fleet
        self._guarding = guarding
        self._proving = proving

    def next(self, attempt: Attempt, machine: str) -> Step:
        """Return the next run of the baseline `attempt` on `machine`, Wait, or its verdict."""
        result = self._history.measured(attempt)
        if result and result.status != "scored":
            return Failed(kind=result.status, reason=result.detail)
        late = self._timing.late_baseline(result)
        if late:
            return Failed(kind="over-limit", reason=late)
        checks = self._checks(attempt, result)
        if checks:
            return checks
        order = self._repeat(attempt, result, machine)
        if order:
            return order
        if result is None or self._fleet.runs_of(attempt.number):
            return Wait()
        return self._measured(attempt, result)

    def _checks(self, attempt: Attempt, result: Result | None) -> Order | Guarded | None:
        """Return the order of the project's checks, or the verdict on a failed one; else None."""
        if result is None or any(run.order.checks for run in self._fleet.runs_of(attempt.number)):
            return None
        return self._guarding.checks_of_baseline(attempt, result)

    def _repeat(self, attempt: Attempt, result: Result | None, machine: str) -> Order | None:
        """Return a run under the next seed for `machine`; None if it has run them all."""
        own = self._places_and_seeds(attempt, result, "candidate")
        home = next((name for name, _ in own if name in self._fleet.machines), machine)
        if machine == home:
            return self._run(attempt, "candidate", [seed for _, seed in own])
        elsewhere = self._places_and_seeds(attempt, result, "baseline")
        return self._run(attempt, "baseline", [seed for name, seed in elsewhere if name == machine])

    def _places_and_seeds(
        self, attempt: Attempt, result: Result | None, role: Role
    ) -> list[tuple[str, int]]:
        """Return machine and seed of each training in a role, the ended ones first."""
        scores = result.scores if result else ()
        runs = [(score.machine, score.seed) for score in scores if score.role == role]
        for training in self._fleet.runs_of(attempt.number):
            if training.order.role == role:
                runs.append((training.slot.machine, training.order.seed))
        return runs

    def _run(self, attempt: Attempt, role: Role, seeds: list[int]) -> Order | None:
        """Return a run under a seed that is not among `seeds`; None if it was run under all."""
        run = self._history.run
        wanted = range(run.seed, run.seed + run.baseline_repeats)
        lacking = [seed for seed in wanted if seed not in seeds]
        if not lacking:
            return None
        why = "how far do the machines differ?" if role == "baseline" else ""
        return Order(commit=attempt.commit, seed=lacking[0], role=role, why=why)

    def _measured(self, attempt: Attempt, result: Result) -> Step:
        """Return the verdict on a baseline that every machine has run, or one more run."""
        done = len(result.own)
        if self._history.run.goal.noise == "none":
            reason = declared_exact(result)
        elif not is_deterministic(result.own):
            reason = f"{done} runs under different seeds" if done > 1 else "1 run"
        else:
            order = self._neutral_run(attempt, result)
            if order:
                return order
            seeds = result.seeds or "no seeding call of the project could be shifted"
            reason = f"{equal_scores(result)} ({seeds})"
        step = self._guarding.baseline(result, Baseline(reason=reason))
        if isinstance(step, Baseline):
            return self._proving.step(attempt, result, step, None)
        return step

    def _neutral_run(self, attempt: Attempt, result: Result) -> Order | None:
        """Return the next run of a baseline with its floats moved by a millionth, if there is one.

        It stands in for a repeat where no seed moves the score. None after NEUTRAL_RUNS, after a
        failed one, and for a project without a searched float.
        """
        done = len(neutral_scores(result))
        if done >= NEUTRAL_RUNS or result.detail:
            return None
        seed = self._history.run.seed + done + 1
        why = "every seed gave exactly the same score: what does a change of a millionth do?"
        order = Order(
            commit=attempt.commit,
            seed=seed,
            role="neutral",
            why=why,
            machine=result.own[-1].machine or None,
        )
        return order if texts_of(self._history, order) else None


def seed_advice(seeds: str, objective: Objective) -> list[str]:
    """Return a line that says which seeds change from run to run, and how to keep some; or [].

    seeds: what a training said of its seeding calls.
    """
    if not seeds.startswith(SHIFTED):
        return []
    kept = "data that is made"
    if objective.evaluate is not None:
        kept = "a split that the evaluator makes as well"
    return [f"{seeds}. What is to keep its own, such as {kept}: keep_seeds in {FILE}"]
