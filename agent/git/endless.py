"""Refuses commits that unpack to more files than a machine has room for.

A few folders suffice, each of which holds the next one many times: a git command that goes through
their files would take all memory. Such commits are told by counting, before any command.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import dropwhile, takewhile
from threading import Lock
from typing import NamedTuple

from agent.errors import HistoryFault, Unanswered

MAX_FILES = 1_000_000
"""Files and folders of one commit."""
MAX_DEPTH = 300
"""Folders in one another."""
TREE_MODE = "40000"
KEPT = 1 << 17
"""Trees whose sizes are kept."""
_WALKERS = ("diff", "diff-tree", "grep", "ls-tree", "read-tree", "status")
"""Commands that go through the files of the states that they are given, or of HEAD."""

Contents = Callable[[bytes], bytes]
"""Answers as `git cat-file --batch` does."""


class Entry(NamedTuple):
    """An entry of a folder."""

    mode: str
    """In octal digits."""
    name: str
    """Of the object; of a submodule, its commit."""

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return self.mode == TREE_MODE


class _Size(NamedTuple):
    """How much a tree unpacks to."""

    files: int
    """With the folders."""
    depth: int


_sizes: dict[str, _Size] = {}
"""Of trees by their names: what one stands for is the same in every repository."""
_lock = Lock()


def entries_of(data: bytes, digest: int) -> Iterator[tuple[bytes, Entry]]:
    """Yield the entries of a tree object whose names have so many bytes."""
    start = 0
    while start < len(data):
        space = data.index(b" ", start)
        end = data.index(b"\0", space)
        name = data[end + 1 : end + 1 + digest].hex()
        yield data[space + 1 : end], Entry(data[start:space].decode(), name)
        start = end + 1 + digest


def walked_by(arguments: Sequence[str], stdin: bytes | None) -> list[str]:
    """Return the states whose files a git command would go through."""
    command, *words = dropwhile(lambda word: word.startswith("-"), arguments)
    if command not in _WALKERS or (command == "ls-tree" and "-r" not in words):
        return []
    if command == "status":
        return ["HEAD"]
    names = [word for word in takewhile("--".__ne__, words) if not word.startswith("-")]
    if "--stdin" in words:
        for line in (stdin or b"").decode().split("\n"):
            names += [line, f"{line}^"] if line else []
    return names


def refuse_endless(states: Sequence[str], contents: Contents) -> None:
    """Raise HistoryFault if one of the states has too many files, or folders too deep.

    States that git does not know are left to the command that is to follow.
    """
    asked = [state for state in states if state.split() == [state]]
    with _lock:
        if len(_sizes) > KEPT:
            _sizes.clear()
        roots = _read([f"{state}^{{tree}}" for state in asked], contents)
        trees = _unsized(asked, dict(filter(None, roots)), contents)
        for state, root in zip(asked, roots, strict=True):
            if root:
                _refuse(state, _size_of(root[0], trees))


def too_much(state: str, what: str) -> HistoryFault:
    """Return the fault of a state that has more than is read of one."""
    return Unanswered(f"{state[:12]} has {what}", f"git ls-tree {state[:12]}")


def _refuse(state: str, size: _Size) -> None:
    if size.files > MAX_FILES:
        raise too_much(state, f"more than {MAX_FILES} files and folders")
    if size.depth > MAX_DEPTH:
        raise too_much(state, f"folders {MAX_DEPTH} deep")


def _unsized(
    states: Sequence[str], trees: dict[str, bytes], contents: Contents
) -> dict[str, list[Entry]]:
    """Return the entries of trees, and of all below them, whose sizes are not known."""
    entries: dict[str, list[Entry]] = {}
    for _ in range(MAX_DEPTH):
        below = set()
        for name, data in trees.items():
            entries[name] = [entry for _, entry in entries_of(data, len(name) // 2)]
            below |= {entry.name for entry in entries[name] if entry.is_folder}
        unread = sorted(name for name in below if name not in entries and name not in _sizes)
        if not unread:
            return entries
        trees = dict(filter(None, _read(unread, contents)))
    raise too_much(states[0], f"folders {MAX_DEPTH} deep")


def _size_of(root: str, trees: dict[str, list[Entry]]) -> _Size:
    """Return the size of a tree, which is known or one of these."""
    waiting = [root]
    while waiting:
        name = waiting[-1]
        below = [entry.name for entry in trees.get(name, ()) if entry.is_folder]
        unknown = {inner for inner in below if inner in trees and inner not in _sizes}
        if name in _sizes or not unknown:
            waiting.pop()
        if name not in _sizes and not unknown:
            sizes = [_sizes.get(inner, _Size(0, 0)) for inner in below]
            # A folder counts, too: those without any file take a command as long.
            files = len(trees[name]) + sum(size.files for size in sizes)
            _sizes[name] = _Size(files, 1 + max((size.depth for size in sizes), default=0))
        elif name not in _sizes:
            waiting += unknown
    return _sizes[root]


def _read(names: Sequence[str], contents: Contents) -> list[tuple[str, bytes] | None]:
    """Return the name and the content of each tree; None for what is none, or is not there."""
    if not names:
        return []
    answer = contents("".join(f"{name}\n" for name in names).encode("utf-8", "surrogateescape"))
    trees: list[tuple[str, bytes] | None] = []
    start = 0
    for _ in names:
        end = answer.index(b"\n", start)
        name, *rest = answer[start:end].decode("utf-8", "surrogateescape").split(" ")
        start = end + 1
        if len(rest) != 2 or not rest[1].isdigit():
            trees.append(None)
            continue
        size = int(rest[1])
        trees.append((name, answer[start : start + size]) if rest[0] == "tree" else None)
        start += size + 1
    return trees
