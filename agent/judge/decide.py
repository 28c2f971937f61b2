"""Decides what a result is worth, or that it takes another run to know: pure functions from paired differences to a decision.

The model. A score is y(code, seed) = quality(code) + luck(seed) + noise. What a seed does to every code alike (initial weights,
the order of the data) is often most of the spread, so a candidate is only ever compared with the incumbent under the same
seed: of the difference d = y(candidate, seed) - y(incumbent, seed), luck cancels and noise of standard deviation tau is left.
tau is pooled over all trials of the run that were paired more than once; a candidate that proves noisier is held to its own.

The incumbent's luck. Its scores stand for all the while it is the incumbent: where one of them is a bad one, everything looks
better than it is. So each is held against what was tried since. Most changes are for the worse; where the median of what was
discarded did better than the incumbent under a seed, that is the incumbent's bad luck there, and is taken off (`bad_luck`).

The test. The first run screens. What is not better by SCREEN tau is discarded at once, what is better beyond doubt is kept at
once, and only what lies between is run again, pair by pair, until it is decided or LOOKS pairs are spent. Each look is a
t-test of the mean difference at level BOOST * false_keeps / 100: as only the few candidates that pass the screen are ever
tested, that holds the false keeps of 100 unchanged candidates below `false_keeps`. While tau is known from few degrees of
freedom the level is lower: the screen holds back less then, and would let the first trials spend the budget of the night.
BOOST, SOBER and the lines of futility were chosen by measurement: `python -m benchmarks.verdicts`.

The record. A gain is estimated from the confirming runs, not from the screen, less the luck that helped it past the
threshold: what is kept is lucky on average (Zhong and Prentice, Biostatistics 2008, call the remedy a bias-reduced estimate).
"""

from collections.abc import Sequence
from functools import cache
from itertools import groupby
from math import inf, sqrt
from statistics import NormalDist, fmean, median, stdev
from typing import Literal

from pydantic import Field, FiniteFloat

from agent.records.results import KEPT, Pair, Trial, on_newest_data
from sandbox.ground.record import Record

VerdictRule = Literal["sequential", "greedy"]

# In tau. A candidate that is three standard deviations of a run better passes this screen nine times of ten.
SCREEN = 0.79
# Better by more than this on the screen (four standard deviations of a run), and by what the budget asks, is no luck.
BEYOND_DOUBT = 2.8
SCREEN_SHARE = 0.9
BOOST = 26.0
# Degrees of freedom at which a look is held to a quarter of its final level.
SOBER = 10
# Until tau is known from this many degrees of freedom, whatever looks better at all is run again: that is how it is learnt.
MIN_DEGREES = 3
# In standard errors: a mean that lies below these after the first, second, … confirming pair is not worth another one.
FUTILITY = (1.05, 1.25, 1.45, 1.65)
LOOKS = len(FUTILITY) + 1
# A simplification may cost this much (in tau) over a whole run, each counted at its loss plus one standard error.
ALLOWANCE = 1.5
CONFIDENCE = 0.95
STANDARD = NormalDist()
# Beyond this a multiple of the noise is no longer a figure that anybody reads.
MANY_TIMES = 100
# Points at which the luck of a screen is integrated.
GRID = 64
# Of 100 no-op trials. Below this the calibrated levels no longer hold what they promise (0.19 were measured for a budget of 0.1).
LEAST_FALSE_KEEPS = 0.5


class Rule(Record):
    """How a run decides. greedy keeps what scores better once, as karpathy/autoresearch does. false_keeps: per 100 no-ops."""

    verdict: VerdictRule = "sequential"
    false_keeps: float = Field(default=LEAST_FALSE_KEEPS, ge=LEAST_FALSE_KEEPS, le=25)

    @property
    def alpha(self) -> float:
        """The chance that one unchanged candidate may have of being kept."""
        return self.false_keeps / 100


