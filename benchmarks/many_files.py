"""What a trial costs the harness in a project of many files: `python -m benchmarks.many_files`.

Everything is real (git, commits, sandbox, edits, judge) but the training, which prints a score and
exits. The files are modules of Python's own library. A project of only a train.py and the large
one take turns, so that a machine that grows slower meanwhile does so for both. Each trial edits
train.py and one other file. The figure is the median time from one verdict to the next; the first
trials of a session, which read and parse everything once, are shown apart.
"""

import argparse
import ast
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from statistics import median, quantiles

from agent.history.history import History
from agent.history.runs import list_runs
from agent.propose.context import Context
from agent.records.edits import AddFile, Edit, ReplaceText, SetConstant
from agent.records.events import Judged
from agent.records.proposals import Proposal, Provenance
from benchmarks.small_runs import TAG, loop_of, project_of, repository, settings_of
from sandbox.tiers.choose import choose_runner

FILES = 200
LINES = 50_000
LIBRARY = "library"
TRAIN = "RATE = 0.1  # [0.001 .. 10 log]\nprint('---')\nprint('val_bpb:', 1 + RATE)\n"
WARM = 2
"""Trials of a session that are not counted: they read and parse what later ones remember."""


class Editor:
    """Proposes another rate, and a line more in one of the other files if there are any."""

    name = "list"
    looks_ahead = False

    def propose(self, context: Context) -> Proposal:
        """Return the next edits; none repeats an earlier one."""
        number = len(context.trials)
        edits: list[Edit] = [SetConstant(name="RATE", value=f"{0.1 + number / 1000:.4f}")]
        others = [path for path in context.sources.files if path != context.sources.main]
        if others:
            path = others[number * 7 % len(others)]
            old = context.sources.files[path]
            line = f"NEW_{number} = {number}\n"
            if old.endswith("\n") and old.count(old[-60:]) == 1:
                edits.append(ReplaceText(file=path, old=old[-60:], new=old[-60:] + line))
            else:
                edits.append(AddFile(file=f"{LIBRARY}/new_{number}.py", code=line))
        by = Provenance(method="list", origin="scripted")
        return Proposal(hypothesis=f"edit {number}", edits=tuple(edits), by=by)


def modules() -> Iterator[tuple[str, str]]:
    """Yield names and texts of modules of Python's library, until there are enough lines."""
    lines = 0
    count = 0
    for path in sorted(Path(sysconfig.get_path("stdlib")).rglob("*.py")):
        text = path.read_text(encoding="utf-8", errors="replace")
        wanted = 100 <= text.count("\n") <= 400 and "test" not in path.parts
        if not wanted or "\ufffd" in text or lines + text.count("\n") > LINES:
            continue
        lines += text.count("\n")
        count += 1
        yield f"m{count:03}_{path.name}", text
        if count == FILES:
            return


def make(folder: Path, large: bool) -> tuple[int, int]:
    """Make a project; return how many files and lines edits may touch."""
    repository(folder, TRAIN)
    if not large:
        return 1, TRAIN.count("\n")
    (folder / LIBRARY).mkdir()
    files = 1
    lines = TRAIN.count("\n")
    for name, text in modules():
        (folder / LIBRARY / name).write_text(text, encoding="utf-8")
        files += 1
        lines += text.count("\n")
    (folder / "autoresearch.toml").write_text(f'files = ["train.py", "{LIBRARY}/*.py"]\n')
    repository(folder, TRAIN)
    return files, lines


def verdict_times(folder: Path, trials: int) -> list[float]:
    """Return the seconds from each verdict to the next; begin the run, or go on with it."""
    project = project_of(folder)
    if any(run.tag == TAG for run in list_runs(project)):
        opened = History.open(project, TAG)
    else:
        opened = History.create(project, settings_of(project))
    stamps = [time.monotonic()]
    with opened as history:
        loop = loop_of(history, Editor(), choose_runner(imports=()).runner, trials)
        stamps += [time.monotonic() for event in loop.events() if isinstance(event, Judged)]
    return [after - before for before, after in pairwise(stamps)]


def parse_time(folder: Path) -> float:
    """Return the seconds that ast.parse takes for all files of a project."""
    began = time.perf_counter()
    for path in folder.rglob("*.py"):
        ast.parse(path.read_text(encoding="utf-8"))
    return time.perf_counter() - began


def main() -> None:
    """Print the cost of a trial in both projects, and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=4, help="sessions of each project, in turns")
    parser.add_argument("--trials", type=int, default=12, help="of a session")
    options = parser.parse_args()
    later: dict[str, list[float]] = {"one file": [], "many files": []}
    first: dict[str, list[float]] = {"one file": [], "many files": []}
    with tempfile.TemporaryDirectory() as home:
        folders = {name: Path(home) / name.replace(" ", "-") for name in later}
        for name, folder in folders.items():
            files, lines = make(folder, name == "many files")
            print(f"{name}: {files} files, {lines} lines; ast.parse {parse_time(folder):.2f} s")
        for _ in range(options.rounds):
            for name, folder in folders.items():
                times = verdict_times(folder, options.trials)
                first[name].append(times[0])
                later[name] += times[WARM:]
    base = median(later["one file"])
    for name, times in later.items():
        low, middle, high = quantiles(times, n=4)
        start = median(first[name])
        print(
            f"{name}: {middle * 1e3:.0f} ms a trial ({low * 1e3:.0f} … {high * 1e3:.0f}) "
            f"×{middle / base:.2f}; the first of a session {start:.2f} s"
        )


if __name__ == "__main__":
    main()
