"""The commands that talk to a run while it works: `tell`, `pause`, `go`."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from agent.cli import app, epilog
from agent.cli.steering import Steered, run_to_steer, say, say_to_run
from agent.display.steering import remark_lines
from agent.errors import UsageFault
from agent.history.history import History
from agent.records.inputs import MAX_REMARK, Go, Pause, Tell, Withdraw
from agent.records.steering import steering_of

TELL_EXAMPLES = (
    "autoresearch tell 'try a warmup, and leave the depth alone'",
    "autoresearch tell --until 5 'only constants'",
    "autoresearch tell --withdraw 2",
)
_TIME = re.compile(r"(\d{1,6})\s*(m|min|h|d)")
_MINUTES = {"m": 1, "min": 1, "h": 60, "d": 1440}


@app.command(epilog=epilog(*TELL_EXAMPLES))
def tell(
    text: Annotated[
        str | None,
        typer.Argument(metavar="TEXT", help="An idea or a remark. Without it: the remarks so far."),
    ] = None,
    branch: Steered = None,
    until: Annotated[
        str | None,
        typer.Option(
            "--until",
            metavar="N|TIME",
            help="For the next N trials (5), or for a time (30m, 8h, 2d). Default: for good.",
        ),
    ] = None,
    withdraw: Annotated[
        int | None,
        typer.Option("--withdraw", metavar="N", help="Take remark N back.", min=1),
    ] = None,
) -> None:
    """Tell a run something that the model is shown with its next questions.

    Each remark gets a number, is recorded on the run's branch with your name, and holds until it is
    withdrawn. A run that nobody works on reads it when it is resumed.
    """
    if withdraw is not None:
        # `tell --withdraw 2 nov24`: the only argument is the run's name.
        say_to_run(run_to_steer(branch or text), Withdraw(number=withdraw))
        return
    if text is None:
        _list(branch)
        return
    say_to_run(run_to_steer(branch), _tell(text, until))


@app.command(epilog=epilog("autoresearch pause", "autoresearch pause nov24"))
def pause(branch: Steered = None) -> None:
    """Let a run start nothing new; what trains ends and is recorded.

    The clock of --hours stands still, and no model is asked, until `autoresearch go`.
    """
    say_to_run(run_to_steer(branch), Pause())


@app.command(epilog=epilog("autoresearch go"))
def go(branch: Steered = None) -> None:
    """Let a paused run go on."""
    say_to_run(run_to_steer(branch), Go())


def _tell(text: str, until: str | None) -> Tell:
    words = text.strip()
    if not words:
        raise UsageFault("There is nothing to tell.", "autoresearch tell 'try a warmup'")
    if len(words) > MAX_REMARK:
        message = f"A remark may have {MAX_REMARK} characters, and this one has {len(words)}."
        raise UsageFault(message, "autoresearch brief   # for more than a remark")
    if until is None:
        return Tell(text=words)
    if until.strip().isdecimal() and 0 < int(until) < 10**6:
        return Tell(text=words, trials=int(until))
    match = _TIME.fullmatch(until.strip())
    if not match or not int(match[1]):
        message = f"--until takes a number of trials (5) or a time (30m, 8h, 2d), not {until!r}."
        raise UsageFault(message, "autoresearch tell --until 5 'only constants'")
    end = datetime.now(UTC) + timedelta(minutes=int(match[1]) * _MINUTES[match[2]])
    return Tell(text=words, until=end.isoformat(timespec="seconds"))


def _list(branch: str | None) -> None:
    run = run_to_steer(branch)
    with History.read(run.home, run.summary.branch) as history:
        steering = steering_of(history.inputs, len(history.trials))
    lines = remark_lines(steering)
    for line in lines:
        say(line)
    if not lines:
        say(f"No remark holds in {run.summary.branch}.")
