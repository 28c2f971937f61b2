"""Renames and deletes runs. What a kill left half done is finished by the same call again."""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from agent.errors import HistoryFault
from agent.git.home import no_link, remove_file, run_folder, worktree_path
from agent.git.plumbing import Plumbing
from agent.git.references import names_of, references
from agent.history.checkout import checkouts
from agent.history.flights import transaction
from agent.history.homes import is_local
from agent.history.opening import locked
from agent.history.runs import FLIGHTS, HEADS, tip_of
from agent.project.find import Project
from sandbox.ground.leftovers import remove_tree

RENAMED = "renamed-to"
"""A file in a run's local folder: the tag that the run is being given."""


@dataclass(frozen=True)
class Remains:
    """What there is of a run, or what a killed delete left of it."""

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
    """Return what there is of the run in the repository with these checkouts."""
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
    """Raise HistoryFault if the user has the run's branch checked out in a folder of his own."""
    own = {worktree_path(Path(home.root), tag) for home in homes}
    for path, reference in checkouts(_git(homes)):
        if reference == HEADS + tag and path not in own:
            message = f"autoresearch/{tag} is checked out in {path}"
            raise HistoryFault(message, f"git -C {quote(str(path))} switch --detach")


def delete(homes: Sequence[Project], tag: str) -> None:
    """Remove the run's worktree, branch, refs and local files; copies on remotes stay.

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
    """Give the run another tag: branch, refs, worktree and local files.

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
            _move_references(git, old, new)
            for home in places:
                _move_worktree(git, Path(home.root), old, new)
                _move_files(home, old, new)


def half_renamed(homes: Sequence[Project], old: str, new: str) -> bool:
    """Return whether a killed rename of the run `old` to `new` is to be finished."""
    return _renamed_to(homes, old) == new


def _refuse_taken(git: Plumbing, homes: Sequence[Project], old: str, new: str) -> None:
    if tip_of(git, HEADS + old) is None:
        raise HistoryFault(f"there is no local branch autoresearch/{old}", "autoresearch list")
    remains = remains_of(homes, new)
    if remains:
        message = f"there is a run {new} already, or something is left of one"
        raise HistoryFault(message, f"autoresearch rename {old} OTHER   # or delete {new}")


def _move_references(git: Plumbing, old: str, new: str) -> None:
    """Move the branch and the refs of attempts in flight, in one transaction."""
    steps = []
    for reference, commit in references(git, HEADS + old, f"{FLIGHTS}{old}/"):
        moved = reference.replace(f"autoresearch/{old}", f"autoresearch/{new}", 1)
        # A killed transaction may have made the new ones: `update` takes those as they are.
        steps.append(f"update {moved} {commit}")
        steps.append(f"delete {reference} {commit}")
    if steps:
        git("update-ref", "--stdin", stdin=transaction(steps))
    section = "branch.autoresearch/"
    git.try_("config", "--rename-section", f"{section}{old}", f"{section}{new}")


def _move_worktree(git: Plumbing, root: Path, old: str, new: str) -> None:
    """Move the worktree, and let git know."""
    before = worktree_path(root, old)
    after = worktree_path(root, new)
    if before.exists() and not after.exists():
        before.rename(after)
    if not after.exists():
        return
    git("worktree", "repair", str(after))
    there = Plumbing(after)
    if there.try_("symbolic-ref", "HEAD") == HEADS + old:
        there("symbolic-ref", "HEAD", HEADS + new)


def _move_files(home: Project, old: str, new: str) -> None:
    """Move the local files, then the rest with the mark at once."""
    before = run_folder(Path(home.root), old)
    after = run_folder(Path(home.root), new)
    for entry in sorted(before.iterdir()):
        if entry.name not in ("lock", RENAMED):
            entry.rename(after / entry.name)
    rest = after / RENAMED
    remove_tree(rest)
    before.rename(rest)
    remove_tree(rest)


def _mark(home: Project, old: str, new: str) -> None:
    path = run_folder(Path(home.root), old) / RENAMED
    with open(path, "w", encoding="utf-8", opener=no_link) as file:
        file.write(new)
        file.flush()
        os.fsync(file.fileno())


def _renamed_to(homes: Sequence[Project], tag: str) -> str | None:
    """Return the tag that a killed rename of the run was about to give it."""
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
    """Hold the run's lock in each checkout."""
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