class Noise(Record):
    """How far scores scatter, pooled over a run. All in bits per byte; None where it was not measured.

    sd: tau, of one paired difference between equal codes, from `degrees` degrees of freedom. seeds: of one code's score between
    seeds, on one machine, from `runs` runs. machines: of one code's score between machines.
    """

    sd: FiniteFloat | None = Field(default=None, ge=0)
    degrees: int = 0
    seeds: FiniteFloat | None = Field(default=None, ge=0)
    runs: int = 0
    machines: FiniteFloat | None = Field(default=None, ge=0)

    @property
    def scatter(self) -> float | None:
        """What to read a difference against: tau, or the scatter of seeds until a comparison was repeated."""
        return self.sd if self.sd is not None else self.seeds

    def __str__(self) -> str:
        paired = (
            f"±{self.sd:.6f} a paired comparison ({self.degrees} df)"
            if self.sd is not None
            else "no comparison repeated yet"
        )
        parts = [paired]
        parts += (
            [f"±{self.seeds:.6f} between seeds ({self.runs} runs)"]
            if self.seeds is not None
            else []
        )
        parts += [f"±{self.machines:.6f} between machines"] if self.machines is not None else []
        return ", ".join(parts)


class Case(Record):
    """What is known of one candidate. differences: candidate minus incumbent, a seed each; the first is the screen's.

    luck: of each difference, what is the incumbent's bad luck (zero or negative); none for none. noise: the run's, without this
    case. simpler: code was deleted and none added; allowance: what that may still cost.
    """

    differences: tuple[FiniteFloat, ...] = Field(min_length=1)
    luck: tuple[FiniteFloat, ...] = ()
    noise: Noise = Noise()
    simpler: bool = False
    allowance: FiniteFloat = 0.0


class Keep(Record):
    """The candidate becomes the incumbent. charge: the loss that a simplification uses up of the run's allowance."""

    delta: FiniteFloat
    reason: str
    interval: tuple[FiniteFloat, FiniteFloat] | None = None
    charge: FiniteFloat | None = None


class Discard(Record):
    """The candidate does not."""

    delta: FiniteFloat
    reason: str
    interval: tuple[FiniteFloat, FiniteFloat] | None = None


class Rerun(Record):
    """Nobody can tell yet: one more pair of runs, candidate and incumbent under one more seed."""

    reason: str


Decision = Keep | Discard | Rerun


def decide(case: Case, rule: Rule) -> Decision:
    """What to do about a candidate."""
    first = case.differences[0]
    if rule.verdict == "greedy":
        return _settled(case, first < 0, "better on its one run" if first < 0 else "not better")
    if first == 0 and case.simpler:
        return _settled(case, True, "simpler, and scores exactly the same").model_copy(
            update={"charge": 0.0}
        )
    if first == 0:
        return _settled(
            case, False, "scores exactly as the incumbent does under the same seed: nothing changed"
        )
    luck = case.luck or (0.0,) * len(case.differences)
    fair = tuple(seen - bad for seen, bad in zip(case.differences, luck, strict=True))
    case = case.model_copy(update={"differences": fair, "luck": ()})
    decision = _screen(case, rule) if len(fair) == 1 else _look(case, rule)
    if not any(luck):
        return decision
    return decision.model_copy(
        update={"reason": f"{decision.reason}; {fmean(luck):+.6f} was the incumbent's bad luck"}
    )


# ---------------------------------------------------------------- sequential


def _screen(case: Case, rule: Rule) -> Decision:
    gain, tau, degrees = -case.differences[0], case.noise.sd, case.noise.degrees
    if tau is None or degrees < MIN_DEGREES:
        if gain <= 0 and not case.simpler:
            return _settled(case, False, "not better")
        return Rerun(reason="the noise is not known yet")
    threshold = tau * max(BEYOND_DOUBT, critical(rule.alpha * SCREEN_SHARE, degrees))
    if gain > threshold:
        why = f"better by {_times(gain, tau)} the noise, beyond doubt on one run"
        return _settled(case, True, why, _luck_of_screen(gain, tau, threshold))
    if gain >= SCREEN * tau:
        return Rerun(reason=f"better by {_times(gain, tau)} the noise on one run: not decided")
    if case.simpler and -gain < case.allowance:
        return Rerun(reason="simpler, and perhaps no worse")
    return _settled(
        case, False, f"better by {gain:.6f}, within the noise" if gain > 0 else "not better"
    )


