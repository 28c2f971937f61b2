"""What the harness itself costs a trial, from 10 to 1,000 trials of history: `python -m benchmarks.harness_cost`.

Every part is real (search method, edit, commits, sandbox, judge) but the training: train.py prints a summary and exits.
The figure is the median time from one verdict to the next over windows of the history, and its ratio to the first window's: once
on the wall's clock, and once in processor time (the harness and all that it starts), which other work on the machine moves less.
"""

import argparse
import os
import subprocess
import tempfile
import threading
import time
from itertools import pairwise
from pathlib import Path
from statistics import quantiles

from agent.bench import Bench, Plan
from agent.bounds import Bounds
from agent.events import Judged
from agent.history import History
from agent.ledger import Ledger
from agent.loop import Loop
from agent.project import find_project
from agent.propose import METHODS
from agent.settings import RunSettings, read_settings
from agent.slots import make_slots, this_machine
from agent.space import read_space
from sandbox.budget import Budget
from sandbox.choose import choose_runner

CONSTANTS = 14
TRAIN = "\n".join(f"RATE_{i} = 0.1  # [0.001 .. 10 log]" for i in range(CONSTANTS)) + (
    "\nprint('---')\nprint('val_bpb:', 1 + sum(abs(v - 0.3) for k, v in list(globals().items()) if k.startswith('RATE_')))\n"
)


def repository(folder: Path) -> Path:
    """A repository in upstream's layout whose training takes no time."""
    for name, text in {"train.py": TRAIN, "prepare.py": "", "program.md": "Lower val_bpb.\n"}.items():
        (folder / name).write_text(text)
    for command in (["init", "-q"], ["add", "."], ["-c", "user.name=b", "-c", "user.email=b@b", "commit", "-qm", "start"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    return folder


def verdict_times(folder: Path, method: str, trials: int) -> list[tuple[float, float]]:
    """From each verdict to the next: seconds, and seconds of processor time."""
    project = find_project(folder, read_settings(folder))
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()
    run = RunSettings(
        tag="bench", method=method, model=None, budget=Budget(amount=1, unit="steps"), seed=0, workers=1, trials=None, hours=None,
        max_cost=None, baseline_repeats=2, data_fingerprint=None, start_commit=head, score="printed",
    )  # fmt: skip
    plan = Plan(score="printed", train="train.py", data=None, read_only=(), budget=run.budget, memory_bytes=None)
    with History.create(project, run) as history:
        slots = make_slots(1, *this_machine())
        bench = Bench(plan, choose_runner().runner, slots, folder / ".autoresearch" / "trials", history.export)
        loop = Loop(Ledger(history, read_space), bench, METHODS[method].build(None), Bounds(trials=trials), threading.Event())
        stamps = [(time.monotonic(), sum(os.times()[:4])) for event in loop.events() if isinstance(event, Judged)]
    return [(after[0] - before[0], after[1] - before[1]) for before, after in pairwise(stamps)]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--method", default="random")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        times = verdict_times(repository(Path(folder)), options.method, options.trials)
    print(f"per trial, method {options.method}; median (quartiles) × the first window's")
    print(f"{'history':>16}  {'wall':>28}  {'processor':>28}")
    first: list[float] = []
    for start in (10, 100, 300, options.trials - 50):
        window = times[start : start + 50]
        if len(window) < 10:
            continue
        columns = [quantiles(column, n=4) for column in zip(*window, strict=True)]
        first = first or [middle for _, middle, _ in columns]
        shown = [
            f"{middle * 1e3:4.0f} ms ({low * 1e3:3.0f} … {high * 1e3:3.0f}) ×{middle / base:.2f}"
            for (low, middle, high), base in zip(columns, first, strict=True)
        ]
        print(f"{start:>7} … {start + len(window):>6}  " + "  ".join(f"{text:>28}" for text in shown))


if __name__ == "__main__":
    main()
