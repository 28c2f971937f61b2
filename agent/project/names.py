"""Checks that what the settings name in a project is there, before a run spends anything."""

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

    A name in another file than train.py is written `model/net.py:Net`. states: the files as they
    are, and for a run that goes on as they were at the start: a kept edit may have removed what the
    settings name.
    """
    bound: set[str] = set()
    constants: set[str] = set()
    places: set[str] = set()
    for sources in states:
        names = _names_in(sources)
        if names is None:  # train.py does not parse, which is told elsewhere
            return
        bound |= names
        found = find_all(sources).values()
        constants |= {constant.name for constant in found}
        constants |= {constant.local for constant in found}
        places |= {f"{constant.file}:{constant.local}" for constant in found}
    where = _where(project)
    toml = f"$EDITOR {FILE}"
    _check(where, f"{FILE}: protected", settings.protected, bound | constants, toml)
    brief = f"{project.program}, its front matter: protected"
    command = f"$EDITOR {quote(project.program or '')}"
    _check(where, brief, front_matter.protected, bound | constants, command)
    for name in settings.ranges:
        if name in constants or name in places:
            continue
        if name in bound:
            raise UsageFault(
                f"{FILE}: [ranges]: {name} in {where} is no constant: it is not set once, to a "
                "number, a text, True or False.",
                toml,
            )
        message = unknown("constant", name, sorted(constants))
        raise UsageFault(f"{FILE}: [ranges]: {message} ({where})", toml)


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
