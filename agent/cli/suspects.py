"""The commands for a trial whose score nobody believed: `approve` and `reject`."""

import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from agent.cli import app, epilog
from agent.cli.review import Number, OfBranch
from agent.cli.run import Trust, Unsafe
from agent.display.format import formatter_for, open_console
from agent.errors import UsageFault
from agent.evaluate.slots import make_slots, this_machine
from agent.history.history import History
from agent.history.runs import newest
from agent.judge.suspicion import Rejection, approved_by
from agent.records.results import Trial
from agent.run.bounds import Bounds

Because = Annotated[
    str, typer.Option("--because", metavar="TEXT", help="Why, in a line for the record.")
]


@app.command(epilog=epilog("autoresearch approve 7"))
def approve(
    number: Number, branch: OfBranch = None, trust: Trust = False, unsafe: Unsafe = False
) -> None:
    """Try a suspect trial again.

    Its edits are proposed on the newest state as a new trial, under seeds that it was not measured under and with the full
    audit. That verdict decides.
    """
    from agent.cli.consent import Consent
    from agent.cli.reach import agreed_run
    from agent.cli.renewal import data_of_run
    from agent.cli.session import Kit, find_place, proven, work
    from agent.propose.approved import Approved

    place = find_place(Path.cwd())
    consent = Consent(place.project, trust)
    with agreed_run(
        place.project, place.settings, consent, branch or newest(place.project), asks=False
    ) as history:
        trial = waiting(history, number)
        slots = make_slots(history.run.workers, *this_machine())[:1]
        sandbox = proven(unsafe, history.source, place.project, slots)
        with data_of_run(place, history, sandbox, consent) as data:
            kit = Kit(place.settings, slots, sandbox, data, history.run.caps)
            work(history, kit, Approved(trial), Bounds(trials=1), threading.Event(), only_new=True)


@app.command(epilog=epilog("autoresearch reject 7 --because 'it reads the next token'"))
def reject(number: Number, because: Because = "", branch: OfBranch = None) -> None:
    """Say that a suspect trial was rightly held back. A note on the run's branch records it; nothing else changes."""
    from agent.cli.session import find_place

    place = find_place(Path.cwd())
    with History.open(place.project, branch or newest(place.project)) as history:
        trial = waiting(history, number)
        at = datetime.now(UTC).isoformat(timespec="seconds")
        history.reject(Rejection(number=trial.number, because=because.strip(), at=at))
        console = open_console()
        console.print(
            formatter_for(console).line(f"#{trial.number} rejected: {trial.proposal.hypothesis}")
        )


def waiting(history: History, number: int) -> Trial:
    """The suspect trial `number` that nobody has decided about; UsageFault for any other."""
    trial = next((trial for trial in history.trials if trial.number == number), None)
    if trial is None:
        raise UsageFault(
            f"there is no verdict on #{number} in {history.branch}", "autoresearch log"
        )
    if trial.status != "suspect":
        raise UsageFault(
            f"#{number} is no suspect: its verdict is {trial.status}", f"autoresearch show {number}"
        )
    if any(rejection.number == number for rejection in history.rejections):
        raise UsageFault(f"#{number} was rejected already", f"autoresearch show {number}")
    again = next((other for other in history.trials if approved_by(other.proposal) == number), None)
    if again:
        message = f"#{number} was approved already: #{again.number} repeats it, with the verdict {again.status}"
        raise UsageFault(message, f"autoresearch show {again.number}")
    return trial
