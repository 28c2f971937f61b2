"""A node's cache of files and trees by content hash, invisible to trainings."""

import os
import secrets
import stat
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from shlex import quote

from agent.errors import SandboxFault
from agent.evaluate.cluster.trees import Tree, hash_of, make_tree
from sandbox.ground.leftovers import PASSED, remove_tree

KEEP_SECONDS = 7 * 24 * 3600.0
"""What nobody used for so long is removed."""
FILES = "files"
TREES = "trees"
PARTS = "parts"
PRIVATE = 0o700


def usual_root(base: Path) -> Path:
    """Return the folder of this user's cache in a node's scratch space `base`."""
    return base / f"autoresearch-{os.geteuid()}"


class Cache:
    """Files by hash, and folders made of them. Several processes may share a cache."""

    def __init__(self, root: Path) -> None:
        """Make the cache's folders, and remove files that were not used for KEEP_SECONDS.

        Raise SandboxFault if `root` belongs to somebody else or cannot be made.
        """
        self.root = root
        self._lock = threading.Lock()
        # Processes of several nodes may share a folder, and the numbers of processes.
        self._own = secrets.token_hex(4)
        try:
            _own(root, PASSED)
            _own(root / FILES, PRIVATE)
            _own(root / TREES, PASSED)
            _own(root / PARTS, PRIVATE)
        except OSError as error:
            message = f"cannot make the cache {root}: {error.strerror}"
            raise SandboxFault(message, f"df -h {quote(str(root.parent))}") from None
        self._sweep()

    def file(self, sha: str) -> Path:
        """Return the path of the file with a hash, whether it exists or not."""
        return self.root / FILES / sha

    def missing(self, hashes: Iterable[str]) -> list[str]:
        """Return which of these files are missing, and mark the others as used now."""
        return [sha for sha in hashes if not _touch(self.file(sha))]

    def put(self, sha: str, offset: int, piece: bytes, size: int) -> None:
        """Add a piece of a file of `size` bytes; the last piece completes it.

        A piece may come twice. Raise SandboxFault if the complete file has another hash, and
        OSError for a full disk.
        """
        with self._lock:
            if not _touch(self.file(sha)):
                self._add(sha, offset, piece, size)

    def _add(self, sha: str, offset: int, piece: bytes, size: int) -> None:
        part = self.root / PARTS / f"{sha}-{self._own}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(part, flags, 0o644)
        try:
            written = 0
            while written < len(piece):
                written += os.pwrite(descriptor, piece[written:], offset + written)
            is_whole = offset + len(piece) >= size
            if is_whole:
                os.fsync(descriptor)  # or a loss of power would leave the name without the content
        except OSError:
            part.unlink(missing_ok=True)
            raise
        finally:
            os.close(descriptor)
        if is_whole:
            self._finish(part, sha)

    def _finish(self, part: Path, sha: str) -> None:
        if hash_of(part) != sha:
            part.unlink()
            message = f"the file {sha[:12]} came with another content: it changed while it was sent"
            raise SandboxFault(message, "autoresearch doctor")
        part.chmod(0o644)  # a run's own user reads it through a second name
        part.rename(self.file(sha))

    def make(self, tree: Tree, target: Path) -> None:
        """Make a writable copy of `tree`. Raise SandboxFault if a file is missing."""
        try:
            make_tree(tree, target, self.file)
        except OSError as error:
            raise SandboxFault(f"cannot make {target}: {error}", "df -h") from None

    def shared(self, tree: Tree) -> Path:
        """Return a read-only folder with the content of `tree`, making it if needed."""
        place = self.root / TREES / tree.digest
        if _touch(place):
            return place / "tree"
        made = self.root / PARTS / secrets.token_hex(8)
        try:
            make_tree(tree, made / "tree", self.file, link=True)
            made.chmod(0o755)
            with suppress(FileExistsError, OSError):
                made.rename(place)
        except OSError as error:
            raise SandboxFault(f"cannot make {place}: {error}", "df -h") from None
        finally:
            remove_tree(made)
        if not place.is_dir():
            raise SandboxFault(f"cannot make {place}", "df -h")
        return place / "tree"

    def keep(self, shared: Path) -> None:
        """Let a folder that `shared` returned count as used now."""
        _touch(shared.parent)

    def _sweep(self) -> None:
        oldest = time.time() - KEEP_SECONDS
        for kind in (TREES, PARTS, FILES):
            for path in (self.root / kind).iterdir():
                with suppress(OSError):
                    if path.lstat().st_mtime < oldest:
                        _remove(path)


def _own(folder: Path, mode: int) -> None:
    """Make a folder. Raise SandboxFault if it is a link or somebody else's."""
    folder.mkdir(mode=mode, exist_ok=True)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
        raise SandboxFault(f"{folder} belongs to somebody else", f"ls -ld {quote(str(folder))}")
    folder.chmod(mode)


def _touch(path: Path) -> bool:
    try:
        os.utime(path, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _remove(path: Path) -> None:
    if path.is_dir():
        remove_tree(path)
    else:
        path.unlink()
