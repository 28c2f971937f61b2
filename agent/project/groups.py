"""Leaves out the configuration files that a Hydra project has and does not use."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from agent.project.candidates import text_in

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


def _defaults(text: str) -> list[Any]:
    """Return the list of defaults in a file of YAML; empty where there is none."""
    if "defaults:" not in text:
        return []
    try:
        data = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        return []
    defaults = data.get("defaults") if isinstance(data, dict) else None
    return defaults if isinstance(defaults, list) else []


def _named(folder: PurePosixPath, defaults: list[Any]) -> Iterator[str]:
    """Yield the paths that a list of defaults means: `model: mlp` is model/mlp.yaml."""
    for entry in defaults:
        if isinstance(entry, str):
            yield from (str(folder / f"{entry}{suffix}") for suffix in SUFFIXES)
        if not isinstance(entry, dict):
            continue
        for group, choice in entry.items():
            place = folder / str(group).removeprefix("override ").strip("/")
            yield from (str(place / f"{choice}{suffix}") for suffix in SUFFIXES)
