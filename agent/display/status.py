"""The page of `status`: what a run is doing and how far it is."""

from collections.abc import Mapping, Sequence
from itertools import chain, repeat

from rich.console import Console, Group, RenderableType
from rich.segment import Segment, Segments
from rich.text import Text

from agent.display.folding import Hanging
from agent.display.format import Formatter, formatter_for
from agent.display.places import HERE, Places, place_lines
from agent.display.table import outcome, trial_table
from agent.records.curves import Curve
from agent.records.losses import Loss
from agent.records.objective import VAL_BPB, Objective
from agent.records.results import Attempt, Trial

CURVE_CELLS = 24
LAST = 8
"""The number of newest verdicts in the watched page."""
LEAST = 2
"""The fewest lines of their table, in a low terminal: the head and the newest verdict."""


def status_page(
    branch: str,
    pid: int | None,
    in_flight: Sequence[Attempt],
    trials: Sequence[Trial],
    console: Console,
    warm: str = "",
    objective: Objective = VAL_BPB,
    losses: Mapping[int, Sequence[Loss]] = {},
    places: Places = HERE,
) -> RenderableType:
    """Return a page about the run on `branch`.

    pid: the process that works on it, or None. warm: a line about its prior trials. losses: places
    that were lost under the attempts in flight, by number. places: where it runs, if on other
    machines.
    """
    formatter = formatter_for(console, objective)
    running = pid is not None
    doing = Text("not running", style="dim")
    if running:
        doing = Text(f"running as process {pid}", style="green")
    lines = [Text.assemble("run     ", (formatter.line(branch), "bold"), "  ", doing)]
    if in_flight and not running:
        lines.append(_interrupted(in_flight))
    for attempt in in_flight:
        label, waits = _doing(attempt.number, running, places)
        proposal = formatter.line(f"#{attempt.number}{waits} {attempt.proposal.hypothesis}")
        lines.append(Text(label + proposal))
        for loss in losses.get(attempt.number, ()):
            lines.append(Text(f"          lost with {formatter.line(str(loss))}", style="yellow"))
    labels = chain(["places  "], repeat(" " * 8))
    for label, line in zip(labels, place_lines(places) if running else (), strict=False):
        lines.append(Text(label + formatter.line(line)))
    lines += outcome(trials, formatter, in_flight)
    if warm:
        lines.append(Text(formatter.line(f"warm    {warm}")))
    return Group(*map(Hanging, lines))


def _doing(number: int, running: bool, places: Places) -> tuple[str, str]:
    """Return the label of an attempt's line, and which run it waits for if the run is paused."""
    if not running:
        return " " * 8, ""
    for waits in places.waiting:
        if waits.number == number:
            return "waits   ", f" (paused before its run {waits.run})"
    return "now     ", ""


def _interrupted(in_flight: Sequence[Attempt]) -> Text:
    numbers = ", ".join(f"#{attempt.number}" for attempt in in_flight)
    text = f"        interrupted at {numbers}; `autoresearch resume` continues"
    return Text(text, style="yellow")


def watch_page(
    branch: str,
    pid: int | None,
    in_flight: Sequence[Attempt],
    trials: Sequence[Trial],
    curves: Mapping[int, Curve],
    console: Console,
    objective: Objective = VAL_BPB,
    remarks: Sequence[str] = (),
    places: Places = HERE,
    log: str = "",
) -> RenderableType:
    """Return the status, the curve of each training so far, and the last verdicts.

    A terminal that is too low for all of it has fewer verdicts, and then less of the status.

    remarks: lines on the inputs that hold now. places: as in status_page. log: its path.
    """
    formatter = formatter_for(console)
    progress = [
        Text(f"        #{number} {_progress(curve, formatter)}", no_wrap=True)
        for number, curve in curves.items()
        if curve
    ]
    above = Group(
        status_page(branch, pid, in_flight, trials, console, objective=objective, places=places),
        *progress,
        *(Hanging(Text(f"said    {formatter.line(line)}")) for line in remarks),
        Text(""),
    )
    below = Group(*((Text(f"log     {formatter.line(log)}", "dim"),) if log else ()))
    if not console.is_terminal:
        return Group(above, trial_table(trials[-LAST:], console, objective), below)
    room = console.height - len(console.render_lines(below, pad=False))
    lines = console.render_lines(above, pad=False)[: max(0, room - LEAST)]
    room -= len(lines)
    shown = max(1, min(LAST, room - 1))
    table = trial_table(trials[-shown:], console, objective)
    while shown > 1 and len(console.render_lines(table, pad=False)) > room:
        shown -= 1
        table = trial_table(trials[-shown:], console, objective)
    return Group(_page(lines), table, below)


def _page(lines: Sequence[Sequence[Segment]]) -> RenderableType:
    """Return lines that are rendered already."""
    return Segments(chain.from_iterable((*line, Segment.line()) for line in lines))


def _progress(curve: Curve, formatter: Formatter) -> str:
    fraction, loss = curve[-1]
    return f"{fraction:4.0%}  loss {loss:.4f}  {formatter.sparkline(curve, CURVE_CELLS)}"
