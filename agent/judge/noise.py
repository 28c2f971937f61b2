"""Measures how far scores scatter in a run; quantiles of Student's t."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from math import sqrt
from statistics import fmean

from pydantic import Field, FiniteFloat

from agent.judge.determinism import independent, repeats_of
from agent.judge.machines import Cells, Spread, groups_of, spread_of
from agent.judge.owners import Owners
from agent.judge.tails import is_heavy
from agent.judge.ties import ROUNDING, step_between, step_of
from agent.records.objective import Sense
from agent.records.results import KEPT, Across, Pair, Trial, on_newest_data
from sandbox.ground.record import Record

CONFIDENCE = 0.95


class Noise(Record):
    """The scatter of losses, pooled over a run; None where not measured."""

    sd: FiniteFloat | None = Field(default=None, ge=0)
    """Standard deviation tau of one paired difference between equal codes."""
    degrees: int = 0
    """Degrees of freedom of `sd`."""
    step: FiniteFloat = Field(default=0.0, ge=0)
    """Smallest step of a discrete metric; 0 for a continuous one."""
    heavy: bool = False
    """Whether its tails may be heavier than those of normal noise."""
    seeds: FiniteFloat | None = Field(default=None, ge=0)
    """Standard deviation of one code's score between seeds, on one machine."""
    runs: int = 0
    """Runs of baselines behind `seeds`."""
    perturbed: bool = False
    """Whether `seeds` was measured by perturbations of the code, as seeds move no score."""
    spread: Spread | None = None
    """How far machines of one model differ; None if no equal code was run on two of them."""

    @property
    def least(self) -> float | None:
        """Tau, or the noise of rounding to steps if that is larger; None while tau is unknown."""
        return self.sd if self.sd is None else max(self.sd, ROUNDING * self.step)

    @property
    def scatter(self) -> float | None:
        """The noise to compare a difference with: tau, or while that is unknown, `seeds`."""
        return self.sd if self.sd is not None else self.seeds

    def __str__(self) -> str:
        parts = []
        if self.sd is not None:
            parts.append(f"±{self.sd:.2g} per paired comparison ({self.degrees} df)")
        if self.seeds is not None:
            what = "neutral perturbations" if self.perturbed else "seeds"
            parts.append(f"±{self.seeds:.2g} between the baseline's {self.runs} {what}")
        if self.spread is not None:
            count = self.spread.machines
            parts.append(f"±{self.spread.effect:.2g} between {count} machines, noise apart")
        if self.sd is None:
            parts.append("no trial re-run yet")
        return "; ".join(parts)


def noise_of(trials: Sequence[Trial], sense: Sense) -> Noise:
    """Return the noise of losses measured so far on the run's present data."""
    trials = [trial for trial in on_newest_data(trials) if _is_on_scale(trial, sense)]
    seeds, runs = _spread_of_seeds(trials, sense)
    pooled = noise_in([sample_of(trial, sense) for trial in trials if trial.pairs])
    repeats = repeats_of(trials)
    step = pooled.step or _step_of_baselines(trials, sense)
    return pooled.model_copy(
        update={
            "step": 0.0 if repeats == "none" else step,
            "seeds": seeds,
            "runs": runs,
            "perturbed": repeats == "perturbations",
            "spread": spread_of(cells_of(trials, sense), pooled.sd),
        }
    )


@dataclass(frozen=True)
class Sample:
    """The paired differences of one judged candidate."""

    differences: tuple[float, ...]
    """To its incumbent, one a seed; the first is the screen's."""
    kept: bool
    """Whether it was kept, or would have been without a guard."""
    across: tuple[Across | None, ...] = ()
    """The machines of each pair, as in Pair; empty if all were made on one."""

    @property
    def groups(self) -> tuple[tuple[float, ...], ...]:
        """The differences, grouped by the machines of their pairs."""
        return groups_of(self.differences, self.across)


def sample_of(trial: Trial, sense: Sense) -> Sample:
    """Return the sample of a trial that has pairs."""
    would_be_kept = trial.status in KEPT or trial.was_held_to_guards
    across = across_of(trial.pairs)
    return Sample(differences_of(trial.pairs, sense), would_be_kept, across)


