"""What a proposer gains, and what it is given is worth: `python -m benchmarks.proposers`.

Each night is the real command on the project of benchmarks/ladder.py: real git, sandbox, trainings
and judge. The scripted models of benchmarks/scripted_researchers.py answer over the wire of a
loopback provider; `small` is the real small model (`make small-model`). In a night of `base` the
model sees the question and looks nothing up; the other arms differ from it in one thing:

    ledgerless  the model takes no notice of what was tried
    steady      nothing else is asked for during a plateau (`explore: off`)
    looking     the model looks up a log and prepare.py, and notes what it finds
    noteless    it looks, and writes no notes
    writers     three drafts are written at once, each with another assignment
    filled      a search method fills a slot that would wait

Printed is the share of the possible gain, its mean over the seeds with a 95 % interval (Student's
t), and for each arm the difference to `base`, seed by seed.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, product
from math import sqrt
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from scipy.stats import t

from benchmarks.ladder import RUNGS, climbed, gain, make
from benchmarks.scripted_researchers import MODEL, QUALITIES, Researchers
from tests.loopback.small_model import NAME, small_model

TAG = "ladder"
SMALL = "small"
MODELS = (*QUALITIES, SMALL)
TOOK = ("keep", "simplify", "approved")
CONTEXT = 8_192
SHOWN = (5, 10, 20, 40)
GAVE_UP = "times in a row"
"""What a run says whose model was refused so often that it ends."""
BASE = "base"
STILL = ("--no-look",)
ALONE = ("--writers", "1", "--fill", "none")
PATIENT = "[look]\nwait = 600.0\nprobes = 0\n"
"""Trials are shorter than any answer here: without it nothing could be looked up."""


@dataclass(frozen=True)
class Arm:
    """What the nights of an arm are given."""

    explore: bool = True
    forgetful: bool = False
    notes: bool = True
    words: tuple[str, ...] = (*STILL, *ALONE)
    """Further words of the command."""
    settings: str = ""
    """Further lines of autoresearch.toml."""


ARMS = {
    BASE: Arm(),
    "ledgerless": Arm(forgetful=True),
    "steady": Arm(explore=False),
    "looking": Arm(words=ALONE, settings=PATIENT),
    "noteless": Arm(words=ALONE, settings=PATIENT, notes=False),
    "writers": Arm(words=(*STILL, "--writers", "3", "--fill", "none")),
    "filled": Arm(words=(*STILL, "--writers", "1")),
}


@dataclass(frozen=True)
class Night:
    """What a night came to."""

    gains: tuple[float, ...]
    """The share of the possible gain after each trial, the baseline first."""
    rungs: frozenset[str]
    statuses: Counter[str]
    questions: int
    looks: int
    seconds: float
    """From the baseline's verdict to the last one."""

    def after(self, trials: int) -> float:
        """Return the share after so many trials, or at the end."""
        return self.gains[min(trials, len(self.gains) - 1)]


@dataclass(frozen=True)
class Provider:
    """Where a night's model is asked."""

    url: str
    model: str
    counts: Researchers | None = None
    """Of a scripted model."""


def night(
    quality: str, arm: Arm, seed: int, trials: int, answer: float = 0.0, hours: float | None = None
) -> Night:
    """Return what one night comes to. answer: seconds that a scripted model takes for one.

    hours: after which it ends; what is refused is no trial of the bound.
    """
    with tempfile.TemporaryDirectory() as home:
        folder = make(Path(home) / "ladder", arm.explore, arm.settings)
        with provider(quality, arm, seed, answer, Path(home)) as asked:
            words = ["--model", f"openai:{asked.model}", "--method", "code", *arm.words]
            bounds = ["--trials", str(trials), "--budget", "1steps", "--seed", str(seed)]
            bounds += ["--hours", str(hours)] if hours else []
            typed(folder, asked.url, "start", "--tag", TAG, *words, *bounds, "--trust")
            log = json.loads(typed(folder, asked.url, "log", "--json"))
        show = ["git", "show", f"autoresearch/{TAG}:train.py"]
        tip = subprocess.run(show, cwd=folder, capture_output=True, text=True, check=True).stdout
    return _told(log, tip, asked.counts)


@contextmanager
def provider(quality: str, arm: Arm, seed: int, answer: float, folder: Path) -> Iterator[Provider]:
    """Open the provider of a night's model."""
    if quality == SMALL:
        with small_model(folder, CONTEXT) as served:
            yield Provider(served.url, NAME)
        return
    given = (arm.forgetful, arm.notes, answer)
    with Researchers(QUALITIES[quality], seed, *given) as server:
        yield Provider(server.url, MODEL, server)


