"""What the harness costs a trial, behind 10 to 1,000 others: `python -m benchmarks.harness_cost`.

Everything is real (git, commits, sandbox, judge) but the training: train.py prints a summary and
exits. One run is grown, and cloned at each length; then the clones are gone on with in turns, so
that a machine that grows slower meanwhile does so for all of them. The figure is the median time
from one verdict to the next, and its ratio to the shortest history's: on the wall's clock, and in
processor time (the harness and all that it starts).
"""

import argparse
import os
import subprocess
import tempfile
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from statistics import quantiles

from agent.history.history import History
from agent.history.runs import list_runs
from agent.propose import METHODS
from agent.records.events import Judged
from benchmarks.small_runs import TAG, loop_of, project_of, repository, settings_of
from sandbox.tiers.choose import choose_runner

LENGTHS = (10, 100, 300)
CONSTANTS = 14
TRAIN = "\n".join(f"RATE_{i} = 0.1  # [0.001 .. 10 log]" for i in range(CONSTANTS))
TRAIN += """
rates = [value for name, value in list(globals().items()) if name.startswith("RATE_")]
print("---")
print("val_bpb:", 1 + sum(abs(rate - 0.3) for rate in rates))
"""


def verdict_times(folder: Path, method: str, trials: int) -> list[tuple[float, float]]:
    """Return seconds and seconds of processor time from each verdict to the next.

    Begins the run in `folder`, or goes on with it.
    """
    project = project_of(folder)
    started = any(run.tag == TAG for run in list_runs(project))  # here, or where this is a clone of
    if started:
        opened = History.open(project, TAG)
    else:
        opened = History.create(project, settings_of(project, method=method, baseline_repeats=2))
    stamps = []
    with opened as history:
        runner = choose_runner(imports=()).runner
        loop = loop_of(history, METHODS[method].build(None), runner, trials)
        for event in loop.events():
            if isinstance(event, Judged):
                stamps.append((time.monotonic(), sum(os.times()[:4])))
    return [(after[0] - before[0], after[1] - before[1]) for before, after in pairwise(stamps)]


def histories(home: Path, method: str, lengths: Sequence[int]) -> dict[int, Path]:
    """Return repositories with one run, cloned when it had each of these lengths."""
    grown = repository(home / "grown", TRAIN)
    length = 0
    clones: dict[int, Path] = {}
    for wanted in lengths:
        verdict_times(grown, method, wanted - length)
        length = wanted
        clones[wanted] = home / str(wanted)
        subprocess.run(["git", "clone", "-q", str(grown), str(clones[wanted])], check=True)
    return clones


def table(times: dict[int, list[tuple[float, float]]]) -> list[str]:
    """Return a line for each history: median, quartiles, and the ratio to the shortest."""
    lines = [f"{'history':>9}  {'wall':>28}  {'processor':>28}"]
    first: list[float] = []
    for length, samples in times.items():
        columns = [quantiles(column, n=4) for column in zip(*samples, strict=True)]
        first = first or [middle for _, middle, _ in columns]
        cells = []
        for (low, middle, high), base in zip(columns, first, strict=True):
            spread = f"({low * 1e3:3.0f} … {high * 1e3:3.0f})"
            cells.append(f"{middle * 1e3:4.0f} ms {spread} ×{middle / base:.2f}")
        lines.append(f"{length:>9}  " + "  ".join(f"{cell:>28}" for cell in cells))
    return lines


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
        clones = histories(Path(home), options.method, lengths)
        for _ in range(options.rounds):
            for length, folder in clones.items():
                times[length] += verdict_times(folder, options.method, 11)
    print(
        f"per trial, method {options.method}, the histories in turns; "
        "median (quartiles) × the shortest history's"
    )
    print("\n".join(table(times)))


if __name__ == "__main__":
    main()
