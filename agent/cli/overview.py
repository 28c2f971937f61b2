"""Prints the choices of a start, the reasons, and what to type or write to change them."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from agent.cli.build import Place
from agent.cli.more_files import advice
from agent.display.folding import Unpadded
from agent.display.format import PAPER, formatter_for, open_console
from agent.edit.files import Sources
from agent.evaluate.neighbours import Session, sessions
from agent.evaluate.slots import Slot
from agent.history.runs import text_at
from agent.llm.command import COMMANDS
from agent.llm.resolve import default_model, key_used, sends_no_bill
from agent.project.budgets import NOTHING_READS
from agent.project.evaluator import warnings_of
from agent.project.find import Project
from agent.project.interpreter import interpreter_of
from agent.project.numbers import direction_of
from agent.project.option import Option, Origin
from agent.project.resolve import StartOptions, may_cost
from agent.project.settings import ScoreKind
from agent.project.staffing import AUTO, NO_FILL, NOBODY
from agent.records.objective import VAL_BPB, Objective
from agent.space import read_choices
from sandbox.ground.devices import listed

WIDE = 96
"""Columns of a terminal from which on the third column of the block has room."""
ORIGINS = {
    Origin.FRONT_MATTER: "front matter",
    Origin.SETTINGS: "autoresearch.toml",
    Origin.RECORD: "as at the start",
    Origin.PARENT: "as in the run that it begins at",
    Origin.INFERRED: "inferred",
}
"""Where a value comes from; nothing is said of what was typed."""
HOW: Mapping[ScoreKind, str] = {
    "sealed": "computed by the harness",
    "evaluated": "sealed by the project's evaluator",
    "printed": "self-reported: as the run prints it",
}
"""Who computes the score."""
NO_KEY = "no ANTHROPIC_API_KEY, OPENAI_API_KEY or OPENAI_BASE_URL is set"


@dataclass(frozen=True)
class Row:
    """One line of the block."""

    name: str
    text: str
    change: str
    """A flag, a key or a command that changes it."""


@dataclass(frozen=True)
class Chosen:
    """The choices of a start."""

    place: Place
    options: StartOptions
    slots: tuple[Slot, ...]
    tier: str
    sources: Sources
    """The files that edits may touch, in the start commit."""
    prepare: str
    """The prepare.py of the start commit; empty where there is none."""
    objective: Objective = VAL_BPB
    begins: tuple[Row, ...] = ()
    """Where it begins, unless that is this folder's last commit."""
    told: tuple[str, ...] = ()
    """Who hears of it besides this terminal."""
    where: str = ""
    """Where trials run, as typed; empty for this machine."""


def say_overview(chosen: Chosen, err: bool = False) -> None:
    """Print the block. err: to stderr."""
    console = open_console(stderr=err)
    formatter = formatter_for(console)
    grid = Table.grid(padding=(0, 2, 0, 0))
    for _ in range(3):
        grid.add_column(overflow="fold")
    wide = WIDE <= console.width < PAPER
    if wide:
        grid.add_row("", "", Text("to change it", "dim"))
    for row in rows(chosen, os.environ, sessions()):
        text = Text(formatter.line(row.text))
        change = Text(formatter.line(row.change), "dim")
        if row.change and not wide:
            text = Text.assemble(text, (f"  ({formatter.line(row.change)})", "dim"))
        grid.add_row(Text(row.name, "bold"), text, change if wide else "")
    console.print(Unpadded(grid))


def say_beside(err: bool = False) -> None:
    """Print the other runs on this machine. err: to stderr."""
    console = open_console(stderr=err)
    formatter = formatter_for(console)
    for row in beside_rows(sessions()):
        console.print(Text(formatter.line(f"note: {row.text}"), "yellow"), soft_wrap=True)


def say_warnings(project: Project, commit: str, err: bool = False) -> None:
    """Print warnings about ways in which a run could subvert the evaluator. err: to stderr."""
    if project.evaluate is None:
        return
    script = project.evaluate.script
    text = text_at(project, commit, project.inside(script))
    console = open_console(stderr=err)
    formatter = formatter_for(console)
    for line in warnings_of(text, script, project.evaluate.program is not None):
        console.print(Text(formatter.line(f"warning: {line}"), "yellow"), soft_wrap=True)


