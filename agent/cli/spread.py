"""Measures how far a project's scores scatter, and which gains the judge can tell."""

from collections.abc import Iterator
from math import floor, log10, sqrt
from pathlib import Path
from statistics import fmean
from typing import Any, Literal

from pydantic import FiniteFloat
from rich.text import Text

from agent.cli.baseline import Baseline, trained, unstarted_baseline
from agent.cli.build import find_place
from agent.cli.consent import Consent
from agent.display.format import duration, formatter_for, open_console
from agent.errors import ProjectFault
from agent.evaluate.results import Units
from agent.history.history import History
from agent.judge.decide import Rule
from agent.judge.determinism import MIN_SEEDS, NEUTRAL_RUNS
from agent.judge.digits import MAX_DECIMALS
from agent.judge.noise import noise_of, sum_of_squares
from agent.judge.resolution import POWER, Resolution, resolutions
from agent.project.flags import Flags
from agent.records.objective import Objective
from agent.records.results import Result, Trial
from agent.run.baselining import seed_advice
from agent.space.neutral import perturbed
from sandbox.ground.record import Record

Source = Literal["seeds", "perturbations", "pairs", "none"]
IN_WORDS: dict[Source, str] = {
    "seeds": "between seeds",
    "perturbations": "between runs with every searched float moved by a millionth",
    "pairs": "between the pairs that the run's judge trained",
    "none": "nothing",
}


class Measurement(Record):
    """One training of the baseline."""

    seed: int
    value: FiniteFloat
    seconds: float


class Spread(Record):
    """How noisy a metric is."""

    objective: Objective
    runs: tuple[Measurement, ...] = ()
    """Of the code as it is, one a seed."""
    again: FiniteFloat | None = None
    """The value of the first seed a second time; None if it was not trained twice."""
    moved: tuple[Measurement, ...] = ()
    """Of neutral perturbations, where no seed moves the score."""
    source: Source
    """What scatters."""
    sd: FiniteFloat | None = None
    """Standard deviation of the loss of one run; None where nothing scatters."""
    tau: FiniteFloat | None = None
    """That of a paired difference: measured in a run, else at most the square root of 2 times."""
    degrees: int = 0
    seconds: float
    """Of one training."""
    seeds: str = ""
    """Which seeding calls were shifted, and where."""
    resolutions: tuple[Resolution, ...] = ()

    @property
    def repeats_exactly(self) -> bool | None:
        """Whether the same seed gave the same value; None if nobody tried."""
        return None if self.again is None else self.again == self.runs[0].value


def measure_spread(
    baseline: Baseline, repeats: int, rule: Rule, first: Result | None = None
) -> Spread:
    """Train the baseline under `repeats` more seeds, and its first seed once more.

    first: its result under the run's first seed, if it was trained already. Raise ProjectFault if a
    training fails.
    """
    start = baseline.unstarted.run.seed
    total = repeats + 1 + (first is None)
    done = 0
    if first is None:
        done += 1
        first = trained(baseline, f"training {done} of {total}", start)
    units = Units()
    runs = [_measurement(units.held(first), start)]
    for seed in range(start + 1, start + 1 + repeats):
        done += 1
        result = trained(baseline, f"training {done} of {total}, seed {seed}", seed)
        runs.append(_measurement(units.held(result), seed))
    what = f"training {total} of {total}, seed {start} again"
    again = _measurement(units.held(trained(baseline, what, start)), start).value
    equal = len({run.value for run in runs} | {again}) == 1
    moved = tuple(_moved(baseline, start, units)) if equal and len(runs) >= MIN_SEEDS else ()
    spread = _spread(baseline.objective, runs, again, moved, rule)
    return spread.model_copy(update={"seeds": first.seeds})


