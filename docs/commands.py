"""Writes docs/commands.md again from the help texts of the program.

python docs/commands.py
"""

from pathlib import Path
from typing import Any

import typer

from agent.cli import app

PAGE = Path(__file__).parent / "commands.md"
HEAD = """# Commands

Every command with its options, as `autoresearch COMMAND --help` prints them. This page is written
by `python docs/commands.py`. What may also stand in a file is on [settings.md](settings.md).
"""


def page() -> str:
    """Return the text of docs/commands.md."""
    group: Any = typer.main.get_command(app)
    overview = ["| command | what it does |", "|---|---|"]
    sections = []
    for name, command in group.commands.items():
        overview.append(f"| [`{name}`](#{name}) | {_summary(command)} |")
        sections.append(_section(name, command, group))
    return "\n".join([HEAD, *overview, "", "\n".join(sections)])


def _summary(command: Any) -> str:
    return " ".join(command.help.partition("\n\n")[0].split())


def _section(name: str, command: Any, group: Any) -> str:
    paragraphs = [" ".join(part.split()) for part in command.help.split("\n\n")]
    examples = [
        line.strip()
        for line in command.epilog.splitlines()
        if line.strip().startswith("autoresearch ")
    ]
    lines = [f"## {name}", "", "\n\n".join(paragraphs), "", "```", *examples, "```", ""]
    rows = [_row(parameter, command, group) for parameter in command.params]
    if rows:
        lines += ["| option | meaning |", "|---|---|", *rows, ""]
    return "\n".join(lines)


def _row(parameter: Any, command: Any, group: Any) -> str:
    context = group.context_class(command)
    option, text = parameter.get_help_record(context)
    cells = (f"`{option}`", " ".join(text.split()))
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
