"""Writes the .git of a trial's copy: one commit of its files, without history and contents.

A training may ask git which commit it is, and whether something was changed. No git command is
run here: each would take longer than all of it.
"""

import hashlib
import os
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

BRANCH = "trial"
AUTHOR = "trial <trial@localhost> 0 +0000"
TREE_MODE = "40000"
LINK = "120000"
"""The mode of a symbolic link. Git compares one with its contents, and files with their hash."""
SHA1_DIGITS = 40
NAME_BITS = 0xFFF
"""A longer path has this for its length in an index."""
FOLDERS = ("objects/info", "objects/pack", "refs/heads", "refs/tags", "info")


@dataclass(frozen=True)
class File:
    """A file of the copy, as git lists it."""

    path: str
    mode: str
    """In octal digits."""
    blob: str
    """The name of its contents."""

    @property
    def raw(self) -> bytes:
        """Its path as git has it."""
        return self.path.encode("utf-8", "surrogateescape")


@dataclass
class _Tree:
    """A folder on its way to a tree object."""

    files: dict[bytes, File] = field(default_factory=dict)
    """By name."""
    folders: dict[bytes, "_Tree"] = field(default_factory=dict)

    def add(self, file: File) -> None:
        *above, name = file.raw.split(b"/")
        tree = self
        for part in above:
            tree = tree.folders.setdefault(part, _Tree())
        tree.files[name] = file


def write_stand_in(folder: Path, files: Iterable[File], message: str) -> None:
    """Make `folder`/.git, in which one commit with this message has `files`."""
    listed = sorted(files, key=lambda file: file.raw)
    home = folder / ".git"
    for name in FOLDERS:
        (home / name).mkdir(parents=True)
    is_sha1 = all(len(file.blob) == SHA1_DIGITS for file in listed)
    writer = _Writer(home, "sha1" if is_sha1 else "sha256")
    root = _Tree()
    for file in listed:
        root.add(file)
        if file.mode == LINK:
            writer.link(os.readlink(folder / file.path))  # noqa: PTH115
    commit = writer.commit(writer.tree(root), message)
    (home / "HEAD").write_text(f"ref: refs/heads/{BRANCH}\n")
    (home / "config").write_text(writer.config())
    (home / "refs/heads" / BRANCH).write_text(f"{commit}\n")
    (home / "index").write_bytes(writer.index(listed))


@dataclass
class _Writer:
    """Writes in the formats of git, with the hash that the repository's names are of."""

    home: Path
    algorithm: str

    def config(self) -> str:
        core = "[core]\n\trepositoryformatversion = 1\n\tbare = false\n"
        return f"{core}[extensions]\n\tobjectformat = {self.algorithm}\n"

    def commit(self, tree: str, message: str) -> str:
        text = f"tree {tree}\nauthor {AUTHOR}\ncommitter {AUTHOR}\n\n{message}\n"
        return self._object("commit", text.encode())

    def tree(self, tree: _Tree) -> str:
        """Write the tree and those in it; git orders folders as if they ended in a slash."""
        entries = {name: (file.mode, file.blob) for name, file in tree.files.items()}
        for name, inner in tree.folders.items():
            entries[name + b"/"] = (TREE_MODE, self.tree(inner))
        body = b""
        for name in sorted(entries):
            mode, of = entries[name]
            body += mode.encode() + b" " + name.removesuffix(b"/") + b"\0" + bytes.fromhex(of)
        return self._object("tree", body)

    def link(self, target: str) -> str:
        return self._object("blob", os.fsencode(target))

    def index(self, files: list[File]) -> bytes:
        """Return the index; it says of no file when it was looked at, so that git will look."""
        body = b"DIRC" + struct.pack(">2L", 2, len(files))
        for file in files:
            seen = struct.pack(">10L", *[0] * 6, int(file.mode, 8), *[0] * 3)
            length = struct.pack(">H", min(len(file.raw), NAME_BITS))
            entry = seen + bytes.fromhex(file.blob) + length + file.raw
            body += entry + b"\0" * (8 - len(entry) % 8)
        return body + bytes.fromhex(self._hash(body))

    def _object(self, kind: str, body: bytes) -> str:
        data = f"{kind} {len(body)}\0".encode() + body
        name = self._hash(data)
        path = self.home / "objects" / name[:2] / name[2:]
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(zlib.compress(data, 1))
        return name

    def _hash(self, data: bytes) -> str:
        return hashlib.new(self.algorithm, data, usedforsecurity=False).hexdigest()
