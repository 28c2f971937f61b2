"""Runs a newcomer's two commands in each shape of tests/shapes, and writes docs/shapes.md.

python -m docs.shapes             all of them
python -m docs.shapes NAME...     these; the other rows stay
"""

import sys
import tempfile
from collections.abc import Mapping, Sequence
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
FAILED = "no trial was judged"
COLUMNS = ("shape", "like", "what init found", "metric", "first judged trial")
MAX_CELL = 110


def page_of(rows: Mapping[str, str]) -> str:
    """Return the text of docs/shapes.md, from a row for each shape."""
    head = [f"| {' | '.join(COLUMNS)} |", "|".join(["", *["---"] * len(COLUMNS), ""])]
    lines = [rows[shape.name] for shape in SHAPES if shape.name in rows]
    judged = sum(1 for line in lines if FAILED not in line)
    total = (
        f"{judged} of {len(lines)} came to a baseline and a judged trial that changed something."
    )
    return HEAD + "\n".join([*head, *lines, "", total, ""])


def written_rows() -> dict[str, str]:
    """Return the rows of the page as it is, by the shape."""
    text = SHAPES_PAGE.read_text(encoding="utf-8") if SHAPES_PAGE.exists() else ""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    names = {shape.name for shape in SHAPES}
    return {line.split(" | ")[0][2:]: line for line in lines if line.split(" | ")[0][2:] in names}


def _row(shape: Shape, day: FirstDay) -> str:
    settings = day.settings
    way = "up" if settings["direction"] == "maximize" else "down"
    statuses = [status for status in day.statuses[1:] if status in JUDGED]
    trial = f"{statuses[0]}: {_code(_change(day.changed))}" if day.changed else FAILED
    cells = [
        shape.name,
        shape.like,
        _code(str(settings.get("command", f"python {settings['train']}"))),
        f"{settings['metric']}, {way}",
        trial,
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
    """Run all shapes or some, and write their rows."""
    rows = written_rows() if names else {}
    for shape in SHAPES:
        if names and shape.name not in names:
            continue
        with tempfile.TemporaryDirectory() as folder:
            rows[shape.name] = _row(shape, first_day(shape, Path(folder)))
        print(rows[shape.name], flush=True)
        SHAPES_PAGE.write_text(page_of(rows), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
