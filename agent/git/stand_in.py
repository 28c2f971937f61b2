"""Writes the .git of a trial's copy: one commit of its files, without history.

A training may ask git which commit it is, whether something was changed, and what. No git command
is run here: each would take longer than all of it.
"""

import hashlib
import os
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path

BRANCH = "trial"
AUTHOR = "trial <trial@localhost> 0 +0000"
TREE_MODE = "40000"
LINK = "120000"
"""The mode of a symbolic link. Git compares one with its contents, and files with their hash."""
SHA1_DIGITS = 40
NAME_BITS = 0xFFF
"""A longer path has this for its length in an index."""
TYPES = {"commit": 1, "tree": 2, "blob": 3}
"""Of objects, as numbers in a pack."""
MOST_CONTENTS = 1 << 20
"""Bytes of files whose contents are in the pack: of what is larger git knows the name alone."""
STORED_BLOCK = 0xFFFF
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
        """Its path in the bytes that git uses."""
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
    writer = _Writer("sha1" if is_sha1 else "sha256")
    root = _Tree()
    for file in listed:
        root.add(file)
    writer.blobs(folder, listed)
    commit = writer.commit(writer.tree(root), message)
    (home / "HEAD").write_text(f"ref: refs/heads/{BRANCH}\n")
    (home / "config").write_text(writer.config())
    (home / "refs/heads" / BRANCH).write_text(f"{commit}\n")
    (home / "index").write_bytes(writer.index(listed))
    writer.write_pack(home / "objects/pack")


class _Writer:
    """Writes in the formats of git, with the hash that the repository's names are of.

    algorithm: the hash.
    """

    def __init__(self, algorithm: str) -> None:
        self._algorithm = algorithm
        self._objects: dict[str, bytes] = {}
        """By name: what the pack has of them."""

    def config(self) -> str:
        core = "[core]\n\trepositoryformatversion = 1\n\tbare = false\n"
        return f"{core}[extensions]\n\tobjectformat = {self._algorithm}\n"

    def blobs(self, folder: Path, files: list[File]) -> None:
        """Add the contents of the files in `folder`, as many as the limit allows."""
        left = MOST_CONTENTS
        for file in files:
            path = folder / file.path
            size = path.lstat().st_size
            if size > left:
                continue
            left -= size
            if file.mode == LINK:
                self._object("blob", os.fsencode(os.readlink(path)))  # noqa: PTH115
            else:
                self._contents(path.read_bytes(), file.blob)

    def _contents(self, body: bytes, name: str) -> None:
        """Add what a file has, unless a filter made it of something else."""
        if self._hash(_headed("blob", body)) == name:
            self._add(name, "blob", body)

    def commit(self, tree: str, message: str) -> str:
        text = f"tree {tree}\nauthor {AUTHOR}\ncommitter {AUTHOR}\n\n{message}\n"
        return self._object("commit", text.encode())

    def tree(self, tree: _Tree) -> str:
        """Add the tree and those in it; git orders folders as if they ended in a slash."""
        entries = {name: (file.mode, file.blob) for name, file in tree.files.items()}
        for name, inner in tree.folders.items():
            entries[name + b"/"] = (TREE_MODE, self.tree(inner))
        body = b""
        for name in sorted(entries):
            mode, of = entries[name]
            body += mode.encode() + b" " + name.removesuffix(b"/") + b"\0" + bytes.fromhex(of)
        return self._object("tree", body)

    def index(self, files: list[File]) -> bytes:
        """Return the index; it says of no file when it was looked at, so that git will look."""
        body = b"DIRC" + struct.pack(">2L", 2, len(files))
        for file in files:
            times = struct.pack(">10L", *[0] * 6, int(file.mode, 8), *[0] * 3)
            length = struct.pack(">H", min(len(file.raw), NAME_BITS))
            entry = times + bytes.fromhex(file.blob) + length + file.raw
            body += entry + b"\0" * (8 - len(entry) % 8)
        return body + self._digest(body)

    def write_pack(self, folder: Path) -> None:
        """Write all objects as one pack, with its index (gitformat-pack, version 2 of both)."""
        names = sorted(self._objects)
        head = b"PACK" + struct.pack(">2L", 2, len(names))
        pack = b"".join([head, *(self._objects[name] for name in names)])
        sizes = [len(self._objects[name]) for name in names]
        offsets = [*accumulate(sizes, initial=len(head))][:-1]
        checksum = self._digest(pack)
        counts = [0] * 256
        for name in names:
            counts[int(name[:2], 16)] += 1
        index = b"\377tOc" + struct.pack(">L", 2)
        index += struct.pack(">256L", *accumulate(counts))
        index += b"".join(map(bytes.fromhex, names))
        index += b"".join(struct.pack(">L", zlib.crc32(self._objects[name])) for name in names)
        index += struct.pack(f">{len(names)}L", *offsets) + checksum
        path = folder / f"pack-{checksum.hex()}.pack"
        path.write_bytes(pack + checksum)
        path.with_suffix(".idx").write_bytes(index + self._digest(index))

    def _object(self, kind: str, body: bytes) -> str:
        name = self._hash(_headed(kind, body))
        self._add(name, kind, body)
        return name

    def _add(self, name: str, kind: str, body: bytes) -> None:
        self._objects[name] = _entry_head(TYPES[kind], len(body)) + _stored(body)

    def _hash(self, data: bytes) -> str:
        return self._digest(data).hex()

    def _digest(self, data: bytes) -> bytes:
        return hashlib.new(self._algorithm, data, usedforsecurity=False).digest()


def _headed(kind: str, body: bytes) -> bytes:
    """Return an object with its header; the hash of this is its name."""
    return f"{kind} {len(body)}\0".encode() + body


def _stored(body: bytes) -> bytes:
    """Return what zlib reads as `body` (RFC 1950), not compressed: a copy lives for one trial.

    zlib itself takes ten times as long for small files.
    """
    parts = [b"\x78\x01"]
    for start in range(0, max(1, len(body)), STORED_BLOCK):
        part = body[start : start + STORED_BLOCK]
        last = start + STORED_BLOCK >= len(body)
        parts += [struct.pack("<BHH", last, len(part), len(part) ^ 0xFFFF), part]
    return b"".join([*parts, struct.pack(">L", zlib.adler32(body))])


def _entry_head(kind: int, size: int) -> bytes:
    """Return the type and the size of an object in a pack: four bits of it, then seven a byte."""
    byte = kind << 4 | size & 0b1111
    size >>= 4
    head = bytearray()
    while size:
        head.append(byte | 0b1000_0000)
        byte = size & 0b0111_1111
        size >>= 7
    head.append(byte)
    return bytes(head)
