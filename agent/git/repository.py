"""What a repository that came from somebody must not do to who works in it: track our folder, lead elsewhere, name programs."""

import os
import re
from pathlib import Path, PurePosixPath
from shlex import quote

from agent.errors import HistoryFault, ProjectFault
from agent.git.home import HOME
from agent.git.plumbing import Plumbing

# Settings by which git runs a program (or reads further settings) in one of the commands that we use, as `git config` spells
# names: section and key in lower case, what is between them as it was written.
_PROGRAMS = re.compile(
    r"filter\..*\.(clean|smudge|process)|diff\..*\.(textconv|command)|diff\.external|merge\..*\.driver"
    r"|core\.(fsmonitor|sshcommand|hookspath|gitproxy|askpass|editor|pager|alternaterefscommand)|pager\..*|sequence\.editor"
    r"|gpg\.(.*\.)?program|gpg\..*\.defaultkeycommand|credential\.(.*\.)?helper|remote\..*\.(uploadpack|receivepack|vcs|proxy)"
    r"|protocol\.(.*\.)?allow|uploadpack\.packobjectshook|trailer\..*\.(command|cmd)|submodule\..*\.update|alias\..*"
    r"|include\.path|includeif\..*\.path",
    re.DOTALL,
)
_SWITCHES = ("", "true", "false", "yes", "no", "on", "off", "0", "1")
# What git writes below its own folder on our behalf.
_WRITTEN = (
    "refs",
    "refs/heads",
    "refs/heads/autoresearch",
    "refs/autoresearch",
    "logs",
    "logs/refs",
    "logs/refs/heads",
    "logs/refs/heads/autoresearch",
    "objects",
    "worktrees",
    "packed-refs",
    "index",
)


def repository_programs(git: Plumbing) -> tuple[str, ...]:
    """Return the settings of the repository itself, as `name=value`, by which git would run programs or read more settings.

    Only what lies in the repository (its config, that of the worktree, what these include, and the same of its submodules):
    settings of the user or of the machine are their owner's. A repository that was unpacked from an archive brings its own
    config along; a clone does not.
    """
    programs = {*_programs_of(git)}
    for path in _submodules(git):
        programs |= {
            f"{_shown(path)}: {setting}"
            for setting in repository_programs(Plumbing(git.folder / path))
        }
    return tuple(sorted(programs))


def _submodules(git: Plumbing) -> list[str]:
    """Return the submodules that are checked out, by their paths from the top; a linked folder is none."""
    top = Path(git("rev-parse", "--show-toplevel").removesuffix("\n"))
    if top.resolve() != git.folder.resolve():
        return []
    entries = git("ls-files", "--stage", "-z").split("\0")
    paths = [entry.partition("\t")[2] for entry in entries if entry.startswith("160000 ")]
    return [path for path in paths if (top / path / ".git").exists() and not _linked(top, path)]


def _linked(root: Path, path: str) -> bool:
    return any(
        (root / part).is_symlink() for part in (path, *map(str, PurePosixPath(path).parents))
    )


def _programs_of(git: Plumbing) -> list[str]:
    listing = git("config", "--list", "--show-scope", "-z", "--includes").split("\0")
    entries = zip(listing[::2], listing[1::2], strict=False)
    found = []
    for scope, entry in entries:
        name, _, value = entry.partition("\n")
        if scope not in ("local", "worktree") or not _PROGRAMS.fullmatch(name):
            continue
        if name == "core.fsmonitor" and value.lower() in _SWITCHES:
            continue
        found.append(f"{name}={value}")
    return found


def refuse_foreign(git: Plumbing, root: Path) -> None:
    """Raise a fault if the repository at `root` could send what we write to other places than its own.

    It tracks something below .autoresearch, its .git is a link, or git's own folders in it are.
    """
    _refuse_far_root(root)
    _refuse_linked_git(git, root)
    options = ("--no-literal-pathspecs", "ls-files", "-z", "--", f":(icase,top){HOME}")
    tracked = [name for name in git(*options).split("\0") if name]
    if tracked:
        name = tracked[0].split("/")[0]
        raise HistoryFault(
            f"the repository tracks {_shown(tracked[0])}; {HOME}/ is where autoresearch writes, and nothing in it may be tracked",
            f"git rm -r --cached {quote(name)} && git commit -m 'Untrack {name}'   # then look at what is there: ls -lR {name}",
        )
    refuse_tracked(git, "HEAD")


def refuse_tracked(git: Plumbing, commit: str) -> None:
    """Raise HistoryFault if the commit has anything below .autoresearch, in whatever case."""
    names = (git.try_("ls-tree", "-z", "--name-only", commit) or "").split("\0")
    found = next((name for name in names if name.lower() == HOME), None)
    if found:
        message = f"{commit[:12]} tracks {found}; that is where autoresearch writes, and nothing in it may be tracked"
        raise HistoryFault(
            message,
            f"git rm -r --cached {quote(found)}; git commit -m 'Untrack {found}'   # on that branch",
        )


def refuse_links(root: Path, *paths: str) -> None:
    """Raise ProjectFault if one of the files, or a folder on the way to it, is a symbolic link."""
    for path in paths:
        here = root
        for part in Path(path).parts:
            here = here / part
            if here.is_symlink():
                shown = here.relative_to(root)
                raise ProjectFault(
                    f"{shown} is a symbolic link; a trial needs the file itself",
                    f"cp -r --remove-destination $(realpath {quote(str(shown))}) {quote(str(shown))}",
                )


def _refuse_far_root(root: Path) -> None:
    """core.worktree in a repository's own config makes any folder the checkout: the user's home, say."""
    if not os.path.lexists(root / ".git"):
        message = f"the repository says that its files are in {root}, which has no .git"
        raise ProjectFault(message, "git config --unset core.worktree")


def _refuse_linked_git(git: Plumbing, root: Path) -> None:
    entry = root / ".git"
    if entry.is_symlink():
        message = f"{entry} is a symbolic link to {_shown(os.readlink(entry))}: commits would go to that repository"  # noqa: PTH115
        raise ProjectFault(message, f"git clone {quote(str(root))} COPY && cd COPY")
    common = Path(git("rev-parse", "--path-format=absolute", "--git-common-dir").removesuffix("\n"))
    for name in _WRITTEN:
        path = common / name
        if path.is_symlink():
            message = (
                f"{path} is a symbolic link to {_shown(os.readlink(path))}: git would write there"  # noqa: PTH115
            )
            raise ProjectFault(message, f"git clone {quote(str(root))} COPY && cd COPY")


def _shown(name: str) -> str:
    return ascii(name)[1:-1]
