"""Reads the project's modules that the editable files import and no edit may touch."""

import ast
import sys
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from pathlib import PurePosixPath

from agent.edit.files import Sources
from agent.edit.files.one import KEPT_FILES, is_python
from agent.edit.source import file_tree
from agent.git.listing import files_at
from agent.git.plumbing import Plumbing, content_of
from agent.project.find import Project
from agent.records.edits import Refused
from agent.records.sources import MAX_CHARACTERS

MAX_MODULES = 40
MAX_CANDIDATES = 2_000
"""The most paths that git is asked about."""


def imported_modules(
    git: Plumbing, commit: str, project: Project, sources: Sources
) -> dict[str, str]:
    """Return the texts of imported modules that edits may not touch, by path in the project.

    prepare.py is included. Files that are hidden from trials are not.
    """
    wanted = []
    for path in islice(dict.fromkeys(_candidates(sources)), MAX_CANDIDATES):
        inside = project.inside(path)
        if path in sources.files or project.hides(inside):
            continue
        wanted.append(inside)
    prepare = project.prepare
    if prepare and not project.hides(prepare) and prepare not in wanted:
        wanted.append(prepare)  # it supplies the data, imported or not
    if not wanted:
        return {}
    texts = {}
    for file in islice(files_at(git, commit, wanted), MAX_MODULES):
        if file.is_plain and file.size <= MAX_CHARACTERS:
            data = content_of(git, file.blob)
            texts[project.outside(file.path)] = data.decode("utf-8", "replace")
    return texts


def _candidates(sources: Sources) -> Iterator[str]:
    """Yield the paths that imported modules would have; they may not exist."""
    main = PurePosixPath(sources.main).parent
    for path, text in sources.files.items():
        if is_python(path):
            yield from _places_named_by(text, PurePosixPath(path).parent, main)


@lru_cache(maxsize=KEPT_FILES)
def _places_named_by(text: str, folder: PurePosixPath, main: PurePosixPath) -> tuple[str, ...]:
    """Return the paths that the imported modules of one file would have."""
    tree = file_tree(text.removeprefix("\ufeff"))
    if isinstance(tree, Refused):
        return ()
    places = []
    for base in dict.fromkeys(_bases(tree, folder, main)):
        places += [f"{base}.py", f"{base}/__init__.py"]
    return tuple(places)


def _bases(tree: ast.Module, folder: PurePosixPath, main: PurePosixPath) -> Iterator[PurePosixPath]:
    """Yield the paths of imported modules, without their suffix."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                for alias in names:
                    if not _is_standard(alias.name):
                        yield main / alias.name.replace(".", "/")
            case ast.ImportFrom(level=level, module=str(module)) if not level:
                if not _is_standard(module):
                    yield from _named_by(node, main)
            case ast.ImportFrom(level=level):
                above = [folder, *folder.parents]
                yield from _named_by(node, above[min(level, len(above)) - 1])


def _named_by(node: ast.ImportFrom, home: PurePosixPath) -> Iterator[PurePosixPath]:
    """Yield the module that `from MODULE import NAME` names, and NAME as a module of it."""
    base = home / (node.module or "").replace(".", "/")
    yield base
    for alias in node.names:
        yield base / alias.name


def _is_standard(module: str) -> bool:
    return module.partition(".")[0] in sys.stdlib_module_names
