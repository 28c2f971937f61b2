"""Decides from paired differences whether to keep or discard a candidate, or to run it again.

The model. A score is y(code, seed) = quality(code) + luck(seed) + noise. What a seed does to every
code alike (initial weights, the order of the data) is often most of the spread, so a candidate is
only ever compared with the incumbent under the same seed: in d = y(candidate, seed) - y(incumbent,
seed) luck cancels, and noise of standard deviation tau is left. tau is pooled over all trials of
the run that were paired more than once; a candidate that proves noisier is held to its own.

The incumbent's luck. Every candidate is compared with the same scores of the incumbent: if one of
them is bad by chance, everything looks better than it is. Most changes are for the worse. So where
the median of the discarded candidates beats the incumbent under a seed, that much is taken for the
incumbent's bad luck, and is subtracted (agent/judge/luck.py).

The test. The first run is a screen. A candidate that is not better by SCREEN tau is discarded at
once, one that is better by BEYOND_DOUBT is kept at once, and anything between is run again, pair by
pair, until it is decided or LOOKS pairs are spent. Each look is a t-test of the mean difference at
level BOOST * false_keeps / 100. Only the few candidates that pass the screen are tested, so at most
`false_keeps` of 100 unchanged candidates are kept. This holds also in nights in which most
candidates are worse, where the discarded ones do not reveal an unlucky incumbent. While tau is
known from few degrees of freedom the level is lower: the screen passes more candidates then, and
the first trials would spend the error budget of the whole run. BOOST, SOBER and the lines of
futility were chosen by measurement: `python -m benchmarks.verdicts`.

Other noise. The test assumes normal noise. Where discarded gains show heavier tails
(agent/judge/tails.py), nothing is kept after one run, and if two pairs lie far apart a third
decides. On a discrete metric (agent/judge/ties.py) the noise is at least that of rounding, and a
tie does not mean that two programs are the same. Where noise changes with the score itself, the
owner states a `scale`. Measured by family: `python -m benchmarks.verdicts --family t2`.

The record. A gain is estimated from the confirming runs, without the screen, and shrunk by the luck
that helped it past the threshold: what is kept is lucky on average (Zhong and Prentice,
Biostatistics 2008, call the remedy a bias-reduced estimate).
"""

from collections.abc import Sequence
from math import inf, sqrt
from statistics import fmean, stdev
from typing import Literal

from pydantic import Field, FiniteFloat

from agent.judge.decision import Discard, Interval, Judgement, Keep, Rerun, Simplify
from agent.judge.determinism import Repeats
from agent.judge.digits import DECIMALS, MANY_TIMES, digits, in_errors
from agent.judge.luck import luck_of_look, luck_of_screen
from agent.judge.machines import groups_of, offsets_in, pooled_degrees
from agent.judge.noise import CONFIDENCE, Noise, critical, squares_within
from agent.judge.ties import ROUNDING
from agent.records.objective import LOWER, Sense
from agent.records.results import KEPT, Across, Trial, on_newest_data
from sandbox.ground.record import Record

VerdictRule = Literal["sequential", "greedy"]

# In tau. A candidate that is three standard deviations of a run better passes this screen nine
# times of ten.
SCREEN = 0.79
# In tau. A gain above this on the screen (four standard deviations of a run) is kept at once, if
# the error budget allows it.
BEYOND_DOUBT = 2.8
SCREEN_SHARE = 0.9
# In tau. With heavy tails, a third pair decides where the first two differ by more than this (after
# division by the square root of 2): one of them may be an outlier.
DISAGREEMENT = 1.5
BOOST = 5.0
# BOOST with heavy tails, and where machines differ by more than the noise: then the incumbent has
# scores for each machine, and too few discarded trials show which of them are unlucky.
HEAVY_BOOST = 2.5
# Degrees of freedom at which the level of a look is a quarter of its final value.
SOBER = 10
# Until tau is known from this many degrees of freedom, everything that looks better is run again,
# so that tau becomes known.
MIN_DEGREES = 3
# Runs after which a candidate whose score no seed moves is taken for one draw.
STILL_RUNS = 3
# In standard errors: after the first, second, … confirming pair, a smaller mean gain is discarded.
FUTILITY = (1.05, 1.25, 1.45, 1.65)
LOOKS = len(FUTILITY) + 1
# In tau: what simplifications may cost over a whole run, each counted at its loss plus one
# standard error.
ALLOWANCE = 1.5
# Per 100 no-op trials. For smaller budgets the calibrated levels do not hold (0.19 were measured
# for a budget of 0.1).
LEAST_FALSE_KEEPS = 0.5