def _moved(baseline: Baseline, start: int, units: Units) -> Iterator[Measurement]:
    """Train neutral perturbations, to see how far a meaningless change moves the score."""
    for seed in range(start + 1, start + 1 + NEUTRAL_RUNS):
        texts = perturbed(baseline.sources, baseline.place.settings.stated_ranges, seed)
        if not texts:
            return
        what = f"every float moved by a millionth, {seed - start}"
        result = units.held(trained(baseline, what, seed, texts))
        if result.status == "scored":
            yield _measurement(result, seed)


def _spread(
    objective: Objective,
    runs: list[Measurement],
    again: float,
    moved: tuple[Measurement, ...],
    rule: Rule,
) -> Spread:
    sense = objective.sense
    values = [run.value for run in runs]
    source: Source = "seeds"
    if len(set(values)) == 1 and again == values[0]:
        source = "perturbations" if moved else "none"
        values = [values[0], *(run.value for run in moved)]
    elif len(set(values)) == 1:
        values = [values[0], again]
    losses = [sense.loss(value) for value in values]
    degrees = len(losses) - 1
    sd = sqrt(sum_of_squares(losses) / degrees) if degrees else None
    if not sd:
        sd = None
    tau = sd * sqrt(2) if sd else None
    return Spread(
        objective=objective,
        runs=tuple(runs),
        again=again,
        moved=moved,
        source=source,
        sd=sd,
        tau=tau,
        degrees=degrees,
        seconds=fmean(run.seconds for run in runs),
        resolutions=resolutions(tau, rule) if tau else (),
    )


def _measurement(result: Result, seed: int) -> Measurement:
    if result.status != "scored":
        message = f"The baseline has no score under seed {seed} ({result.status}): {result.detail}"
        raise ProjectFault(message, "$EDITOR autoresearch.toml   # metric, direction, command")
    return Measurement(seed=seed, value=result.scores[0].value, seconds=result.seconds)


def spread_of_run(history: History) -> Spread:
    """Return the noise of a run so far. Raise ProjectFault before its first baseline."""
    run = history.run
    baselines = [trial for trial in history.comparable if trial.status == "baseline"]
    if not baselines or baselines[-1].result is None:
        raise ProjectFault(
            f"{history.branch} has no baseline yet.", f"autoresearch resume {history.tag}"
        )
    runs = tuple(_own(baselines[-1]))
    noise = noise_of(history.trials, run.sense)
    tau = noise.sd
    source: Source = "pairs"
    degrees = noise.degrees
    if not tau:  # no pair is measured, or all of them differ by the same
        source = "perturbations" if noise.perturbed else "seeds"
        tau = noise.seeds * sqrt(2) if noise.seeds else None
        degrees = max(0, noise.runs - 1)
    rule = Rule(verdict=run.verdict, false_keeps=run.false_keeps)
    return Spread(
        objective=run.goal,
        runs=runs,
        source=source if tau else "none",
        sd=noise.seeds or None,
        tau=tau or None,
        degrees=degrees,
        seeds=baselines[-1].result.seeds,
        seconds=fmean(score.seconds for score in runs),
        resolutions=resolutions(tau, rule) if tau else (),
    )


def _own(trial: Trial) -> Iterator[Measurement]:
    assert trial.result is not None, "a baseline has a result"
    mean = trial.result.seconds / max(1, len(trial.result.scores))
    for score in trial.result.own:
        seconds = mean if score.seconds is None else score.seconds
        yield Measurement(seed=score.seed, value=score.value, seconds=seconds)


# ---------------------------------------------------------------- in words


