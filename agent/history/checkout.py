"""Writes the files of commits: a trial's copy, and the run's worktree."""

import os
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from shlex import quote

from agent.errors import HistoryFault
from agent.git.home import HOME, free
from agent.git.plumbing import Plumbing, scratch_index
from agent.git.repository import (
    git_folder,
    named_submodule,
    refuse_links,
    repository_programs,
)
from agent.git.room import Room
from agent.git.store import SUBMODULE, Listed, Store
from sandbox.ground.text import one_line

MAX_LISTED = 10
"""The most changed files that a message names."""


def export(
    store: Store,
    commit: str,
    workspace: str,
    folder: Path,
    hides: Callable[[str], bool] = lambda _: False,
) -> list[Listed]:
    """Write the files below `workspace` at `commit` to `folder`; return what was written.

    Filters, line ends and submodules are treated as in a checkout. A submodule is copied from the
    user's own checkout, and is an empty folder if it is not checked out there. hides: returns
    whether a path in the repository is left out. Raise HistoryFault if the disk has no room.
    """
    git = store.git
    folder.parent.mkdir(parents=True, exist_ok=True)
    with scratch_index(folder.parent) as index:
        entries = [file for file in store.files(commit, workspace) if not hides(file.path)]
        room = Room(folder.parent)
        room.refuse(commit, store.sizes_of(entries))
        git("read-tree", commit, index=index)
        tree = index.parent / "tree"
        (tree / workspace).mkdir(parents=True)
        paths = "\0".join(entry.path for entry in entries).encode("utf-8", "surrogateescape")
        options = ("--force", "-z", "--stdin", f"--prefix={tree}/")
        git("checkout-index", *options, stdin=paths, index=index, room=room)
        for entry in entries:
            if entry.mode == SUBMODULE:
                _export_submodule(git.folder, entry, tree / entry.path)
        (tree / workspace).rename(folder)
    return entries


def _export_submodule(root: Path, entry: Listed, folder: Path) -> None:
    """Write the files of a submodule that is checked out below `root`."""
    if not (root / entry.path / ".git").exists():
        return
    refuse_links(root, entry.path)
    git = Plumbing(root / entry.path)
    _refuse_far(root, git)
    _refuse_unnamed(root, entry.path, git)
    if git.try_("cat-file", "-e", f"{entry.name}^{{commit}}") is None:
        message = f"the submodule {git.folder} does not have its commit {entry.name[:12]}"
        raise HistoryFault(message, "git submodule update --init")
    with Store(git) as store:
        export(store, entry.name, "", folder)


def _refuse_far(root: Path, git: Plumbing) -> None:
    """Raise HistoryFault if the commits of a submodule lie outside of the repository at `root`.

    An archive may bring a file .git in it that leads to any repository of the user's.
    """
    home = git_folder(git.folder).resolve()
    if not any(home.is_relative_to(own.resolve()) for own in (root, git_folder(root))):
        message = f"the submodule {git.folder} leads to {home}, which is another repository"
        command = f"ls -la {quote(str(git.folder))}   # then: git submodule update --init"
        raise HistoryFault(one_line(message), command)


def _refuse_unnamed(root: Path, path: str, git: Plumbing) -> None:
    """Raise HistoryFault if a submodule's settings name programs that the user was not shown.

    The list for the user is made from the index, and a commit may have further submodules.
    """
    own = repository_programs(git)
    if own and not named_submodule(Plumbing(root), path):
        named = one_line(str(own[0]))
        message = f"{one_line(path)} is a submodule that the index lacks, and names {named}"
        raise HistoryFault(
            message, f"ls -la {quote(str(git.folder))}   # then: git add {quote(path)}"
        )


def leave_branch(root: Path, branch: str) -> str:
    """Detach the checkout `root` from `branch`, and return its commit.

    Raise HistoryFault if tracked files have changes: they would look like a part of the run.
    """
    git = Plumbing(root)
    options = ("--porcelain", "-z", "--no-renames")
    changed = git("status", *options, "--untracked-files=no").split("\0")[:-1]
    if changed:
        listing = "\n".join(one_line(entry) for entry in changed[:MAX_LISTED])
        raise HistoryFault(
            f"{root} is on {branch} and has changes that are not committed. The run goes on from "
            f"the branch, without them:\n{listing}",
            f"git -C {quote(str(root))} stash   # then resume; `git stash pop` brings them back",
        )
    git("switch", "--quiet", "--detach")
    return git("rev-parse", "HEAD").strip()


