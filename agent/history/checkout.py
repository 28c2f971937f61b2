"""Files out of commits: the copy that a trial gets, and the run's worktree, which follows the branch."""

from collections.abc import Collection, Iterator
from pathlib import Path
from shlex import quote

from agent.errors import HistoryFault
from agent.git.home import HOME
from agent.git.plumbing import Plumbing, scratch_index
from agent.git.repository import refuse_links


def export(
    git: Plumbing, commit: str, workspace: str, folder: Path, without: Collection[str] = ()
) -> None:
    """Write the files below `workspace` as of `commit` to `folder`, as a checkout would: filters, line ends, submodules.

    without: paths in the repository that are left out.
    A submodule comes from where it is checked out in the user's own checkout; where it is not, its folder is empty there too.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with scratch_index(folder.parent) as index:
        git("read-tree", commit, index=index)
        listing = git("ls-files", "--stage", "-z", "--", workspace or ".", index=index)
        entries = [
            (head.split(" "), path)
            for head, _, path in (line.partition("\t") for line in listing.split("\0") if line)
        ]
        entries = [(head, path) for head, path in entries if path not in without]
        names = "\0".join(path for _, path in entries).encode("utf-8", "surrogateescape")
        tree = index.parent / "tree"
        (tree / workspace).mkdir(parents=True)
        git(
            "checkout-index",
            "--force",
            "-z",
            "--stdin",
            f"--prefix={tree}/",
            stdin=names,
            index=index,
        )
        for (mode, linked, _), path in entries:
            if mode == "160000" and (git.folder / path / ".git").exists():
                refuse_links(git.folder, path)
                _export_submodule(Plumbing(git.folder / path), linked, tree / path)
        (tree / workspace).rename(folder)


def _export_submodule(git: Plumbing, commit: str, folder: Path) -> None:
    if git.try_("cat-file", "-e", f"{commit}^{{commit}}") is None:
        raise HistoryFault(
            f"the submodule {git.folder} does not have its commit {commit[:12]}",
            "git submodule update --init",
        )
    export(git, commit, "", folder)


def add_worktree(git: Plumbing, place: Path, branch: str) -> None:
    """Check `branch` out at `place`, where it is not yet. HistoryFault where it is checked out elsewhere, or `place` taken."""
    head, own = f"refs/heads/{branch}", _is_own(git, place)
    checkouts = dict(_checkouts(git))
    if own and checkouts.get(place) not in (head, None):
        raise HistoryFault(
            f"{place} is on {checkouts[place]}, not on {branch}",
            f"git -C {quote(str(place))} switch {branch}",
        )
    others = [path for path, reference in checkouts.items() if reference == head and path != place]
    for path in others:
        _refuse_checkout(git, path, branch)
    if own:
        return
    if place.exists():  # of a repository that this one was copied or moved from; there may be work of the user's in it
        place.rename(_free(place))
    force = (
        ["--force"] if others or place in checkouts else []
    )  # what git still has listed, and is no checkout any more
    git("worktree", "add", *force, str(place), branch)


def follow(place: Path, known: Collection[str], tip: str) -> None:
    """Bring the worktree to `tip` from any of the trees `known`. HistoryFault where changes of the user's are in the way."""
    git = Plumbing(place)
    if git("rev-parse", "--show-toplevel").rstrip("\n") != str(place):
        raise HistoryFault(f"{place} is no worktree any more", f"rm -r {quote(str(place))}")
    git.try_("update-index", "-q", "--refresh")
    stands = git("write-tree").strip()
    if stands not in known:
        raise HistoryFault(
            f"{place} has changes of yours in its index", f"git -C {quote(str(place))} status"
        )
    git("read-tree", "-m", "-u", stands, tip)


def place_of(git: Plumbing, branch: str) -> Path | None:
    """Return the worktree of this repository in which `branch` is checked out, if there is one."""
    places = (path for path, reference in _checkouts(git) if reference == f"refs/heads/{branch}")
    return next((place for place in places if _is_own(git, place)), None)


def move(git: Plumbing, place: Path, to: Path) -> None:
    """Move a worktree, and what the user has in it; leave it where it is if something is in the way."""
    if not to.exists():
        to.parent.mkdir(parents=True, exist_ok=True)
        git.try_("worktree", "move", str(place), str(to))


def _checkouts(git: Plumbing) -> Iterator[tuple[Path, str | None]]:
    """Each worktree of the repository with the reference that it is on."""
    for block in git("worktree", "list", "--porcelain").split("\n\n"):
        fields = {
            key: value for key, _, value in (line.partition(" ") for line in block.splitlines())
        }
        if "worktree" in fields:
            yield Path(fields["worktree"]), fields.get("branch")


def _refuse_checkout(git: Plumbing, path: Path, branch: str) -> None:
    """HistoryFault if `path` is a checkout of the branch: its files would be left behind. A moved or copied repository lists
    the old place of our own worktree, which is gone, or another repository's."""
    if path.exists() and _is_own(git, path):
        message = f"{branch} is checked out in {path}, whose files a run would leave behind"
        raise HistoryFault(message, f"git -C {quote(str(path))} switch --detach")
    if not path.exists() and path.parts[-3:-1] != (HOME, "worktrees"):
        message = f"{branch} is checked out in {path}, which is not there now"
        raise HistoryFault(
            message, f"git worktree remove --force {quote(str(path))}   # if it is gone for good"
        )


def _is_own(git: Plumbing, place: Path) -> bool:
    """True where `place` is the top of a worktree of this very repository, not of one that it was copied from."""
    question = ("rev-parse", "--path-format=absolute", "--git-common-dir")
    answer = (
        Plumbing(place).try_(*question, "--show-toplevel") if (place / ".git").exists() else None
    )
    return answer == f"{git(*question).strip()}\n{place}"


def _free(place: Path) -> Path:
    return next(
        path
        for n in range(1, 10**6)
        if not (path := place.with_name(f"{place.name}.old-{n}")).exists()
    )
