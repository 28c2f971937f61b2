"""What commands do with the terminal besides printing: a pager, and a page that is kept current."""

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
    """Send what is printed through $PAGER in a terminal, as git does.

    less then shows colours, and ends at once where one screen is enough.
    """
    if not console.is_terminal:
        yield
        return
    os.environ.setdefault("LESS", "FRX")
    with console.pager(styles=console.color_system is not None):
        yield


def watch_status(history: History) -> None:
    """Show the run's status until no process works on it.

    A terminal redraws it in place; elsewhere each new state is printed below the last.
    """
    console = open_console()
    if not console.is_terminal:
        for page in _pages(history, console):
            console.print(page, "", sep="\n")
        return
    with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
        for page in _pages(history, console):
            live.update(page, refresh=True)


def _pages(history: History, console: Console) -> Iterator[RenderableType]:
    """The status at each change; the progress of a training is a change in a terminal only."""
    watch = Watch(history.project)
    tag = history.run.tag
    last: object = None
    while True:
        version = watch.version(tag)
        view = watch.view(tag)
        curves = watch.curves(tag)
        state = (version, curves if console.is_terminal else None)
        if state != last:
            yield watch_page(view.branch, view.pid, view.in_flight, view.trials, curves, console)
        if view.pid is None:
            return
        last = state
        time.sleep(WATCH_SECONDS)
