"""Describes a folder by content hashes, and makes a copy of it elsewhere."""

import hashlib
import os
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from shlex import quote
from typing import Annotated

from pydantic import Field, field_validator

from agent.errors import SandboxFault
from sandbox.ground.record import Record

HASH = r"[0-9a-f]{64}"
MAX_FILES = 1_000_000
ITSELF = "."
"""The path of the only file of a tree that is a file, and no folder."""

Hash = Annotated[str, Field(pattern=f"^{HASH}$")]
"""SHA-256 in hexadecimal digits."""


def _inside(path: str) -> str:
    """Return a relative path that stays in its folder; raise ValueError for any other."""
    parts = path.split("/")
    if path == ITSELF:
        return path
    if "\0" in path or any(part in ("", ".", "..") for part in parts):
        raise ValueError(f"not a path inside a folder: {path[:200]!a}")
    return path


class Leaf(Record):
    """One file."""

    path: str
    """Below the folder, its bytes as Latin-1: JSON has no other way to write every name."""
    sha: Hash
    size: int = Field(ge=0)
    executable: bool = False

    _path_is_inside = field_validator("path")(_inside)


class Link(Record):
    """One symbolic link."""

    path: str
    target: str = Field(min_length=1)

    _path_is_inside = field_validator("path")(_inside)


class Tree(Record):
    """The content of a folder."""

    leaves: tuple[Leaf, ...] = Field(default=(), max_length=MAX_FILES)
    links: tuple[Link, ...] = Field(default=(), max_length=MAX_FILES)
    folders: tuple[str, ...] = Field(default=(), max_length=MAX_FILES)
    """Every folder below it, those above first."""

    @field_validator("folders")
    @classmethod
    def _folders_are_inside(cls, paths: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(map(_inside, paths))

    @property
    def digest(self) -> str:
        """Hash of the whole tree."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()

    @property
    def hashes(self) -> tuple[str, ...]:
        """The distinct hashes of its files."""
        return tuple(dict.fromkeys(leaf.sha for leaf in self.leaves))

    @property
    def size(self) -> int:
        """Size of its files in bytes."""
        return sum(leaf.size for leaf in self.leaves)


def hash_of(path: Path) -> str:
    """Return the hash of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_tree(folder: Path, hidden: Iterable[str] = ()) -> tuple[Tree, dict[str, Path]]:
    """Return the tree of a folder or of one file, and the path of the file of each hash.

    Links are not followed. hidden: absolute paths to leave out. Raise SandboxFault for a file that
    cannot be read, and for anything but files, folders and links.
    """
    try:
        if folder.is_file():
            leaf = _leaf(folder, ITSELF)
            return Tree(leaves=(leaf,)), {leaf.sha: folder}
        return _read_folder(folder, frozenset(map(os.path.realpath, hidden)))
    except OSError as error:
        raise unreadable(error) from None


def unreadable(error: OSError) -> SandboxFault:
    """Return the fault of a file that nodes need and that cannot be read here."""
    message = f"cannot read {error.filename}, which trials elsewhere need: {error.strerror}"
    return SandboxFault(message, "autoresearch doctor")


def _read_folder(folder: Path, hidden: frozenset[str]) -> tuple[Tree, dict[str, Path]]:
    leaves: list[Leaf] = []
    links: list[Link] = []
    folders: list[str] = []
    places: dict[str, Path] = {}
    for entry in _entries(folder, hidden):
        path = _to_latin(os.path.relpath(entry.path, folder))
        if entry.is_symlink():
            links.append(Link(path=path, target=_to_latin(str(Path(entry.path).readlink()))))
        elif entry.is_dir(follow_symlinks=False):
            folders.append(path)
        elif entry.is_file(follow_symlinks=False):
            leaf = _leaf(Path(entry.path), path)
            leaves.append(leaf)
            places[leaf.sha] = Path(entry.path)
        else:
            message = f"{entry.path} is no file, folder or link, and cannot be sent to a node"
            raise SandboxFault(message, f"ls -l {quote(entry.path)}")
        if max(len(leaves), len(links), len(folders)) > MAX_FILES:
            message = f"{folder} has more than {MAX_FILES:,} files: too many to be sent to a node"
            raise SandboxFault(message, f"ls -R {quote(str(folder))} | wc -l   # pack some")
    return Tree(leaves=tuple(leaves), links=tuple(links), folders=tuple(folders)), places


def _entries(folder: Path, hidden: frozenset[str]) -> Iterator["os.DirEntry[str]"]:
    """Yield everything below a folder, sorted by name, a folder before its content."""
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if hidden and os.path.realpath(entry.path) in hidden:
            continue
        yield entry
        if entry.is_dir(follow_symlinks=False):
            yield from _entries(Path(entry.path), hidden)


def _leaf(file: Path, path: str) -> Leaf:
    status = file.stat()
    executable = bool(status.st_mode & stat.S_IXUSR)
    return Leaf(path=path, sha=hash_of(file), size=status.st_size, executable=executable)


def make_tree(tree: Tree, target: Path, file_of: Callable[[str], Path], link: bool = False) -> None:
    """Make the folder or file `target` from `tree`.

    file_of: returns the path of the file of a hash. link: make hard links instead of copies, for a
    folder that nobody will write to. Symbolic links are made last, so that no file is written
    through one.
    """
    if tree.leaves and tree.leaves[0].path == ITSELF:
        target.parent.mkdir(parents=True, exist_ok=True)
        _put(tree.leaves[0], target, file_of, link)
        return
    target.mkdir(parents=True)
    for folder in tree.folders:
        (target / _from_latin(folder)).mkdir()
    for leaf in tree.leaves:
        _put(leaf, target / _from_latin(leaf.path), file_of, link)
    for other in tree.links:
        (target / _from_latin(other.path)).symlink_to(_from_latin(other.target))


def _put(leaf: Leaf, target: Path, file_of: Callable[[str], Path], link: bool) -> None:
    source = file_of(leaf.sha)
    if link and not leaf.executable:
        target.hardlink_to(source)
        return
    shutil.copyfile(source, target)
    target.chmod(0o755 if leaf.executable else 0o644)


def _to_latin(path: str) -> str:
    return os.fsencode(path).decode("latin-1")


def _from_latin(path: str) -> str:
    return os.fsdecode(path.encode("latin-1"))
