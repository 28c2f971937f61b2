"""Reads the files that edits may touch from commits; what did not change is read once."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from agent.edit.files import Sources
from agent.edit.files.patterns import matches
from agent.edit.files.sources import MAX_FILES
from agent.edit.source import MAX_CHARACTERS
from agent.errors import HistoryFault, ProjectFault
from agent.git.plumbing import Plumbing
from agent.project.find import Project

MAX_TOTAL = 2**26
"""Characters of all files together."""
_PLAIN_MODES = ("100644", "100755")
_MEASURES = "it is part of how trials are measured"


class _File(NamedTuple):
    """A file of a commit."""

    path: str
    mode: str
    blob: str
    size: int


class SourceReader:
    """Reads Sources, and keeps the texts of blobs for the next commit."""

    def __init__(self, git: Plumbing) -> None:
        self._git = git
        self._texts: dict[str, str] = {}

    def read(self, commit: str, project: Project) -> Sources:
        """Return the files that edits may touch at `commit`, which has a train.py.

        Raise ProjectFault if there are too many of them, or too much in them.
        """
        main = project.outside(project.train)
        if not project.files:
            text = self._git("cat-file", "blob", f"{commit}:{project.train}")
            return Sources({main: text}, main, (main,))
        patterns = tuple(map(project.outside, project.files))
        fixed = set(project.fixed) - {project.train}
        others = {project.outside(path): _MEASURES for path in fixed}
        chosen = []
        for file in self._list(commit, project):
            if file.path in fixed:
                continue
            path = project.outside(file.path)
            wanted = path == main or matches(path, patterns)
            why = _fault(file) if wanted else ""
            if not wanted or (why and path != main):
                others[path] = why
            else:
                chosen.append(file)
        _refuse_too_much(chosen)
        files = {}
        for file, text in zip(chosen, self._texts_of(chosen), strict=True):
            name = project.outside(file.path)
            if name != main and not _is_text(text):
                others[name] = "it is binary, or not UTF-8"
            else:
                files[name] = text
        return Sources(files, main, patterns, others)

    def _list(self, commit: str, project: Project) -> list[_File]:
        where = [f"{project.workspace}/"] if project.workspace else []
        listing = self._git("ls-tree", "-r", "-z", "-l", "--full-tree", commit, "--", *where)
        files = []
        for line in listing.split("\0"):
            head, _, path = line.partition("\t")
            if path:
                mode, _, blob, size = head.split()
                files.append(_File(path, mode, blob, int(size) if size.isdigit() else 0))
        return files

    def _texts_of(self, files: Iterable[_File]) -> list[str]:
        """Return the texts of files, the blobs that are new read by one command."""
        wanted = list(files)
        new = dict.fromkeys(file.blob for file in wanted if file.blob not in self._texts)
        question = "".join(f"{blob}\n" for blob in new).encode()
        answer = self._git.bytes("cat-file", "--batch", stdin=question) if new else b""
        start = 0
        for blob in new:
            end = answer.index(b"\n", start)
            head = answer[start:end].decode()
            if not head.split()[-1].isdigit():
                raise HistoryFault(f"git cannot read a file of the run: {head}", "git fsck")
            size = int(head.split()[-1])
            data = answer[end + 1 : end + 1 + size]
            self._texts[blob] = data.decode("utf-8", "surrogateescape")
            start = end + 1 + size + 1
        return [self._texts[file.blob] for file in wanted]


def _fault(file: _File) -> str:
    """Return why a file that a pattern fits is not edited, or ""."""
    if file.mode not in _PLAIN_MODES:
        return "it is a link or a submodule"
    if file.size > MAX_CHARACTERS:
        return f"it is larger than {MAX_CHARACTERS} bytes"
    if ":" in file.path:
        return "its path has a colon"
    return ""


def _is_text(text: str) -> bool:
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def _refuse_too_much(files: list[_File]) -> None:
    total = sum(file.size for file in files)
    if len(files) > MAX_FILES or total > MAX_TOTAL:
        raise ProjectFault(
            f"`files` fits {len(files)} files of {total} bytes; at most {MAX_FILES} files of "
            f"{MAX_TOTAL} bytes are edited.",
            "$EDITOR autoresearch.toml   # files = [...], narrower",
        )


def sources_in(project: Project, commit: str) -> Sources:
    """Return the files that edits may touch at a commit of the project."""
    return SourceReader(Plumbing(Path(project.root))).read(commit, project)