class Rule(Record):
    """How a run decides."""

    verdict: VerdictRule = "sequential"
    """greedy: keep after one better run, as karpathy/autoresearch does."""
    false_keeps: float = Field(default=LEAST_FALSE_KEEPS, ge=LEAST_FALSE_KEEPS, le=25)
    """Error budget: false keeps tolerated per 100 no-op trials."""
    exact: bool = False
    """The owner declared that equal code gives equal results: any gain counts after one run."""

    @property
    def alpha(self) -> float:
        """The tolerated probability of keeping one unchanged candidate."""
        return self.false_keeps / 100


class Case(Record):
    """The evidence on one candidate."""

    differences: tuple[FiniteFloat, ...] = Field(min_length=1)
    """Candidate minus incumbent, one a seed; the first is the screen's."""
    luck: tuple[FiniteFloat, ...] = ()
    """The incumbent's bad luck in each difference, zero or negative; empty for none."""
    noise: Noise = Noise()
    """The run's, without this case."""
    repeats: Repeats = "seeds"
    """What makes a further pair an independent sample."""
    still: bool = False
    """No seed moves the candidate's score, where one moves the scores of other code."""
    continuous: bool = True
    """Only equal programs score exactly the same, so that a tie is evidence."""
    simpler: bool = False
    """The candidate has fewer lines of code than the incumbent."""
    sense: Sense = LOWER
    """Of the metric; reasons are written as changes of it, not as losses."""
    allowance: FiniteFloat = 0.0
    """How much worse a simplification may still be, as a loss."""
    across: tuple[Across | None, ...] = ()
    """The machines of each pair, as in Pair; empty if all were made on one."""

    @property
    def estimate(self) -> float:
        """The mean difference of the confirming pairs, or the screen's if there are none."""
        return fmean(self.differences[1:] or self.differences)


def decide(case: Case, rule: Rule) -> Judgement:
    """Return the verdict on a candidate, or that another run is needed."""
    if rule.verdict == "greedy":
        return _greedy(case)
    if rule.exact:
        return _exact(case)
    tie = _tie(case)
    if tie:
        return tie
    if case.repeats == "none" and len(set(case.differences)) == 1:
        return _unrepeatable(case)
    if not any(case.luck):
        return _if_lucky(case, _sequential(case, rule))
    fair = [total - luck for total, luck in zip(case.differences, case.luck, strict=True)]
    known = case.model_copy(update={"differences": tuple(fair), "luck": ()})
    decision = _if_lucky(known, _sequential(known, rule))
    share = _amount(case, -fmean(case.luck))
    reason = f"{decision.reason} ({share} attributed to an unlucky incumbent)"
    return decision.model_copy(update={"reason": reason})


def allowance_of(trials: Sequence[Trial], noise: Noise) -> float:
    """Return how much worse simplifications may still make this run, as a loss."""
    spent = sum(trial.charge or 0.0 for trial in on_newest_data(trials))
    return ALLOWANCE * (noise.sd or 0.0) - spent


def incumbent_of(trials: Sequence[Trial]) -> Trial | None:
    """Return the trial whose tree is the tip's: the newest that was kept, or the baseline."""
    return next((trial for trial in reversed(trials) if trial.status in KEPT), None)


def _change(case: Case, difference: float) -> str:
    """Return a difference of losses as a change of the metric; in percent on a log scale."""
    if case.sense.scale == "linear":
        return digits(case.sense.change(difference))
    return case.sense.change_text(difference, DECIMALS)


def _amount(case: Case, loss: float) -> str:
    """Return an amount of loss as an unsigned change of the metric."""
    if case.sense.scale == "linear":
        return digits(loss).removeprefix("+")
    return LOWER.model_copy(update={"scale": case.sense.scale}).change_text(loss).removeprefix("+")


# ---------------------------------------------------------------- the rules


def _greedy(case: Case) -> Judgement:
    difference = case.differences[0]
    if difference < 0:
        return _keep(case, f"kept after one run: {_change(case, difference)}")
    return _discard(case, f"not better: {_change(case, difference)}")


def _exact(case: Case) -> Judgement:
    """Decide after one run, where equal code gives equal results."""
    difference = case.differences[0]
    if difference < 0:
        return _keep(case, f"better, by an exact score: {_change(case, difference)}")
    if difference == 0 and case.simpler:
        return _simplify(case, "simpler, with exactly the same score", charge=0.0)
    if difference == 0:
        return _discard(case, "no effect: exactly the same score as the incumbent")
    return _discard(case, f"not better, by an exact score: {_change(case, difference)}")