def _look(case: Case, rule: Rule) -> Decision:
    count, looks = len(case.differences), len(case.differences) - 1
    tau, degrees = _own_noise(case)
    error = tau / sqrt(count)
    gain = -fmean(case.differences)
    z = gain / error if error else (inf if gain > 0 else -inf)
    over = f"{count} pairs: z {z:.1f}"
    threshold = error * critical(_level(rule, degrees), degrees)
    if degrees >= MIN_DEGREES - 1 and gain > threshold:
        return _settled(
            case,
            True,
            f"better in {over}",
            _luck_of_look(-fmean(case.differences[1:]), tau, threshold, looks),
        )
    charge = max(0.0, -gain) + error
    if case.simpler and looks >= 2 and charge <= case.allowance:
        return _settled(case, True, f"simpler, and not worse in {over}").model_copy(
            update={"charge": charge}
        )
    if looks >= LOOKS:
        return _settled(case, False, f"not decided in {over}")
    if z < FUTILITY[looks - 1] and not (case.simpler and gain > -case.allowance):
        return _settled(
            case,
            False,
            f"not better in {over}" if z < 0 else f"too little to be told from noise in {over}",
        )
    return Rerun(reason=f"not decided by {over}")


def _level(rule: Rule, degrees: int) -> float:
    """The chance that a look leaves to luck, where tau has so many degrees of freedom."""
    return min(0.25, BOOST * rule.alpha * (degrees / (degrees + SOBER)) ** 2)


def _own_noise(case: Case) -> tuple[float, int]:
    """tau and its degrees of freedom, this case's own pairs included; its own alone where that is larger."""
    before = case.noise.degrees
    own = len(case.differences) - 1
    squares = _squares(case.differences) + (case.noise.sd or 0.0) ** 2 * before
    pooled = sqrt(squares / (own + before))
    return (max(pooled, stdev(case.differences)) if own > 1 else pooled), own + before


def _settled(case: Case, kept: bool, why: str, luck: float = 0.0) -> Keep | Discard:
    """The decision with the estimate of the confirming runs, or of the screen where there are none, and its interval."""
    confirming = case.differences[1:] or case.differences
    seen, interval = fmean(confirming), None
    delta = min(0.0, seen + luck) if luck else seen
    if len(case.differences) > 1 or case.noise.sd is not None:
        tau, degrees = (
            _own_noise(case)
            if len(case.differences) > 1
            else (case.noise.sd or 0.0, case.noise.degrees)
        )
        half = critical((1 - CONFIDENCE) / 2, degrees) * tau / sqrt(len(confirming))
        interval = (delta - half, delta + half)
    return (Keep if kept else Discard)(
        delta=delta, interval=interval, reason=f"{why} ({seen:+.6f})"
    )


def _luck_of_screen(gain: float, tau: float, threshold: float) -> float:
    """How much of its gain a candidate that is `gain` better owes to luck on average, where one run passed `threshold`."""
    if not tau:
        return 0.0
    passed = (threshold - gain) / tau
    return tau * STANDARD.pdf(passed) / STANDARD.cdf(-passed)


def _luck_of_look(gain: float, tau: float, threshold: float, looks: int) -> float:
    """Likewise of the mean of `looks` confirming pairs, where the screen asked for them and all pairs' passed `threshold`."""
    if not tau:
        return 0.0
    truth, scatter = max(0.0, gain), tau / sqrt(looks)
    low, high = SCREEN * tau, BEYOND_DOUBT * tau
    luck = chance = 0.0
    for point in range(GRID):
        screen = low + (high - low) * (point + 0.5) / GRID
        passed = (((looks + 1) * threshold - screen) / looks - truth) / scatter
        weight = STANDARD.pdf((screen - truth) / tau)
        luck += weight * scatter * STANDARD.pdf(passed)
        chance += weight * STANDARD.cdf(-passed)
    return luck / chance if chance else 0.0


@cache
def critical(level: float, degrees: int) -> float:
    """What Student's t exceeds with probability `level`."""
    from scipy.special import stdtrit  # scipy.stats has the same and takes a second to import

    return float(-stdtrit(degrees, level))


def _times(gain: float, tau: float) -> str:
    return f"{gain / tau:.1f} times" if gain < MANY_TIMES * tau else f"more than {MANY_TIMES} times"


