"""What a model means by the path or the name in an edit: one file of the project, where it is."""

from pathlib import PurePosixPath

from agent.edit.files import Sources
from agent.records.edits import AddFile, DeleteFile, Edit, RenameFile
from agent.records.patterns import matches

# Fields of edits that name a definition or a constant, and may name its file too.
_NAMES = ("name", "within", "after", "before")


def placed(edit: Edit, sources: Sources) -> Edit:
    """Return an edit with its file as the project calls it, and None for train.py.

    `./train.py`, `workspace/train.py`, a path of the whole disk, and the whole name
    `model/net.py:Net.loss` can be understood in one way only; anything else stays as it is, to be
    refused with the paths that there are.
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
    """Return the path in the project that a model means by `text`; `text` if that is not clear."""
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
    """Return a path with forward slashes, and without `./` and spaces around it."""
    path = text.strip().replace("\\", "/")
    while path.startswith("./"):
        path = path[2:].lstrip("/")
    return path


def _is_known(path: str, sources: Sources) -> bool:
    """Return whether the project has the file, or may have it."""
    return path in sources.files or path in sources.others or matches(path, sources.patterns)


def _is_folder(name: str, sources: Sources) -> bool:
    """Return whether the project has a folder of this name, so that it is not the project's own."""
    return any(path.startswith(f"{name}/") for path in (*sources.files, *sources.others))


def _ending(parts: tuple[str, ...], sources: Sources) -> str | None:
    """Return the longest end of a path on the disk that is a file of the project."""
    for start in range(len(parts)):
        path = "/".join(parts[start:])
        if path in sources.files or path in sources.others:
            return path
    return None


def _without_file_in_names(edit: Edit, sources: Sources) -> Edit:
    """Return an edit whose names are those within its file: `Net.loss` in `model/net.py`."""
    changed = {}
    path = edit.file
    for field in _NAMES:
        where, colon, local = (getattr(edit, field, None) or "").partition(":")
        file = path_of(where, sources) if colon and where else ""
        if file in sources.files and local and path in (None, where, file):
            changed[field] = local
            path = file
    return edit.model_copy(update={**changed, "file": path}) if changed else edit
