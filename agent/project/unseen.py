"""Lists what no training may see: held-out data, what it is cut from, the repository's records."""

import os
from collections.abc import Iterable
from pathlib import Path

from agent.errors import ProjectFault
from agent.git.cache import cache_folders
from agent.project.find import Project
from agent.project.settings import FILE
from agent.project.template import corpus_places
from agent.space import read_constants
from sandbox.ground.text import one_line

FOLDER = "folder:"
"""How a CORPUS begins that names a folder of the user's."""


def held_out(data: str, prepare: str) -> tuple[str, ...]:
    """Return the paths that hold validation text: prepared folders, their caches and the corpora.

    data: the prepared folder; a training is shown only its `train`. prepare: the text of the
    prepare.py that made it.
    """
    corpora = [str(place) for place in corpus_places()]
    variable = os.environ.get("AUTORESEARCH_CORPUS")
    if variable:
        corpora.append(variable)
    constant = read_constants(prepare).get("CORPUS")
    if isinstance(constant, str) and constant.startswith(FOLDER):
        corpora.append(os.path.expanduser(constant.removeprefix(FOLDER)))  # noqa: PTH111
    return _absolute((data, *map(str, cache_folders()), *corpora))


def records(project: Project) -> tuple[str, ...]:
    """Return where a repository keeps other trials, their logs and questions to models."""
    return _absolute((str(project.home), str(Path(project.root) / ".git")))


def hidden_on_disk(project: Project) -> tuple[str, ...]:
    """Return the paths in the checkout that the evaluator's table hides, committed or not."""
    return _on_disk(project, project.concealed)


def refuse_idle_hidden(project: Project) -> None:
    """Raise ProjectFault for a path of [evaluate] that hides nothing: it may be misspelt."""
    for pattern in project.concealed:
        if not _on_disk(project, (pattern,)):
            raise ProjectFault(
                f"{FILE}: [evaluate] hides {one_line(pattern)}, which matches no file here.",
                f"$EDITOR {FILE}   # hidden = [...]",
            )


def test_on_disk(project: Project) -> tuple[str, ...]:
    """Return the hidden paths that only an evaluation on the test split may read."""
    return _on_disk(project, project.evaluate.test if project.evaluate else ())


def _on_disk(project: Project, patterns: Iterable[str]) -> tuple[str, ...]:
    folder = Path(project.root) / project.workspace
    paths: list[Path] = []
    for pattern in patterns:
        paths += sorted(folder.glob(pattern))
    return _absolute(map(str, paths))


def shown(read_only: Iterable[str], hidden: Iterable[str]) -> tuple[str, ...]:
    """Return the paths of `read_only` that a training may read.

    A corpus may be named there for prepare.py only.
    """
    places = [os.path.realpath(place) for place in hidden]
    return tuple(path for path in read_only if not _lies_in(path, places))


def _lies_in(path: str, places: Iterable[str]) -> bool:
    real = Path(os.path.realpath(path))
    return any(real.is_relative_to(place) for place in places)


def _absolute(paths: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(os.path.abspath(path) for path in paths))  # noqa: PTH100 -- links stay as they are
