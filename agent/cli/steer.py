"""The commands that steer a run: `tell`, `pause`, `go`, `set`, `skip`, `hold`, `inbox`."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from pydantic import ValidationError

from agent.cli import app, epilog
from agent.cli.options import Number
from agent.cli.say import say
from agent.cli.steering import Steered, run_to_steer, say_to_run
from agent.display.steering import remark_lines
from agent.errors import UsageFault
from agent.history.history import History
from agent.records.bounded import reason_of
from agent.records.inputs import (
    MAX_REMARK,
    Go,
    Hold,
    Input,
    Pause,
    Release,
    Set,
    Skip,
    Tell,
    Withdraw,
    words_of,
)
from agent.records.steering import steering_of
from agent.run.inbox import Inbox
from agent.run.sent_refs import SentRefs
from sandbox.ground.text import whole_number

TELL_EXAMPLES = (
    "autoresearch tell 'try a warmup, and leave the depth alone'",
    "autoresearch tell --until 5 'only constants'",
    "autoresearch tell --withdraw 2",
)
SET_EXAMPLES = ("autoresearch set --trials 40", "autoresearch set --hours 8 --max-cost none")
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
    """Let a run start nothing new; the trials in training finish and are recorded.

    The clock of --hours stands still, and no model is asked, until `autoresearch go`.
    """
    say_to_run(run_to_steer(branch), Pause())


@app.command(epilog=epilog("autoresearch go"))
def go(branch: Steered = None) -> None:
    """Let a paused run go on."""
    say_to_run(run_to_steer(branch), Go())


@app.command(epilog=epilog("autoresearch skip 7"))
def skip(number: Number, branch: Steered = None) -> None:
    """End a trial in training, without a verdict on it.

    It is recorded as skipped: no failure and no score. It does not count for --trials, and is no
    part of the noise.
    """
    say_to_run(run_to_steer(branch), Skip(number=number))


@app.command(epilog=epilog("autoresearch hold", "autoresearch hold --off"))
def hold(
    branch: Steered = None,
    off: Annotated[
        bool, typer.Option("--off", help="Stop holding: keep what is better again.")
    ] = False,
) -> None:
    """From now on, mark what would be kept as `held`: it waits for your decision.

    `autoresearch approve N` tries a held trial again on the newest state, under unseen seeds, and
    that verdict decides; `autoresearch reject N` leaves it discarded.
    """
    say_to_run(run_to_steer(branch), Release() if off else Hold())


@app.command("set", epilog=epilog(*SET_EXAMPLES))
def set_(
    branch: Steered = None,
    trials: Annotated[
        int | None,
        typer.Option(metavar="N", help="Stop after this many measured trials of the whole run."),
    ] = None,
    hours: Annotated[
        float | None, typer.Option(metavar="HOURS", help="Stop after this many hours of a session.")
    ] = None,
    max_cost: Annotated[
        str | None,
        typer.Option(
            metavar="DOLLARS|none",
            help="Stop when the run has spent this much; none lifts the bound.",
        ),
    ] = None,
    patience: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Trials without a keep, after which a model is asked for another kind of change.",
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Train this many trials at once, after those in training have their verdicts.",
        ),
    ] = None,
    lift: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A bound to lift: trials or hours. May be repeated."),
    ] = None,
) -> None:
    """Give a run other bounds while it works; they also hold for later sessions.

    With other workers each training has another share of the machine: the session ends after the
    trials in training, goes on by itself, and first repeats the runs that it compares with.
    """
    lifted = list(lift or ())
    if max_cost == "none":
        lifted.append("max_cost")
        max_cost = None
    typed = {"trials": trials, "hours": hours, "max_cost": max_cost, "patience": patience}
    typed["workers"] = workers
    given = {name: value for name, value in typed.items() if value is not None}
    if not given and not lifted:
        raise UsageFault("There is nothing to set.", SET_EXAMPLES[0])
    try:
        ask = Set.model_validate({**given, "lift": lifted})
    except ValidationError as error:
        raise UsageFault(f"set: {reason_of(error)}.", SET_EXAMPLES[0]) from None
    say_to_run(run_to_steer(branch), ask)


@app.command(epilog=epilog("autoresearch inbox", "autoresearch inbox nov24 --to-push"))
def inbox(
    branch: Steered = None,
    to_push: Annotated[
        bool,
        typer.Option(
            "--to-push",
            help="Make refs of what waits here, for a run that another machine works on, and show "
            "the git command that sends them.",
        ),
    ] = False,
) -> None:
    """List what was said to a run and not read yet."""
    run = run_to_steer(branch)
    box = Inbox(run.home, run.tag)
    refs = SentRefs(run.home, run.tag)
    waiting = [asked for asked in box.read() if isinstance(asked, Input)]
    for asked in waiting:
        say(f"{asked.id} by {asked.sender}: {words_of(asked.ask)}")
    if not waiting:
        say(f"Nothing waits for {run.summary.branch}.")
    if not to_push or not waiting:
        return
    for asked in waiting:
        refs.write(asked)
        box.remove(asked)
    say("The inputs are refs now. To send them to the machine that works on the run, type:")
    say(f"  git push REMOTE 'refs/autoresearch/{run.tag}/inbox/*'")


def _tell(text: str, until: str | None) -> Tell:
    words = text.strip()
    if not words:
        raise UsageFault("There is nothing to tell.", "autoresearch tell 'try a warmup'")
    if len(words) > MAX_REMARK:
        message = f"A remark may have {MAX_REMARK} characters, and this one has {len(words)}."
        raise UsageFault(message, "autoresearch brief   # for more than a remark")
    if until is None:
        return Tell(text=words)
    trials = whole_number(until.strip())
    if trials is not None and 0 < trials < 10**6:
        return Tell(text=words, trials=trials)
    match = _TIME.fullmatch(until.strip())
    if not match or not int(match[1]):
        message = (
            f"--until takes a number of trials (5) or a time (30m, 8h, 2d), not {until[:100]!r}."
        )
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
        say(f"No remark is in force in {run.summary.branch}.")