def across_of(pairs: Sequence[Pair]) -> tuple[Across | None, ...]:
    """Return the machines of each pair, as in Pair; () if all pairs were made on one."""
    across = tuple(pair.across for pair in pairs)
    return across if any(across) else ()


def noise_in(samples: Sequence[Sample]) -> Noise:
    """Return the noise of paired differences, pooled over candidates."""
    squares, degrees = squares_within(chain.from_iterable(sample.groups for sample in samples))
    return Noise(
        sd=sqrt(squares / degrees) if degrees else None,
        degrees=degrees,
        step=step_of([sample.differences for sample in samples]),
        heavy=is_heavy([s.differences[0] for s in samples if not s.kept and s.differences[0] < 0]),
    )


def _is_on_scale(trial: Trial, sense: Sense) -> bool:
    """Return whether all scores of a trial are on the scale; a forged branch may have others."""
    values = [score.value for score in trial.result.scores] if trial.result else []
    for pair in trial.pairs:
        values += [pair.candidate, pair.incumbent]
    return all(map(sense.has, values))


def differences_of(pairs: Sequence[Pair], sense: Sense) -> tuple[float, ...]:
    """Return the loss of the candidate minus that of the incumbent, for each pair."""
    return tuple(difference_of(pair, sense) for pair in pairs)


def difference_of(pair: Pair, sense: Sense) -> float:
    """Return the loss of the candidate minus that of the incumbent; negative is better."""
    return sense.loss(pair.candidate) - sense.loss(pair.incumbent)


def sum_of_squares(values: Sequence[float]) -> float:
    """Return the sum of squared distances to the mean; statistics.variance is exact, but slow."""
    mean = fmean(values)
    return sum((value - mean) ** 2 for value in values)


def squares_within(groups: Iterable[Sequence[float]]) -> tuple[float, int]:
    """Return the sum of squared distances to each group's mean, and its degrees of freedom."""
    squares = 0.0
    degrees = 0
    for group in groups:
        if len(group) > 1:
            squares += sum_of_squares(group)
            degrees += len(group) - 1
    return squares, degrees


@cache
def critical(level: float, degrees: int) -> float:
    """Return the value that Student's t exceeds with probability `level`."""
    from scipy.special import stdtrit  # scipy.stats has the same and takes a second to import

    return float(-stdtrit(degrees, level))


def _spread_of_seeds(trials: Sequence[Trial], sense: Sense) -> tuple[float | None, int]:
    """Return the standard deviation between seeds, and the number of runs behind it.

    Only baselines count, since their scores had no part in choosing them.
    """
    groups: list[list[float]] = []
    for trial in trials:
        repeats = independent(trial.result) if trial.result else ()
        if trial.status != "baseline" or len(repeats) < 2:
            continue
        by_machine: defaultdict[str, list[float]] = defaultdict(list)
        for score in repeats:
            by_machine[score.machine].append(sense.loss(score.value))
        groups += by_machine.values()
    squares, degrees = squares_within(groups)
    return (sqrt(squares / degrees) if degrees else None), sum(map(len, groups))


def _step_of_baselines(trials: Sequence[Trial], sense: Sense) -> float:
    """Return the step of a metric whose baseline has ties between seeds, or 0.0."""
    for trial in trials:
        if trial.status == "baseline" and trial.result:
            step = step_between([sense.loss(score.value) for score in trial.result.own])
            if step:
                return step
    return 0.0


def cells_of(trials: Sequence[Trial], sense: Sense) -> Cells:
    """Return the losses of each code under each seed, by machine."""
    cells: defaultdict[tuple[int, int], defaultdict[str, list[float]]] = defaultdict(
        lambda: defaultdict(list)
    )
    owners = Owners()
    for trial in trials:
        owners.meet(trial)
        for score in trial.result.scores if trial.result else ():
            code = owners.code(trial, score)
            if score.machine and score.role != "neutral" and code is not None:
                cells[code, score.seed][score.machine].append(sense.loss(score.value))
    return cells
