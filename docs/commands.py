"""Writes docs/commands.md again from the help texts of the program, and docs/api.md beside it.

python docs/commands.py
"""

from pathlib import Path
from runpy import run_path
from typing import Any

import typer

from agent.cli import app
from agent.cli.grouping import command_groups, option_groups, summary
from agent.cli.method_list import needs_of
from agent.errors import EXIT_CODES
from agent.propose.methods import METHODS

PAGE = Path(__file__).parent / "commands.md"
HEAD = """# Commands

Every command with its options, as `autoresearch COMMAND --help` prints them. This page is written
by `python docs/commands.py`. What may also stand in a file is on [settings.md](settings.md).
`autoresearch --install-completion` lets your shell complete commands, options, runs, trials,
methods, models and presets. Every command ends with one of the [exit codes](#exit-codes).
"""


def page() -> str:
    """Return the text of docs/commands.md."""
    group: Any = typer.main.get_command(app)
    overview = []
    sections = []
    for heading, commands in command_groups(group):
        overview += [f"**{heading}**", "", "| command | what it does |", "|---|---|"]
        for name, command in commands:
            overview.append(f"| [`{name}`](#{name}) | {summary(command)} |")
            sections.append(_section(name, command, group))
            if name == "methods":
                sections.append(_methods())
        overview.append("")
    return "\n".join([HEAD, *overview, *sections, *_exit_codes()])


def _methods() -> str:
    rows = [
        f"| `{method.name}` | {needs_of(method)} | {method.description} |"
        for method in METHODS.values()
    ]
    return "\n".join(["| method | needs | how it proposes |", "|---|---|---|", *rows, ""])


def _exit_codes() -> list[str]:
    rows = [f"| {code} | {meaning} |" for code, meaning in EXIT_CODES.items()]
    return ["## Exit codes", "", "| exit code | meaning |", "|---|---|", *rows, ""]


def _section(name: str, command: Any, group: Any) -> str:
    paragraphs = [" ".join(part.split()) for part in command.help.split("\n\n")]
    examples = [
        line.strip()
        for line in command.epilog.splitlines()
        if line.strip().startswith("autoresearch ")
    ]
    lines = [f"## {name}", "", "\n\n".join(paragraphs), "", "```", *examples, "```", ""]
    for heading, rows in option_groups(command, group.context_class(command)):
        shown = [_row(row) for row in rows if not row[0].endswith("--help")]
        if shown:
            lines += [f"| {heading.lower()} | meaning |", "|---|---|", *shown, ""]
    return "\n".join(lines)


def _row(row: tuple[str, str]) -> str:
    term, text = row
    cells = (f"`{term}`", " ".join(text.split()))
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")
    run_path(str(PAGE.parent / "api.py"), run_name="__main__")


if __name__ == "__main__":
    main()
