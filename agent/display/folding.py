"""Tables that show their cells whole in a narrow terminal: words that are too long are folded.

Rich's own tables cut such words, which users need to copy: a path, a
model, a constant.
"""

from collections.abc import Collection, Sequence

from rich.table import Table

GAP = 2
"""Spaces between two columns."""


def folding_table(heads: Sequence[str], right: Collection[str] = ()) -> Table:
    """Return an empty table with these columns. right: those whose cells end at the right."""
    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0))
    for head in heads:
        table.add_column(head, justify="right" if head in right else "left", overflow="fold")
    return table
