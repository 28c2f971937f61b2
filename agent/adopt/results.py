"""Reads results.tsv, karpathy/autoresearch's ledger: one line per experiment, kept or not."""

import csv
import math
from typing import Literal

from pydantic import FiniteFloat

from agent.errors import UsageFault
from agent.records.bounded import Text
from sandbox.ground.record import Record

COLUMNS = ("commit", "val_bpb", "status", "description")
VERDICTS: dict[str, Literal["keep", "discard", "crash"]] = {
    "keep": "keep",
    "discard": "discard",
    "crash": "crash",
}
NEXT = "autoresearch adopt --help"


class Row(Record):
    """One experiment as it was written down."""

    commit: Text
    score: FiniteFloat | None
    memory_gb: FiniteFloat | None
    """None for the format's zeros, which mean that nothing was measured."""
    verdict: Literal["keep", "discard", "crash"]
    description: Text

    @property
    def of_the_start(self) -> bool:
        """Return whether it is the baseline, as the first row is by upstream's protocol."""
        return self.verdict == "keep" and "baseline" in self.description.lower()


def read_rows(text: str, name: str) -> tuple[Row, ...]:
    """Return the rows of the file called `name`; raise UsageFault with the first invalid line."""
    try:
        lines = list(csv.reader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE))
    except csv.Error as error:
        raise UsageFault(f"{name} is no table: {error}", NEXT) from None
    header = [cell.strip() for cell in lines[0]] if lines else []
    missing = [column for column in COLUMNS if column not in header]
    if missing:
        raise UsageFault(
            f"{name} is no results.tsv of karpathy/autoresearch: it lacks the column {missing[0]} "
            f"(its columns: {', '.join(header) or 'none'})",
            NEXT,
        )
    rows = []
    for number, line in enumerate(lines[1:], 2):
        if any(line):
            cells = dict(zip(header, line, strict=False))
            rows.append(_row(cells, f"{name}, line {number}"))
    return tuple(rows)


def _row(cells: dict[str, str], where: str) -> Row:
    status = cells.get("status", "").strip()
    if status not in VERDICTS:
        raise UsageFault(f"{where}: the status is {status!r}, not keep, discard or crash", NEXT)
    verdict = VERDICTS[status]
    return Row(
        commit=cells["commit"].strip(),
        score=_number(cells.get("val_bpb", ""), where) if verdict != "crash" else None,
        memory_gb=_number(cells.get("memory_gb", ""), where),
        verdict=verdict,
        description=" ".join(cells.get("description", "").split()) or "(no description)",
    )


def _number(text: str, where: str) -> float | None:
    """Return a positive number; None for an empty cell, and for zero, which means unmeasured."""
    try:
        value = float(text.strip() or 0)
    except ValueError:
        raise UsageFault(f"{where}: {text!r} is no number", NEXT) from None
    return value if math.isfinite(value) and value > 0 else None
