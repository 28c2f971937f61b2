"""What the harness costs a trial: `python -m benchmarks.harness_cost`.

Everything is real (git, commits, sandbox, edits, judge) but the training, which prints a score and
exits. Three figures are told: from one verdict to the next, from one training's last statement to
the first of the next one, and processor time (the harness and all that it starts). A project of
only a train.py and one of many files take turns on each tier, and with starts of the same training
without a harness, so that a machine that grows slower meanwhile does so for all. What depends on
the machine is told as a ratio, too. `--on ray` adds the same on one place of a Ray cluster.

`--histories` compares histories of 10 to 1,000 trials instead: one run is grown, cloned at each
length, and the clones are gone on with in turns.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median, quantiles

from agent.evaluate.engines import read_where
from agent.evaluate.where import Where
from agent.history.history import History
from agent.history.runs import list_runs
from agent.propose import METHODS, Proposer
from agent.records.events import Judged
from benchmarks.many_files import Editor, make
from benchmarks.small_runs import TAG, loop_of, project_of, repository, settings_of
from sandbox.canary.canary import prove
from sandbox.ground.outcome import Runner
from sandbox.tiers.choose import TIERS, choose_runner

LENGTHS = (10, 100, 300)
CONSTANTS = 14
TRAIN = "\n".join(f"RATE_{i} = 0.1  # [0.001 .. 10 log]" for i in range(CONSTANTS))
TRAIN += """
rates = [value for name, value in list(globals().items()) if name.startswith("RATE_")]
print("---")
print("val_bpb:", 1 + sum(abs(rate - 0.3) for rate in rates))
"""
WARM = 2
"""Trials of a session that are not counted: they read and parse what later ones remember."""
BARE = 5
"""Starts without a harness after each session."""
PROJECTS = ("one file", "many files")
FASTEST = ("A", "B")


@dataclass(frozen=True)
class Cost:
    """What one trial took, in seconds."""

    wall: float
    """From the verdict before to its own."""
    processor: float
    """Of all processors, meanwhile."""
    between: float | None = None
    """From the end of the training before to the start of its own, if trainings tell."""


def costs_of(
    folder: Path, proposer: Proposer, runner: Runner | Where, trials: int, method: str = "list"
) -> list[Cost]:
    """Return what each trial took but the first; begin the run in `folder`, or go on with it."""
    project = project_of(folder)
    started = any(run.tag == TAG for run in list_runs(project))  # here, or where this is a clone of
    if started:
        opened = History.open(project, TAG)
    else:
        opened = History.create(project, settings_of(project, method=method, baseline_repeats=2))
    stamps: list[tuple[float, float]] = []
    trainings: list[dict[str, float]] = []
    with opened as history:
        for event in loop_of(history, proposer, runner, trials).events():
            if isinstance(event, Judged):
                stamps.append((time.monotonic(), processor_seconds()))
                trainings.append(_times_in(event))
    costs = []
    for number, (before, after) in enumerate(pairwise(stamps)):
        first, second = trainings[number : number + 2]
        between = second["began"] - first["ended"] if first and second else None
        costs.append(Cost(after[0] - before[0], after[1] - before[1], between))
    return costs


def processor_seconds() -> float:
    """Return what this process and those that it started and that ended have taken."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def _times_in(event: Judged) -> dict[str, float]:
    """Return when the one training of a trial began and ended, as it printed."""
    result = event.trial.result
    if result is None or len(result.scores) != 1:
        return {}
    facts = {name: result.facts.get(name) for name in ("began", "ended")}
    return {name: float(value) for name, value in facts.items() if isinstance(value, float)}


# ---------------------------------------------------------------- tiers and projects


def usable_tiers() -> Iterator[tuple[str, Runner]]:
    """Yield the fastest tiers that this machine can prove."""
    for tier in FASTEST:
        runner = TIERS[tier]() if tier in TIERS else None
        report = prove(runner, python=sys.executable, imports=()) if runner else None
        if runner and report and report.ok:
            yield tier, runner
        else:
            print(f"tier {tier}: {report.reason if report else 'not on this system'}")


def bare_start(folder: Path) -> Cost:
    """Return what the same training takes without a harness."""
    began = time.monotonic()
    used = processor_seconds()
    subprocess.run([sys.executable, "train.py"], cwd=folder, check=True, capture_output=True)
    return Cost(time.monotonic() - began, processor_seconds() - used)


