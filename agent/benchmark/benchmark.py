"""One benchmark: which runs are planned, which trials are missing, and carrying them out."""

import os
import platform
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from agent.benchmark.results import Command, Line, Results, Run, setup_of
from agent.benchmark.task import Task
from agent.benchmark.workers import Job, RunDone, TrialDone, run_all

PACKAGES = ("autoresearch", "optuna", "cmaes", "numpy", "scipy", "scikit-learn", "torch", "smac")
PAST = "trials:"


@dataclass(frozen=True)
class Plan:
    """The benchmark that a command asks for."""

    tasks: dict[str, Task]
    """By the name that opens each."""
    methods: tuple[str, ...]
    seeds: tuple[int, ...]
    trials: int
    """Of each run, not counting the baseline."""
    workers: int
    model: str | None = None

    def runs(self) -> Iterator[tuple[str, Run]]:
        """Yield the name that opens the task, and the run.

        All runs of a seed come before the next seed, so that a benchmark that was stopped can
        already be compared.
        """
        for seed in self.seeds:
            for name, task in self.tasks.items():
                for method in self.methods:
                    yield name, Run(task=task.name, method=method, seed=seed)

    def command(self, output: Path) -> Command:
        """Return the command line that carries out the same plan into `output`."""
        past = [name.removeprefix(PAST) for name in self.tasks if name.startswith(PAST)]
        named = [name for name in self.tasks if not name.startswith(PAST)]
        words = ["autoresearch", "bench", "--methods", ",".join(self.methods)]
        if named:
            words += ["--tasks", ",".join(named)]
        for path in past:
            words += ["--past", path]
        words += ["--trials", str(self.trials)]
        words += ["--seeds", str(len(self.seeds)), "--first-seed", str(self.seeds[0])]
        if self.model:
            words += ["--model", self.model]
        words += ["--output", str(output)]
        line = shlex.join(words).encode("utf-8", "backslashreplace").decode()
        names = tuple(task.name for task in self.tasks.values())
        return Command(command=line, tasks=names, trials=self.trials)


def run_missing(plan: Plan, results: Results) -> Iterator[Line | Run]:
    """Run the trials that `results` lacks and append them; yield each trial, and each ended run."""
    for task in plan.tasks.values():
        results.agree(setup_of(task, machine(), versions()))
    jobs = list(_jobs(plan, results))
    if not jobs:
        return
    for message in run_all(jobs, plan.workers):
        match message:
            case TrialDone():
                line = Line.model_validate_json(message.line)
                results.append(line)
                yield line
            case RunDone():
                yield Run.model_validate_json(message.run)


def missing(plan: Plan, results: Results) -> int:
    """Return how many trials are still to be run, baselines included."""
    return sum(max(0, plan.trials + 1 - len(results.lines(run))) for _, run in plan.runs())


def _jobs(plan: Plan, results: Results) -> Iterator[Job]:
    for name, run in plan.runs():
        lines = results.lines(run)
        if len(lines) <= plan.trials:
            done = tuple(line.model_dump_json() for line in lines)
            yield Job(name, run.model_dump_json(), done, plan.trials, plan.model)


def machine() -> str:
    """Return what the times are measured on, without the machine's name."""
    system = f"{platform.system()} {platform.machine()}"
    return f"{system}, {os.cpu_count()} cores, Python {platform.python_version()}"


def versions() -> dict[str, str]:
    """Return the versions of those PACKAGES that are installed."""
    installed = {name: _version(name) for name in PACKAGES}
    return {name: number for name, number in installed.items() if number}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
