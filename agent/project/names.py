"""Checks that what the settings name in train.py is there, before a run spends anything."""

import unicodedata
from collections.abc import Collection, Sequence
from shlex import quote

from agent.edit.guard import bound_in
from agent.errors import UsageFault, unknown
from agent.project.find import Project
from agent.project.program import FrontMatter
from agent.project.settings import FILE, Settings
from agent.space import read_constants


def refuse_unknown_names(
    project: Project, settings: Settings, front_matter: FrontMatter, sources: Sequence[str]
) -> None:
    """Raise UsageFault for a name in `protected` or `[ranges]` that no `sources` has.

    sources: train.py as it is, and for a run that goes on as it was at the start: a kept edit may
    have removed what the settings name.
    """
    bound: set[str] = set()
    constants: set[str] = set()
    for source in sources:
        names = bound_in(source)
        if names is None:  # it does not parse, which is told elsewhere
            return
        bound |= names
        constants |= read_constants(source).keys()
    toml = f"$EDITOR {FILE}"
    _check(project, f"{FILE}: protected", settings.protected, bound, toml)
    where = f"{project.program}, its front matter: protected"
    _check(project, where, front_matter.protected, bound, f"$EDITOR {quote(project.program or '')}")
    for name in settings.ranges:
        if name in constants:
            continue
        if name in bound:
            raise UsageFault(
                f"{FILE}: [ranges]: {name} in {project.train} is not searched: a constant is "
                "assigned once, to a literal, and read.",
                toml,
            )
        message = unknown("constant", name, sorted(constants))
        raise UsageFault(f"{FILE}: [ranges]: {message} ({project.train})", toml)


def _check(
    project: Project, where: str, names: Collection[str], bound: set[str], command: str
) -> None:
    for name in names:
        if unicodedata.normalize("NFKC", name) not in bound:  # as Python reads it
            message = unknown("name", name, sorted(bound))
            raise UsageFault(f"{where}: {message} ({project.train})", command)
