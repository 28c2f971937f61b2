"""What the harness itself costs a trial, from 10 to 1,000 trials of history: `python -m benchmarks.harness_cost`.

Every part is real (search method, edit, commits, sandbox, judge) but the training: train.py prints a summary and exits.
One run is grown, and cloned at each length; then the clones are gone on with in turns, so that a machine that grows slower
meanwhile does so for all of them. The figure is the median time from one verdict to the next, and its ratio to the shortest
history's: on the wall's clock, and in processor time (the harness and all that it starts).
"""

import argparse
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from statistics import quantiles

from agent.evaluate.bench import Bench, Plan
from agent.evaluate.slots import make_slots, this_machine
from agent.history.history import History
from agent.history.runs import head_of, list_runs
from agent.project.find import Project, find_project
from agent.project.settings import RunSettings, read_settings
from agent.propose import METHODS
from agent.records.events import Judged
from agent.run.bounds import Bounds
from agent.run.ledger import Ledger
from agent.run.loop import Loop
from agent.space import read_space
from sandbox.ground.budget import Budget
from sandbox.tiers.choose import choose_runner

TAG, LENGTHS = "bench", (10, 100, 300)
CONSTANTS = 14
TRAIN = "\n".join(f"RATE_{i} = 0.1  # [0.001 .. 10 log]" for i in range(CONSTANTS)) + (
    "\nprint('---')\nprint('val_bpb:', 1 + sum(abs(v - 0.3) for k, v in list(globals().items()) if k.startswith('RATE_')))\n"
)


def repository(folder: Path) -> Path:
    """A new repository in upstream's layout whose training takes no time."""
    folder.mkdir()
    for name, text in {
        "train.py": TRAIN,
        "prepare.py": "",
        "program.md": "Lower val_bpb.\n",
    }.items():
        (folder / name).write_text(text)
    for command in (
        ["init", "-q"],
        ["add", "."],
        ["-c", "user.name=b", "-c", "user.email=b@b", "commit", "-qm", "start"],
    ):
        subprocess.run(["git", *command], cwd=folder, check=True)
    return folder


def verdict_times(folder: Path, method: str, trials: int) -> list[tuple[float, float]]:
    """From each verdict to the next: seconds, and seconds of processor time. Begins the run, or goes on with it."""
    project = find_project(folder, read_settings(folder))
    started = any(run.tag == TAG for run in list_runs(project))  # here, or where this is a clone of
    with (
        History.open(project, TAG)
        if started
        else History.create(project, _settings(project, method)) as history
    ):
        plan = Plan(
            score="printed",
            train="train.py",
            data=None,
            read_only=(),
            budget=history.run.budget,
            memory_bytes=None,
        )
        slots = make_slots(1, *this_machine())
        bench = Bench(
            plan,
            choose_runner(imports=()).runner,
            slots,
            folder / ".autoresearch" / "trials",
            history.export,
        )
        loop = Loop(
            Ledger(history, read_space),
            bench,
            METHODS[method].build(None),
            Bounds(trials=trials),
            threading.Event(),
        )
        stamps = [
            (time.monotonic(), sum(os.times()[:4]))
            for event in loop.events()
            if isinstance(event, Judged)
        ]
    return [(after[0] - before[0], after[1] - before[1]) for before, after in pairwise(stamps)]


def _settings(project: Project, method: str) -> RunSettings:
    return RunSettings(
        tag=TAG,
        method=method,
        model=None,
        budget=Budget(amount=1, unit="steps"),
        seed=0,
        workers=1,
        trials=None,
        hours=None,
        max_cost=None,
        baseline_repeats=2,
        data_fingerprint=None,
        start_commit=head_of(project),
        score="printed",
    )


def histories(home: Path, method: str, lengths: Sequence[int]) -> dict[int, Path]:
    """One run, cloned when it had each of these lengths: the repositories, by length."""
    grown, length, made = repository(home / "grown"), 0, {}
    for wanted in lengths:
        verdict_times(grown, method, wanted - length)
        length, made[wanted] = wanted, home / str(wanted)
        subprocess.run(["git", "clone", "-q", str(grown), str(made[wanted])], check=True)
    return made


def main() -> None:
    """Grow the histories, go on with each in turns, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=1000, help="of the longest history")
    parser.add_argument("--method", default="random")
    parser.add_argument("--rounds", type=int, default=6, help="of ten trials on each history")
    options = parser.parse_args()
    lengths = [length for length in LENGTHS if length < options.trials] + [options.trials]
    times: dict[int, list[tuple[float, float]]] = {length: [] for length in lengths}
    with tempfile.TemporaryDirectory() as home:
        made = histories(Path(home), options.method, lengths)
        for _ in range(options.rounds):
            for length, folder in made.items():
                times[length] += verdict_times(folder, options.method, 11)
    print(
        f"per trial, method {options.method}, the histories in turns; median (quartiles) × the shortest history's"
    )
    print(f"{'history':>9}  {'wall':>28}  {'processor':>28}")
    first: list[float] = []
    for length, found in times.items():
        columns = [quantiles(column, n=4) for column in zip(*found, strict=True)]
        first = first or [middle for _, middle, _ in columns]
        shown = [
            f"{middle * 1e3:4.0f} ms ({low * 1e3:3.0f} … {high * 1e3:3.0f}) ×{middle / base:.2f}"
            for (low, middle, high), base in zip(columns, first, strict=True)
        ]
        print(f"{length:>9}  " + "  ".join(f"{text:>28}" for text in shown))


if __name__ == "__main__":
    main()
