"""The commands for a trial that is suspect or held: `approve` and `reject`."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from agent.cli import app, epilog
from agent.cli.leaving import leave_checked_out
from agent.cli.options import Number, Trust, Unsafe, WorkOnBranch
from agent.cli.steering import run_to_steer, say_to_run
from agent.display.format import formatter_for, open_console
from agent.history.history import History
from agent.history.runs import usual_run
from agent.judge.suspicion import Rejection
from agent.records.inputs import MAX_REMARK, Approve, Ask, Reject
from agent.run.awaiting import awaiting
from agent.run.bounds import Bounds

Because = Annotated[
    str, typer.Option("--because", metavar="TEXT", help="The reason, one line for the record.")
]


def _sent(branch: str | None, ask: Ask) -> bool:
    """Send the input to the run if a process works on it; return whether one does."""
    run = run_to_steer(branch)
    if run.summary.pid is None:
        return False
    say_to_run(run, ask)
    return True


@app.command(epilog=epilog("autoresearch approve 7"))
def approve(
    number: Number, branch: WorkOnBranch = None, trust: Trust = False, unsafe: Unsafe = False
) -> None:
    """Try a suspect or held trial again.

    Its edits become a new trial on the newest state, measured under fresh seeds and with the full
    audit. The verdict on that trial decides. A run that works takes it as its next trial.
    """
    if _sent(branch, Approve(number=number)):
        return
    from agent.cli.build import place_around
    from agent.cli.consent import Consent
    from agent.cli.given_work import measure_given
    from agent.cli.reach import agreed_run
    from agent.cli.run_log import RunLog
    from agent.cli.session import outliving
    from agent.history.branch import tag_of
    from agent.propose.approved import Approved

    place = place_around(Path.cwd())
    consent = Consent(place.project, trust)
    name = branch or usual_run(place.project, Path.cwd())
    log = RunLog(place.project, tag_of(name))
    with (
        outliving(log),
        agreed_run(place.project, place.settings, consent, name, asks=False) as history,
    ):
        approved = Approved(awaiting(history, number))
        bounds = Bounds(trials=1)
        measure_given(place, history, approved, consent, log, bounds, unsafe, most_slots=1)


@app.command(epilog=epilog("autoresearch reject 7 --because 'it reads the next token'"))
def reject(number: Number, because: Because = "", branch: WorkOnBranch = None) -> None:
    """Record that a suspect or held trial is not taken.

    It adds a note to the run's branch; nothing else changes.
    """
    if _sent(branch, Reject(number=number, because=because.strip()[:MAX_REMARK])):
        return
    from agent.cli.build import place_around

    place = place_around(Path.cwd())
    name = branch or usual_run(place.project, Path.cwd())
    leave_checked_out(place.project, name)
    with History.open(place.project, name) as history:
        trial = awaiting(history, number)
        at = datetime.now(UTC).isoformat(timespec="seconds")
        history.reject(Rejection(number=trial.number, because=because.strip(), at=at))
        console = open_console()
        line = f"#{trial.number} rejected: {trial.proposal.hypothesis}"
        console.print(formatter_for(console).line(line))
