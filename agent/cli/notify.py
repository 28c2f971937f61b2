"""The command `notify`."""

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from agent.cli import app, epilog
from agent.errors import Fault, HistoryFault, ProjectFault

EXAMPLE = """\
[notify]
command = "notify-send autoresearch"
apprise = ["mailto://USER:PASSWORD@gmail.com", "tgram://BOT_TOKEN/CHAT_ID"]
events = ["keep", "plateau", "money", "hold", "wait", "error", "end"]
"""


@app.command(epilog=epilog("autoresearch notify", "autoresearch notify --test"))
def notify(
    test: Annotated[
        bool, typer.Option("--test", help="Send one message to each, and say whether it arrived.")
    ] = False,
) -> None:
    """Show who is told of your runs, and of what.

    A command of yours, and mail, chats and phones by their addresses in Apprise's form. Only your
    own configuration names them, never a repository's: a file outside it, or the variables
    AUTORESEARCH_NOTIFY (addresses, with spaces between) and AUTORESEARCH_NOTIFY_COMMAND.
    """
    from agent.trackers import open_channels
    from agent.trackers.messages import sample
    from agent.trackers.targets import config_file, targets_of

    file = config_file()
    _say("file", f"{file}{'' if file.exists() else ' (not there)'}")
    targets = targets_of(os.environ, _root_here())
    channels = open_channels(targets)
    if not channels:
        _say("tells", "nobody; a file like this sets who is notified:")
        typer.echo(EXAMPLE, nl=False)
        return
    if targets.command is not None:
        _say("runs", targets.command)
    for name, _ in channels[targets.command is not None :]:
        _say("tells", name)
    _say("events", ", ".join(targets.events))
    if test:
        _send([(name, partial(channel.send, sample())) for name, channel in channels])


def _say(label: str, text: str) -> None:
    """Print a line that begins with a label."""
    from agent.display.format import formatter_for, open_console

    console = open_console()
    line = formatter_for(console).line(text)
    console.print(f"{label:<8}{line}", soft_wrap=True, markup=False)


def _root_here() -> Path | None:
    """Return the top folder of the repository around the current folder, or None."""
    from agent.project.find import root_of

    try:
        return root_of(Path.cwd())
    except (ProjectFault, HistoryFault):
        return None


def _send(sends: Sequence[tuple[str, Callable[[], None]]]) -> None:
    """Send a message over each named channel, and print the outcomes. Raise Fault if any failed."""
    failed = 0
    for name, send in sends:
        try:
            send()
        except Fault as fault:
            failed += 1
            _say("failed", f"{name}: {fault.message}")
        else:
            _say("sent", name)
    if failed:
        raise Fault(f"{failed} of {len(sends)} messages were not sent.", "autoresearch notify")
