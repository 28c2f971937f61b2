"""The files of a project as a prompt shows them: in full while they fit, then in outline."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from agent.edit.files import Sources
from agent.edit.files.one import KEPT_FILES, is_python
from agent.edit.source import Source, read
from agent.edit.values import language_of
from sandbox.ground.text import shortened

MAX_NAMES = 40
"""Definitions that an outline names."""
MAX_OUTLINE = 2_000
"""Characters of one file's outline."""
MIN_OUTLINE = 80
"""Characters that one file's outline has at least, however many there are."""
OUTLINES_SHARE = 0.25
"""Of what the files may take."""


@dataclass(frozen=True)
class ShownFile:
    """A file in full."""

    path: str
    language: str
    text: str


@dataclass(frozen=True)
class Shown:
    """The editable files as a prompt shows them."""

    files: tuple[ShownFile, ...]
    outlines: tuple[str, ...]
    """A line for each file that is not shown in full."""


def shown_files(sources: Sources, limit: int) -> Shown:
    """Return train.py in full, then the shortest other files, within `limit` characters.

    Files that find no room are outlined, within a share of it.
    """
    files = [_shown(sources.main, sources.text)]
    room = int(limit * OUTLINES_SHARE)
    left = limit - len(sources.text)
    if sum(map(len, sources.files.values())) > limit:
        left -= room
    others = {path: text for path, text in sources.files.items() if path != sources.main}
    in_full = set()
    for path in sorted(others, key=lambda path: (len(others[path]), path)):
        left -= len(others[path])
        if left < 0:
            break
        in_full.add(path)
    files += [_shown(path, text) for path, text in others.items() if path in in_full]
    rest = {path: text for path, text in others.items() if path not in in_full}
    return Shown(tuple(files), tuple(_outlines(rest, room)))


def _outlines(files: dict[str, str], room: int) -> Iterator[str]:
    """Yield a line for each file while there is room, and the number of the others."""
    each = min(MAX_OUTLINE, max(MIN_OUTLINE, room // max(1, len(files))))
    for place, (path, text) in enumerate(files.items()):
        line = _outline(path, text, each)
        room -= len(line) + 1
        if room < 0:
            yield f"and {len(files) - place} more files"
            return
        yield line


def _shown(path: str, text: str) -> ShownFile:
    language = "python" if is_python(path) else language_of(path) or "text"
    return ShownFile(path, language, text)


def _outline(path: str, text: str, limit: int) -> str:
    lines = text.count("\n") + 1
    names = _definitions(text) if is_python(path) else ()
    listing = ", ".join(names[:MAX_NAMES])
    more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    what = f": {listing}{more}" if listing else ""
    return shortened(f"{path} ({lines} lines){what}", max(limit, len(path)))


@lru_cache(maxsize=KEPT_FILES)
def _definitions(text: str) -> tuple[str, ...]:
    """Return the names of a Python file's functions and classes. Cached by text."""
    source = read(text)
    if not isinstance(source, Source):
        return ()
    return tuple(place.name for place in source.definitions)