def typed(folder: Path, url: str, *words: str) -> str:
    """Return what the real command prints; raise RuntimeError with its words if it fails.

    A night that ends since its model writes nonsense only is a night.
    """
    command = [sys.executable, "-m", "autoresearch", *words]
    given = {"OPENAI_BASE_URL": f"{url}/v1", "PYTHONPATH": str(Path(__file__).parents[1])}
    variables = {**os.environ, **given}
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True)
    if done.returncode and GAVE_UP not in done.stdout + done.stderr:
        raise RuntimeError(f"autoresearch {words[0]}: {done.stderr or done.stdout}")
    return done.stdout


def _told(log: Sequence[dict[str, Any]], tip: str, counts: Researchers | None) -> Night:
    """Return what a log says; what has no result, such as a refusal, is no trial of the bound."""
    gains = [0.0]
    best = None
    for trial in log:
        if trial["status"] in ("baseline", *TOOK):
            best = trial["estimate"]
        if trial["status"] != "baseline" and trial["result"]:
            gains.append(gain(best) if best is not None else 0.0)
    return Night(
        gains=tuple(gains),
        rungs=frozenset(climbed(tip)),
        statuses=Counter(str(trial["status"]) for trial in log),
        questions=sum(trial["proposal"]["by"]["calls"] for trial in log),
        looks=counts.looks if counts else 0,
        seconds=_time(log[-1]) - _time(log[0]),
    )


def _time(trial: dict[str, Any]) -> float:
    return datetime.fromisoformat(trial["at"]).timestamp()


def interval(values: Sequence[float]) -> str:
    """Return the mean of independent values with its 95 % interval."""
    mean = fmean(values)
    if len(values) < 2:
        return f"{mean:+.2f}"
    half = stdev(values) / sqrt(len(values)) * float(t.ppf(0.975, len(values) - 1))
    return f"{mean:+.2f} ± {half:.2f}"


def tell(quality: str, nights: dict[str, list[Night]], trials: int) -> None:
    """Print a table of the arms of one model."""
    points = [point for point in SHOWN if point < trials] + [trials]
    print(f"\n{quality}, {len(nights[BASE])} seeds: share of the possible gain after trials")
    heads = "".join(f"{point:>15}" for point in points)
    print(f"{'arm':12}{heads}   minus base, at the end")
    for name, each in nights.items():
        cells = [interval([one.after(point) for one in each]) for point in points]
        pairs = zip(each, nights[BASE], strict=True)
        worth = interval([one.after(trials) - base.after(trials) for one, base in pairs])
        print(f"{name:12}" + "".join(f"{cell:>15}" for cell in cells) + f"   {worth}")
    for name, each in nights.items():
        rungs = Counter(chain.from_iterable(one.rungs for one in each))
        made = ", ".join(f"{rung} {rungs[rung]}" for rung in RUNGS)
        questions = fmean(one.questions for one in each)
        looks = fmean(one.looks for one in each)
        seconds = fmean(one.seconds for one in each)
        asked = f"{questions:.0f} questions, {looks:.0f} of them looks, {seconds:.0f} s"
        print(f"{name:12}climbed {made}; a night has {asked}")


def main() -> None:
    """Work the nights, and print a table for each model."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", default="middling,good", help=f"of {', '.join(MODELS)}")
    parser.add_argument("--arms", default=",".join(ARMS))
    parser.add_argument("--trials", type=int, default=24)
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--first-seed", type=int, default=100)
    parser.add_argument("--answer", type=float, default=0.0, help="seconds of a scripted answer")
    parser.add_argument("--hours", type=float, help="after which a night ends")
    parser.add_argument("--at-once", type=int, default=1, help="nights")
    options = parser.parse_args()
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    arms = list(dict.fromkeys([BASE, *options.arms.split(",")]))
    for quality in options.models.split(","):
        nights: dict[str, list[Night]] = {name: [] for name in arms}
        jobs = list(product(seeds, arms))

        def work(job: tuple[int, str], quality: str = quality) -> Night:
            seed, name = job
            asked = (options.trials, options.answer, options.hours)
            done = night(quality, ARMS[name], seed, *asked)
            print(f"{quality} {name} {seed}: {done.after(options.trials):.2f}", file=sys.stderr)
            return done

        with ThreadPoolExecutor(options.at_once) as pool:
            for (_, name), done in zip(jobs, pool.map(work, jobs), strict=True):
                nights[name].append(done)
        tell(quality, nights, options.trials)


if __name__ == "__main__":
    main()
