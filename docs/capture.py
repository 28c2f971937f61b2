"""Pictures of the terminal: runs a command in a real one (tmux) and saves its screen as SVG.

    python docs/capture.py docs/live.svg --until 'incumbent #' -- \\
        .venv/bin/autoresearch start --model none --trials 8 --budget 20s

The command is interrupted when the picture is taken, which is when the screen matches. Needs tmux.
"""

import argparse
import re
import shlex
import subprocess
import time
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

SESSION = "autoresearch-capture"
FONTS = "ui-monospace, Menlo, Consolas, monospace"
COLUMNS = 120
ROWS = 24
LOOK_SECONDS = 0.5
# A busy machine needs minutes until a training prints a loss.
PATIENCE_SECONDS = 900.0
# A first loss is no curve yet: this much later the screen shows more of them.
MORE_SECONDS = 4.0


def tmux(*words: str) -> str:
    """Return the output of a tmux command."""
    return subprocess.run(["tmux", *words], check=True, capture_output=True, text=True).stdout


def screen(command: list[str], until: str, folder: Path) -> str:
    """Return the screen of a command, with escape codes, soon after it first matches `until`.

    Raise TimeoutError if it does not.
    """
    size = ("-x", str(COLUMNS), "-y", str(ROWS))
    words = f"TERM=xterm-256color {shlex.join(command)}"
    tmux("new-session", "-d", "-s", SESSION, *size, "-c", str(folder), words)
    try:
        _wait_for(until)
        time.sleep(MORE_SECONDS)
        return tmux("capture-pane", "-t", SESSION, "-p", "-e")
    finally:
        subprocess.run(["tmux", "send-keys", "-t", SESSION, "C-c", "C-c"], check=False)
        time.sleep(2)
        subprocess.run(["tmux", "kill-session", "-t", SESSION], check=False, capture_output=True)


def _wait_for(until: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not re.search(until, tmux("capture-pane", "-t", SESSION, "-p")):
        if time.monotonic() > deadline:
            raise TimeoutError(f"the screen never showed {until!r}")
        time.sleep(LOOK_SECONDS)


def svg(shown: str, title: str) -> str:
    """Return the screen as an SVG that loads nothing: the fonts are the viewer's."""
    console = Console(width=COLUMNS, record=True, file=StringIO(), force_terminal=True)
    console.print(Text.from_ansi(shown.rstrip("\n")), crop=True, no_wrap=True)
    picture = console.export_svg(title=title, theme=MONOKAI)
    picture = re.sub(r"@font-face\s*{[^}]*}\s*", "", picture)
    return picture.replace("Fira Code, monospace", FONTS)


def picture_of(command: list[str], title: str, until: str, folder: Path) -> str:
    """Return the SVG of a command's screen."""
    return svg(screen(command, until, folder), title)


def main() -> None:
    """Take one picture."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("picture", type=Path)
    parser.add_argument("--until", default="incumbent #", help="a regular expression")
    parser.add_argument("--title", default="autoresearch start --model none")
    parser.add_argument("command", nargs="+")
    arguments = parser.parse_args()
    picture = picture_of(arguments.command, arguments.title, arguments.until, Path.cwd())
    arguments.picture.write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    main()
