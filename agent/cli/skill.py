"""The command `skill`: installs the skill for coding agents, and removes it."""

import os
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from agent.cli import app, epilog
from agent.cli.consent import agreed, is_terminal
from agent.cli.retype import again
from agent.cli.say import say
from agent.errors import UsageFault
from agent.project.find import root_of
from agent.serve.skill import (
    Client,
    Place,
    places_in_repository,
    places_of_user,
    remove,
    to_remove,
    to_write,
    write,
)

EXAMPLES = (
    "autoresearch skill install",
    "autoresearch skill install --claude --user",
    "autoresearch skill uninstall",
)


class Action(StrEnum):
    """What is done with the skill."""

    INSTALL = "install"
    UNINSTALL = "uninstall"


@app.command(name="skill", epilog=epilog(*EXAMPLES))
def skill_command(
    action: Annotated[Action, typer.Argument(help="install, or uninstall.")],
    claude: Annotated[
        bool, typer.Option("--claude", help="For Claude Code only. Default: for both.")
    ] = False,
    codex: Annotated[bool, typer.Option("--codex", help="For Codex only.")] = False,
    project: Annotated[
        bool,
        typer.Option(
            "--project", help="In this repository, for everybody who works in it: the default."
        ),
    ] = False,
    user: Annotated[bool, typer.Option("--user", help="For you, in every repository.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Install the skill by which Claude Code and Codex set up, start and read runs.

    Lists the files that it would write, and asks. `uninstall` removes exactly those, unless they
    were changed.
    """
    if project and user:
        raise UsageFault("Name --project or --user, not both.", "autoresearch skill install --user")
    clients = [client for client, wanted in zip(Client, (claude, codex), strict=True) if wanted]
    chosen = clients or list(Client)
    if user:
        places = places_of_user(chosen, os.environ)
    else:
        places = places_in_repository(root_of(Path.cwd()), chosen)
    if action is Action.INSTALL:
        _install(places, yes)
    else:
        _uninstall(places, yes)


def _install(places: Sequence[Place], yes: bool) -> None:
    wanted = to_write(places)
    if not wanted:
        say("The skill is installed already.")
        return
    if _agreed(wanted, "writes", yes):
        for place in wanted:
            write(place)
        say("Installed. A session of the agent that begins now has it; `/autoresearch` calls it.")


def _uninstall(places: Sequence[Place], yes: bool) -> None:
    wanted, changed = to_remove(places)
    for place in changed:
        say(f"{place.path} was changed by hand, so it is not removed.")
    if not wanted:
        say("There is nothing to remove.")
        return
    if _agreed(wanted, "removes", yes):
        for place in wanted:
            remove(place)
        say("Removed.")


def _agreed(places: Sequence[Place], does: str, yes: bool) -> bool:
    """Print the files; return whether the user agrees."""
    for place in places:
        say(f"{does} {place.path}  (for {place.client})")
    if yes:
        return True
    command = again("--yes")
    if not is_terminal():
        raise UsageFault(
            "`skill` asks before it changes a file, and there is no terminal to ask in.", command
        )
    if agreed("Go ahead?", command):
        return True
    say("Nothing was done.")
    return False
