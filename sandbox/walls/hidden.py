"""Hides paths in folders that are shown: masks for mounts, grants around them for Landlock."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from sandbox.ground.fault import SandboxFault
from sandbox.ground.outcome import RunSpec
from sandbox.walls.mounts import Bind


def locations(spec: RunSpec) -> tuple[str, ...]:
    """Return the real paths of the hidden paths of `spec`, without links or `..`.

    Missing ones are left out.
    Raise SandboxFault where one is also asked for, or lies in scratch, which the run writes.
    """
    places = sorted({os.path.realpath(path) for path in spec.hidden if Path(path).exists()})
    scratch = os.path.realpath(spec.scratch)
    for path in (*spec.read_only, spec.folder, spec.scratch):
        if os.path.realpath(path) in places:
            raise SandboxFault(f"{path} is hidden from runs and cannot be shown to one")
    for place in places:
        if _is_below(place, scratch):
            raise SandboxFault(
                f"{place} cannot be hidden from a run that may write it: it lies in {scratch}"
            )
    return tuple(places)


def masks(binds: Iterable[Bind], hidden: Iterable[str]) -> tuple[Bind, ...]:
    """Return what covers each place at which one of `binds` shows a path of `hidden`.

    See locations for what `hidden` must be.
    """
    targets = {os.path.normpath(bind.target): bind for bind in binds}
    covers = {}
    for path in hidden:
        for target, bind in targets.items():
            if not _is_at_or_below(path, bind.source):
                continue
            inside = os.path.normpath(f"{target}/{os.path.relpath(path, bind.source)}")
            if _innermost(inside, targets) is bind:
                covers[inside] = Bind(path, inside, "hidden")
    return tuple(covers.values())


def visible(path: str, hidden: tuple[str, ...]) -> Iterator[tuple[str, bool]]:
    """Yield (path, whole) of what may be granted so that only what lies in `hidden` is not seen.

    whole: with all that is beneath it. Otherwise only the names in it may be listed; Landlock
    cannot list a folder without those beneath it, so the names of hidden files can be seen, their
    contents not. A link is left out: its target may be hidden.
    """
    if not any(_is_at_or_below(place, path) for place in hidden):
        yield path, True
        return
    if path in hidden:
        return
    yield path, False
    try:
        entries = sorted(os.scandir(path), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        if not entry.is_symlink():
            yield from visible(entry.path, hidden)


def _innermost(path: str, targets: dict[str, Bind]) -> Bind | None:
    """Return the bind that shows `path`: the last one mounted at or above it."""
    above = [target for target in targets if _is_at_or_below(path, target)]
    return targets[max(above, key=len)] if above else None


def _is_at_or_below(path: str, folder: str) -> bool:
    return path == folder or _is_below(path, folder)


def _is_below(path: str, folder: str) -> bool:
    return path.startswith(f"{folder.rstrip('/')}/")
