"""Whether a command that a message or a page proposes exists, asked of the real command line."""

import re
import shlex
from collections.abc import Sequence
from enum import Enum
from typing import Any

import typer
import typer.core

from agent.cli import app

BLANK = "\N{REPLACEMENT CHARACTER}"
"""What stands in a message for a value that is known only when it is printed."""
GROUP = typer.main.get_command(app)
assert isinstance(GROUP, typer.core.TyperGroup)
COMMANDS = GROUP.commands
OPTIONS = frozenset(
    name
    for command in (GROUP, *COMMANDS.values())
    for option in command.params
    for name in (*option.opts, *option.secondary_opts)
    if name.startswith("-")
) | {"--help", "-h"}
GLOBAL = {"--help", "-h", "--version", "--install-completion", "--show-completion"}
"""Options without a command; those of typer itself are added only when it runs."""
_END = re.compile(r"\s#|\s?&&|\s\|\s|;\s|`|\n|</code>")
_START = re.compile(
    rf"(?:^|`|<code>|&& |{BLANK})(?:python -m )?autoresearch(?= [a-z{BLANK}-])", re.M
)


def commands_in(text: str) -> list[str]:
    """Return what a text has behind `autoresearch` where it is a command, not the project's name.

    That is at the start of a line, in code, or behind another command.
    """
    ends = (match.end() for match in _START.finditer(text))
    return [_END.split(text[end:].strip(), maxsplit=1)[0].strip(" .:,") for end in ends]


def problem(words: Sequence[str]) -> str | None:
    """Return why `autoresearch WORDS` cannot be typed like this; None if it can.

    Values are not looked at, except where there is a choice of a few.
    """
    name = words[0] if words else ""
    if name in GLOBAL:
        return None
    if name not in COMMANDS:
        return f"there is no command {name!r}"
    command = COMMANDS[name]
    rest = [word for word in words[1:] if word not in ("--help", "-h", "...", "…")]
    parser: Any = command.make_parser(typer.Context(command))
    try:
        values, left, _ = parser.parse_args(rest)
    except Exception as error:  # typer's own kind of click.UsageError, which it does not export
        return f"{name}: {error}"
    left = [word for word in left if BLANK not in word]
    if left:
        return f"{name}: too many arguments: {left}"
    for parameter in command.params:
        value = values.get(str(parameter.name))
        kind: Any = parameter.type_descriptor.annotation
        if not isinstance(value, str) or _is_blank(value) or not _is_enum(kind):
            continue
        choices = [choice.value for choice in kind]
        if value not in choices:
            return f"{name}: {value!r} is none of {choices}"
    return None


def lacking(words: Sequence[str]) -> list[str]:
    """Return the arguments that `autoresearch WORDS` needs and lacks."""
    command = COMMANDS[words[0]]
    parser: Any = command.make_parser(typer.Context(command))
    values, _, _ = parser.parse_args([word for word in words[1:] if word not in ("...", "…")])
    needed = [parameter for parameter in command.params if parameter.required]
    return [str(each.name) for each in needed if values.get(str(each.name)) in (None, (), [])]


def _is_enum(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Enum)


def _is_blank(value: str) -> bool:
    return BLANK in value or value.isupper()


def words_of(command: str) -> list[str]:
    """Return a command's words; one whose quotes are not closed is split at its blanks."""
    try:
        return shlex.split(command)
    except ValueError:
        return command.split()
