"""Pictures for the README: runs a command in a real terminal (tmux) and saves the screen as SVG.

    python docs/capture.py docs/live.svg --after 90 -- \\
        .venv/bin/autoresearch start --model none --trials 8 --budget 20s

The command is interrupted when the picture is taken. Needs tmux.
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


def tmux(*words: str) -> str:
    """Return the output of a tmux command."""
    return subprocess.run(["tmux", *words], check=True, capture_output=True, text=True).stdout


def screen(command: list[str], columns: int, rows: int, after: float) -> str:
    """Return the screen, with escape codes, `after` seconds after the command started."""
    size = ("-x", str(columns), "-y", str(rows))
    tmux("new-session", "-d", "-s", SESSION, *size, f"TERM=xterm-256color {shlex.join(command)}")
    try:
        time.sleep(after)
        shown = tmux("capture-pane", "-t", SESSION, "-p", "-e")
        tmux("send-keys", "-t", SESSION, "C-c")
        return shown
    finally:
        time.sleep(1)
        subprocess.run(["tmux", "kill-session", "-t", SESSION], check=False, capture_output=True)


def svg(shown: str, columns: int, title: str) -> str:
    """Return the screen as an SVG that loads nothing: the fonts are the viewer's."""
    console = Console(width=columns, record=True, file=StringIO(), force_terminal=True)
    console.print(Text.from_ansi(shown.rstrip("\n")), crop=True, no_wrap=True)
    picture = console.export_svg(title=title, theme=MONOKAI)
    picture = re.sub(r"@font-face\s*{[^}]*}\s*", "", picture)
    return picture.replace("Fira Code, monospace", FONTS)


def main() -> None:
    """Take one picture."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("picture", type=Path)
    parser.add_argument("--columns", type=int, default=120)
    parser.add_argument("--rows", type=int, default=24)
    parser.add_argument("--after", type=float, default=60.0, help="seconds")
    parser.add_argument("--title", default="autoresearch start --model none")
    parser.add_argument("command", nargs="+")
    arguments = parser.parse_args()
    shown = screen(arguments.command, arguments.columns, arguments.rows, arguments.after)
    picture = svg(shown, arguments.columns, arguments.title)
    arguments.picture.write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    main()
