"""What a command does with the terminal besides printing: a pager, and a picture that is kept up to date."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, RenderableType
from rich.live import Live

from agent.dashboard.watch import Watch
from agent.display.format import open_console
from agent.display.status import watch_page
from agent.history.history import History

WATCH_SECONDS = 1.0


@contextmanager
def pager(console: Console) -> Iterator[None]:
    """Through $PAGER in a terminal, as git does it: less shows colours and leaves at once where one screen is enough."""
    if not console.is_terminal:
        yield
        return
    os.environ.setdefault("LESS", "FRX")
    with console.pager(styles=console.color_system is not None):
        yield


def watch_status(history: History) -> None:
    """Show the run's status, redrawn in place in a terminal and printed anew elsewhere, until no process works on the run."""
    console = open_console()
    if not console.is_terminal:
        for page in _pages(history, console):
            console.print(page, "", sep="\n")
        return
    with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
        for page in _pages(history, console):
            live.update(page, refresh=True)


def _pages(history: History, console: Console) -> Iterator[RenderableType]:
    """The status each time that something has changed; on paper how far a training is counts as nothing."""
    look, tag = Watch(history.project), history.run.tag
    seen: object = None
    while True:
        version, view, curves = look.version(tag), look.view(tag), look.curves(tag)
        state = (version, curves if console.is_terminal else None)
        if state != seen:
            yield watch_page(view.branch, view.pid, view.in_flight, view.trials, curves, console)
        if view.pid is None:
            return
        seen = state
        time.sleep(WATCH_SECONDS)
