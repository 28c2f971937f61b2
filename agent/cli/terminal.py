"""Uses of the terminal besides printing: a pager, and a status page that is kept current."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from rich.console import Console, RenderableType

from agent.cli.say import say
from agent.dashboard.watch import Watch
from agent.display.format import open_console
from agent.display.screen import Screen
from agent.display.status import watch_page
from agent.display.waits import wait_words
from agent.history.history import History
from agent.history.runs import log_path
from agent.history.waits import awaited_by

WATCH_SECONDS = 1.0
Page = Callable[[], RenderableType]


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
    """Show the run's status until no process works on it, or until Ctrl-C.

    A terminal redraws it in place, and keeps the last; elsewhere each new state is printed below
    the one before.
    """
    console = open_console()
    try:
        _watch(history, console)
    except KeyboardInterrupt:
        if history.owner is None:
            return
        tag = history.tag
        text = f"{history.branch} goes on; `autoresearch stop {tag}` ends it"
        say(text)


def _watch(history: History, console: Console) -> None:
    if not console.is_terminal:
        for page in _pages(history, console):
            console.print(page(), "", sep="\n")
        return
    pages = _pages(history, console)
    last = next(pages)
    try:
        with Screen(console, lambda: last()):
            for page in pages:
                last = page
    finally:
        console.print(last())


def _pages(history: History, console: Console) -> Iterator[Page]:
    """Yield the status at each change, to be drawn at whatever width the console then has.

    The progress of a training is a change in a terminal only.
    """
    watch = Watch(history.project)
    tag = history.tag
    log = log_path(history.project, tag)
    shown = str(log) if log.exists() else ""
    last: object = None
    while True:
        version = watch.version(tag)
        view = watch.view(tag)
        curves = watch.curves(tag)
        awaited = awaited_by(history.project, tag) if view.pid is not None else None
        waits = (wait_words(awaited.until, awaited.reason),) if awaited else ()
        state = (version, waits, curves if console.is_terminal else None)
        if state != last:
            yield partial(
                watch_page,
                view.branch,
                view.pid,
                view.in_flight,
                view.trials,
                curves,
                console,
                view.run.goal,
                (*waits, *view.state),
                view.places,
                shown,
            )
        if view.pid is None:
            return
        last = state
        time.sleep(WATCH_SECONDS)
