"""A control group for each run, where the harness may make one: exact caps on memory and processes, with evidence.

Version 1 is tested on real groups. Version 2 is written from the kernel's documentation (admin-guide/cgroup-v2) and tested on
its files alone.
"""

import functools
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from sandbox.ground.outcome import Limits

PREFIX = "autoresearch"
EMPTY_SECONDS = 2.0
"""How long the kernel may take to find that a group whose processes are dead is empty."""
CONTROLLERS = ("memory", "pids")
V1 = {"memory": ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes"), "pids": ("pids.max",)}
V2 = {"memory": ("memory.max", "memory.swap.max", "memory.oom.group"), "pids": ("pids.max",)}
EVENTS, PEAKS = (
    ("memory.oom_control", "memory.events"),
    ("memory.max_usage_in_bytes", "memory.peak"),
)


@dataclass(frozen=True)
class Spot:
    """A folder of the kernel's in which groups with these controllers can be made."""

    parent: Path
    controllers: tuple[str, ...]
    version: int


@dataclass(frozen=True)
class Group:
    """One run's group in each hierarchy."""

    folders: tuple[Path, ...]

    @property
    def doors(self) -> tuple[str, ...]:
        """The files that take a process in: whoever writes "0" there is in."""
        return tuple(str(folder / "cgroup.procs") for folder in self.folders)

    def add(self, pid: int) -> None:
        """Put a process there, and all that it starts from now on."""
        for door in self.doors:
            Path(door).write_text(str(pid))

    def kills(self) -> int:
        """How many processes the kernel killed because the group was at its memory limit."""
        return sum(
            _counter(folder / name, "oom_kill") for folder in self.folders for name in EVENTS
        )

    def peak(self) -> int:
        """Bytes at the most, where the kernel says."""
        found = [_number(folder / name) for folder in self.folders for name in PEAKS]
        return max(found, default=0)


@contextmanager
def group(limits: Limits) -> Iterator[Group | None]:
    """A group with the memory and process caps of `limits`, removed on leaving; None where none can be made."""
    folders: list[Path] = []
    try:
        try:
            for spot in spots():
                folders.append(_make(spot, limits))
            made = Group(tuple(folders)) if folders else None
        except OSError:
            made = None
        yield made
    finally:
        for folder in folders:
            _remove(folder)


def caps_memory() -> bool:
    """Whether runs have an exact memory cap here."""
    return any("memory" in spot.controllers for spot in spots())


@functools.cache
def spots() -> tuple[Spot, ...]:
    """Where groups can be made, each found by making one."""
    return tuple(spot for spot in find_spots(Path("/proc/self")) if _works(spot))


def find_spots(process: Path) -> Iterator[Spot]:
    """Where groups of `process` (its folder in /proc) could be: below its own with version 1, in an ancestor with 2."""
    paths = dict(_memberships(process))
    for version, root, mount, names in _mounts(process):
        path = paths.get(frozenset(names), "")
        own = mount / os.path.relpath(path, root) if path.startswith(root) else mount
        if version == 1:
            wanted = tuple(name for name in CONTROLLERS if name in names)
            if wanted:
                yield Spot(own, wanted, 1)
        else:
            yield from _delegated(own, mount)


def _delegated(own: Path, mount: Path) -> Iterator[Spot]:
    """The nearest group, from `own` up, that hands controllers to its children and lets this user move processes there."""
    _split(own)
    for parent in (own, *own.parents):
        if not parent.is_relative_to(mount):
            return
        given = _words(parent / "cgroup.subtree_control")
        wanted = tuple(name for name in CONTROLLERS if name in given)
        if "memory" in wanted and os.access(parent / "cgroup.procs", os.W_OK):
            yield Spot(parent, wanted, 2)
            return


def _split(own: Path) -> None:
    """Where this process is alone in a group delegated to it (`systemd-run --scope -p Delegate=yes`): make room below it."""
    missing = set(CONTROLLERS) & set(_words(own / "cgroup.controllers")) - set(
        _words(own / "cgroup.subtree_control")
    )
    if not missing or _words(own / "cgroup.procs") != [str(os.getpid())]:
        return
    with suppress(OSError):
        (own / f"{PREFIX}-harness").mkdir(exist_ok=True)
        (own / f"{PREFIX}-harness/cgroup.procs").write_text("0")
        (own / "cgroup.subtree_control").write_text(
            " ".join(f"+{name}" for name in sorted(missing))
        )


def _works(spot: Spot) -> bool:
    try:
        _remove(_make(spot, Limits(wall_seconds=1, memory_bytes=1 << 30)))
    except OSError:
        return False
    return True


def _make(spot: Spot, limits: Limits) -> Path:
    """A new group with its caps set; OSError where it cannot be. Empty ones that a killed harness left are removed."""
    for old in spot.parent.glob(f"{PREFIX}-run-*"):
        if not Path(f"/proc/{old.name.split('-')[2]}").exists():
            _remove(old, 0)
    folder = spot.parent / f"{PREFIX}-run-{os.getpid()}-{uuid.uuid4().hex[:12]}"
    folder.mkdir()
    try:
        for controller in spot.controllers:
            _cap(folder, controller, spot.version, limits)
    except OSError:
        _remove(folder)
        raise
    return folder


def _cap(folder: Path, controller: str, version: int, limits: Limits) -> None:
    value = limits.memory_bytes if controller == "memory" else limits.processes
    if value is None:
        return
    limit, *further = (V1 if version == 1 else V2)[controller]
    (folder / limit).write_text(str(value))
    for name, text in zip(further, (str(value) if version == 1 else "0", "1"), strict=False):
        with suppress(OSError):  # swap, and killing all of a group at once, are not everywhere
            (folder / name).write_text(text)


def _remove(folder: Path, seconds: float = EMPTY_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            folder.rmdir()
        except FileNotFoundError:
            return
        except OSError:
            if time.monotonic() > deadline:
                return
            time.sleep(0.002)
        else:
            return


def _memberships(process: Path) -> Iterator[tuple[frozenset[str], str]]:
    """(controllers, path) of each hierarchy; version 2 has no controllers here."""
    for line in _lines(process / "cgroup"):
        match line.split(":", 2):
            case [_, names, path]:
                yield frozenset(names.split(",")) - {""}, path


def _mounts(process: Path) -> Iterator[tuple[int, str, Path, frozenset[str]]]:
    """(version, root, mount point, controllers) of each hierarchy that can be seen."""
    for line in _lines(process / "mountinfo"):
        front, _, back = line.partition(" - ")
        match front.split(" ")[3:5], back.split(" "):
            case [root, mount], ["cgroup2", *_]:
                yield 2, root, Path(mount), frozenset()
            case [root, mount], ["cgroup", _, options]:
                yield 1, root, Path(mount), frozenset(options.split(",")) & _v1_names(process)


def _v1_names(process: Path) -> frozenset[str]:
    return frozenset(name for names, _ in _memberships(process) for name in names)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(errors="replace").splitlines()
    except OSError:
        return []


def _words(path: Path) -> list[str]:
    return [word for line in _lines(path) for word in line.split()]


def _number(path: Path) -> int:
    words = _words(path)
    return int(words[0]) if words and words[0].isdigit() else 0


def _counter(path: Path, name: str) -> int:
    """The number behind `name` in a file of such lines."""
    rows = [line.split() for line in _lines(path)]
    return sum(
        int(row[1]) for row in rows if len(row) == 2 and row[0] == name and row[1].isdecimal()
    )
