"""The command `space`: every constant, its range, why it is searched or not, how to change that."""

import json
import re
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from agent.cli import app, epilog
from agent.cli.options import Branch, Json
from agent.display.format import Formatter, formatter_for, open_console
from agent.edit.files import Sources
from agent.errors import ProjectFault
from agent.history.history import History
from agent.history.runs import tip_of
from agent.history.sources import sources_in
from agent.project.around import project_around
from agent.project.find import Project
from agent.project.settings import FILE
from agent.records.proposals import Value
from agent.space import Parameter, read_choices
from agent.space.read import Choice

EXAMPLES = ("autoresearch space", "autoresearch space nov24 --json")
ORIGINS = {"settings": FILE, "comment": "comment", "inferred": "inferred"}
MAX_VALUE = 40
"""Characters of a value."""
_BARE = re.compile(r"[A-Za-z0-9_-]+")


@app.command(epilog=epilog(*EXAMPLES))
def space(branch: Branch = None, as_json: Json = False) -> None:
    """Show every constant: its range, why it is searched or not, and how to change that.

    Without RUN, those of the last commit here: what a start would work with. The last column is
    what to write below [ranges] in autoresearch.toml to have it otherwise.
    """
    found = project_around(Path.cwd())
    if branch is None:
        sources = _at_head(found.project)
    else:
        with History.read(found.project, branch) as history:
            sources = history.sources
    choices = read_choices(sources, found.settings.stated_ranges)
    if as_json:
        typer.echo(json.dumps([_record(choice) for choice in choices], indent=1))
        return
    _print(open_console(), choices, sources)


def _at_head(project: Project) -> Sources:
    from agent.git.plumbing import Plumbing

    head = tip_of(Plumbing(Path(project.root)), "HEAD")
    if head is None:
        raise ProjectFault(
            "The repository has no commit yet.", "git add . && git commit -m 'Start'"
        )
    return sources_in(project, head)


def _print(console: Console, choices: list[Choice], sources: Sources) -> None:
    formatter = formatter_for(console)
    searched = [choice for choice in choices if choice.parameter]
    files = [path for path, _ in sources.editable]
    where = f"{len(files)} files" if len(files) > 1 else "".join(files)
    console.print(f"{len(searched)} constants are searched, of {len(choices)} found in {where}.")
    for path in files:
        own = [choice for choice in choices if choice.constant.file == path]
        if own:
            console.print(Text(f"\n{formatter.line(path)}", "bold"))
            console.print(_table(own, formatter))
    if choices:
        console.print(f"\nto change one: its last column, in {FILE} below [ranges]")


def _table(choices: list[Choice], formatter: Formatter) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for name in ("constant", "value", "range", "why", "to change it"):
        table.add_column(name, no_wrap=name != "why", overflow="fold")
    for choice in choices:
        searched = choice.parameter is not None
        span = range_text(choice.parameter) if choice.parameter else "not searched"
        row = (choice.constant.local, value_text(choice.constant.value), span, choice.reason)
        cells = [Text(formatter.line(text), "" if searched else "dim") for text in row]
        table.add_row(*cells, Text(formatter.line(line_of(choice))))
    return table


def value_text(value: Value) -> str:
    """Return a value in a table."""
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= MAX_VALUE else f"{text[: MAX_VALUE - 1]}…"


def range_text(parameter: Parameter) -> str:
    """Return a range as autoresearch.toml writes it."""
    if parameter.kind == "categorical":
        return " | ".join(map(str, parameter.choices))
    scale = " log" if parameter.log else ""
    if parameter.power_of_two:
        scale = " pow2"
    return f"{parameter.low:g} .. {parameter.high:g}{scale}"


def line_of(choice: Choice) -> str:
    """Return the line below [ranges] that makes a constant fixed, or that has it searched."""
    wanted = "fixed" if choice.parameter else _wide(choice.constant.value)
    return range_line(choice.constant.name, wanted)


def range_line(name: str, wanted: str) -> str:
    """Return the line below [ranges] that gives a constant a range."""
    key = name if _BARE.fullmatch(name) else json.dumps(name, ensure_ascii=False)
    return f'{key} = "{wanted}"'


def _wide(value: Value) -> str:
    """Return a range around a value, for who wants it searched."""
    if isinstance(value, bool):
        return "False | True"
    if isinstance(value, str):
        return f"{value} | OTHER"
    if isinstance(value, int):
        return f"{min(value // 2, value * 2)} .. {max(value // 2, value * 2, 1)}"
    if value > 0:
        return f"{value / 3:.2g} .. {value * 3:.2g} log"
    return f"{min(value * 2, -1.0):g} .. {max(value / 2, 1.0):g}"


def _record(choice: Choice) -> dict[str, Any]:
    constant = choice.constant
    parameter = choice.parameter
    return {
        "name": constant.name,
        "file": constant.file,
        "value": constant.value,
        "range": range_text(parameter) if parameter else None,
        "origin": ORIGINS[choice.origin],
        "why": choice.reason,
        "to_change": line_of(choice),
    }
