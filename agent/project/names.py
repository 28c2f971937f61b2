"""Checks that the names in the settings exist in the project, before a run spends anything."""

import unicodedata
from collections.abc import Collection, Sequence
from shlex import quote

from agent.edit.files.one import is_python
from agent.edit.guard import bound_in
from agent.errors import UsageFault, unknown
from agent.project.find import Project
from agent.project.program import FrontMatter
from agent.project.settings import FILE, Settings
from agent.records.sources import Sources
from agent.space import find_all


def refuse_unknown_names(
    project: Project,
    settings: Settings,
    front_matter: FrontMatter,
    states: Sequence[Sources],
) -> None:
    """Raise UsageFault for a name in `protected` or `[ranges]` that none of `states` has.

    A name in another file than train.py is written `model/net.py:Net`. states: the present files,
    and for a run that goes on also those at its start: a kept edit may have removed a name.
    """
    bound: set[str] = set()
    for sources in states:
        names = _names_in(sources)
        if names is None:  # train.py does not parse, which is reported elsewhere
            return
        bound |= names
    constants, places = _constants_in(states)
    where = _where(project)
    toml = f"$EDITOR {FILE}"
    _check(where, f"{FILE}: protected", settings.protected, bound | constants, toml)
    brief = f"{project.program}, its front matter: protected"
    command = f"$EDITOR {quote(project.program or '')}"
    _check(where, brief, front_matter.protected, bound | constants, command)
    for name in settings.ranges:
        if name not in constants and name not in places:
            raise _no_constant(name, where, bound, constants)


def _constants_in(states: Sequence[Sources]) -> tuple[set[str], set[str]]:
    """Return the names of all constants, full and local, and their places `FILE:NAME`."""
    names: set[str] = set()
    places: set[str] = set()
    for sources in states:
        for constant in find_all(sources).values():
            names |= {constant.name, constant.local}
            places.add(f"{constant.file}:{constant.local}")
    return names, places


def _no_constant(name: str, where: str, bound: set[str], constants: set[str]) -> UsageFault:
    """Return the fault for a name in `[ranges]` that is not a constant."""
    if name in bound:
        message = (
            f"{name} in {where} is no constant: it is not set once, to a number, a text, True or "
            "False."
        )
    else:
        message = f"{unknown('constant', name, sorted(constants))} ({where})"
    return UsageFault(f"{FILE}: [ranges]: {message}", f"$EDITOR {FILE}")


def _where(project: Project) -> str:
    return ", ".join(project.files) if project.files else project.train


def _names_in(sources: Sources) -> set[str] | None:
    """Return the names that `protected` may hold, with and without their file's path."""
    names: set[str] = set()
    for path, text in sources.files.items():
        bound = bound_in(text) if is_python(path) else set()
        if bound is None and path == sources.main:
            return None
        for name in bound or ():
            names |= {name, sources.named(path, name)}
    return names


def _check(files: str, where: str, names: Collection[str], bound: set[str], command: str) -> None:
    for name in names:
        if unicodedata.normalize("NFKC", name) not in bound:  # as Python reads it
            message = unknown("name", name, sorted(bound))
            raise UsageFault(f"{where}: {message} ({files})", command)
