"""Shows runs: displays listen to a run's events and draw its trials; they decide nothing."""

from types import TracebackType
from typing import Protocol, Self

from rich.console import Console

from agent.display.format import open_console
from agent.display.lines import LinesDisplay
from agent.display.live import LiveDisplay
from agent.display.plain import PlainDisplay
from agent.records.events import Event

__all__ = ["Display", "LinesDisplay", "LiveDisplay", "PlainDisplay", "choose_display"]


class Display(Protocol):
    """Listens to the events of one run, in one thread, between `__enter__` and `__exit__`."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def handle(self, event: Event) -> None:
        """Update the display with one event."""
        ...


def choose_display(json_lines: bool = False, console: Console | None = None) -> Display:
    """Return the live view, or lines of text if the console cannot redraw.

    json_lines: return a display that writes JSON lines instead."""
    console = console or open_console()
    if json_lines:
        return LinesDisplay(console)
    # FORCE_COLOR makes rich take a file for a terminal, where moving a cursor only leaves noise.
    redraws = console.is_interactive and console.file.isatty()
    return LiveDisplay(console) if redraws else PlainDisplay(console)
