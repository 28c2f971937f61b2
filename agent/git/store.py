"""Objects and references of a repository, read and written by git commands that stay."""

import os
import re
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from tempfile import TemporaryFile
from types import TracebackType
from typing import IO, NamedTuple, Self, TypeVar

from agent.errors import HistoryFault
from agent.git import endless
from agent.git.answers import MAX_ANSWER, MAX_FILE
from agent.git.conversation import Conversation
from agent.git.endless import TREE_MODE, Entry, entries_of
from agent.git.plumbing import AUTHOR, Plumbing
from sandbox.ground.lacks import next_after

KEPT_TREES = 4_096
"""Folders, and trees of commits, that are kept: two trials have most of them in common."""
SUBMODULE = "160000"
"""The mode that git has for a submodule."""
_FULL_NAME = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_FORBIDDEN = ("", ".", "..", ".git")


Value = TypeVar("Value")
Folder = Mapping[bytes, Entry]
"""What a tree holds, in git's order."""


class Listed(NamedTuple):
    """A file of a commit."""

    mode: str
    name: str
    """Of the blob; of a submodule, its commit."""
    path: str


class Store:
    """A context manager: at the end no command of it is left; none is started before it is needed.

    What is read is what the repository has now; objects never change under their names.
    """

    def __init__(self, git: Plumbing) -> None:
        self.git = git
        self._reader = Conversation(git, "cat-file", "--batch")
        self._blobs = _Writer(git, "blob")
        self._trees = _Writer(git, "tree")
        self._commits = _Writer(git, "commit")
        self._references = Conversation(git, "update-ref", "--stdin")
        self._folders: dict[str, Folder] = {}
        self._trees_of: dict[str, str] = {}
        self._sizes: dict[str, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End all commands; what is asked later starts them again."""
        self._reader.close()
        self._references.close()
        for writer in (self._blobs, self._trees, self._commits):
            writer.close()

    # ------------------------------------------------------------ reading

    def tree_of(self, commit: str) -> str:
        """Return the name of a commit's tree. Raise HistoryFault if there is none."""
        fixed = commit.removesuffix("^{tree}")
        tree = self._trees_of.get(fixed) or self._read_tree(commit)
        if _FULL_NAME.fullmatch(fixed):
            _keep(self._trees_of, fixed, tree)
        return tree

    def _read_tree(self, commit: str) -> str:
        name, kind, _ = _read(self._reader, f"{commit}^{{tree}}")
        if kind != "tree":
            raise HistoryFault(f"git cannot read the tree of {commit}", "git fsck")
        return name

    def _folder(self, tree: str) -> Folder:
        """Return the entries of a tree."""
        folder = self._folders.get(tree)
        if folder is None:
            _, kind, data = _read(self._reader, tree)
            if kind != "tree":
                raise HistoryFault(f"git cannot read the tree {tree}", "git fsck")
            folder = dict(entries_of(data, len(tree) // 2))
            _keep(self._folders, tree, folder)
        return folder

    def find(self, commit: str, path: str) -> Entry | None:
        """Return the entry of a commit at a path, or None."""
        entry: Entry | None = Entry(TREE_MODE, self.tree_of(commit))
        for part in filter(None, _raw(path).split(b"/")):
            entry = self._folder(entry.name).get(part) if entry and entry.is_folder else None
        return entry

    def file(self, commit: str, path: str) -> bytes | None:
        """Return the content of a file of a commit; None if it has no file there.

        Raise HistoryFault for one of more than MAX_FILE bytes.
        """
        entry = self.find(commit, path)
        if entry is None or entry.is_folder or entry.mode == SUBMODULE:
            return None
        _, kind, data = _read(self._reader, entry.name, MAX_FILE)
        if kind != "blob":
            raise HistoryFault(f"git cannot read {path} of {commit}", "git fsck")
        return data

    def files(self, commit: str, folder: str = "") -> Iterator[Listed]:
        """Yield all files and submodules in a folder of a commit, at any depth, by path."""
        self.refuse_endless(commit)
        entry = self.find(commit, folder)
        if entry and entry.is_folder:
            yield from self._listed(entry.name, _raw(f"{folder}/") if folder else b"")

    def sizes_of(self, files: Iterable[Listed]) -> list[tuple[int, str]]:
        """Return the bytes and the path of each file; 0 for a submodule and what is not here."""
        listed = list(files)
        names = {file.name for file in listed if file.mode != SUBMODULE}
        new = sorted(names - self._sizes.keys())
        if new:
            question = "".join(f"{name}\n" for name in new).encode()
            answers = self.git("cat-file", "--batch-check=%(objectsize)", stdin=question)
            for name, size in zip(new, answers.splitlines(), strict=True):
                self._sizes[name] = int(size) if size.isdigit() else 0
        sizes = [(self._sizes.get(file.name, 0), file.path) for file in listed]
        if len(self._sizes) > endless.KEPT:
            self._sizes.clear()
        return sizes

    def changed(self, before: str, after: str, folder: str = "") -> Iterator[str]:
        """Yield the paths in a folder at which two commits or trees have something else."""
        self.refuse_endless(before, after)
        waiting = [(_raw(folder), self.find(before, folder), self.find(after, folder))]
        while waiting:
            path, *both = waiting.pop()
            if both[0] == both[1]:
                continue
            if any(entry and not entry.is_folder for entry in both):
                yield path.decode("utf-8", "surrogateescape")
            inner = [self._folder(e.name) if e and e.is_folder else {} for e in both]
            for name in {**inner[0], **inner[1]}:
                below = path + b"/" + name if path else name
                waiting.append((below, inner[0].get(name), inner[1].get(name)))

    def is_whole(self, before: str, commit: str) -> bool:
        """Return whether a commit, and what it changed since `before`, is still here."""
        if _read(self._reader, f"{commit}^{{tree}}")[1] == "missing":
            return False
        names = {commit}
        for path in self.changed(before, commit):
            parts = path.split("/")
            places = ("/".join(parts[: end + 1]) for end in range(len(parts)))
            entries = (self.find(commit, place) for place in places)
            names |= {entry.name for entry in entries if entry and entry.mode != SUBMODULE}
        return all(_read(self._reader, name)[1] != "missing" for name in names)

    def refuse_endless(self, *states: str) -> None:
        """Raise HistoryFault for a commit that unpacks to more files than a machine has room for.

        A few folders suffice, each of which holds the next one many times.
        """
        endless.refuse_endless(states, self._contents)

    def _contents(self, names: bytes) -> bytes:
        """Return what `git cat-file --batch` answers to these lines."""
        answers = []
        for name in names.decode("utf-8", "surrogateescape").split("\n")[:-1]:
            found, kind, data = _read(self._reader, name)
            head = f"{name} missing" if kind == "missing" else f"{found} {kind} {len(data)}"
            answers += [_raw(head), b"\n", *([data, b"\n"] if kind != "missing" else [])]
        return b"".join(answers)

    def _listed(self, tree: str, prefix: bytes) -> Iterator[Listed]:
        for part, entry in self._folder(tree).items():
            if entry.is_folder:
                yield from self._listed(entry.name, prefix + part + b"/")
            else:
                path = (prefix + part).decode("utf-8", "surrogateescape")
                yield Listed(entry.mode, entry.name, path)

    # ------------------------------------------------------------ writing

    def blob(self, data: bytes) -> str:
        """Write the contents of a file; return their name."""
        return self._blobs.write(data)

    def tree_with(self, commit: str, changes: Mapping[str, Entry | None]) -> str:
        """Write the tree of a commit with other files at these paths; None takes a file out.

        Raise HistoryFault for a path that no tree may have.
        """
        parts = {tuple(_raw(path).split(b"/")): entry for path, entry in changes.items()}
        for path in parts:
            if any(part.lower().decode("latin-1") in _FORBIDDEN for part in path):
                wrong = b"/".join(path).decode("utf-8", "replace")
                raise HistoryFault(f"no file can be at {wrong!r}", "git status")
        return self._put(self.tree_of(commit), parts) or self._trees.write(b"")

    def _put(
        self, tree: str | None, changes: Mapping[tuple[bytes, ...], Entry | None]
    ) -> str | None:
        """Return a tree with changes by the parts of their paths; None if it would be empty."""
        entries = dict(self._folder(tree)) if tree else {}
        below: dict[bytes, dict[tuple[bytes, ...], Entry | None]] = {}
        for (name, *rest), entry in changes.items():
            if rest:
                below.setdefault(name, {})[tuple(rest)] = entry
            elif entry:
                entries[name] = entry
            else:
                entries.pop(name, None)
        for name, inner in below.items():
            there = entries.pop(name, None)
            folder = self._put(there.name if there and there.is_folder else None, inner)
            if folder:
                entries[name] = Entry(TREE_MODE, folder)
            elif there and not there.is_folder:
                entries[name] = there
        if not entries:
            return None
        ordered = _in_order(entries)
        written = self._trees.write(_packed(ordered))
        _keep(self._folders, written, ordered)
        return written

    def commit(self, tree: str, parents: Sequence[str], message: str) -> str:
        """Write a commit, which is on no branch yet. Raise HistoryFault for an odd message."""
        if "\0" in message:
            raise HistoryFault("a commit's message has a NUL character", "git status")
        now = int(time.time())
        who = f"{AUTHOR} {now} {time.strftime('%z', time.localtime(now))}"
        lines = [f"tree {tree}", *(f"parent {parent}" for parent in dict.fromkeys(parents))]
        lines += [f"author {who}", f"committer {who}", "", message]
        name = self._commits.write("\n".join(lines).encode())
        _keep(self._trees_of, name, tree)
        return name

    def move(self, steps: Iterable[str]) -> None:
        """Make steps of `git update-ref --stdin`, all or none. Raise HistoryFault for none.

        Not for branches: in their reflogs a command that stays would date all moves like its first.
        """
        lines = ["start", *steps, "commit", ""]
        self._references.ask("\n".join(lines).encode(), _read_committed)


class _Writer:
    """Writes objects of one kind. The contents come in a file without a name."""

    def __init__(self, git: Plumbing, kind: str) -> None:
        self._git = git
        self._options = ("hash-object", "-w", "--no-filters", "-t", kind, "--stdin-paths")
        self._lock = threading.Lock()
        self._file: IO[bytes] | None = None
        self._hashing: Conversation | None = None

    def write(self, data: bytes) -> str:
        """Return the name of the object that has this contents, and write it if there is none."""
        with self._lock:
            if self._file is None or self._hashing is None:
                self._file = _unnamed_file()
                descriptor = self._file.fileno()
                self._hashing = Conversation(self._git, *self._options, passed=(descriptor,))
            descriptor = self._file.fileno()
            _fill(descriptor, data)
            return self._hashing.ask(f"/dev/fd/{descriptor}\n".encode(), _read_name)

    def close(self) -> None:
        with self._lock:
            if self._hashing:
                self._hashing.close()
            if self._file:
                self._file.close()
            self._hashing = None
            self._file = None


def _unnamed_file() -> IO[bytes]:
    """Return a new file, in memory where the system can: emptying one on a disk takes long."""
    try:
        if hasattr(os, "memfd_create"):
            return os.fdopen(os.memfd_create("object"), "r+b", buffering=0)
        return TemporaryFile(buffering=0)
    except OSError as error:
        message = f"cannot make a temporary file: {error.strerror}"
        raise HistoryFault(message, "df -h .") from None


def _fill(descriptor: int, data: bytes) -> None:
    """Replace the content of a file by `data`."""
    rest = memoryview(data)
    try:
        os.ftruncate(descriptor, 0)
        os.lseek(descriptor, 0, os.SEEK_SET)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.lseek(descriptor, 0, os.SEEK_SET)
    except OSError as error:
        message = f"cannot write a file: {error.strerror}"
        raise HistoryFault(message, next_after(error, "df -h .")) from None


def _read(reader: Conversation, name: str, most: int = MAX_ANSWER) -> tuple[str, str, bytes]:
    """Return the name, the kind and the contents of an object; of a missing one its name.

    Raise HistoryFault for one of more bytes than `most`.
    """
    if name.split() != [name]:
        raise HistoryFault(f"not a name of git's: {name!r}", "git status")
    return reader.ask(_raw(f"{name}\n"), partial(_read_object, most=most))


def _keep(kept: dict[str, Value], name: str, value: Value) -> None:
    """Cache an object by its name; a full cache is emptied."""
    if len(kept) >= KEPT_TREES:
        kept.clear()
    kept[name] = value


def _raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _in_order(entries: Folder) -> Folder:
    """Return entries as git orders them: folders as if they ended in a slash."""
    key = {name: name + b"/" if entry.is_folder else name for name, entry in entries.items()}
    return {name: entries[name] for name in sorted(entries, key=key.__getitem__)}


def _packed(entries: Folder) -> bytes:
    """Return a tree object of entries in git's order."""
    parts = []
    for name, entry in entries.items():
        parts.append(entry.mode.encode() + b" " + name + b"\0" + bytes.fromhex(entry.name))
    return b"".join(parts)


def _read_object(output: IO[bytes], most: int) -> tuple[str, str, bytes] | None:
    head = output.readline()
    if not head.endswith(b"\n"):
        return None
    *names, size = head.decode("utf-8", "surrogateescape").split()
    if not size.isdigit() or len(names) != 2:
        return " ".join(names), "missing", b""
    if int(size) > most:
        raise HistoryFault(
            f"{names[0]} has {size} bytes, more than is read of an object ({most >> 20} MiB)",
            f"git log --all --find-object={names[0]}",
        )
    data = output.read(int(size) + 1)
    return (*names, data[:-1]) if len(data) == int(size) + 1 else None  # type: ignore[return-value]


def _read_name(output: IO[bytes]) -> str | None:
    return output.readline().decode().strip() or None


def _read_committed(output: IO[bytes]) -> bool | None:
    started = output.readline()
    return True if started and output.readline() else None
