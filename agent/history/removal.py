"""Renames and deletes runs. After a kill, the same call finishes what is half done."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from agent.errors import HistoryFault
from agent.git.home import free, no_link, remove_file, run_folder, worktree_path, write_whole
from agent.git.plumbing import Plumbing
from agent.git.programs import HOME_OF
from agent.git.references import Reference, names_of, references
from agent.history.checkout import checkouts
from agent.history.flights import transaction
from agent.history.homes import is_local
from agent.history.opening import locked
from agent.history.runs import FLIGHTS, HEADS, tip_of
from agent.project.find import Project
from sandbox.ground.leftovers import remove_tree
from sandbox.ground.text import one_line

RENAMED = "renamed-to"
"""A file in a run's local folder: the tag that the run is being given."""


@dataclass(frozen=True)
class Remains:
    """The parts of a run that exist; after a killed delete, what is left."""

    tag: str
    tip: str | None
    """The newest commit of its local branch."""
    flights: tuple[str, ...]
    """The refs of attempts in flight."""
    worktrees: tuple[Path, ...]
    folders: tuple[Path, ...]
    """Its logs, transcripts and tracker files."""

    def __bool__(self) -> bool:
        return bool(self.tip or self.flights or self.worktrees or self.folders)


def remains_of(homes: Sequence[Project], tag: str) -> Remains:
    """Return the parts of the run that exist. homes: the checkouts of the repository."""
    git = _git(homes)
    names = names_of(git, f"{FLIGHTS}{tag}/")
    listed = {path for path, _ in checkouts(git)}
    worktrees = [worktree_path(Path(home.root), tag) for home in homes]
    folders = [run_folder(Path(home.root), tag) for home in homes]
    return Remains(
        tag=tag,
        tip=tip_of(git, HEADS + tag),
        flights=tuple(names),
        # A folder there that git does not list is another repository's, or the user's.
        worktrees=tuple(path for path in worktrees if path in listed),
        folders=tuple(folder for folder in folders if folder.exists()),
    )


def refuse_checked_out(homes: Sequence[Project], tag: str) -> None:
    """Raise HistoryFault if the user has the run's branch checked out in another folder."""
    own = {worktree_path(Path(home.root), tag) for home in homes}
    for path, reference in checkouts(_git(homes)):
        if reference == HEADS + tag and path not in own:
            message = f"autoresearch/{tag} is checked out in {path}"
            raise HistoryFault(message, f"git -C {quote(str(path))} switch --detach")


def delete(homes: Sequence[Project], tag: str) -> None:
    """Remove the run's worktree, branch, refs and local files, but no copies on remotes.

    Raise RunBusy if a process works on it, HistoryFault if the user has its branch checked out.
    """
    git = _git(homes)
    refuse_checked_out(homes, tag)
    with _held(homes, tag):
        remains = remains_of(homes, tag)
        for worktree in remains.worktrees:
            remove_tree(worktree)
            git("worktree", "remove", "--force", "--force", str(worktree))
        references = list(remains.flights)
        if remains.tip:
            references.append(HEADS + tag)
        if references:
            steps = [f"delete {reference}" for reference in references]
            git("update-ref", "--stdin", stdin=transaction(steps))
        git.try_("config", "--remove-section", f"branch.autoresearch/{tag}")
        for folder in remains.folders:
            _empty(folder)


def rename(homes: Sequence[Project], old: str, new: str) -> None:
    """Rename the run: its branch, refs, worktree and local files.

    Raise RunBusy if a process works on it, HistoryFault if the new name is taken or the user has
    the branch checked out.
    """
    git = _git(homes)
    if not half_renamed(homes, old, new):
        refuse_checked_out(homes, old)
        _refuse_taken(git, homes, old, new)
    places = [home for home in homes if is_local(home, old)] or [homes[0]]
    with _held(places, old):
        for home in places:
            _mark(home, old, new)
        with _held(places, new):
            _refuse_another(git, old, new)
            _move_references(git, old, new)
            for home in places:
                _move_worktree(git, Path(home.root), old, new)
                _move_files(home, old, new)


def half_renamed(homes: Sequence[Project], old: str, new: str) -> bool:
    """Return whether a killed process left the run `old` half renamed to `new`."""
    return _renamed_to(homes, old) == new