# ---------------------------------------------------------------- the run's noise


def noise_of(trials: Sequence[Trial]) -> Noise:
    """The noise that a run has shown so far, on the data that it has now."""
    trials = on_newest_data(trials)
    squares, degrees = 0.0, 0
    for trial in trials:
        if len(trial.pairs) > 1:
            differences = differences_of(trial.pairs)
            squares += _squares(differences)
            degrees += len(differences) - 1
    seeds, runs = _spread_of_seeds(trials)
    paired = sqrt(squares / degrees) if degrees else None
    return Noise(
        sd=paired, degrees=degrees, seeds=seeds, runs=runs, machines=_spread_of_machines(trials)
    )


def bad_luck(discarded: Sequence[float]) -> float:
    """What of the incumbent's score under a seed is bad luck, zero or negative, by the differences of what was discarded to it.

    Its difference to itself, zero, is one of them: a single candidate that did better says half of what it could.
    """
    return min(0.0, median([0.0, *discarded]))


def luck_of(trials: Sequence[Trial], incumbent: int, pairs: Sequence[Pair]) -> tuple[float, ...]:
    """The bad luck of trial `incumbent` in each of the pairs, by all that was discarded against the same score of its."""
    discarded: dict[tuple[int, float], list[float]] = {
        (pair.seed, pair.incumbent): [] for pair in pairs
    }
    for trial in reversed(trials):
        if trial.number == incumbent:
            break
        if trial.against == incumbent and trial.status == "discard":
            for pair in trial.pairs:
                if (pair.seed, pair.incumbent) in discarded:
                    discarded[pair.seed, pair.incumbent].append(pair.candidate - pair.incumbent)
    return tuple(bad_luck(discarded[pair.seed, pair.incumbent]) for pair in pairs)


def differences_of(pairs: Sequence[Pair]) -> tuple[float, ...]:
    """Candidate minus incumbent, for each pair."""
    return tuple(pair.candidate - pair.incumbent for pair in pairs)


def _squares(values: Sequence[float]) -> float:
    """The sum of the squared distances to the mean; statistics.variance is exact to the last digit, and slow."""
    mean = fmean(values)
    return sum((value - mean) ** 2 for value in values)


def _spread_of_seeds(trials: Sequence[Trial]) -> tuple[float | None, int]:
    """Of the baselines, whose seeds nobody chose by their score."""
    squares = degrees = runs = 0.0
    for trial in trials:
        if trial.status == "baseline" and trial.result and len(trial.result.own) > 1:
            values = [score.value for score in trial.result.own]
            squares += _squares(values)
            degrees, runs = degrees + len(values) - 1, runs + len(values)
    return (sqrt(squares / degrees) if degrees else None), int(runs)


def _spread_of_machines(trials: Sequence[Trial]) -> float | None:
    """Pooled over codes that were scored under one seed on more than one machine."""
    if (
        len(
            {
                score.machine
                for trial in trials
                if trial.result
                for score in trial.result.scores
                if score.machine
            }
        )
        < 2
    ):
        return None
    scores = [
        (
            trial.number if score.role == "candidate" else trial.against,
            score.seed,
            score.machine,
            score.value,
        )
        for trial in trials
        if trial.result
        for score in trial.result.scores
        if score.machine and score.role != "baseline"
    ]
    squares, degrees = 0.0, 0
    for _, same in groupby(sorted(scores, key=str), key=lambda score: score[:2]):
        means = [
            fmean(s[3] for s in group) for _, group in groupby(same, key=lambda score: score[2])
        ]
        if len(means) > 1:
            squares += _squares(means)
            degrees += len(means) - 1
    return sqrt(squares / degrees) if degrees else None


def allowance_of(trials: Sequence[Trial], noise: Noise) -> float:
    """What simplifications may still cost this run, in bits per byte."""
    return ALLOWANCE * (noise.sd or 0.0) - sum(
        trial.charge or 0.0 for trial in on_newest_data(trials)
    )


def incumbent_of(trials: Sequence[Trial]) -> Trial | None:
    """The trial whose tree is the branch's tip: the newest that was kept, or the baseline."""
    return next((trial for trial in reversed(trials) if trial.status in KEPT), None)
