"""Computes the fewest values that turn one file into another."""

from agent.edit.value_tree import Document, Item, Keys, path_of
from agent.edit.values import Language, document_of, set_value
from agent.records.edits import Refused

MAX_CHANGES = 30  # of one file; each is made on its own

Changes = tuple[tuple[str, str], ...]


def changes(language: Language, old: str, new: str) -> Changes | None:
    """Return (path, value) for set_value, in turn, such that `old` becomes `new` byte for byte.

    None if no such values do: keys, comments or layout differ, or too many values.
    """
    before = document_of(language, old)
    after = document_of(language, new)
    if isinstance(before, Refused) or isinstance(after, Refused):
        return None
    differing = _differing(_Side(before), _Side(after))
    if differing is None or len(differing) > MAX_CHANGES:
        return None
    text = old
    for path, value in differing:
        result = set_value(language, text, path, value)
        if isinstance(result, Refused):
            return None
        text = result
    return tuple(differing) if text == new else None


class _Side:
    """A document whose values are found by their keys."""

    def __init__(self, document: Document) -> None:
        self.text = document.text
        self.items = {item.keys: item for item in document.items}
        self.inside: dict[Keys, list[Keys]] = {}
        """The keys of the values in each list and map."""
        self.outermost: list[Keys] = []
        for keys in self.items:
            if keys and keys[:-1] in self.items:
                self.inside.setdefault(keys[:-1], []).append(keys)
            else:
                self.outermost.append(keys)

    def written(self, keys: Keys) -> str:
        """Return a value as it is written."""
        item: Item = self.items[keys]
        return self.text[item.start : item.end].replace(item.tail, "", 1).strip()


def _differing(old: _Side, new: _Side) -> list[tuple[str, str]] | None:
    """Return the paths and new texts of the innermost values that differ; None without a path."""
    differing = []
    waiting = new.outermost[::-1]
    if old.outermost != new.outermost:
        return None
    while waiting:
        keys = waiting.pop()
        if old.written(keys) == new.written(keys):
            continue
        inside = new.inside.get(keys)
        if inside and inside == old.inside.get(keys):
            waiting += reversed(inside)
            continue
        path = path_of(keys)
        if not path:
            return None
        differing.append((path, new.written(keys)))
    return differing
