"""A page that is redrawn in place, whatever size the terminal takes.

It is drawn on the terminal's alternate screen, as editors and pagers are. On the ordinary screen
no program can do this: a terminal that narrows wraps its lines anew and moves them into the
scrollback before the program hears of its new size, and they stay there.
"""

import io
import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack, redirect_stderr
from types import FrameType, TracebackType
from typing import Self

from rich.console import Console, RenderableType
from rich.text import Text

from agent.display.format import formatter_for, open_console

# Clocks tick once a second; redrawing twice as often keeps the ticks even.
REDRAW_SECONDS = 0.5

_ENTER = "\x1b[?1049h\x1b[?25l"
# A terminal without an alternate screen keeps what is drawn, so it is erased first.
_LEAVE = "\x1b[H\x1b[J\x1b[?25h\x1b[?1049l"
# A terminal that knows mode 2026 shows a frame at once. Without mode 7 a line that is wider than
# the terminal has become meanwhile ends at the edge.
_BEGIN = "\x1b[?2026h\x1b[?7l\x1b[H"
_END = "\x1b[?7h\x1b[?2026l"
_ERASE_LINE = "\x1b[2K"
_ERASE_BELOW = "\x1b[J"


class Screen:
    """Draws a page twice a second between `__enter__` and `__exit__`, then restores the terminal.

    `page` is called for each frame, in another thread, with the console at its present size. What
    others write to stderr meanwhile is printed afterwards. If the terminal goes away, drawing ends
    without an error.
    """

    def __init__(self, console: Console, page: Callable[[], RenderableType]) -> None:
        self._console = console
        self._page = page
        self._file = console.file
        self._lock = threading.RLock()
        self._over = threading.Event()
        self._gone = False
        self._thread = threading.Thread(target=self._draw_on, name="screen", daemon=True)
        self._aside = io.StringIO()
        self._exits = ExitStack()

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            self._exits.enter_context(redirect_stderr(self._aside))
        self._write(_ENTER)
        self._heed_suspension()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()
        self._write(_LEAVE)
        self._exits.close()
        aside = self._aside.getvalue()
        if aside and not self._gone:
            console = open_console(stderr=True)
            console.print(Text(formatter_for(console).block(aside)), end="", soft_wrap=True)

    def _draw_on(self) -> None:
        while not self._gone:
            with self._lock:
                self._write(self._frame())
            if self._over.wait(REDRAW_SECONDS):
                return

    def _frame(self) -> str:
        """Return what draws the page over the last one."""
        self._console.size = self._size()
        height = self._console.height
        with self._console.capture() as capture:
            self._console.print(self._page())
        lines = capture.get().removesuffix("\n").split("\n")[:height]
        drawn = "\r\n".join(_ERASE_LINE + line for line in lines)
        if len(lines) < height:
            drawn += "\r\n" + _ERASE_BELOW
        return _BEGIN + drawn + _END

    def _size(self) -> tuple[int, int]:
        """Return the width and height of the terminal now, whatever $COLUMNS says."""
        try:
            size = os.get_terminal_size(self._file.fileno())
        except OSError:
            return self._console.size
        if 0 in size:
            return self._console.size
        return size.columns, size.lines

    def _write(self, text: str) -> None:
        if self._gone:
            return
        try:
            self._file.write(text)
            self._file.flush()
        except (OSError, ValueError):
            self._gone = True

    def _heed_suspension(self) -> None:
        """Let Ctrl-Z bring the ordinary screen back, and `fg` this one."""
        if threading.current_thread() is not threading.main_thread():
            return
        if signal.getsignal(signal.SIGTSTP) is signal.SIG_DFL:
            signal.signal(signal.SIGTSTP, self._suspend)
            self._exits.callback(signal.signal, signal.SIGTSTP, signal.SIG_DFL)

    def _suspend(self, _number: int, _frame: FrameType | None) -> None:
        with self._lock:
            self._write(_LEAVE)
            os.kill(os.getpid(), signal.SIGSTOP)
            self._write(_ENTER)
