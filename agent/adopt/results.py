"""Reads results.tsv, karpathy/autoresearch's ledger: one line per experiment, kept or not."""

import csv
import math
import re
from typing import Literal

from pydantic import FiniteFloat

from agent.errors import UsageFault
from agent.records.bounded import Text
from agent.records.objective import VAL_BPB
from sandbox.ground.record import Record
from sandbox.ground.text import one_line

ABOUT = ("status", "description")
VERDICTS: dict[str, Literal["keep", "discard", "crash"]] = {
    "keep": "keep",
    "discard": "discard",
    "crash": "crash",
}
NEXT = "autoresearch adopt --help"
MAX_LINES = 100_000
_LINE_END = re.compile(r"[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")


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


def read_rows(text: str, name: str, metric: str = VAL_BPB.metric) -> tuple[Row, ...]:
    """Return the rows of the file called `name`; raise UsageFault with the first invalid line.

    metric: the one that the project measures, which is the name of the column of scores.
    """
    if len(_LINE_END.findall(text)) > MAX_LINES:
        raise UsageFault(f"{name} has more than {MAX_LINES} lines, too many for a ledger", NEXT)
    try:
        lines = list(csv.reader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE))
    except csv.Error as error:
        raise UsageFault(f"{name} is no table: {error}", NEXT) from None
    header = [cell.strip() for cell in lines[0]] if lines else []
    if metric not in header and VAL_BPB.metric in header:
        raise UsageFault(
            f"{name} has scores of {VAL_BPB.metric}, and this project measures {one_line(metric)}",
            "$EDITOR autoresearch.toml   # metric",
        )
    missing = [column for column in ("commit", metric, *ABOUT) if column not in header]
    if missing:
        raise UsageFault(
            f"{name} is no results.tsv of karpathy/autoresearch: it lacks the column "
            f"{one_line(missing[0])} (its columns: {one_line(', '.join(header)) or 'none'})",
            NEXT,
        )
    rows = []
    for number, line in enumerate(lines[1:], 2):
        if any(line):
            cells = dict(zip(header, line, strict=False))
            rows.append(_row(cells, metric, f"{name}, line {number}"))
    return tuple(rows)


def _row(cells: dict[str, str], metric: str, where: str) -> Row:
    status = cells.get("status", "").strip()
    if status not in VERDICTS:
        raise UsageFault(f"{where}: the status is {status!r}, not keep, discard or crash", NEXT)
    verdict = VERDICTS[status]
    score = _number(cells.get(metric, ""), where) if verdict != "crash" else None
    # A val_bpb of zero stands for nothing; other metrics may be zero, or below.
    if score is not None and score <= 0 and metric == VAL_BPB.metric:
        score = None
    memory = _number(cells.get("memory_gb", ""), where)
    return Row(
        commit=cells["commit"].strip(),
        score=score,
        memory_gb=memory if memory and memory > 0 else None,
        verdict=verdict,
        description=" ".join(cells.get("description", "").split()) or "(no description)",
    )


def _number(text: str, where: str) -> float | None:
    """Return a finite number; None for an empty cell, and for another."""
    if not text.strip():
        return None
    try:
        value = float(text)
    except ValueError:
        raise UsageFault(f"{where}: {text!r} is no number", NEXT) from None
    return value if math.isfinite(value) else None
