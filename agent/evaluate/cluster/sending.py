"""The driver's files for the nodes: exported commits and folders, each stored once by hash."""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from agent.evaluate.cluster.trees import Leaf, Tree, read_tree, unreadable
from agent.evaluate.cluster.wire import PIECE, Piece
from agent.evaluate.folders import Export, put_texts
from agent.records.results import Order
from sandbox.ground.leftovers import remove_tree
from sandbox.score.evaluator.evaluation import Split

KEPT_TREES = 256
"""Commits whose list of files is remembered; the files of all stay until the end of the session."""


class Sending:
    """The files of commits and folders to send. Thread-safe."""

    def __init__(
        self, folder: Path, export: Export, export_whole: Callable[[Path, Split], None] | None
    ) -> None:
        """folder: an empty one, to keep files in. export, export_whole: as for Bench."""
        self._folder = folder
        self._export = export
        self._export_whole = export_whole
        self._places: dict[str, Path] = {}
        self._sizes: dict[str, int] = {}
        self._trees: OrderedDict[str, Tree] = OrderedDict()
        self._lock = threading.Lock()

    def folder(self, path: str, hidden: Iterable[str] = ()) -> Tree:
        """Return the tree of a folder or file, which is read in place."""
        tree, places = read_tree(Path(path), hidden)
        with self._lock:
            self._note(tree.leaves)
            for sha, place in places.items():
                self._places.setdefault(sha, place)
        return tree

    def commit(self, order: Order) -> Tree:
        """Return the tree of the ordered commit with the order's texts in it."""
        texts = hashlib.sha256(repr(sorted(order.texts.items())).encode()).hexdigest()

        def write(folder: Path) -> None:
            self._export(order.commit, folder)
            put_texts(folder, order.texts)

        return self._made(f"{order.commit} {texts}", write)

    def whole(self, split: Split) -> Tree | None:
        """Return the tree of the start commit, hidden files included; None without an evaluator."""
        export = self._export_whole
        if export is None:
            return None
        return self._made(f"whole {split}", lambda folder: export(folder, split))

    def pieces(self, hashes: Iterable[str]) -> Iterator[tuple[tuple[Piece, ...], list[bytes]]]:
        """Yield the content of files in pieces of at most PIECE bytes."""
        portion: list[Piece] = []
        contents: list[bytes] = []
        room = PIECE
        for sha in hashes:
            for piece, content in self._pieces_of(sha):
                if portion and len(content) > room:
                    yield tuple(portion), contents
                    portion = []
                    contents = []
                    room = PIECE
                portion.append(piece)
                contents.append(content)
                room -= len(content)
        if portion:
            yield tuple(portion), contents

    def _pieces_of(self, sha: str) -> Iterator[tuple[Piece, bytes]]:
        size = self._sizes[sha]
        with _opened(self._places[sha]) as file:
            offset = 0
            while offset < size or not offset:
                content = file.read(PIECE)
                yield Piece(sha=sha, offset=offset, size=size), content
                if not content:
                    return
                offset += len(content)

    def _made(self, name: str, write: Callable[[Path], None]) -> Tree:
        """Return the tree of the folder that `write` writes, and keep its files by hash."""
        with self._lock:
            tree = self._trees.get(name)
            if tree is None:
                home = self._folder / "export"
                home.mkdir()
                try:
                    write(home / "files")
                    tree = self._kept(home / "files")
                finally:
                    remove_tree(home)
                self._trees[name] = tree
            self._trees.move_to_end(name)
            if len(self._trees) > KEPT_TREES:
                self._trees.popitem(last=False)
        return tree

    def _kept(self, folder: Path) -> Tree:
        tree, places = read_tree(folder)
        for sha, place in places.items():
            if sha not in self._places:
                kept = self._folder / sha
                place.rename(kept)
                self._places[sha] = kept
        self._note(tree.leaves)
        return tree

    def _note(self, leaves: Iterable[Leaf]) -> None:
        for leaf in leaves:
            self._sizes[leaf.sha] = leaf.size


def _opened(path: Path) -> BinaryIO:
    """Open a file that nodes need. Raise SandboxFault where it is gone or cannot be read."""
    try:
        return path.open("rb")
    except OSError as error:
        raise unreadable(error) from None
