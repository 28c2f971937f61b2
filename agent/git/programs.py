"""Settings of a repository by which git would run a program, and what keeps git from heeding them.

Only what lies in the repository counts (its config, that of the worktree, and what these include):
settings of the user or of the machine are their owner's.
"""

import os
import re
from collections.abc import Iterator

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
_FILTER = re.compile(r"(filter\..*)\.(clean|smudge|process)=.*", re.DOTALL)
_HOOK = re.compile(r"(hook\..*\.command)=.*", re.DOTALL)
LISTING = ("config", "--list", "--show-scope", "-z", "--includes")
"""The git command whose output `programs_in` reads."""
_UNGUARDED = (
    "cat-file",
    "checkout-index",
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
"""Commands that, as we use them, look at no file of a checkout and move no reference.

`checkout-index` is among them: a trial's copy has what filters make of its files, and is made only
once the user agreed to them.
"""

_heeded: set[str] = set()
"""What this process's user agreed to."""


def programs_in(listing: str) -> list[str]:
    """Return the programs of a LISTING, as `name=value`."""
    parts = listing.split("\0")
    programs = []
    for scope, entry in zip(parts[::2], parts[1::2], strict=False):
        name, _, value = entry.partition("\n")
        if scope not in ("local", "worktree") or not _PROGRAMS.fullmatch(name):
            continue
        if name == "core.fsmonitor" and value.lower() in _SWITCHES:
            continue
        programs.append(f"{name}={value}")
    return programs


def heed(program: str) -> None:
    """Let git run what a setting says: `name=value`, for a submodule behind its path and `: `."""
    _heeded.add(program)


def runs_programs(arguments: tuple[str, ...]) -> bool:
    """Return whether a git command with these arguments may run filters or hooks."""
    command = next((word for word in arguments if not word.startswith("-")), "")
    return command not in _UNGUARDED


def silencing(programs: list[str]) -> dict[str, str]:
    """Return the environment in which git runs no hook, and only filters that the user agreed to.

    Hooks that settings name (git 2.54) are run besides those of core.hooksPath. A setting in the
    environment holds against one of the repository, also in a submodule.
    """
    settings = list(dict.fromkeys(_replacements(programs)))
    count = os.environ.get("GIT_CONFIG_COUNT", "")
    first = int(count) if count.isdecimal() else 0
    environment = {}
    for number, (name, value) in enumerate(settings, first):
        environment[f"GIT_CONFIG_KEY_{number}"] = name
        environment[f"GIT_CONFIG_VALUE_{number}"] = value
    if settings:
        environment["GIT_CONFIG_COUNT"] = str(first + len(settings))
    return environment


def _replacements(programs: list[str]) -> Iterator[tuple[str, str]]:
    for program in programs:
        hook = _HOOK.fullmatch(program)
        if hook:
            yield hook[1], "true"
        found = _FILTER.fullmatch(program)
        if found and not _is_heeded(program):
            yield f"{found[1]}.{found[2]}", ""
            yield f"{found[1]}.required", "false"


def _is_heeded(program: str) -> bool:
    return any(text == program or text.endswith(f": {program}") for text in _heeded)