def _method(options: StartOptions) -> str:
    if options.writers.value == NOBODY:
        return "none is asked: the run waits for `autoresearch try` and for agents"
    return options.method.value + _from(options.method)


def rows(
    chosen: Chosen, environment: Mapping[str, str], others: tuple[Session, ...]
) -> Iterator[Row]:
    """Yield the lines of the block. others: sessions on this machine."""
    place = chosen.place
    options = chosen.options
    project = place.project
    beside = [Path(path).name for path in (project.prepare, project.program) if path]
    edited = project.train if not project.files else ", ".join(project.files)
    verb = "are" if len(project.files) > 1 or "*" in edited else "is"
    files = f"{edited} {verb} edited" + (f"; {', '.join(beside)}" if beside else "")
    yield from chosen.begins
    yield Row("files", files, "toml: files, train, prepare")
    yield Row("objective", _objective(chosen), "toml: metric, direction, score")
    yield from _conditions(chosen.objective)
    python = interpreter_of(project, place.settings)
    yield Row("python", _short(python.label), "toml: python")
    yield Row("constants", _constants(chosen), "autoresearch space")
    yield Row("method", _method(options), "--method --writers")
    yield Row("model", _model(options, environment), "--model")
    if _looks_in_vain(options):
        why = "the model looks at nothing before it proposes: the extra mcp is not installed"
        yield Row("looks", why, "pip install 'autoresearch[mcp]'")
    if options.model.value is not None and options.writers.value != NOBODY:
        yield Row("writers", _writers(options), "--writers --fill --effort")
    if chosen.where:
        yield Row("places", f"{chosen.where}; each proves itself before it trains", "--on")
    else:
        yield Row("device", _device(chosen.slots), "--workers")
    tier = "none: code runs with your rights" if chosen.tier == "none" else f"tier {chosen.tier}"
    yield Row("sandbox", tier, "autoresearch doctor")
    yield Row("bounds", _bounds(options), "--budget --limit --trials --hours --max-cost")
    if chosen.told:
        yield Row("told", ", ".join(chosen.told), "--notify --tracker, autoresearch notify")
    yield from beside_rows(others)


def _conditions(objective: Objective) -> Iterator[Row]:
    """Yield the guards and checks of a keep, and the target of the run."""
    if objective.guards:
        yield Row("guards", ", ".join(map(str, objective.guards)), "toml: guards")
    if objective.checks:
        yield Row("checks", ", ".join(objective.checks), "toml: checks")
    if objective.also:
        yield Row("also", f"{', '.join(objective.also)}; recorded, not judged", "toml: also")
    if objective.target is not None:
        proof = "ends the run once fresh seeds prove it"
        yield Row("target", f"{objective.target:g}; {proof}", "toml: target")


def _objective(chosen: Chosen) -> str:
    objective = chosen.objective
    how = HOW[chosen.place.project.score]
    by_name = direction_of(objective.metric)
    doubt = ""
    if by_name not in (None, objective.direction):
        doubt = f', though its name says the other way: direction = "{by_name}"'
    return f"{objective.metric}, {objective.better}{doubt}; {how}"


def beside_rows(others: tuple[Session, ...]) -> Iterator[Row]:
    """Yield a line for each run that shares the machine."""
    for other in others:
        text = (
            f"{other.branch} in {_short(other.root)} runs here too (process {other.pid}): "
            "each gets less done in its time, which changes scores"
        )
        yield Row("beside", text, "")


def _constants(chosen: Chosen) -> str:
    choices = read_choices(chosen.sources, chosen.place.settings.stated_ranges)
    searched = sum(choice.parameter is not None for choice in choices)
    files = dict(chosen.sources.editable)
    where = f"{len(files)} files" if len(files) > 1 else Path(_train(chosen)).name
    text = f"{searched} searched, of {len(choices)} found in {where}"
    more = "" if searched else advice(chosen.place.project, chosen.sources)
    return f"{text}; {more}" if more else text


