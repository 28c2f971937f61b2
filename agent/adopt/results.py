"""Reads results.tsv, karpathy/autoresearch's ledger: what its agents wrote down of each experiment, kept or not."""

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
    """One experiment as it was written down. score, memory_gb: None where there is none; the format's zeros stand for that."""

    commit: Text
    score: FiniteFloat | None
    memory_gb: FiniteFloat | None
    verdict: Literal["keep", "discard", "crash"]
    description: Text

    @property
    def of_the_start(self) -> bool:
        """Whether it tells of the baseline, as the first row does by upstream's protocol."""
        return self.verdict == "keep" and "baseline" in self.description.lower()


def read_rows(text: str, name: str) -> tuple[Row, ...]:
    """The rows of the file called `name`; UsageFault names the line that is none."""
    lines = list(csv.reader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE))
    header = [cell.strip() for cell in lines[0]] if lines else []
    missing = [column for column in COLUMNS if column not in header]
    if missing:
        message = (
            f"{name} is no results.tsv of karpathy/autoresearch's: it lacks the column {missing[0]}"
        )
        raise UsageFault(f"{message} (its columns: {', '.join(header) or 'none'})", NEXT)
    cells = (
        (number, dict(zip(header, line, strict=False)))
        for number, line in enumerate(lines[1:], 2)
        if any(line)
    )
    return tuple(_row(cell, f"{name}, line {number}") for number, cell in cells)


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
    """A positive number; None for nothing and for zero, which that format writes where nothing was measured."""
    try:
        value = float(text.strip() or 0)
    except ValueError:
        raise UsageFault(f"{where}: {text!r} is no number", NEXT) from None
    return value if math.isfinite(value) and value > 0 else None