def _tie(case: Case) -> Judgement | None:
    """Decide where the first run has exactly the incumbent's score; None if that is no evidence."""
    if case.differences[0] != 0:
        return None
    step = case.noise.step
    if step:
        if case.simpler:
            return None
        return _discard(case, f"a tie, on a metric that moves in steps of {step:.3g}")
    if not case.continuous:
        return None
    if case.simpler:
        return _simplify(case, "simpler, with exactly the same score", charge=0.0)
    return _discard(case, "no effect: the same score as the incumbent under the same seed")


def _unrepeatable(case: Case) -> Judgement:
    """Decide where neither seeds nor perturbations move the score, so nothing can be repeated."""
    difference = case.differences[0]
    if difference > 0:
        return _discard(case, f"not better: {_change(case, difference)}")
    if len(case.differences) == 1:
        return Rerun(reason=f"{_change(case, difference)}, and the noise is not known")
    return _discard(
        case,
        f"{_change(case, difference)} under every seed, so repeating it shows no noise: start with "
        'noise = "none" if equal code gives equal results, or with seed_argument',
    )


def _if_lucky(case: Case, judgement: Judgement) -> Judgement:
    """Return the verdict on a candidate whose pairs may all share one lucky draw."""
    luck = max(case.noise.sd or 0.0, sqrt(2) * (case.noise.seeds or 0.0))
    clear = -fmean(case.differences) > BEYOND_DOUBT * luck
    # Further pairs repeat the same draw: the gain has to be beyond doubt after one run.
    if clear or not (case.still and isinstance(judgement, Keep)):
        return judgement
    if len(case.differences) < STILL_RUNS:
        return Rerun(reason=f"its seeds give the same score: is it one draw? {judgement.reason}")
    return _discard(
        case,
        f"{_change(case, case.estimate)}, and the same under every seed, where seeds move the "
        "scores of other code: one lucky draw would look like this; let the training use its seed",
    )


def _sequential(case: Case, rule: Rule) -> Judgement:
    return _screen(case, rule) if len(case.differences) == 1 else _look(case, rule)


def _screen(case: Case, rule: Rule) -> Judgement:
    """Decide after the first run."""
    difference = case.differences[0]
    gain = -difference
    tau = case.noise.least
    if tau is not None:
        tau, degrees = _error(case, tau, case.noise.degrees, case.across)
    if tau is None or degrees < MIN_DEGREES:
        if gain <= 0 and not case.simpler:
            return _discard(case, f"not better: {_change(case, difference)}")
        return Rerun(reason="the noise is not known yet")
    threshold = tau * max(BEYOND_DOUBT, critical(rule.alpha * SCREEN_SHARE, degrees))
    if gain > threshold and not case.noise.heavy:
        reason = f"kept after one run: {_in_noise(case, gain, tau)}"
        return _keep(case, reason, luck_of_screen(gain, tau, threshold))
    if gain >= SCREEN * tau:
        return Rerun(reason=f"undecided after one run: {_in_noise(case, gain, tau)}")
    if case.simpler and -gain < case.allowance:
        return Rerun(reason="simpler, and perhaps no worse")
    what = "within the noise" if gain > 0 else "not better"
    return _discard(case, f"{what}: {_change(case, difference)}")


def _look(case: Case, rule: Rule) -> Judgement:
    """Decide after confirming pairs by a t-test of the mean over all pairs, or ask for another."""
    count = len(case.differences)
    looks = count - 1
    tau, degrees = _own_noise(case)
    error, degrees = _error(case, tau, degrees, case.across, count)
    tau = error * sqrt(count)
    gain = -fmean(case.differences)
    z = _ratio(gain, error)
    pairs = "perturbed pairs" if case.repeats == "perturbations" else "seed pairs"
    figures = f"{_change(case, case.estimate)}, {in_errors(z)} over {count} {pairs}"

    threshold = error * critical(_level(case, rule, degrees), degrees)
    if degrees >= MIN_DEGREES - 1 and gain > threshold and not _disagree(case):
        luck = luck_of_look(-case.estimate, tau, threshold, looks, (SCREEN, BEYOND_DOUBT))
        return _keep(case, f"significant: {figures}", luck)
    charge = max(0.0, -gain) + error
    if case.simpler and looks >= 2 and charge <= case.allowance:
        return _simplify(case, f"simpler and not worse: {figures}", charge)
    if looks >= LOOKS:
        return _discard(case, f"not significant: {figures}, the most that are run")
    hopeful = z >= FUTILITY[looks - 1] or (case.simpler and gain > -case.allowance)
    if hopeful:
        return Rerun(reason=f"undecided: {figures}")
    what = "not better" if z < 0 else "not significant"
    return _discard(case, f"{what}: {figures}")


