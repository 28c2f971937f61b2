"""Which files and definitions differ between two states of a project, as the harness reads them."""

from collections.abc import Iterator

from agent.edit.files.difference import renamed_files
from agent.edit.files.one import is_python
from agent.edit.source import Source, first_line, read
from agent.records.results import Touched
from agent.records.sources import Sources

MAX_DEFINITIONS = 40
"""The most definitions of one file."""


def touched_files(old: Sources, new: Sources) -> tuple[Touched, ...]:
    """Return the files that differ, in the order of their paths, and the definitions in them."""
    return tuple(sorted(_touched(old, new), key=lambda touched: touched.file))


def _touched(old: Sources, new: Sources) -> Iterator[Touched]:
    renamed = renamed_files(old, new)
    arrived = set(renamed.values())
    for path, text in old.files.items():
        if path in renamed:
            to = renamed[path]
            names = _definitions(to, text, new.files[to])
            yield Touched(file=path, how="renamed", to=to, definitions=names)
        elif path not in new.files:
            yield Touched(file=path, how="deleted")
        elif text != new.files[path]:
            yield Touched(file=path, definitions=_definitions(path, text, new.files[path]))
    for path in new.files:
        if path not in old.files and path not in arrived:
            yield Touched(file=path, how="added")


def _definitions(path: str, old: str, new: str) -> tuple[str, ...]:
    """Return the functions and classes that differ; of a class, only the methods if they do."""
    if old == new or not is_python(path):
        return ()
    before = _texts(old)
    after = _texts(new)
    names = dict.fromkeys((*after, *before))
    changed = [name for name in names if before.get(name) != after.get(name)]
    innermost = [name for name in changed if not _is_explained(name, changed, before, after)]
    return tuple(innermost[:MAX_DEFINITIONS])


def _texts(text: str) -> dict[str, str]:
    """Return the normalised text of each definition of a file, by its qualified name."""
    source = read(text)
    if not isinstance(source, Source):
        return {}
    texts: dict[str, str] = {}
    for place in source.definitions:
        last = place.node.end_lineno or place.node.lineno
        own = source.lines(first_line(place.node), last)
        texts[place.name] = texts.get(place.name, "") + own
    return texts


def _is_explained(
    name: str, changed: list[str], before: dict[str, str], after: dict[str, str]
) -> bool:
    """Return whether another changed definition, around this one or in it, covers the change."""
    around = name.rpartition(".")[0]
    if around in changed and (around not in before or around not in after):
        return True
    is_whole = name not in before or name not in after
    return not is_whole and any(other.startswith(f"{name}.") for other in changed)
