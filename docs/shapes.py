"""Runs a newcomer's two commands in each shape of tests/shapes, and writes docs/shapes.md.

python -m docs.shapes [NAME...]     some shapes: only says what came of them
"""

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.shapes.first_day import JUDGED, FirstDay, first_day
from tests.shapes.table import SHAPES, SHAPES_PAGE, Shape

HEAD = """# Shapes of repositories

Does it start with a repository like yours? Each row is a small repository in a shape that people
write, in [tests/shapes/repositories](../tests/shapes/repositories). In a copy of each,
`autoresearch init --yes` looked around, ran the training once in the sandbox and wrote
`autoresearch.toml`; then `autoresearch start` measured a baseline and trials. No row needed a line
of configuration written by hand, nothing ran outside the sandbox, and no file that was there
changed. Keras, Hydra and XGBoost are imitated by a file of their own in the repository, so that the
table can be made without installing them. Where only text can change, a scripted model proposes.

This page is written by `python -m docs.shapes`, which takes some minutes; `make test-slow` tests
the same.

"""
COLUMNS = ("shape", "like", "what init found", "metric", "first judged trial")
MAX_CELL = 110


def page_of(days: Sequence[tuple[Shape, FirstDay]]) -> str:
    """Return the text of docs/shapes.md."""
    lines = [" | ".join(["", *COLUMNS, ""]).strip(), "|".join(["", *["---"] * len(COLUMNS), ""])]
    lines += [_row(shape, day) for shape, day in days]
    judged = sum(1 for _, day in days if day.changed)
    total = f"{judged} of {len(days)} came to a baseline and a judged trial that changed something."
    return HEAD + "\n".join([*lines, "", total, ""])


def _row(shape: Shape, day: FirstDay) -> str:
    settings = day.settings
    way = "up" if settings["direction"] == "maximize" else "down"
    status = next((status for status in day.statuses[1:] if status in JUDGED), "none")
    cells = [
        shape.name,
        shape.like,
        _code(str(settings.get("command", f"python {settings['train']}"))),
        f"{settings['metric']}, {way}",
        f"{status}: {_code(_change(day.changed))}",
    ]
    return f"| {' | '.join(cells)} |"


def _change(diff: str) -> str:
    """Return the first line that went and the first that came."""
    gone = [line[1:].strip() for line in diff.splitlines() if line.startswith("-")]
    new = [line[1:].strip() for line in diff.splitlines() if line.startswith("+")]
    return f"{gone[0]} → {new[0]}" if gone and new else ""


def _code(text: str) -> str:
    plain = text.replace("|", "¦").replace("`", "'")
    short = plain if len(plain) <= MAX_CELL else f"{plain[: MAX_CELL - 1]}…"
    return f"`{short}`"


def main(names: Sequence[str]) -> None:
    """Run the shapes, and write the page where all of them were run."""
    chosen = [shape for shape in SHAPES if not names or shape.name in names]
    days = []
    for shape in chosen:
        with tempfile.TemporaryDirectory() as folder:
            day = first_day(shape, Path(folder))
        print(shape.name, day.statuses, _change(day.changed), flush=True)
        days.append((shape, day))
    if not names:
        SHAPES_PAGE.write_text(page_of(days), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
