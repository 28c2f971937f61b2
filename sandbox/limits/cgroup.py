"""Makes a control group for each run where the harness may: exact caps, with evidence.

Version 1 is tested on real groups. Version 2 is written from the kernel's documentation
(admin-guide/cgroup-v2) and tested on its files alone.
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
EVENTS = ("memory.oom_control", "memory.events")
PEAKS = ("memory.max_usage_in_bytes", "memory.peak")
CEILINGS = ("memory.limit_in_bytes", "memory.max")


@dataclass(frozen=True)
class Spot:
    """A folder of the cgroup file system in which groups can be made, with its controllers."""

    parent: Path
    controllers: tuple[str, ...]
    version: int


@dataclass(frozen=True)
class Group:
    """One run's group in each hierarchy."""

    folders: tuple[Path, ...]

    @property
    def doors(self) -> tuple[str, ...]:
        """The files that move a process into the group when it writes "0" to them."""
        return tuple(str(folder / "cgroup.procs") for folder in self.folders)

    def add(self, pid: int) -> None:
        """Put a process into the group, and all that it starts from now on."""
        for door in self.doors:
            Path(door).write_text(str(pid))

    def kills(self) -> int:
        """Return how many processes the kernel killed because the group was at its memory limit."""
        return sum(_counter(path, "oom_kill") for path in self._files(EVENTS))

    def peak(self) -> int:
        """Return the peak memory of the group in bytes; 0 if the kernel does not report it."""
        return max((_number(path) for path in self._files(PEAKS)), default=0)

    def _files(self, names: tuple[str, ...]) -> Iterator[Path]:
        for folder in self.folders:
            for name in names:
                yield folder / name


@contextmanager
def group(limits: Limits) -> Iterator[Group | None]:
    """Yield a group with the memory and process caps of `limits`; None if none can be made.

    The group is removed on leaving.
    """
    folders: list[Path] = []
    complete = True
    try:
        try:
            for spot in spots():
                folders.append(_make(spot, limits))
        except OSError:
            complete = False
        yield Group(tuple(folders)) if folders and complete else None
    finally:
        for folder in folders:
            _remove(folder)


def caps_memory() -> bool:
    """Return whether runs have an exact memory cap here."""
    return any("memory" in spot.controllers for spot in spots())


def memory_ceiling(process: Path = Path("/proc/self")) -> int | None:
    """Return the most bytes that `process` may have by the groups it is in; None without a limit.

    Batch systems and containers set one; that of a group further up holds as well.
    """
    limits: list[int] = []
    for hierarchy, own in _own_groups(process):
        if hierarchy.version == 1 and "memory" not in hierarchy.controllers:
            continue
        for folder in (own, *own.parents):
            if folder.is_relative_to(hierarchy.mount):
                limits += filter(None, (_number(folder / name) for name in CEILINGS))
    return min(limits, default=None)


@functools.cache
def spots() -> tuple[Spot, ...]:
    """Return the places where groups can be made, each tested by making one."""
    return tuple(spot for spot in find_spots(Path("/proc/self")) if _works(spot))


def find_spots(process: Path) -> Iterator[Spot]:
    """Yield where groups of `process` (its folder in /proc) could be made.

    With version 1 that is below its own group, with version 2 in an ancestor.
    """
    for hierarchy, own in _own_groups(process):
        if hierarchy.version == 2:
            yield from _delegated(own, hierarchy.mount)
            continue
        wanted = tuple(name for name in CONTROLLERS if name in hierarchy.controllers)
        if wanted:
            yield Spot(own, wanted, 1)


def _delegated(own: Path, mount: Path) -> Iterator[Spot]:
    """Yield the nearest group, from `own` up, that may be divided, or nothing.

    It must hand controllers to its children and let this user move processes there.
    """
    _make_room(own)
    for parent in (own, *own.parents):
        if not parent.is_relative_to(mount):
            return
        given = _words(parent / "cgroup.subtree_control")
        wanted = tuple(name for name in CONTROLLERS if name in given)
        if "memory" in wanted and os.access(parent / "cgroup.procs", os.W_OK):
            yield Spot(parent, wanted, 2)
            return


