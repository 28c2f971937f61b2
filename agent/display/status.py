"""What a run is doing and where it stands, for the question at 8 a.m."""

from collections.abc import Mapping, Sequence

from rich.console import Console, Group, RenderableType
from rich.text import Text

from agent.display.format import Curve, Formatter, formatter_for
from agent.display.table import outcome, trial_table
from agent.records.results import Attempt, Trial

CURVE_CELLS = 24
LAST = 8


def status_page(
    branch: str,
    pid: int | None,
    in_flight: Sequence[Attempt],
    trials: Sequence[Trial],
    console: Console,
    warm: str = "",
) -> RenderableType:
    """A screen about the run on `branch`; `pid` is the process that works on it, None where none does. warm: a word on it."""
    formatter = formatter_for(console)
    doing = (
        Text(f"running as process {pid}", style="green")
        if pid is not None
        else Text("not running", style="dim")
    )
    flying = [Text(formatter.line(f"#{one.number} {one.proposal.hypothesis}")) for one in in_flight]
    label = "now     " if pid is not None else "left    "
    return Group(
        Text.assemble("run     ", (formatter.line(branch), "bold"), "  ", doing),
        *(Text.assemble(label, one) for one in flying),
        *outcome(trials, formatter),
        *([Text(formatter.line(f"warm    {warm}"))] if warm else []),
    )


def watch_page(
    branch: str,
    pid: int | None,
    in_flight: Sequence[Attempt],
    trials: Sequence[Trial],
    curves: Mapping[int, Curve],
    console: Console,
) -> RenderableType:
    """The status with how far each training is, by its curve so far, and the last verdicts."""
    formatter = formatter_for(console)
    far = [
        Text(f"        #{number} {_progress(curve, formatter)}", no_wrap=True)
        for number, curve in curves.items()
        if curve
    ]
    return Group(
        status_page(branch, pid, in_flight, trials, console),
        *far,
        Text(""),
        trial_table(trials[-LAST:], console),
    )


def _progress(curve: Curve, formatter: Formatter) -> str:
    fraction, loss = curve[-1]
    return f"{fraction:4.0%}  loss {loss:.4f}  {formatter.sparkline(curve, CURVE_CELLS)}"
