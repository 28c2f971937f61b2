"""A whole contest: which games are wanted, which of their trials are missing, and the results as they come in."""

import os
import platform
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from agent.benchmark.results import Asked, Game, Line, Results, setup_of
from agent.benchmark.task import Task
from agent.benchmark.workers import Job, Over, Played, play_all

PACKAGES = ("autoresearch", "optuna", "cmaes", "numpy", "scipy", "scikit-learn", "torch", "smac")


@dataclass(frozen=True)
class Plan:
    """What is asked for. tasks: by the name that opens each. trials: beside the baseline, of each game."""

    tasks: dict[str, Task]
    methods: tuple[str, ...]
    seeds: tuple[int, ...]
    trials: int
    workers: int
    model: str | None = None

    def games(self) -> list[tuple[str, Game]]:
        """All games with the name that opens their task; seed by seed, so that whatever is done can be compared."""
        return [
            (opens, Game(task=task.name, method=method, seed=seed))
            for seed in self.seeds
            for opens, task in self.tasks.items()
            for method in self.methods
        ]

    def asked(self, output: Path) -> Asked:
        """The plan with what to type to have the same games played into `output`."""
        past = [name.removeprefix("trials:") for name in self.tasks if name.startswith("trials:")]
        named = [name for name in self.tasks if not name.startswith("trials:")]
        words = ["autoresearch", "bench", "--methods", ",".join(self.methods)]
        words += ["--tasks", ",".join(named)] if named else []
        words += [word for path in past for word in ("--trials", path)]
        words += [
            "--evaluations",
            str(self.trials),
            "--seeds",
            str(len(self.seeds)),
            "--first-seed",
            str(self.seeds[0]),
        ]
        words += ["--model", self.model] if self.model else []
        command = (
            shlex.join([*words, "--output", str(output)])
            .encode("utf-8", "backslashreplace")
            .decode()
        )
        return Asked(
            command=command,
            tasks=tuple(task.name for task in self.tasks.values()),
            trials=self.trials,
        )


def hold(plan: Plan, results: Results) -> Iterator[Line | Game]:
    """Play what `results` lacks of `plan` and append it; yields each trial, and each game when it is over."""
    for task in plan.tasks.values():
        results.agree(setup_of(task, machine(), versions()))
    jobs = list(_jobs(plan, results))
    for message in play_all(jobs, plan.workers) if jobs else ():
        match message:
            case Played():
                line = Line.model_validate_json(message.line)
                results.append(line)
                yield line
            case Over():
                yield Game.model_validate_json(message.game)


def missing(plan: Plan, results: Results) -> int:
    """How many trials are still to be played."""
    return sum(max(0, plan.trials + 1 - len(results.lines(game))) for _, game in plan.games())


def _jobs(plan: Plan, results: Results) -> Iterator[Job]:
    for opens, game in plan.games():
        lines: Sequence[Line] = results.lines(game)
        if len(lines) <= plan.trials:
            told = tuple(line.model_dump_json() for line in lines)
            yield Job(opens, game.model_dump_json(), told, plan.trials, plan.model)


def machine() -> str:
    """What the times were measured on, without the machine's name."""
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"


def versions() -> dict[str, str]:
    """Of the packages that methods and tasks are made of, as far as they are installed."""
    return {name: number for name in PACKAGES if (number := _version(name))}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
