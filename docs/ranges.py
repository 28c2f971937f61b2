"""Writes docs/ranges.md again from docs/ranges.csv, with what is inferred today.

python docs/ranges.py
"""

import ast
import csv
from pathlib import Path
from typing import NamedTuple

from agent.space.infer import Inferred, infer
from agent.space.knobs.evidence import Evidence, words_of
from agent.space.ranges import written
from agent.space.uses import uses_of

FOLDER = Path(__file__).parent
TABLE = FOLDER / "ranges.csv"
PAGE = FOLDER / "ranges.md"
HEAD = """# Ranges that are inferred

A constant without a range in `[ranges]` ([settings.md](settings.md)) or in the comment beside it
gets one by its name, its value, its type, its comment and what the file does with it. Each kind of
knob has a range of its own: a learning rate is searched by factors, a momentum below one, a dropout
up to a half, a count of heads among what divides the width. A constant that defines the task, the
data, the evaluation, the budget or the machine is not searched unless its owner states a range:

```
EPOCHS = 3  # [1 .. 8]
```

A constant of which nothing says what it is is not searched either: it may be a price or a limit.
Only where that holds for every constant of a project is each searched around its value. A weight,
a probability, a number of layers and the like say nothing alone: the rest of the name, its section,
its use or its comment must speak of learning (`kl_weight`, and not `body_weight`).

`# [fixed]` takes a constant out, and so does a comment such as "do not change", beside it, in the
line above, or as the heading of its group. A comment that gives a unit (`# mm`) does so as well.
What the code or a comment allows bounds the range: `choices=[16, 32]`, `Field(le=0.3)`, "at most
0.3".

## How often the rules were wrong

The rules were mended on 24 public training scripts, then tried on scripts that they had not seen,
and each range was looked at as a critical expert in that field would. 33 of the 264 ranges of 36
further scripts were wrong (12 %), such as the width of an autoencoder that is trained already, the
batch size of a test loader, or a share above one. After these were mended, 23 of the 491 ranges of
37 more scripts and 12 lists of constants were wrong (5 %), such as the size of a shuffle buffer or
a probability between 0.08 and 2; after these, 13 of the 276 ranges of 31 more (5 %), such as the
channels of an image under the name IN_CHANS. Of 73 ranges of short lists of constants in fields
that had come up little (board games, detection, recommendation) 14 were wrong (19 %), such as the
most moves of a game. Those were mended too. Of some 330 ranges in scripts that were written for the
purpose, full of names with two meanings, 36 were wrong (11 %), such as the share of labels under
LABEL_FRAC; they are mended, and stay so by a test. Expect one wrong range in twenty in a common
script of your own, more in a rare field, and look at what `autoresearch space` prints.

The tables below are a sample of those constants in our own words, with what is inferred today. They
are written by `python docs/ranges.py` from [ranges.csv](ranges.csv).
"""


class Row(NamedTuple):
    """A constant of the sample."""

    script: str
    name: str
    value: str
    comment: str
    use: str

    @property
    def evidence(self) -> Evidence:
        """What a file with this constant, comment and use would tell of it."""
        uses = uses_of(self.use).get(words_of(self.name), frozenset())
        value = ast.literal_eval(self.value)
        return Evidence(name=self.name, value=value, text=self.comment, uses=uses)


def rows() -> list[Row]:
    """Return the sample."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        return [Row(**fields) for fields in csv.DictReader(file)]


def page() -> str:
    """Return the text of docs/ranges.md."""
    inferred = [(row, infer(row.evidence)) for row in rows()]
    searched = [_line(row, found) for row, found in inferred if found.range]
    fixed = [_line(row, found) for row, found in inferred if not found.range]
    return "\n".join(
        [
            HEAD,
            f"## Searched: {len(searched)}",
            "",
            "| script | constant | what tells more | range | why |",
            "|---|---|---|---|---|",
            *searched,
            "",
            f"## Not searched: {len(fixed)}",
            "",
            "| script | constant | what tells more | why |",
            "|---|---|---|---|",
            *fixed,
            "",
        ]
    )


def _line(row: Row, found: Inferred) -> str:
    tells = [f"“{row.comment}”"] if row.comment else []
    tells += [f"`{row.use}`"] if row.use else []
    cells = [row.script, f"`{row.name} = {row.value}`", ", ".join(tells)]
    cells += [f"`[{written(found.range)}]`"] if found.range else []
    escaped = [cell.replace("|", "\\|") for cell in (*cells, found.reason)]
    return f"| {' | '.join(escaped)} |"


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