def _refuse_taken(git: Plumbing, homes: Sequence[Project], old: str, new: str) -> None:
    if tip_of(git, HEADS + old) is None:
        raise HistoryFault(f"there is no local branch autoresearch/{old}", "autoresearch list")
    remains = remains_of(homes, new)
    if remains:
        message = f"there is a run {new} already, or something is left of one"
        raise HistoryFault(message, f"autoresearch rename {old} OTHER   # or delete {new}")


def _refuse_another(git: Plumbing, old: str, new: str) -> None:
    """Raise HistoryFault if another run has the new name by now.

    A killed rename leaves its mark behind, and an archive may bring one.
    """
    present = dict(_references(git, new))
    for name, commit in _references(git, old):
        moved = _renamed(name, old, new)
        if present.get(moved, commit) != commit:
            message = f"{one_line(moved)} is of another run than {old}"
            raise HistoryFault(message, f"autoresearch rename {old} OTHER   # or delete {new}")


def _references(git: Plumbing, tag: str) -> list[Reference]:
    """Return the branch and the refs of attempts in flight of a run."""
    return references(git, HEADS + tag, f"{FLIGHTS}{tag}/")


def _renamed(reference: str, old: str, new: str) -> str:
    return reference.replace(f"autoresearch/{old}", f"autoresearch/{new}", 1)


def _move_references(git: Plumbing, old: str, new: str) -> None:
    """Move the branch and the refs of attempts in flight, in one transaction."""
    steps = []
    for reference, commit in _references(git, old):
        moved = _renamed(reference, old, new)
        # A killed transaction may have made the new ones: `update` takes those as they are.
        steps.append(f"update {moved} {commit}")
        steps.append(f"delete {reference} {commit}")
    if steps:
        git("update-ref", "--stdin", stdin=transaction(steps))
    section = "branch.autoresearch/"
    git.try_("config", "--rename-section", f"{section}{old}", f"{section}{new}")


def _move_worktree(git: Plumbing, root: Path, old: str, new: str) -> None:
    """Move the worktree with git; one that leads to another repository stays where it is."""
    before = worktree_path(root, old)
    after = worktree_path(root, new)
    for place in (before, after):
        if place.exists() and Plumbing(place).try_(*HOME_OF) not in (None, git(*HOME_OF).strip()):
            return
    if before.exists() and not after.exists():
        before.rename(after)
    if not after.exists():
        return
    git("worktree", "repair", str(after))
    there = Plumbing(after)
    if there.try_("symbolic-ref", "HEAD") == HEADS + old:
        there("symbolic-ref", "HEAD", HEADS + new)


def _move_files(home: Project, old: str, new: str) -> None:
    """Move the local files, and at last the mark of the rename with what is left."""
    before = run_folder(Path(home.root), old)
    after = run_folder(Path(home.root), new)
    for entry in sorted(before.iterdir()):
        if entry.name not in ("lock", RENAMED):
            _move_whole(entry, after / entry.name)
    rest = after / RENAMED
    remove_tree(rest)
    before.rename(rest)
    remove_tree(rest)


def _move_whole(path: Path, to: Path) -> None:
    """Move a file or folder; what the renamed run has made in its place since stays beside it."""
    if path.is_dir() and to.is_dir() and not (path.is_symlink() or to.is_symlink()):
        for entry in sorted(path.iterdir()):
            _move_whole(entry, to / entry.name)
        path.rmdir()
    else:
        path.rename(free(to))


def _mark(home: Project, old: str, new: str) -> None:
    path = run_folder(Path(home.root), old) / RENAMED
    write_whole(path, new.encode())


def _renamed_to(homes: Sequence[Project], tag: str) -> str | None:
    """Return the new tag of a run whose rename was killed, or None."""
    for home in homes:
        path = run_folder(Path(home.root), tag) / RENAMED
        try:
            with open(path, encoding="utf-8", errors="replace", opener=no_link) as file:
                return file.read(1000)
        except OSError:
            continue
    return None


@contextmanager
def _held(homes: Sequence[Project], tag: str) -> Iterator[None]:
    """Hold the run's lock in each checkout. Raise RunBusy if a process works on it."""
    with ExitStack() as locks:
        for home in homes:
            locks.enter_context(locked(home, tag))
        yield


def _empty(folder: Path) -> None:
    """Remove a run's local folder, its lock last."""
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            remove_tree(entry)
        elif entry.name != "lock":
            remove_file(entry)
    remove_file(folder / "lock")
    folder.rmdir()


def _git(homes: Sequence[Project]) -> Plumbing:
    return Plumbing(Path(homes[0].root))
