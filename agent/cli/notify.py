"""The command `notify`."""

import os
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
        bool, typer.Option("--test", help="Send one message to each, and say what became of it.")
    ] = False,
) -> None:
    """Show who is told of your runs, and of what.

    A command of yours, and mail, chats and phones by their addresses in Apprise's form. Only your
    own configuration names them, never a repository's: a file outside it, or the variables
    AUTORESEARCH_NOTIFY (addresses, with spaces between) and AUTORESEARCH_NOTIFY_COMMAND.
    """
    from agent.display.format import formatter_for, open_console
    from agent.project.find import root_of
    from agent.trackers import open_channels
    from agent.trackers.messages import sample
    from agent.trackers.targets import config_file, targets_of

    try:
        root: Path | None = root_of(Path.cwd())
    except (ProjectFault, HistoryFault):
        root = None
    targets = targets_of(os.environ, root)
    console = open_console()
    formatter = formatter_for(console)

    def say(label: str, text: str) -> None:
        console.print(f"{label:<8}{formatter.line(text)}", soft_wrap=True, markup=False)

    file = config_file()
    say("file", f"{file}{'' if file.exists() else ' (not there)'}")
    channels = open_channels(targets)
    if not channels:
        say("tells", "nobody; a file like this names who is told:")
        console.print(EXAMPLE, end="", markup=False)
        return
    if targets.command is not None:
        say("runs", targets.command)
    for name, _ in channels[targets.command is not None :]:
        say("tells", name)
    say("events", ", ".join(targets.events))
    if not test:
        return
    failed = 0
    for name, channel in channels:
        try:
            channel.send(sample())
        except Fault as fault:
            failed += 1
            say("failed", f"{name}: {fault.message}")
        else:
            say("sent", name)
    if failed:
        raise Fault(f"{failed} of {len(channels)} messages were not sent.", "autoresearch notify")
