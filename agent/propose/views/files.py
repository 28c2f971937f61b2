"""The files of a project as a prompt shows them: in full while they fit, then in outline."""

from dataclasses import dataclass

from agent.edit.files import Sources
from agent.edit.files.one import is_python
from agent.edit.source import Source, read
from agent.edit.values import language_of
from sandbox.ground.text import shortened

MAX_NAMES = 40
"""Definitions that an outline names."""
MAX_OUTLINE = 2_000
"""Characters of one file's outline."""


@dataclass(frozen=True)
class ShownFile:
    """A file in full."""

    path: str
    language: str
    text: str


@dataclass(frozen=True)
class Shown:
    """What a prompt shows of the files that edits may touch."""

    files: tuple[ShownFile, ...]
    outlines: tuple[str, ...]
    """A line for each file that is not shown in full."""


def shown_files(sources: Sources, limit: int) -> Shown:
    """Return train.py in full, then the shortest other files, within `limit` characters."""
    files = [_shown(sources.main, sources.text)]
    left = limit - len(sources.text)
    others = {path: text for path, text in sources.files.items() if path != sources.main}
    in_full = set()
    for path in sorted(others, key=lambda path: (len(others[path]), path)):
        left -= len(others[path])
        if left < 0:
            break
        in_full.add(path)
    files += [_shown(path, text) for path, text in others.items() if path in in_full]
    outlines = [_outline(path, text) for path, text in others.items() if path not in in_full]
    return Shown(tuple(files), tuple(outlines))


def _shown(path: str, text: str) -> ShownFile:
    language = "python" if is_python(path) else language_of(path) or "text"
    return ShownFile(path, language, text)


def _outline(path: str, text: str) -> str:
    lines = text.count("\n") + 1
    names = []
    if is_python(path):
        source = read(text)
        if isinstance(source, Source):
            names = [place.name for place in source.definitions]
    listing = ", ".join(names[:MAX_NAMES])
    more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    what = f": {listing}{more}" if listing else ""
    return shortened(f"{path} ({lines} lines){what}", MAX_OUTLINE)
