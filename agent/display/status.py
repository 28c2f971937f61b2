"""What a run is doing and where it stands, for the question at 8 a.m."""

from collections.abc import Sequence

from rich.console import Console, Group, RenderableType
from rich.text import Text

from agent.display.pen import pen_for
from agent.display.table import outcome
from agent.records import Attempt, Trial


def status_page(
    branch: str, pid: int | None, in_flight: Sequence[Attempt], trials: Sequence[Trial], console: Console
) -> RenderableType:
    """A screen about the run on `branch`; `pid` is the process that works on it, None where none does."""
    pen = pen_for(console)
    doing = Text(f"running as process {pid}", style="green") if pid is not None else Text("not running", style="dim")
    flying = [Text(pen.line(f"#{one.number} {one.proposal.hypothesis}")) for one in in_flight]
    label = "now     " if pid is not None else "left    "
    return Group(
        Text.assemble("run     ", (pen.line(branch), "bold"), "  ", doing),
        *(Text.assemble(label, one) for one in flying),
        *outcome(trials, pen),
    )