def lines_of(spread: Spread) -> Iterator[str]:
    """Yield lines that explain a spread."""
    objective = spread.objective
    values = ", ".join(f"{run.value:.6g}" for run in spread.runs)
    seeds = "seed" if len(spread.runs) == 1 else "seeds"
    took = duration(spread.seconds)
    yield f"{objective.metric} under {len(spread.runs)} {seeds}: {values}   ({took} each)"
    if spread.seeds:
        yield from seed_advice(spread.seeds, objective) or [spread.seeds]
    yield from _repeat_lines(spread)
    if spread.sd is None and spread.tau is None:
        return
    scale = "" if objective.scale == "linear" else f" (on the scale {objective.scale})"
    if spread.sd is not None:
        words = IN_WORDS["seeds" if spread.source == "pairs" else spread.source]
        yield f"spread: ±{spread.sd:.2g} {words}{scale}"
    if spread.source == "pairs" and spread.tau is not None:
        yield f"spread: ±{spread.tau:.2g} {IN_WORDS['pairs']}{scale}"
    yield f"the smallest gain that is detected {POWER:.0%} of the time, and its cost:"
    for resolution in spread.resolutions:
        yield f"  {resolution_text(resolution, spread)}"
    if spread.source != "pairs":
        yield (
            f"an estimate from {spread.degrees + 1} runs; pairs under equal seeds often scatter "
            "less, and a run's first trials are judged more strictly"
        )


def in_short(spread: Spread) -> Iterator[str]:
    """Yield lines about a spread for a proposer."""
    if spread.sd is not None:
        yield f"One run scatters by ±{spread.sd:.2g} {IN_WORDS[spread.source]}."
    for resolution in spread.resolutions[1:2]:
        text = resolution_text(resolution, spread)
        yield f"The smallest gain that is usually detected is {text}."


def resolution_text(resolution: Resolution, spread: Spread) -> str:
    """Return `-0.012 with 3 pairs: at most 6 trainings, 30 s`."""
    decimals = max(0, 1 - floor(log10(resolution.gain)))
    change = spread.objective.sense.change_text(-resolution.gain, min(decimals, MAX_DECIMALS))
    pairs = "1 pair" if resolution.pairs == 1 else f"{resolution.pairs} pairs"
    time = duration(resolution.trainings * spread.seconds)
    trainings = "1 training" if resolution.trainings == 1 else f"{resolution.trainings} trainings"
    return f"{change} with {pairs}: at most {trainings}, {time}"


def _repeat_lines(spread: Spread) -> Iterator[str]:
    exact = spread.repeats_exactly
    if exact is True:
        yield "the same seed gives exactly the same score"
    elif exact is False:
        yield f"the same seed gives another score: {spread.again:.6g} the second time"
    if len({run.value for run in spread.runs}) > 1 or len(spread.runs) < MIN_SEEDS:
        return
    yield (
        f"all {len(spread.runs)} seeds give exactly the same score: repeats under other seeds "
        "show no noise"
    )
    if spread.source == "none":
        yield "and no searched float can be moved, so its noise is not known"
    elif spread.source == "perturbations" and spread.sd is None:
        yield (
            f"and so do {len(spread.moved)} runs with every searched float moved by a millionth: "
            'where equal code always gives equal scores, write noise = "none"'
        )


# ---------------------------------------------------------------- the command


def measured_here(flags: Flags, repeats: int, trust: bool, unsafe: bool) -> Spread:
    """Train and return the noise of the last commit of this folder's project."""
    place = find_place(Path.cwd())
    consent = Consent(place.project, trust)
    with unstarted_baseline(place, flags, consent, unsafe) as baseline:
        return measure_spread(baseline, repeats, Rule())


def say_spread(spread: Spread) -> None:
    """Print lines that explain a spread."""
    console = open_console()
    formatter = formatter_for(console, spread.objective)
    for line in lines_of(spread):
        console.print(Text(formatter.line(line) if line.strip() == line else f"  {line.strip()}"))


def record_of(spread: Spread) -> dict[str, Any]:
    """Return a spread for JSON."""
    fields = {"runs", "again", "moved", "source", "sd", "tau", "degrees", "seconds", "seeds"}
    rows = []
    for resolution in spread.resolutions:
        seconds = round(resolution.trainings * spread.seconds, 1)
        rows.append({**resolution.model_dump(), "seconds": seconds})
    objective = spread.objective
    return {
        "metric": objective.metric,
        "direction": objective.direction,
        "scale": objective.scale,
        **spread.model_dump(mode="json", include=fields),
        "repeats_exactly": spread.repeats_exactly,
        "power": POWER,
        "smallest_gains": rows,
    }