def add_worktree(git: Plumbing, place: Path, branch: str) -> None:
    """Check `branch` out at `place`, unless it is checked out there already.

    Raise HistoryFault if it is checked out elsewhere, or `place` is on another branch.
    """
    head = f"refs/heads/{branch}"
    own = is_checkout(git, place)
    listed = dict(checkouts(git))
    if own and listed.get(place) not in (head, None):
        message = f"{place} is on {listed[place]}, not on {branch}"
        raise HistoryFault(message, f"git -C {quote(str(place))} switch {branch}")
    others = [path for path, reference in listed.items() if reference == head and path != place]
    for path in others:
        _refuse_checkout(git, path, branch)
    if own:
        _fill(place)
        return
    if place.exists():
        # It belongs to a repository that this one was copied from, and may hold the user's work.
        place.rename(free(place))
    # Git may still list a checkout that is gone.
    force = ["--force"] if others or place in listed else []
    git("worktree", "add", "--no-checkout", *force, str(place), branch)
    try:
        _fill(place)
    except HistoryFault:
        git.try_("worktree", "remove", "--force", str(place))
        raise


def _fill(place: Path) -> None:
    """Write the files of a worktree that has none yet.

    `git worktree add` would do so in a process that heeds further settings: those that .git/config
    includes for this branch or folder alone.
    """
    git = _in_worktree(place)
    index = git("rev-parse", "--path-format=absolute", "--git-path", "index").removesuffix("\n")
    if os.path.lexists(index):
        return
    room = Room(place)
    commit = git("rev-parse", "HEAD").strip()
    with Store(git) as store:
        room.refuse(commit, store.sizes_of(store.files(commit)))
    # What a killed process wrote is overwritten.
    git("read-tree", "--reset", "-u", commit, room=room)


def follow(place: Path, trees: Collection[str], tip: str) -> None:
    """Bring the worktree at `place` to `tip`.

    Raise HistoryFault if its index is none of `trees`, that is, if the user has changes in it.
    """
    git = _in_worktree(place)
    if git("rev-parse", "--show-toplevel").rstrip("\n") != str(place):
        raise HistoryFault(f"{place} is no worktree any more", f"rm -r {quote(str(place))}")
    git.try_("update-index", "-q", "--refresh")
    tree = git("write-tree").strip()
    if tree not in trees:
        message = f"{place} has changes of yours in its index"
        raise HistoryFault(message, f"git -C {quote(str(place))} status")
    room = Room(place)
    with Store(git) as store:
        room.refuse(tip, store.sizes_of(_changed(git, tree, tip)))
    git("read-tree", "-m", "-u", tree, tip, room=room)


def _in_worktree(place: Path) -> Plumbing:
    """Return the git that writes a run's worktree.

    It runs no filter: one may be a file, or load files, of the folder that it runs in. The user
    agreed to those of the checkout, and here lie the branch's.
    """
    return Plumbing(place, heeds=False)


def _changed(git: Plumbing, before: str, after: str) -> Iterator[Listed]:
    """Yield the files of a commit that are new, or others than in the one before."""
    fields = git("diff-tree", "-r", "-z", "--raw", "--no-renames", before, after).split("\0")
    for head, path in zip(fields[::2], fields[1::2], strict=False):
        _, mode, _, name, _ = head.split()
        if name.strip("0"):
            yield Listed(mode, name, path)


def place_of(git: Plumbing, branch: str) -> Path | None:
    """Return the worktree of this repository that has `branch` checked out, or None."""
    places = (path for path, reference in checkouts(git) if reference == f"refs/heads/{branch}")
    return next((place for place in places if is_checkout(git, place)), None)


def move(git: Plumbing, place: Path, to: Path) -> None:
    """Move a worktree with all its files; leave it where it is if `to` exists."""
    if not to.exists():
        to.parent.mkdir(parents=True, exist_ok=True)
        git.try_("worktree", "move", str(place), str(to))


def checkouts(git: Plumbing) -> Iterator[tuple[Path, str | None]]:
    """Yield each worktree of the repository with its branch as a full reference, or None."""
    for block in git("worktree", "list", "--porcelain").split("\n\n"):
        fields = {}
        for line in block.split("\n"):
            key, _, value = line.partition(" ")
            fields[key] = value
        if "worktree" in fields:
            yield Path(fields["worktree"]), fields.get("branch")


def _refuse_checkout(git: Plumbing, path: Path, branch: str) -> None:
    """Raise HistoryFault if `path` is a checkout of the branch, whose files would become stale.

    Ignored are the old place of our own worktree after the repository was moved, and a worktree of
    the repository that this one was copied from.
    """
    if path.exists() and is_checkout(git, path):
        message = f"{branch} is checked out in {path}, whose files a run would leave behind"
        raise HistoryFault(message, f"git -C {quote(str(path))} switch --detach")
    if not path.exists() and path.parts[-3:-1] != (HOME, "worktrees"):
        message = f"{branch} is checked out in {path}, which is not there now"
        command = f"git worktree remove --force {quote(str(path))}   # if it is gone for good"
        raise HistoryFault(message, command)


def is_checkout(git: Plumbing, place: Path) -> bool:
    """Return whether `place` is the top of a worktree of this very repository.

    After a copy it may be one of the original repository.
    """
    if not (place / ".git").exists():
        return False
    question = ("rev-parse", "--path-format=absolute", "--git-common-dir")
    answer = Plumbing(place).try_(*question, "--show-toplevel")
    return answer == f"{git(*question).strip()}\n{place.resolve()}"