def _make_room(own: Path) -> None:
    """Divide a group that is delegated to this process alone, as by `systemd-run --scope`.

    (With `-p Delegate=yes`.) The process moves into a group below, and hands the controllers down.
    """
    handed_down = _words(own / "cgroup.subtree_control")
    missing = set(CONTROLLERS) & set(_words(own / "cgroup.controllers")) - set(handed_down)
    if not missing or _words(own / "cgroup.procs") != [str(os.getpid())]:
        return
    switches = " ".join(f"+{name}" for name in sorted(missing))
    with suppress(OSError):
        (own / f"{PREFIX}-harness").mkdir(exist_ok=True)
        (own / f"{PREFIX}-harness/cgroup.procs").write_text("0")
        (own / "cgroup.subtree_control").write_text(switches)


def _works(spot: Spot) -> bool:
    try:
        _remove(_make(spot, Limits(wall_seconds=1, memory_bytes=1 << 30)))
    except OSError:
        return False
    return True


def _make(spot: Spot, limits: Limits) -> Path:
    """Make a group with its caps, and return its folder. Raise OSError if that fails.

    Empty groups that a killed harness left are removed.
    """
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
    if version == 1:
        limit, *further = V1[controller]
        texts = [str(value)]  # memory and swap together
    else:
        limit, *further = V2[controller]
        texts = ["0", "1"]  # no swap; all of a group are killed at once
    (folder / limit).write_text(str(value))
    for name, text in zip(further, texts, strict=False):
        with suppress(OSError):  # not every kernel has these
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
    """Yield (controllers, path) of each hierarchy; version 2 has no controllers here."""
    for line in _lines(process / "cgroup"):
        match line.split(":", 2):
            case [_, names, path]:
                yield frozenset(names.split(",")) - {""}, path


@dataclass(frozen=True)
class _Hierarchy:
    version: int
    root: str
    """The group that is shown at the mount point."""
    mount: Path
    controllers: frozenset[str]
    """None for version 2."""


def _own_groups(process: Path) -> Iterator[tuple[_Hierarchy, Path]]:
    """Yield each hierarchy that can be seen, with the folder of the group that a process is in."""
    paths = dict(_memberships(process))
    for hierarchy in _hierarchies(process):
        path = paths.get(hierarchy.controllers, "")
        own = hierarchy.mount
        if path.startswith(hierarchy.root):
            own /= os.path.relpath(path, hierarchy.root)
        yield hierarchy, own


def _hierarchies(process: Path) -> Iterator[_Hierarchy]:
    """Yield each hierarchy that can be seen."""
    for line in _lines(process / "mountinfo"):
        front, _, back = line.partition(" - ")
        match front.split(" ")[3:5], back.split(" "):
            case [root, mount], ["cgroup2", *_]:
                yield _Hierarchy(2, root, Path(mount), frozenset())
            case [root, mount], ["cgroup", _, options]:
                controllers = frozenset(options.split(",")) & _v1_names(process)
                yield _Hierarchy(1, root, Path(mount), controllers)


def _v1_names(process: Path) -> frozenset[str]:
    names: set[str] = set()
    for controllers, _ in _memberships(process):
        names |= controllers
    return frozenset(names)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(errors="replace").splitlines()
    except OSError:
        return []


def _words(path: Path) -> list[str]:
    return " ".join(_lines(path)).split()


def _number(path: Path) -> int:
    words = _words(path)
    return int(words[0]) if words and words[0].isdigit() else 0


def _counter(path: Path, name: str) -> int:
    """Return the number behind `name` in a file of such lines, or 0."""
    total = 0
    for line in _lines(path):
        match line.split():
            case [word, number] if word == name and number.isdecimal():
                total += int(number)
    return total
