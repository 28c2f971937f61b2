"""Finds what installed packages add: search methods, model providers, trackers and engines.

A package offers one as an entry point of the group `autoresearch.methods`, `.providers`,
`.trackers` or `.engines`. Its code is imported only when its name is asked for. Our own names
always win, and the current folder is never searched (agent/cli/ending.py takes it off sys.path).
"""

import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal

from agent import errors
from agent.errors import Fault, UsageFault

Group = Literal["methods", "providers", "trackers", "engines"]

NAME = re.compile(r"[a-z][a-z0-9_-]{0,49}")
"""What a plug-in may be called: such a name has no colon and can be printed anywhere."""

RAISED = (Exception, SystemExit)
"""What the import of other people's code may raise; a script may end the process."""


@dataclass(frozen=True)
class Plugin:
    """Something that an installed package offers under a name; nothing of it is imported yet."""

    name: str
    entry: EntryPoint
    packages: tuple[str, ...]
    """Who offers this name, as `PACKAGE VERSION`. More than one is an error once it is used."""

    @property
    def origin(self) -> str:
        """Return where it comes from, in words for a list."""
        return f"{self.entry.value} of {' and '.join(self.packages)}"

    def load(self) -> Any:
        """Import it. Raise UsageFault if that fails, or if two packages offer the name."""
        if len(self.packages) > 1:
            raise UsageFault(
                f"{' and '.join(self.packages)} both offer {self.name!r}",
                f"pip uninstall {self.packages[-1].partition(' ')[0]}",
            )
        package = self.packages[0].partition(" ")[0]
        try:
            return self.entry.load()
        except RAISED as error:
            raise UsageFault(
                f"the plug-in {self.name!r} ({self.origin}) cannot be imported: {_words(error)}",
                f"pip install --upgrade {package}",
            ) from error


def installed(group: Group, own: Collection[str]) -> dict[str, Plugin]:
    """Return the plug-ins of a group by name. own: our own names, which no plug-in replaces."""
    offers: dict[str, list[EntryPoint]] = {}
    for entry in entry_points(group=f"autoresearch.{group}"):
        if entry.name not in own and NAME.fullmatch(entry.name):
            offers.setdefault(entry.name, []).append(entry)
    plugins = {}
    for name, entries in sorted(offers.items()):
        packages = tuple(sorted({_package(entry) for entry in entries}))
        plugins[name] = Plugin(name, entries[0], packages)
    return plugins


def load_reference(reference: str, flag: str) -> Any:
    """Import what `module:name` means. Only for what the user typed: it runs with their rights.

    The module must be installed, or lie in a folder of PYTHONPATH other than the current one.
    Raise UsageFault if there is no such module or name, or if importing it fails.
    """
    module, _, name = reference.partition(":")
    try:
        loaded = import_module(module)
    except RAISED as error:
        raise UsageFault(
            f"{flag} {reference}: cannot import {module!r}: {_words(error)}",
            f'python -c "import {module}"   # install it, or put its folder on PYTHONPATH',
        ) from error
    if not hasattr(loaded, name):
        raise UsageFault(
            f"{flag} {reference}: the module {module!r} has no {name!r}",
            f'python -c "import {module}; print(dir({module}))"',
        )
    return getattr(loaded, name)


@contextmanager
def blaming(what: str, next_command: str) -> Iterator[None]:
    """Turn what other people's code raises here into a fault that names them. what: its words."""
    try:
        yield
    except (Fault, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise UsageFault(f"{what} failed: {_words(error)}", next_command) from error


def is_reference(text: str) -> bool:
    """Return whether a text has the form `module:name`."""
    module, colon, name = text.partition(":")
    return bool(colon) and name.isidentifier() and module.replace(".", "_").isidentifier()


def unknown(kind: str, name: str, names: Collection[str], next_command: str) -> UsageFault:
    """Return the fault for a name that nothing has, with the nearest one that something has."""
    return UsageFault(errors.unknown(kind, name, names), next_command)


def _package(entry: EntryPoint) -> str:
    if entry.dist is None:
        return "an unnamed package"
    return f"{entry.dist.name} {entry.dist.version}"


def _words(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:300]}" if text else type(error).__name__
