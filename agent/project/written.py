"""The texts that `autoresearch init` writes into a repository that has a training of its own."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from agent.project.settings import Settings
from agent.records.evaluator import Evaluator
from agent.records.objective import Direction
from sandbox.ground.record import Record
from sandbox.ground.text import one_line

WIDTH = 36
"""Columns before a comment."""
MAX_RANGES = 6
"""Examples of constants."""


class Plan(Record):
    """What init found in the repository, and the settings that it writes."""

    train: str
    metric: str
    direction: Direction
    line: str = ""
    """From which the metric was read; empty where nothing was run."""
    command: str = ""
    files: tuple[str, ...] = ()
    python: str = ""
    read_only: tuple[str, ...] = ()
    """What a training may read besides the files in git, as it is written."""
    budget: str = ""
    """What trainings keep to; empty where they end by themselves, or the project itself has it."""
    limit: str = ""
    """Of a training that ends by itself."""
    took: float | None = None
    """Seconds of the first training; None where nothing was run."""
    stops: str = ""
    """By what a training ends, in words."""
    also: tuple[str, ...] = ()
    """Further metrics that it prints."""
    evaluate: Evaluator | None = None
    """What computes the score; None where the run prints it."""
    ranges: tuple[str, ...] = ()
    """Lines below [ranges], of constants that are searched or could be."""
    proposed: bool = False
    """Whether the ranges count: of constants that are not searched without them."""
    noise: tuple[str, ...] = ()
    """What was measured, in lines."""
    exact: Literal["", "seen", "stated"] = ""
    """Whether all runs gave the same score, and whether the owner says that all will."""

    def settings(self, folder: Path) -> Settings:
        """Return what the written autoresearch.toml says in `folder`."""
        places = [Path(name).expanduser() for name in self.read_only]
        return Settings(
            read_only=tuple(os.path.abspath(folder / place) for place in places),  # noqa: PTH100
            train=self.train,
            command=self.command or None,
            metric=self.metric,
            direction=self.direction,
            also=self.also,
            files=self.files,
            python=self.python or None,
            budget=self.budget or None,
            limit=self.limit or None,
            evaluate=self.evaluate,
        )


def toml_of(plan: Plan) -> str:
    """Return a commented autoresearch.toml."""
    return "\n".join([*_settings(plan), ""])


def program_of(plan: Plan) -> str:
    """Return a program.md for this project: a brief that its owner is to edit."""
    metric = one_line(plan.metric)
    files = ", ".join(f"`{one_line(name)}`" for name in plan.files or (plan.train,))
    lines = [
        "# Program",
        "",
        "You are improving this project on your own. Nobody answers questions; there is always a",
        "next experiment.",
        "",
        "## Goal",
        "",
        _goal(plan, metric),
        "",
        "## Limits",
        "",
        f"- You may change {files}. Everything else stays as it is.",
        *_stays(plan, metric),
        "- No package may be added, and there is no network.",
        "",
        "## Taste",
        "",
        "- Simple wins: a tiny gain for twenty lines of special cases is not worth keeping.",
        "- One idea a trial, with a reason that could turn out to be wrong.",
        "- Differences within the noise are not results.",
        *_noise_lines(plan),
        "",
        "## Ideas",
        "",
        "<!-- Write here what you would try, and what you learn from one night to the next. -->",
        "",
    ]
    return "\n".join(lines)


def _goal(plan: Plan, metric: str) -> str:
    best = "highest" if plan.direction == "maximize" else "lowest"
    run = one_line(plan.command or plan.train)
    if plan.evaluate is None:
        return f"The {best} `{metric}` that `{run}` prints."
    script = one_line(plan.evaluate.script)
    if plan.evaluate.program:
        return f"The {best} `{metric}` that `{script}` computes of `{one_line(plan.train)}`."
    return f"The {best} `{metric}` that `{script}` computes after `{run}`."


def _stays(plan: Plan, metric: str) -> Iterator[str]:
    """Yield the files by which the score is computed and which no edit may change."""
    if plan.evaluate is None:
        yield f"- How `{metric}` is computed, and on which data, stays as it is; so does its line"
        yield "  of output."
        return
    yield f"- `{one_line(plan.evaluate.script)}` and its data are hidden from you and from the run."
    if plan.evaluate.outputs:
        names = ", ".join(f"`{one_line(name)}`" for name in plan.evaluate.outputs)
        yield f"- A run must go on leaving {names} in the same form: the score is computed of that."


def _noise_lines(plan: Plan) -> Iterator[str]:
    for line in plan.noise:
        yield f"  {one_line(line)}"


def _settings(plan: Plan) -> Iterator[str]:
    yield "# What autoresearch improves here, written by `autoresearch init`: change what is wrong."
    yield _line("train", plan.train, "the script that is run and edited")
    if plan.command:
        yield _line("command", plan.command, "what is run in its place")
    else:
        yield '# command = "python …"'.ljust(WIDTH) + "# where it takes arguments"
    where = f'read from "{plan.line}"' if plan.line else "as the run prints it"
    if plan.evaluate:
        where = f"as {plan.evaluate.script} reports it"
    yield _line("metric", plan.metric, where)
    yield _line("direction", plan.direction, "or the other way")
    if plan.budget:
        yield _line("budget", plan.budget, "of training a trial, by AUTORESEARCH_BUDGET")
    if plan.limit:
        own = "" if plan.took is None else f" after {plan.took:.1f} s"
        of = " of the baseline's time" if plan.limit.endswith("x") else ""
        yield _line("limit", plan.limit, f"at most{of}: trainings end by themselves{own}")
    if plan.exact == "stated":
        yield _line("noise", "none", "the same code gives the same score")
    if plan.exact == "seen":
        yield (
            '# noise = "none"'.ljust(WIDTH)
            + "# set this if the same code always gives the same score:"
        )
        yield "".ljust(WIDTH) + "# without it little is kept, since all runs scored the same"
    if plan.also:
        yield _line("also", list(plan.also), "recorded, not judged")
    if plan.files:
        yield _line("files", list(plan.files), "files that an edit may change")
    if plan.python:
        yield _line("python", plan.python, "the interpreter of the trainings")
    what = "what a training may read besides the files in git"
    if plan.read_only:
        yield _line("read_only", list(plan.read_only), what)
    else:
        yield '# read_only = ["data"]'.ljust(WIDTH) + f"# {what}"
    yield '# environment = ["DATA_DIR"]'.ljust(WIDTH) + "# names of variables that it gets"
    if plan.evaluate:
        yield from _evaluate(plan.evaluate)
    yield from _ranges(plan)


def _evaluate(evaluator: Evaluator) -> Iterator[str]:
    """Yield the table [evaluate]."""
    yield ""
    yield "# What computes the score, in a sandbox that no run reaches."
    yield "[evaluate]"
    yield _line("command", evaluator.command, "called with the split: val, or test")
    if evaluator.hidden:
        yield _line(
            "hidden", list(evaluator.hidden), "no run and no model sees them, nor the script"
        )
    else:
        yield '# hidden = ["labels.csv"]'.ljust(WIDTH) + "# data that no run and no model may see"
    if evaluator.test:
        yield _line("test", list(evaluator.test), "hidden, and there only for the split test")
    if evaluator.program:
        yield _line("program", evaluator.program, "what its evaluate(path) is called with")
    if evaluator.outputs:
        yield _line("outputs", list(evaluator.outputs), "files that a training writes for it")


def _ranges(plan: Plan) -> Iterator[str]:
    yield ""
    if plan.proposed:
        yield "# Ranges that `autoresearch init` proposes; `autoresearch space` shows all."
        yield "[ranges]"
        yield from plan.ranges
        return
    yield "# Ranges of constants, where those inferred are wrong; `autoresearch space` shows all."
    yield "# [ranges]"
    for line in plan.ranges[:MAX_RANGES]:
        yield f"# {one_line(line)}"


def _line(key: str, value: object, comment: str) -> str:
    text = f"{key} = {json.dumps(value, ensure_ascii=False)}"
    return f"{text.ljust(WIDTH - 2)}  # {one_line(comment)}"
