"""The files of a commit, as `git ls-tree` lists them."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from agent.git.plumbing import Plumbing, content_of

_PLAIN_MODES = ("100644", "100755")


class CommittedFile(NamedTuple):
    """A file, link, submodule or folder of a commit."""

    path: str
    """In the repository, with forward slashes."""
    mode: str
    """In octal digits."""
    blob: str
    """Name of its object; of a submodule, its commit."""
    size: int
    """Bytes; 0 for a submodule or folder."""

    @property
    def is_plain(self) -> bool:
        """Whether it is a plain file: no link, no submodule, no folder."""
        return self.mode in _PLAIN_MODES


def files_below(git: Plumbing, commit: str, folder: str = "") -> Iterator[CommittedFile]:
    """Yield all files of a commit, or those below `folder`; no folders.

    Raise HistoryFault if there is no such commit.
    """
    where = [f"{folder}/"] if folder else []
    return _parsed(git("ls-tree", "-r", "-z", "-l", "--full-tree", commit, "--", *where))


def files_at(git: Plumbing, commit: str, paths: Sequence[str]) -> Iterator[CommittedFile]:
    """Yield what a commit has at these paths, one or more; missing ones are left out.

    Raise HistoryFault if there is no such commit.
    """
    return _parsed(git("ls-tree", "-z", "-l", "--full-tree", commit, "--", *paths))


def plain_file(git: Plumbing, commit: str, path: str) -> bytes | None:
    """Return the content of a plain file of a commit; None if there is no plain file at `path`."""
    for file in files_at(git, commit, [path]):
        if file.is_plain:
            return content_of(git, file.blob)
    return None


def _parsed(listing: str) -> Iterator[CommittedFile]:
    for line in listing.split("\0"):
        head, _, path = line.partition("\t")
        if path:
            mode, _, blob, size = head.split()
            yield CommittedFile(path, mode, blob, int(size) if size.isdigit() else 0)
