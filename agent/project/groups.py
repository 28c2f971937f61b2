"""Leaves out the configuration files that a Hydra project has and does not use."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from agent.project.candidates import text_in
from agent.records.edits import Refused

SUFFIXES = (".yaml", ".yml")


def composed(folder: Path, configs: tuple[str, ...]) -> tuple[str, ...]:
    """Return the files that a project's list of defaults names, and those with the list.

    Without such a list, all of them: `configs` as they are.
    """
    chosen: dict[str, None] = {}
    for name in configs:
        defaults = _defaults(text_in(folder, name)) if name.endswith(SUFFIXES) else []
        for path in _named(PurePosixPath(name).parent, defaults):
            chosen[path] = None
        if defaults:
            chosen[name] = None
    members = tuple(name for name in configs if name in chosen)
    return members if len(members) > 1 else configs


def _defaults(text: str) -> list[tuple[str, str]]:
    """Return the group and the choice of each entry in a file's list of defaults, "" for no group.

    Aliases stay what they are: a few lines of them stand for more than a machine has room for.
    """
    if "defaults:" not in text:
        return []
    from agent.edit.values import document_of  # libcst takes long to load

    document = document_of("yaml", text)
    if isinstance(document, Refused):
        return []
    pairs = []
    for item in document.items:
        match item.keys:
            case ("defaults", int()) if isinstance(item.value, str):
                pairs.append(("", item.value))
            case ("defaults", int(), str(group)) if item.value is not None:
                pairs.append((group, str(item.value)))
    return pairs


def _named(folder: PurePosixPath, defaults: list[tuple[str, str]]) -> Iterator[str]:
    """Yield the paths that a list of defaults means: `model: mlp` is model/mlp.yaml."""
    for group, choice in defaults:
        place = folder / group.removeprefix("override ").strip("/")
        yield from (str(place / f"{choice}{suffix}") for suffix in SUFFIXES)
