"""What a received repository must not do: track our folder, lead elsewhere, name programs."""

import os
import re
from pathlib import Path, PurePosixPath
from shlex import quote

from agent.errors import HistoryFault, ProjectFault
from agent.git.home import HOME
from agent.git.plumbing import Plumbing
from sandbox.ground.text import one_line

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
    r"|trailer\..*\.(command|cmd)"
    r"|submodule\..*\.update"
    r"|alias\..*"
    r"|include\.path"
    r"|includeif\..*\.path",
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


def git_folder(root: Path) -> Path:
    """Return where the objects and references of a repository lie, also that of a worktree."""
    return Path(Plumbing(root)("rev-parse", "--path-format=absolute", "--git-common-dir").strip())


def repository_programs(git: Plumbing) -> tuple[str, ...]:
    """Return the repository's own settings by which git would run programs, as `name=value`.

    Those by which it would read more settings are included. Only what lies in the repository
    counts (its config, that of the worktree, what these include, and the same of its submodules):
    settings of the user or of the machine are their owner's. A repository unpacked from an archive
    brings its own config along; a clone does not.
    """
    programs = {*_programs_of(git)}
    for path in _submodules(git):
        settings = repository_programs(Plumbing(git.folder / path))
        programs |= {f"{one_line(path)}: {setting}" for setting in settings}
    return tuple(sorted(programs))


def _submodules(git: Plumbing) -> list[str]:
    """Return the paths of the submodules that are checked out; a linked folder is none."""
    top = Path(git("rev-parse", "--show-toplevel").removesuffix("\n"))
    if top.resolve() != git.folder.resolve():
        return []
    entries = git("ls-files", "--stage", "-z").split("\0")
    paths = [entry.partition("\t")[2] for entry in entries if entry.startswith("160000 ")]
    return [path for path in paths if (top / path / ".git").exists() and not _linked(top, path)]


def _linked(root: Path, path: str) -> bool:
    """Return whether the path, or a folder on the way to it, is a symbolic link."""
    parts = (path, *map(str, PurePosixPath(path).parents))
    return any((root / part).is_symlink() for part in parts)


def _programs_of(git: Plumbing) -> list[str]:
    listing = git("config", "--list", "--show-scope", "-z", "--includes").split("\0")
    entries = zip(listing[::2], listing[1::2], strict=False)
    programs = []
    for scope, entry in entries:
        name, _, value = entry.partition("\n")
        if scope not in ("local", "worktree") or not _PROGRAMS.fullmatch(name):
            continue
        if name == "core.fsmonitor" and value.lower() in _SWITCHES:
            continue
        programs.append(f"{name}={value}")
    return programs


def refuse_foreign(git: Plumbing, root: Path) -> None:
    """Raise a fault if the repository at `root` could send what we write elsewhere.

    It could if it tracks something below .autoresearch, or if its .git or git's own folders in it
    are links.
    """
    _refuse_far_root(root)
    _refuse_linked_git(git, root)
    options = ("--no-literal-pathspecs", "ls-files", "-z", "--", f":(icase,top){HOME}")
    tracked = [name for name in git(*options).split("\0") if name]
    if tracked:
        name = tracked[0].split("/")[0]
        message = (
            f"the repository tracks {one_line(tracked[0])}; {HOME}/ is where autoresearch writes, "
            "and nothing in it may be tracked"
        )
        command = f"git rm -r --cached {quote(name)} && git commit -m 'Untrack {name}'"
        raise HistoryFault(message, f"{command}   # then look at what is there: ls -lR {name}")
    refuse_tracked(git, "HEAD")


def refuse_tracked(git: Plumbing, commit: str) -> None:
    """Raise HistoryFault if the commit has anything below .autoresearch, in whatever case."""
    names = (git.try_("ls-tree", "-z", "--name-only", commit) or "").split("\0")
    name = next((name for name in names if name.lower() == HOME), None)
    if name:
        message = (
            f"{commit[:12]} tracks {name}; that is where autoresearch writes, "
            "and nothing in it may be tracked"
        )
        command = f"git rm -r --cached {quote(name)}; git commit -m 'Untrack {name}'"
        raise HistoryFault(message, f"{command}   # on that branch")


def refuse_links(root: Path, *paths: str) -> None:
    """Raise ProjectFault if one of the files, or a folder on the way to it, is a symbolic link."""
    for path in paths:
        here = root
        for part in Path(path).parts:
            here = here / part
            if here.is_symlink():
                name = str(here.relative_to(root))
                message = f"{name} is a symbolic link; a trial needs the file itself"
                command = f"cp -r --remove-destination $(realpath {quote(name)}) {quote(name)}"
                raise ProjectFault(message, command)


def _refuse_far_root(root: Path) -> None:
    """Raise ProjectFault if core.worktree makes a far folder the checkout: the user's home, say."""
    if not os.path.lexists(root / ".git"):
        message = f"the repository says that its files are in {root}, which has no .git"
        raise ProjectFault(message, "git config --unset core.worktree")


def _refuse_linked_git(git: Plumbing, root: Path) -> None:
    """Raise ProjectFault if .git, or a folder of git's in it, is a symbolic link."""
    command = f"git clone {quote(str(root))} COPY && cd COPY"
    entry = root / ".git"
    if entry.is_symlink():
        target = one_line(os.readlink(entry))  # noqa: PTH115
        message = f"{entry} is a symbolic link to {target}: commits would go to that repository"
        raise ProjectFault(message, command)
    common = Path(git("rev-parse", "--path-format=absolute", "--git-common-dir").removesuffix("\n"))
    for name in _WRITTEN:
        path = common / name
        if path.is_symlink():
            target = one_line(os.readlink(path))  # noqa: PTH115
            raise ProjectFault(
                f"{path} is a symbolic link to {target}: git would write there", command
            )