def compare_projects(rounds: int, trials: int, on: Where) -> None:
    """Print the cost of a trial on each tier, of a project of one file and of one of many.

    on: also of one place there, unless it is this machine.
    """
    costs: dict[str, list[Cost]] = {}
    bare: list[Cost] = []
    with tempfile.TemporaryDirectory() as home:
        folders: dict[str, tuple[Path, Runner | Where]] = {}
        engines: dict[str, Runner | Where] = {f"tier {t}": runner for t, runner in usable_tiers()}
        if not on.is_local:
            engines[f"a place of {on}"] = on
        for engine, runner in engines.items():
            for project in PROJECTS:
                folder = Path(home) / f"{len(folders)}"
                files, lines = make(folder, project == "many files")
                name = f"{engine}, {files} file{'s'[: files > 1]}, {lines:,} lines"
                folders[name] = (folder, runner)
        for _ in range(rounds):
            for name, (folder, runner) in folders.items():
                session = costs_of(folder, Editor(), runner, trials + WARM)
                costs.setdefault(name, []).extend(session[WARM:])
                bare += [bare_start(folder) for _ in range(BARE)]
    wall = median(cost.wall for cost in bare)
    processor = median(cost.processor for cost in bare)
    print("× is as often as the same training takes without a harness:")
    print(_row("from start to end", [cost.wall for cost in bare], wall))
    print(_row("processor time", [cost.processor for cost in bare], processor))
    for name, measured in costs.items():
        print(f"\n{name}")
        between = [cost.between for cost in measured if cost.between is not None]
        print(_row("verdict to verdict", [cost.wall for cost in measured], wall))
        print(_row("one training's end to the next's start", between, wall))
        print(_row("processor time of all", [cost.processor for cost in measured], processor))


def _row(name: str, seconds: Sequence[float], unit: float) -> str:
    """Return the median and the quartiles, and the median as a multiple of `unit`."""
    low, middle, high = quantiles(seconds, n=4)
    spread = f"({low * 1e3:.0f} … {high * 1e3:.0f})"
    return f"  {name:40}{middle * 1e3:6.0f} ms {spread:16}×{middle / unit:.1f}"


# ---------------------------------------------------------------- histories


def histories(home: Path, method: str, lengths: Sequence[int]) -> dict[int, Path]:
    """Return repositories with one run, cloned when it had each of these lengths."""
    grown = repository(home / "grown", TRAIN)
    length = 0
    clones: dict[int, Path] = {}
    for wanted in lengths:
        go_on(grown, method, wanted - length)
        length = wanted
        clones[wanted] = home / str(wanted)
        subprocess.run(["git", "clone", "-q", str(grown), str(clones[wanted])], check=True)
    return clones


def go_on(folder: Path, method: str, trials: int) -> list[Cost]:
    """Return what trials of a search method take."""
    runner = choose_runner(imports=()).runner
    return costs_of(folder, METHODS[method].build(None), runner, trials, method)


def compare_histories(longest: int, method: str, rounds: int) -> None:
    """Print the cost of a trial behind histories of several lengths, × the shortest one's."""
    lengths = [length for length in LENGTHS if length < longest] + [longest]
    costs: dict[int, list[Cost]] = {length: [] for length in lengths}
    with tempfile.TemporaryDirectory() as home:
        clones = histories(Path(home), method, lengths)
        for _ in range(rounds):
            for length, folder in clones.items():
                costs[length] += go_on(folder, method, 11)
    first = costs[lengths[0]]
    wall = median(cost.wall for cost in first)
    processor = median(cost.processor for cost in first)
    print(f"method {method}; × is as often as the shortest history's\n")
    for length, measured in costs.items():
        print(f"{length} trials")
        print(_row("verdict to verdict", [cost.wall for cost in measured], wall))
        print(_row("processor time of all", [cost.processor for cost in measured], processor))


def main() -> None:
    """Compare projects and tiers, or histories."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=6, help="sessions of each, in turns")
    parser.add_argument("--session", type=int, default=10, help="trials of a session")
    parser.add_argument("--on", help="a place there as well: ray, or ray://HEAD:10001")
    parser.add_argument("--histories", action="store_true", help="compare histories")
    parser.add_argument("--trials", type=int, default=1000, help="of the longest history")
    parser.add_argument("--method", default="random", help="of the histories")
    options = parser.parse_args()
    if options.histories:
        compare_histories(options.trials, options.method, options.rounds)
    else:
        compare_projects(options.rounds, options.session, read_where(options.on))


if __name__ == "__main__":
    main()
