"""Settings of a repository by which git would run a program, and what keeps git from heeding them.

Only what lies in the repository counts (its config, that of the worktree, and what these include):
settings of the user or of the machine are their owner's.
"""

import os
import re
from collections.abc import Iterator
from typing import NamedTuple

from sandbox.ground.text import one_line, whole_number

# Settings by which git runs a program (or reads further settings) in one of the commands that we
# use, as `git config` spells names: section and key in lower case, what is between them as it was
# written.
_PROGRAMS = re.compile(
    r"filter\..*\.(clean|smudge|process)"
    r"|diff\..*\.(textconv|command)"
    r"|diff\.external"
    r"|merge\..*\.driver"
    r"|core\.(fsmonitor|sshcommand|hookspath|gitproxy|askpass|editor|pager|alternaterefscommand)"
    r"|pager\..*"
    r"|sequence\.editor"
    r"|gpg\.(.*\.)?program"
    r"|gpg\..*\.defaultkeycommand"
    r"|credential\.(.*\.)?helper"
    r"|remote\..*\.(uploadpack|receivepack|vcs|proxy)"
    r"|protocol\.(.*\.)?allow"
    r"|uploadpack\.packobjectshook"
    r"|gc\.recentobjectshook"
    r"|tar\..*\.command"
    r"|trailer\..*\.(command|cmd)"
    r"|submodule\..*\.update"
    r"|hook\..*\.command"
    r"|alias\..*"
    r"|include\.path"
    r"|includeif\..*\.path",
    re.DOTALL,
)
_SWITCHES = ("", "true", "false", "yes", "no", "on", "off", "0", "1")
# Settings by which Git LFS, a filter that many users have for all repositories, runs a program,
# writes elsewhere, or asks a server.
_LFS = re.compile(
    r"lfs\.(.*\.)?(url|pushurl|storage|standalonetransferagent)"
    r"|lfs\.customtransfer\..*"
    r"|lfs\.extension\..*"
    r"|remote\..*\.lfs(push)?url",
    re.DOTALL,
)
_FILTER = re.compile(r"(filter\..*)\.(?:clean|smudge|process)", re.DOTALL)
_WITHOUT_LFS = (
    ("filter.lfs.clean", ""),
    ("filter.lfs.smudge", ""),
    ("filter.lfs.process", ""),
    ("filter.lfs.required", "false"),
)
_HOOK = re.compile(r"hook\..*\.command", re.DOTALL)
LISTING = ("config", "--list", "--show-scope", "-z", "--includes")
"""The git command whose output `programs_in` reads."""
_UNGUARDED = (
    "cat-file",
    "commit-tree",
    "config",
    "diff-tree",
    "for-each-ref",
    "hash-object",
    "log",
    "ls-files",
    "ls-tree",
    "merge-base",
    "mktree",
    "rev-list",
    "rev-parse",
    "symbolic-ref",
)
"""Commands that, as we use them, look at no file of a checkout and move no reference."""

HOME_OF = ("rev-parse", "--path-format=absolute", "--git-common-dir")
"""The git command that says which repository it is: the folder of its objects and settings."""


class Setting(NamedTuple):
    """A setting as git has it: a name may hold a `=`, and a value anything."""

    name: str
    value: str

    def __str__(self) -> str:
        return f"{self.name}={self.value}"


class Program(NamedTuple):
    """A setting by which git would run a program."""

    home: str
    """The folder of the repository whose setting it is."""
    setting: Setting
    path: str = ""
    """Of the submodule whose setting it is, in the repository that is asked about."""

    def __str__(self) -> str:
        return f"{one_line(self.path)}: {self.setting}" if self.path else str(self.setting)


_heeded: set[tuple[str, Setting]] = set()
"""What this process's user agreed to: a repository's folder, and a setting of it."""


def programs_in(listing: str, *, with_users: bool = False) -> list[Setting]:
    """Return the repository's settings in a LISTING by which git would run a program.

    with_users: also the filters that the user's own settings name, but for Git LFS.
    """
    parts = listing.split("\0")
    programs = []
    for scope, entry in zip(parts[::2], parts[1::2], strict=False):
        name, _, value = entry.partition("\n")
        filters = _FILTER.fullmatch(name) and not name.startswith("filter.lfs.")
        if scope not in ("local", "worktree") and not (with_users and filters):
            continue
        if not _PROGRAMS.fullmatch(name) and not _LFS.fullmatch(name):
            continue
        if name == "core.fsmonitor" and value.lower() in _SWITCHES:
            continue
        programs.append(Setting(name, value))
    return programs


def heed(home: str, name: str, value: str) -> None:
    """Let git run what a setting says in the repository with the folder `home`."""
    _heeded.add((home, Setting(name, value)))


def runs_programs(arguments: tuple[str, ...]) -> bool:
    """Return whether a git command with these arguments may run filters or hooks."""
    command = next((word for word in arguments if not word.startswith("-")), "")
    return command not in _UNGUARDED


def silencing(programs: list[Setting], home: str) -> dict[str, str]:
    """Return the environment in which git runs no hook, and only filters that the user agreed to.

    One of the user's own that is Python, such as `python -m nbstripout`, imports nothing from the
    folder that git starts it in.

    Nor is Git LFS run while the repository has settings for it that the user has not agreed to.
    programs: what the settings of the repository with the folder `home` name. Hooks that settings
    name (git 2.54) are run besides those of core.hooksPath. A setting in the environment holds
    against one of the repository, also in a submodule.
    """
    settings = list(dict.fromkeys(_replacements(programs, home)))
    count = os.environ.get("GIT_CONFIG_COUNT", "")
    first = whole_number(count) or 0
    is_agreed = any((home, setting) in _heeded for setting in programs)
    environment = {} if is_agreed else {"PYTHONSAFEPATH": "1"}
    for number, (name, value) in enumerate(settings, first):
        environment[f"GIT_CONFIG_KEY_{number}"] = name
        environment[f"GIT_CONFIG_VALUE_{number}"] = value
    if settings:
        environment["GIT_CONFIG_COUNT"] = str(first + len(settings))
    return environment


def _replacements(programs: list[Setting], home: str) -> Iterator[tuple[str, str]]:
    for setting in programs:
        if _HOOK.fullmatch(setting.name):
            yield setting.name, "true"
        if (home, setting) in _heeded:
            continue
        driver = _FILTER.fullmatch(setting.name)
        if driver:
            yield setting.name, ""
            yield f"{driver[1]}.required", "false"
        elif _LFS.fullmatch(setting.name):
            yield from _WITHOUT_LFS
