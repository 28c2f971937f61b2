"""Gathers the scores of an attempt and of its incumbent that may be compared."""

from collections.abc import Sequence
from dataclasses import dataclass

from agent.history.history import History
from agent.judge.decide import incumbent_of
from agent.judge.machines import model_of
from agent.judge.noise import Noise, noise_of
from agent.judge.pairing import BySeed, Scores, by_seed, left_out, pairs_of
from agent.records.results import Attempt, Pair, Result, Score, Trial

MOST_LEFT_OUT = 1
"""Runs of a candidate that may be left out for their speed, where the incumbent's is steady."""


@dataclass(frozen=True)
class Evidence:
    """The scores of an attempt and of its incumbent that may be compared."""

    result: Result
    incumbent: Trial
    machine: str
    """Where the attempt runs. Pairs are made there, or on machines that compare with it."""
    own: dict[int, Score]
    """The attempt's comparable scores, by seed."""
    other: BySeed
    """The incumbent's comparable scores, by seed and machine."""
    tolerance: float | None = None
    """How far the speeds of compared runs may differ; None if speed does not matter."""
    machines: frozenset[str] = frozenset()
    """The machines whose scores may be compared with those of `machine`, itself included."""

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """The comparable pairs, in the order of the attempt's runs."""
        return pairs_of(self.own, self.other)

    @property
    def chosen(self) -> str:
        """Why the attempt may have chosen which of its runs count; "" if it did not.

        How many steps it made is its own word. If it made another number in several runs, and the
        incumbent beside them did not, then it is no machine that changed.
        """
        left = left_out(self.result.own, self.machine, self.tolerance)
        beside = [score for score in self.result.scores if score.role == "incumbent"]
        if left <= MOST_LEFT_OUT or left_out(beside, self.machine, self.tolerance):
            return ""
        return f"{left} of its runs went at another speed, and the incumbent beside them did not"

    @property
    def here(self) -> dict[int, Score]:
        """The attempt's comparable scores on the machine where it runs."""
        return {seed: score for seed, score in self.own.items() if score.machine == self.machine}

    @property
    def newest_other(self) -> Score | None:
        """The incumbent's newest comparable score, preferably from the same machine."""
        newest: Score | None = None
        for scores in self.other.values():
            newest = scores.get(self.machine, newest)
        if newest or not self.other:
            return newest
        return list(list(self.other.values())[-1].values())[-1]


class Evidences:
    """Gathers evidence from the verdicts and the attempts in flight of a run."""

    def __init__(self, history: History, scores: Scores) -> None:
        self._history = history
        self._scores = scores
        self._incumbents: dict[int, int | None] = {}
        self._noise: tuple[int, Noise] | None = None

    @property
    def noise(self) -> Noise:
        """The noise that the run has shown so far. Kept until the next verdict."""
        count = len(self._history.trials)
        if self._noise is None or self._noise[0] != count:
            noise = noise_of(self._history.comparable, self._history.run.sense)
            self._noise = (count, noise)
        return self._noise[1]

    def of(
        self,
        attempt: Attempt,
        result: Result,
        incumbent: Trial,
        machine: str,
        tolerance: float | None,
    ) -> Evidence:
        """Return the evidence on an attempt that has scores, for pairs on `machine`."""
        machines = self.machines(machine, tolerance is not None)
        reruns = [score for score in result.scores if score.role == "incumbent"]
        other = (*self.of_incumbent(incumbent, attempt.number), *reruns)
        own = by_seed(result.own, machines, tolerance)
        return Evidence(
            result=result,
            incumbent=incumbent,
            machine=machine,
            own={seed: list(scores.values())[-1] for seed, scores in own.items()},
            other=by_seed(other, machines, tolerance),
            tolerance=tolerance,
            machines=machines,
        )

    def of_incumbent(self, incumbent: Trial, attempt: int) -> tuple[Score, ...]:
        """Return all scores of an incumbent, except from runs that `attempt` (a number) ordered.

        Runs that other attempts in flight ordered are included.
        """
        history = self._history
        shared: list[Score] = []
        for other in history.in_flight:
            result = history.measured(other)
            if other.number == attempt or result is None:
                continue
            reruns = [score for score in result.scores if score.role == "incumbent"]
            if reruns and self._incumbent(other) == incumbent.number:
                shared += reruns
        return (*self._scores.of(incumbent.number, history.trials), *shared)

    def seeds_to_screen(
        self, incumbent: Trial, attempt: int, machine: str, tolerance: float | None
    ) -> Sequence[int]:
        """Return the seeds under which a run on `machine` could be compared with the incumbent.

        If there are none, the seeds of the incumbent's runs on other machines of the same model:
        equal code under equal seeds shows how far machines differ.
        """
        scores = self.of_incumbent(incumbent, attempt)
        machines = self.machines(machine, tolerance is not None)
        model = model_of(machine)
        elsewhere = (score.seed for score in scores if model_of(score.machine) == model)
        return tuple(by_seed(scores, machines, tolerance) or dict.fromkeys(elsewhere))

    def machines(self, machine: str, timed: bool) -> frozenset[str]:
        """Return the machines whose scores compare with those of `machine`, itself included.

        timed: trainings end at a time, so that scores depend on the machine's speed.
        """
        reached = self._scores.reach(machine, self._history.trials, timed)
        if len(reached) == 1:
            return reached
        noise = self.noise
        is_small = noise.spread is not None and noise.spread.is_small(noise.sd)
        return reached if is_small else frozenset((machine,))

    def _incumbent(self, attempt: Attempt) -> int | None:
        """Return the number of the trial that an attempt in flight has to beat."""
        if attempt.number not in self._incumbents:
            incumbent = incumbent_of(self._history.trials_at(attempt.parent))
            self._incumbents[attempt.number] = incumbent.number if incumbent else None
        return self._incumbents[attempt.number]