def _train(chosen: Chosen) -> str:
    return chosen.place.project.train


def _model(options: StartOptions, environment: Mapping[str, str]) -> str:
    """Return a row on the model and the place of its key, or on why there is none."""
    model = options.model.value
    if model is None:
        return f"none: {_why_none(options, environment)}"
    parts = [model + _from(options.model)]
    if key := key_used(model, environment):
        parts.append(f"key from {key}")
    if may_cost(model) and sends_no_bill(model, environment):
        parts.append("no bill is expected")
    return ", ".join(parts)


def _looks_in_vain(options: StartOptions) -> bool:
    """Return whether the model is a command that needs MCP for its tools, and MCP is missing."""
    command = (options.model.value or "").partition(":")[0] in COMMANDS
    return command and options.look.value and find_spec("mcp") is None


def _writers(options: StartOptions) -> str:
    """Return a row on the number of writers, the filler, and the model's effort."""
    count = options.writers.value
    how = "as many as keep the slots busy" if count == AUTO else f"{count} at once"
    fill = options.fill.value
    idle = "free slots wait" if fill == NO_FILL else f"{fill} fills slots that would wait"
    parts = [how, idle]
    if options.effort.value:
        parts.append(f"effort {options.effort.value}")
    return ", ".join(parts)


def _why_none(options: StartOptions, environment: Mapping[str, str]) -> str:
    if options.model.origin is Origin.FLAG:
        return "as typed"
    available = default_model(environment)
    if available is None:
        return NO_KEY
    key = key_used(available, environment)
    where = f"a key is in {key}" if key else f"{available} would be asked"
    if options.max_cost.value == 0:
        return f"{where}, but --max-cost 0 allows no paid question"
    return f"the method {options.method.value} asks none ({where})"


def _device(slots: tuple[Slot, ...]) -> str:
    gpus = tuple(chain.from_iterable(slot.gpus for slot in slots))
    cores = sum(len(slot.cpus) for slot in slots)
    what = listed(gpus) if gpus else f"CPU, {_count(cores, 'core')}"
    return f"{what}; {_count(len(slots), 'trial')} at once"


def _bounds(options: StartOptions) -> str:
    parts = [_time(options)]
    if options.trials.value is not None:
        parts.append(_count(options.trials.value, "trial") + _from(options.trials))
    if options.hours.value is not None:
        parts.append(f"{options.hours.value:g} hours" + _from(options.hours))
    if options.trials.value is None and options.hours.value is None:
        parts.append("no end but Ctrl-C")
    cost = options.max_cost
    if cost.value is not None:
        usual = " by default (--max-cost none lifts it)" if cost.origin is Origin.DEFAULT else ""
        parts.append(f"${cost.value:.2f}{_from(cost)}{usual}")
    elif may_cost(options.model.value):
        parts.append("no bound on cost")
    return ", ".join(parts)


def _time(options: StartOptions) -> str:
    """Return a row on what bounds the time of a training, and why."""
    budget = options.budget
    limit = options.limit
    if budget.value is not None:
        return f"{budget.value} of training a trial{_from(budget)}"
    if limit.origin is Origin.INFERRED and budget.origin is not Origin.DEFAULT:
        unkept = f"no training keeps to the budget{_from(budget)}; {NOTHING_READS}"
        return f"{unkept}: limit {limit.value}"
    if limit.origin is Origin.INFERRED:
        return f"trainings end by themselves; {NOTHING_READS}: limit {limit.value}"
    return f"limit {limit.value} on a training that ends by itself{_from(limit)}"


def _from(option: Option[Any]) -> str:
    origin = ORIGINS.get(option.origin)
    return f" ({origin})" if origin else ""


def _count(count: int, what: str) -> str:
    return f"{count} {what}" + ("" if count == 1 else "s")


def _short(path: str) -> str:
    """Return a path with ~ for the user's home."""
    home = str(Path.home())
    return "~" + path.removeprefix(home) if path.startswith(home + os.sep) else path
