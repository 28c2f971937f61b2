"""What no run may see, whatever folder above it is shown: held-out data, what it is cut from, the repository's records."""

import os
from collections.abc import Iterable
from pathlib import Path

from agent.git.cache import cache_folders
from agent.project.find import Project
from agent.project.template import corpus_places
from agent.space import read_constants


def held_out(data: str, prepare: str) -> tuple[str, ...]:
    """Return the paths that hold validation text: the prepared folder, every cache of such folders, and the corpora.

    data: the prepared folder, of which a training is shown `train` alone. prepare: the text of the prepare.py that made it.
    """
    corpora = [str(place) for place in corpus_places()]
    if told := os.environ.get("AUTORESEARCH_CORPUS"):
        corpora.append(told)
    named = read_constants(prepare).get("CORPUS")
    if isinstance(named, str) and named.startswith("folder:"):
        corpora.append(str(Path(named.removeprefix("folder:")).expanduser()))
    return _absolute((data, *map(str, cache_folders()), *corpora))


def records(project: Project) -> tuple[str, ...]:
    """Return where a repository keeps other trials, their logs and what models were asked."""
    return _absolute((str(project.home), str(Path(project.root) / ".git")))


def shown(read_only: Iterable[str], hidden: Iterable[str]) -> tuple[str, ...]:
    """Return the paths of `read_only` that a training may be shown: a corpus is named there for prepare.py alone."""
    places = [os.path.realpath(place) for place in hidden]
    return tuple(
        path
        for path in read_only
        if not any(Path(os.path.realpath(path)).is_relative_to(place) for place in places)
    )


def _absolute(paths: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(os.path.abspath(path) for path in paths))  # noqa: PTH100 -- links stay as they are
