"""Tells on stderr what a command waits for, and why, once the wait is long.

A terminal shows one line that is kept current (a narrow one folds it), with a bar where the share
that is done is known; elsewhere plain lines are printed, ever more rarely. Nothing is written to
stdout.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from rich.console import Console, ConsoleOptions, OverflowMethod, RenderResult
from rich.live import Live
from rich.text import Text

from agent.display.format import duration, formatter_for, open_console
from agent.records.stage import Stage

SAID_SECONDS = 2.0
"""Shorter waits are not mentioned."""
EXPLAINED_SECONDS = 10.0
"""After this time the usual reason is given if no other is known."""
REPEATED_SECONDS = 60.0
"""When a wait is mentioned again outside a terminal; the interval doubles each time."""
LOOK_SECONDS = 0.25
BAR_CELLS = 24
MAX_LINES = 3
"""The most lines of a narrow terminal for one wait."""

Look = Callable[[], Stage | None]
"""Returns the progress of what is waited for; None while it is unknown."""


class Wait:
    """One wait; `because` may be called from any thread."""

    def __init__(self, what: str, usually: str, look: Look | None) -> None:
        self._what = what
        self._usually = usually
        self._look = look
        self._reason = ""
        self._began = time.monotonic()

    def because(self, reason: str) -> None:
        """Replace the reason."""
        self._reason = reason

    @property
    def seconds(self) -> float:
        """How long it has taken so far."""
        return time.monotonic() - self._began

    @property
    def reason(self) -> str:
        """The latest reason, or else the usual one if the wait is long; empty if there is none."""
        if self._reason or self.seconds < EXPLAINED_SECONDS:
            return self._reason
        return self._usually

    def stage(self) -> Stage | None:
        """Return the progress of what is waited for; None if it is unknown."""
        return self._look() if self._look else None

    def line(self) -> str:
        """Return `waiting for the sandbox (12 s): reason`; it may quote an untrusted log."""
        waited = f" ({duration(self.seconds)})" if self.seconds >= EXPLAINED_SECONDS else ""
        return ": ".join(filter(None, (f"waiting for {self._what}{waited}", self.details())))

    def details(self) -> str:
        """Return the progress and the reason of the wait, as far as they are known."""
        parts = []
        if stage := self.stage():
            parts.append(stage.what)
            if stage.fraction is not None:
                parts = [f"{stage.fraction:.0%} {stage.what}"]
        return "; ".join(filter(None, (*parts, self.reason)))


@contextmanager
def waiting(
    what: str, usually: str = "", look: Look | None = None, console: Console | None = None
) -> Iterator[Wait]:
    """Tell what this block waits for, if it takes long; `what` completes "waiting for …".

    usually: the reason to give after EXPLAINED_SECONDS if `because` was not called. Nothing else
    may be printed by the block.
    """
    wait = Wait(what, usually, look)
    over = threading.Event()
    console = console or open_console(stderr=True)
    target = _show if console.file.isatty() else _print
    thread = threading.Thread(target=target, args=(wait, over, console), daemon=True)
    thread.start()
    try:
        yield wait
    finally:
        over.set()
        thread.join()


def _show(wait: Wait, over: threading.Event, console: Console) -> None:
    """Keep one line of a terminal current until the wait is over; then remove it."""
    if over.wait(SAID_SECONDS):
        return
    if console.is_dumb_terminal:
        _print(wait, over, console)
        return
    live = Live(
        _Line(wait),
        console=console,
        transient=True,
        auto_refresh=False,
        redirect_stdout=False,
        redirect_stderr=False,
    )
    with suppress(OSError), live:
        while not over.wait(LOOK_SECONDS):
            live.refresh()


class _Line:
    """The line of a wait, folded to the terminal as wide as it is now."""

    def __init__(self, wait: Wait) -> None:
        self._wait = wait

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        formatter = formatter_for(console)
        line = Text(formatter.line(self._wait.line()))
        stage = self._wait.stage()
        if stage and stage.fraction is not None:
            bar = formatter.bar(stage.fraction, BAR_CELLS)
            line = Text.assemble(bar, " ", formatter.line(self._wait.details()))
        overflow: OverflowMethod = "crop" if formatter.ascii_only else "ellipsis"
        line.truncate(MAX_LINES * (options.max_width - 1), overflow=overflow)
        yield line


def _print(wait: Wait, over: threading.Event, console: Console) -> None:
    """Print a line when the wait gets long, when its reason changes, and ever more rarely."""
    formatter = formatter_for(console)
    due = SAID_SECONDS
    reason = ""
    with suppress(OSError):
        while not over.wait(LOOK_SECONDS):
            seconds = wait.seconds
            if seconds < SAID_SECONDS or (seconds < due and wait.reason == reason):
                continue
            reason = wait.reason
            console.print(Text(formatter.line(wait.line())), soft_wrap=True)
            if seconds >= due:
                due = max(2 * due, REPEATED_SECONDS)
