"""Keeps track of the paths of a project, to find conflicts with a new file."""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable


class Taken:
    """The paths of files and folders, also in the form in which some systems confuse them."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._files: set[str] = set()
        self._names: Counter[str] = Counter()
        self._alike: dict[str, set[str]] = defaultdict(set)
        for path in paths:
            self.add(path)

    def add(self, path: str) -> None:
        """Add the path of a file."""
        self._files.add(path)
        for name in _with_folders(path):
            self._names[name] += 1
            if self._names[name] == 1:
                self._alike[_folded(name)].add(name)

    def remove(self, path: str) -> None:
        """Remove the path of a file."""
        self._files.discard(path)
        for name in _with_folders(path):
            self._names[name] -= 1
            if not self._names[name]:
                self._alike[_folded(name)].discard(name)

    def in_the_way(self, path: str) -> str | None:
        """Return the file in the place of a folder of `path`, or the folder at `path`, or None.

        path: not taken.
        """
        if self._names[path]:
            return f"{path}/"
        return next((name for name in _with_folders(path) if name in self._files), None)

    def twin_of(self, path: str) -> str | None:
        """Return the file or folder that some systems confuse with `path` or its folder, or None.

        They do not tell capital letters from small ones, or composed characters from others.
        """
        for name in _with_folders(path):
            alike = self._alike.get(_folded(name))
            if alike and name not in alike:
                return min(alike)
        return None


def _with_folders(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:length]) for length in range(1, len(parts) + 1)]


def _folded(name: str) -> str:
    if name.isascii():
        return name.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
