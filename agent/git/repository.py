"""Refuses repositories that track our folder, lead elsewhere, or name programs."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from shlex import quote

from agent.errors import HistoryFault, NoRepository, ProjectFault, UsageFault
from agent.git.home import HOME, no_link
from agent.git.plumbing import Plumbing
from agent.git.programs import HOME_OF, LISTING, Program, programs_in
from sandbox.ground.text import one_line

# What git writes in its own folder on our behalf: files and folders.
_WRITTEN = (
    "refs",
    "logs",
    "objects",
    "worktrees",
    "packed-refs",
    "index",
    "config",
    "config.worktree",
    "ORIG_HEAD",
    "COMMIT_EDITMSG",
)
# Of these also all folders and files below: a reflog is appended to where it leads.
_WRITTEN_BELOW = ("refs", "logs", "worktrees")


MAX_PATH = 4096
"""Bytes of a file that holds the path of a checkout."""


def no_repository(where: Path) -> ProjectFault:
    """Return the fault of a folder that git takes to be in no repository.

    It tells of a .git that is damaged: a power cut may leave an empty HEAD.
    """
    around = (folder / ".git" for folder in (where, *where.absolute().parents))
    damaged = next((git for git in around if (git / "refs").is_dir()), None)
    asked = ("rev-parse", "--git-dir")
    if damaged is None or not where.is_dir() or Plumbing(damaged.parent).try_(*asked):
        return NoRepository(f"{where} is not in a git repository.", "autoresearch init")
    head = quote(str(damaged / "HEAD"))
    command = f"echo ref: refs/heads/main > {head}   # or the branch that you were on"
    if (damaged / "HEAD").is_file() and (damaged / "HEAD").stat().st_size:
        command = f"cat {head}; ls -l {quote(str(damaged))}   # a clone or a backup may be whole"
    return ProjectFault(f"{damaged} is damaged: git takes it for no repository.", command)


def git_folder(root: Path) -> Path:
    """Return where the objects and references of a repository lie, also that of a worktree."""
    return _home_of(Plumbing(root))


def _home_of(git: Plumbing) -> Path:
    return Path(git(*HOME_OF).removesuffix("\n"))


def repository_programs(git: Plumbing) -> tuple[Program, ...]:
    """Return the repository's own settings by which git would run programs.

    Those by which it would read more settings are included. Only what lies in the repository
    counts (its config, that of the worktree, what these include, and the same of its submodules):
    settings of the user or of the machine are their owner's. A repository unpacked from an archive
    brings its own config along; a clone does not.
    """
    home = str(_home_of(git))
    programs = {Program(home, setting) for setting in programs_in(git(*LISTING))}
    for path in _submodules(git):
        for inner in repository_programs(Plumbing(git.folder / path)):
            below = f"{path}/{inner.path}" if inner.path else path
            programs.add(inner._replace(path=below))
    return tuple(sorted(programs, key=str))


def _submodules(git: Plumbing) -> list[str]:
    """Return the paths of the submodules that are checked out; a linked folder is none."""
    top = Path(git("rev-parse", "--show-toplevel").removesuffix("\n"))
    if top.resolve() != git.folder.resolve():
        return []
    entries = git("ls-files", "--stage", "-z").split("\0")
    paths = [entry.partition("\t")[2] for entry in entries if entry.startswith("160000 ")]
    return [path for path in paths if (top / path / ".git").exists() and not _linked(top, path)]


def named_submodule(git: Plumbing, path: str) -> bool:
    """Return whether `repository_programs` looks into the submodule at `path`."""
    return path in _submodules(git)


def _linked(root: Path, path: str) -> bool:
    """Return whether the path, or a folder on the way to it, is a symbolic link."""
    parts = (path, *map(str, PurePosixPath(path).parents))
    return any((root / part).is_symlink() for part in parts)


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


def writable(path: Path) -> Path:
    """Return a path that the user named for something new to be written at.

    Raise UsageFault if it is, or lies behind, a link in a repository, or is a second name of a
    file: the repository's author may have put it there to have another file overwritten.
    """
    named = Path(os.path.abspath(path))  # noqa: PTH100 -- links are what is looked for
    root = next((folder for folder in named.parents if os.path.lexists(folder / ".git")), None)
    if root is None:
        return path
    here = root
    for part in named.relative_to(root).parts:
        here = here / part
        if here.is_symlink():
            target = Path(os.path.realpath(here))
            message = f"{here} is a symbolic link to {target}, and none is followed in a repository"
            raise UsageFault(
                one_line(message), f"ls -l {quote(str(here))}   # or name another file"
            )
    if here.is_file() and here.stat().st_nlink > 1:
        message = f"{here} is a second name of another file, which would be overwritten"
        raise UsageFault(one_line(message), f"ls -li {quote(str(here))}   # or name another file")
    return path


def _refuse_far_root(root: Path) -> None:
    """Raise ProjectFault if core.worktree makes another folder the checkout, such as the home."""
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
    common, own = _folders_of(git)
    _refuse_others_commits(common, own, command)
    if entry.is_file():
        _refuse_others_checkout(git, entry, own, command)
    for path in _written(common):
        _refuse_written(path, command, is_log="logs" in path.relative_to(common).parts)


def _folders_of(git: Plumbing) -> tuple[Path, Path]:
    """Return the folder of a repository's objects, and that of this checkout's HEAD and index."""
    lines = git(*HOME_OF, "--git-dir").removesuffix("\n").split("\n")
    half = len(lines) // 2  # more than one line each where a folder's name has a line feed
    return Path("\n".join(lines[:half])), Path("\n".join(lines[half:]))


def _refuse_others_commits(common: Path, own: Path, command: str) -> None:
    """Raise ProjectFault if a file `commondir` sends commits and branches to another repository.

    That of a linked worktree has it, in a folder that only whoever made the worktree could write.
    """
    if own.resolve() != common.resolve() and own.resolve().parent != common.resolve() / "worktrees":
        message = f"{own} says that its commits are those of {common}, which is another repository"
        raise ProjectFault(one_line(message), command)


def _refuse_others_checkout(git: Plumbing, entry: Path, own: Path, command: str) -> None:
    """Raise ProjectFault if a file .git leads to the repository or worktree of another checkout.

    An archive may bring such a file. That of a worktree is named by the repository, and one of a
    submodule, or with a folder of its own (`--separate-git-dir`), lies in no other checkout.
    """
    other = own.resolve()
    try:
        with open(own / "gitdir", "rb", opener=no_link) as file:
            other = own / os.fsdecode(file.read(MAX_PATH).removesuffix(b"\n"))
    except OSError:
        if other.name != ".git" or git.try_("config", "core.worktree") is not None:
            return
    if other.exists() and not other.samefile(entry):
        message = f"{entry} leads to {own}, which is of another checkout, {other.parent}"
        raise ProjectFault(one_line(message), command)


def _refuse_written(path: Path, command: str, *, is_log: bool) -> None:
    """Raise ProjectFault if git would write through `path`: a link, or a second name of a file.

    Git replaces files by new ones, but for a reflog, which it appends to, the place of a worktree,
    and a message.
    """
    try:
        status = path.lstat()
    except OSError:
        return
    if stat.S_ISLNK(status.st_mode):
        target = one_line(os.readlink(path))  # noqa: PTH115
        message = f"{one_line(str(path))} is a symbolic link to {target}: git would write there"
        raise ProjectFault(message, command)
    in_place = is_log or path.name in ("COMMIT_EDITMSG", "gitdir")
    if in_place and stat.S_ISREG(status.st_mode) and status.st_nlink > 1:
        message = f"{one_line(str(path))} is a second name of another file: git would write to it"
        raise ProjectFault(message, command)


def _written(common: Path) -> Iterator[Path]:
    """Yield what git writes in its folder; a link is not followed."""
    for name in _WRITTEN:
        yield common / name
    yield from _entries(common / "objects")
    for name in _WRITTEN_BELOW:
        for folder, _, _ in os.walk(common / name):
            yield from _entries(Path(folder))


def _entries(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from folder.iterdir()