def _disagree(case: Case) -> bool:
    """Return whether two pairs are so far apart that one of them may be an outlier."""
    if len(case.differences) != 2 or not case.noise.heavy or case.noise.sd is None:
        return False
    screen, confirming = case.differences
    return abs(screen - confirming) / sqrt(2) > DISAGREEMENT * case.noise.sd


def _ratio(gain: float, error: float) -> float:
    """Return the gain in standard errors; infinite if the error is zero."""
    if error:
        return gain / error
    return inf if gain > 0 else -inf


def _level(case: Case, rule: Rule, degrees: int) -> float:
    """Return the level of a look's t-test. degrees: degrees of freedom of tau."""
    spread = case.noise.spread
    apart = spread is not None and not spread.is_small(case.noise.sd)
    boost = HEAVY_BOOST if case.noise.heavy or apart else BOOST
    return min(0.25, boost * rule.alpha * (degrees / (degrees + SOBER)) ** 2)


def _own_noise(case: Case) -> tuple[float, int]:
    """Return tau and its degrees of freedom, with this case's own pairs included.

    If the case's own tau is larger, that is returned. Only pairs on the same machines enter it.
    """
    before = case.noise.degrees
    groups = groups_of(case.differences, case.across)
    own_squares, own = squares_within(groups)
    if not own + before:
        return 0.0, 0
    squares = own_squares + (case.noise.sd or 0.0) ** 2 * before
    tau = sqrt(squares / (own + before))
    if own > 1 and len(groups) == 1:
        tau = max(tau, stdev(groups[0]))
    elif own > 1:
        tau = max(tau, sqrt(own_squares / own))
    return max(tau, ROUNDING * case.noise.step), own + before


def _error(
    case: Case, tau: float, degrees: int, across: Sequence[Across | None], count: int = 1
) -> tuple[float, int]:
    """Return the standard error of the mean over `count` pairs, and its degrees of freedom.

    Offsets between machines add to it where the two runs of a pair were made on different ones.
    """
    spread = case.noise.spread
    offsets = spread.effect**2 * offsets_in(across) if spread else 0.0
    if spread is None or not offsets:
        return tau / sqrt(count), degrees
    noise = tau**2 / count
    pooled = pooled_degrees(((noise, degrees), (offsets, spread.degrees)))
    return sqrt(noise + offsets), min(degrees, pooled)


def _in_noise(case: Case, gain: float, tau: float) -> str:
    """Return a gain, which is at least 0, in words, with its multiple of the noise."""
    times = f"more than {MANY_TIMES}" if gain >= MANY_TIMES * tau else f"{gain / tau:.1f}"
    return f"{_change(case, -gain)}, {times} times the noise"


# ---------------------------------------------------------------- the estimates


def _keep(case: Case, reason: str, luck: float = 0.0) -> Keep:
    """Return a keep. Its gain is shrunk by `luck`, at most to zero."""
    delta = min(0.0, case.estimate + luck) if luck else case.estimate
    return Keep(reason=reason, delta=delta, interval=_interval(case, delta))


def _simplify(case: Case, reason: str, charge: float) -> Simplify:
    interval = _interval(case, case.estimate)
    return Simplify(reason=reason, delta=case.estimate, interval=interval, charge=charge)


def _discard(case: Case, reason: str) -> Discard:
    return Discard(reason=reason, delta=case.estimate, interval=_interval(case, case.estimate))


def _interval(case: Case, delta: float) -> Interval | None:
    """Return the interval of delta at CONFIDENCE; None while the noise is unknown."""
    confirming = len(case.differences) - 1
    if confirming:
        tau, degrees = _own_noise(case)
    elif case.noise.sd is not None:
        tau = case.noise.sd
        degrees = case.noise.degrees
    else:
        return None
    if not degrees:
        return None
    across = case.across[1:] if confirming else case.across
    error, degrees = _error(case, tau, degrees, across, max(1, confirming))
    half = critical((1 - CONFIDENCE) / 2, degrees) * error
    return delta - half, delta + half
