"""Lists what no training may see: held-out data, what it is cut from, the repository's records."""

import os
from collections.abc import Iterable
from itertools import chain, product
from pathlib import Path, PurePosixPath

from agent.git.cache import cache_folders
from agent.project.find import Project
from agent.project.template import corpus_places
from agent.records.objective import Objective
from agent.records.patterns import matches
from agent.space import read_constants

FOLDER = "folder:"
"""How a CORPUS begins that names a folder of the user's."""


def is_hidden(project: Project, objective: Objective, path: str) -> bool:
    """Return whether no run and no proposer may see a file of the repository, at any commit.

    Hidden is what lies outside the workspace, what no trial gets, and what the evaluator hides: the
    file itself, or a folder around it. What may be read about the evaluator is shown wherever it
    lies. path: from the top of the repository.
    """
    evaluator = objective.evaluate
    if evaluator and evaluator.public and path in _from_top(project, evaluator.public):
        return False
    place = PurePosixPath(path)
    if path in project.unseen or not place.is_relative_to(project.workspace or "."):
        return True
    hidden = evaluator.hidden if evaluator else ()
    patterns = chain.from_iterable(_from_top(project, name) for name in hidden)
    around = [path, *(str(folder) for folder in place.parents if folder.name)]
    pairs = product(around, patterns)
    return any(name == pattern or matches(name, (pattern,)) for name, pattern in pairs)


def _from_top(project: Project, name: str) -> set[str]:
    """Return what a name in autoresearch.toml may mean, from the top of the repository.

    It lies beside autoresearch.toml, in the workspace, or at the top: all count.
    """
    plain = name.rstrip("/").removeprefix("./")
    return {plain, project.inside(plain), str(PurePosixPath(project.base) / plain)}


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
        corpora.append(str(Path(constant.removeprefix(FOLDER)).expanduser()))
    return _absolute((data, *map(str, cache_folders()), *corpora))


def records(project: Project) -> tuple[str, ...]:
    """Return where a repository keeps other trials, their logs and questions to models."""
    return _absolute((str(project.home), str(Path(project.root) / ".git")))


def hidden_on_disk(project: Project) -> tuple[str, ...]:
    """Return the paths in the checkout that the evaluator's table hides, committed or not."""
    return _on_disk(project, project.concealed)


def test_on_disk(project: Project) -> tuple[str, ...]:
    """Return those of them that only an evaluation on the test split may read."""
    return _on_disk(project, project.evaluate.test if project.evaluate else ())


def _on_disk(project: Project, patterns: Iterable[str]) -> tuple[str, ...]:
    folder = Path(project.root) / project.workspace
    paths: list[Path] = []
    for pattern in patterns:
        paths += sorted(folder.glob(pattern))
    return _absolute(map(str, paths))


def shown(read_only: Iterable[str], hidden: Iterable[str]) -> tuple[str, ...]:
    """Return the paths of `read_only` that a training may be shown.

    A corpus may be named there for prepare.py only.
    """
    places = [os.path.realpath(place) for place in hidden]
    return tuple(path for path in read_only if not _lies_in(path, places))


def _lies_in(path: str, places: Iterable[str]) -> bool:
    real = Path(os.path.realpath(path))
    return any(real.is_relative_to(place) for place in places)


def _absolute(paths: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(os.path.abspath(path) for path in paths))  # noqa: PTH100 -- links stay as they are
