"""The document of a text in which values stand by name and nothing else is parsed."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from agent.edit.literal import Literal
from agent.edit.value_tree import MAX_VALUES, Document, Item, Keys, Tree, literal_of, meaning


@dataclass(frozen=True)
class Named:
    """A value at text[start:end]."""

    keys: Keys
    start: int
    end: int
    value: Literal


def document_of_named(text: str, values: Iterable[Named]) -> Document:
    """Return the document of a text with these values; what is around them is meaning, too.

    A name that the text gives twice, or below which there are other names, is no value.
    """
    ordered = sorted(values, key=lambda named: named.start)
    counts = Counter(named.keys for named in ordered)
    above: set[Keys] = set()
    for named in ordered:
        above.update(named.keys[:length] for length in range(1, len(named.keys)))
    items: list[Item] = []
    tree: dict[str, Tree] = {}
    around: list[str] = []
    end = 0
    for named in ordered[:MAX_VALUES]:
        if counts[named.keys] > 1 or named.keys in above or named.start < end:
            continue
        items.append(Item(named.keys, named.start, named.end, literal_of(named.value)))
        _put(tree, named.keys, meaning(named.value))
        around.append(text[end : named.start])
        end = named.end
    around.append(text[end:])
    return Document(text, tuple(items), tree, tuple(((), part) for part in around))


def _put(tree: dict[str, Tree], keys: Keys, value: str) -> None:
    *path, last = map(str, keys)
    for key in path:
        inner = tree.setdefault(key, {})
        assert isinstance(inner, dict)
        tree = inner
    tree[last] = value
