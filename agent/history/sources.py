"""Reads the editable files of commits; unchanged files are read only once."""

from collections.abc import Iterable
from pathlib import Path
from shlex import quote

from agent.errors import HistoryFault, ProjectFault
from agent.git.listing import CommittedFile, files_below
from agent.git.plumbing import Plumbing, content_of
from agent.project.find import Project
from agent.project.settings import FILE
from agent.records.patterns import EXCEPT, matches
from agent.records.sources import MAX_CHARACTERS, MAX_FILES, MAX_TOTAL, Sources, is_utf8
from sandbox.ground.text import one_line

MAX_BYTES = 4 * MAX_CHARACTERS
"""A larger file has more than MAX_CHARACTERS characters."""
KEPT_TEXTS = 2 * MAX_FILES
"""The most texts in memory. Beyond that, only those of the newest commit are kept."""
_NARROWER = f"$EDITOR {FILE}   # files = [...]"
_TOO_LARGE = f"it is longer than {MAX_CHARACTERS} characters"
_MEASURES = "it is part of how trials are measured"


class SourceReader:
    """Reads Sources, and keeps the texts in memory for the next commit."""

    def __init__(self, git: Plumbing) -> None:
        self._git = git
        self._texts: dict[str, str] = {}

    def read(self, commit: str, project: Project) -> Sources:
        """Return the files that edits may touch at `commit`, which must have a train.py.

        Raise ProjectFault if there are too many of them, or they are too large.
        """
        main = project.outside(project.train)
        if not project.files:
            data = content_of(self._git, f"{commit}:{project.train}")
            text = data.decode("utf-8", "surrogateescape")
            return Sources({main: text}, main, (main,))
        patterns = tuple(map(project.outside, project.files))
        fixed = set(project.fixed) - {project.train}
        below = f"{project.workspace}/" if project.workspace else ""
        others = {project.outside(path): _MEASURES for path in fixed if path.startswith(below)}
        chosen = []
        for file in files_below(self._git, commit, project.workspace):
            path = project.outside(file.path)
            if file.path in fixed or project.hides(file.path):
                others[path] = _MEASURES
                continue
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
            why = _fault_of_text(text)
            if why and name != main:
                others[name] = why
            else:
                files[name] = text
        return Sources(files, main, patterns, others)

    def _texts_of(self, files: Iterable[CommittedFile]) -> list[str]:
        """Return the texts of files, reading new ones with one command."""
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
        texts = {file.blob: self._texts[file.blob] for file in wanted}
        self._texts = self._texts if len(self._texts) <= KEPT_TEXTS else texts
        return [texts[file.blob] for file in wanted]


def _fault(file: CommittedFile) -> str:
    """Return why a file that matches a pattern cannot be edited; "" if it can."""
    if not file.is_plain:
        return "it is a link or a submodule"
    if file.size > MAX_BYTES:
        return _TOO_LARGE
    if ":" in file.path:
        return "its path has a colon"
    return ""


def _fault_of_text(text: str) -> str:
    """Return why a text cannot be edited; "" if it can."""
    if len(text) > MAX_CHARACTERS:
        return _TOO_LARGE
    if "\0" in text or not is_utf8(text):
        return "it is binary, or not UTF-8"
    return ""


def _refuse_too_much(files: list[CommittedFile]) -> None:
    total = sum(file.size for file in files)
    if len(files) > MAX_FILES or total > MAX_TOTAL:
        raise ProjectFault(
            f"`files` matches {len(files)} files of {total} bytes; at most {MAX_FILES} files of "
            f"{MAX_TOTAL} bytes are edited.",
            f"{_NARROWER}, narrower",
        )


def refuse_idle_globs(project: Project, sources: Sources) -> None:
    """Raise ProjectFault for a glob of `files` that matches no editable committed file.

    Also for a glob of [evaluate] that hides nothing.
    """
    from agent.project.unseen import refuse_idle_hidden  # libcst takes long to load

    refuse_idle_hidden(project)
    there = (*sources.files, *sources.others)
    for pattern in project.files:
        if pattern.startswith(EXCEPT):
            continue
        glob = project.outside(pattern)
        fitting = [path for path in there if matches(path, (glob,))]
        if not any(path in sources.files for path in fitting):
            raise _idle(project, sources, glob, fitting)


def _idle(project: Project, sources: Sources, glob: str, fitting: list[str]) -> ProjectFault:
    what = f"{FILE}: files: {one_line(glob)} matches"
    if fitting:
        path = fitting[0]
        return ProjectFault(f"{what} only {one_line(path)}: {sources.others[path]}.", _NARROWER)
    place = Path(project.root) / project.workspace
    listing = Plumbing(place)("ls-files", "-z", "--others", "--cached", "--exclude-standard")
    on_disk = [path for path in listing.split("\0") if matches(path, (glob,))]
    if on_disk:
        path = quote(one_line(project.inside(on_disk[0])))
        message = f"{what} only files that are not committed, such as {path}."
        return ProjectFault(message, f"git add {path} && git commit")
    hint = sources.near(glob)
    return ProjectFault(f"{what} no file; {hint}", _NARROWER)


def sources_in(project: Project, commit: str) -> Sources:
    """Return the files that edits may touch at a commit of the project."""
    return SourceReader(Plumbing(Path(project.root))).read(commit, project)
