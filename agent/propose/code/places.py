"""Resolves the path or name in a model's edit to a file of the project, if it is unambiguous."""

from pathlib import PurePosixPath

from agent.edit.files import Sources
from agent.records.edits import AddFile, DeleteFile, Edit, RenameFile
from agent.records.patterns import matches

# Fields of edits that name a definition or a constant, and may name its file too.
_NAMES = ("name", "within", "after", "before")


def placed(edit: Edit, sources: Sources) -> Edit:
    """Return an edit with its file named as in the project, or None for train.py.

    `./train.py`, `workspace/train.py`, an absolute path, and the full name `model/net.py:Net.loss`
    are resolved. Anything ambiguous stays as it is, and is refused later with a list of paths.
    """
    if isinstance(edit, AddFile | DeleteFile | RenameFile):
        changed = {"file": path_of(edit.file, sources)}
        if isinstance(edit, RenameFile):
            changed["to"] = path_of(edit.to, sources)
        return edit.model_copy(update=changed)
    edit = _without_file_in_names(edit, sources)
    path = path_of(edit.file, sources) if edit.file is not None else None
    return edit.model_copy(update={"file": None if path == sources.main else path})


def path_of(text: str, sources: Sources) -> str:
    """Return the path in the project that `text` means; `text` itself if it is ambiguous."""
    path = _tidy(text)
    if _is_known(path, sources):
        return path
    parts = PurePosixPath(path).parts
    if path.startswith("/"):
        return _ending(parts[1:], sources) or text
    inner = "/".join(parts[1:])
    is_own = bool(inner) and not parts[0].startswith(".") and not _is_folder(parts[0], sources)
    if is_own and _is_known(inner, sources):
        return inner
    is_main = path == PurePosixPath(sources.main).name
    return sources.main if is_main else path


def _tidy(text: str) -> str:
    """Return a path with forward slashes, without `./` and surrounding spaces."""
    path = text.strip().replace("\\", "/")
    while path.startswith("./"):
        path = path[2:].lstrip("/")
    return path


def _is_known(path: str, sources: Sources) -> bool:
    """Return whether the project has the file, or edits may create it."""
    return path in sources.files or path in sources.others or matches(path, sources.patterns)


def _is_folder(name: str, sources: Sources) -> bool:
    """Return whether the project contains a folder of this name."""
    return any(path.startswith(f"{name}/") for path in (*sources.files, *sources.others))


def _ending(parts: tuple[str, ...], sources: Sources) -> str | None:
    """Return the longest ending of an absolute path that is a file of the project."""
    for start in range(len(parts)):
        path = "/".join(parts[start:])
        if path in sources.files or path in sources.others:
            return path
    return None


def _without_file_in_names(edit: Edit, sources: Sources) -> Edit:
    """Return an edit with its file removed from its names: `Net.loss` in `model/net.py`."""
    changed = {}
    path = edit.file
    for field in _NAMES:
        where, colon, local = (getattr(edit, field, None) or "").partition(":")
        file = path_of(where, sources) if colon and where else ""
        if file in sources.files and local and path in (None, where, file):
            changed[field] = local
            path = file
    return edit.model_copy(update={**changed, "file": path}) if changed else edit
