"""Writes docs/steering-session.md: a person steers a run that really works, from a terminal.

    python docs/talk.py

Every command is really typed into a shell beside the run, and every answer is its own, without
colours. The commands were chosen beforehand. Takes about two minutes.
"""

import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from drive import AUTORESEARCH, night, wait_for

PAGE = Path(__file__).resolve().parent / "steering-session.md"
HEAD = """# A person steers a run

Written by `python docs/talk.py`: commands in one terminal, beside a run of `--method random` that
works in another. The commands were chosen beforehand; the answers are the run's.
[What each does](steer.md).
"""
COLUMNS = 110
PATIENCE_SECONDS = 240
MORE_TRIALS = 20
Answer = Callable[[str], str]


def answer(home: Path, words: str) -> str:
    """Return what a command prints."""
    environ = {**os.environ, "COLUMNS": str(COLUMNS), "NO_COLOR": "1"}
    command = f"{Path(AUTORESEARCH).parent}/{words}"
    run = subprocess.run(
        ["/bin/sh", "-c", command],
        cwd=home,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    shown = run.stdout.replace(str(home), "~/project")
    lines = [line.rstrip() for line in shown.splitlines()]
    return "\n".join(lines).strip("\n")


def rows(home: Path) -> list[dict[str, Any]]:
    """Return the trials so far."""
    listed: list[dict[str, Any]] = json.loads(answer(home, "autoresearch log --json"))
    return listed


def own_verdicts(home: Path) -> int:
    """Return how many trials of a person have their verdict."""
    origins = [row["proposal"]["by"]["origin"] for row in rows(home)]
    return origins.count("human")


def typed(home: Path) -> Iterator[str]:
    """Yield the page's lines."""

    def show(words: str, *commands: str) -> Iterator[str]:
        yield from (words, "", "```console")
        for command in commands:
            yield f"$ {command}"
            yield answer(home, command)
        yield from ("```", "")

    wait_for(lambda: len(rows(home)) > 1, PATIENCE_SECONDS)
    yield from show("How far is it?", "autoresearch status")
    yield from show(
        "An idea of my own, as the next trial:",
        'autoresearch try --set LR=0.4 --set DEPTH=8 -m "a larger step, twice the depth"',
    )
    wait_for(lambda: own_verdicts(home) == 1, PATIENCE_SECONDS)
    yield from show("It has its verdict:", "autoresearch log | grep -A1 'twice the depth'")
    yield from show(
        "From now on nothing is kept without me:",
        "autoresearch hold",
        "autoresearch try --set DEPTH=7 -m 'is one layer too many?'",
    )
    wait_for(lambda: own_verdicts(home) > 1, PATIENCE_SECONDS)
    yield from show(
        "The machine is wanted for an hour:", "autoresearch pause", "autoresearch status"
    )
    enough = len(rows(home)) + MORE_TRIALS
    bound = f"autoresearch set --trials {enough}"
    yield from show("Go on, but not for long:", "autoresearch go", bound)
    yield from show("What is refused says why:", "autoresearch skip 0", "autoresearch tell ''")
    yield from show("All of it is on record:", "autoresearch log | tail -n 8")


def main() -> None:
    """Write the page."""
    with tempfile.TemporaryDirectory() as folder, night(Path(folder)):
        lines = [HEAD, *typed(Path(folder))]
    PAGE.write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
