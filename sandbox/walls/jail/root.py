"""The run's own root folder, built from nothing but the plan's mounts."""

# ruff: noqa: PTH103, PTH110, PTH112, PTH120, PTH211  (pathlib is slow to import)

import os

from .kernel import (
    ATTR_NODEV,
    ATTR_NOSUID,
    ATTR_RDONLY,
    MNT_DETACH,
    MS_BIND,
    MS_NODEV,
    MS_NOEXEC,
    MS_NOSUID,
    MS_PRIVATE,
    MS_REC,
    SYS_PIVOT_ROOT,
    check,
    libc,
    machine,
    mount,
    set_mount_attributes,
    syscall,
)
from .protocol import Plan

ROOT = "/tmp"  # every machine has one, and from its mount on nothing outside is looked up by name
ATTRIBUTES = {
    "ro": ATTR_RDONLY | ATTR_NOSUID | ATTR_NODEV,
    "rw": ATTR_NOSUID | ATTR_NODEV,
    "dev": ATTR_NOSUID,
}


def build_root(plan: Plan) -> None:
    """Make a root of nothing but the plan's mounts, and leave the machine's own behind."""
    mount("none", "/", "", MS_REC | MS_PRIVATE)
    sources = [os.open(source, os.O_PATH | os.O_CLOEXEC) for source, *_ in plan["binds"]]
    nothing = os.open("/dev/null", os.O_PATH | os.O_CLOEXEC)
    mount("tmpfs", ROOT, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=1m")
    for path, mode, size in plan["tmpfs"]:
        os.makedirs(ROOT + path, 0o755, exist_ok=True)
        mount("tmpfs", ROOT + path, "tmpfs", MS_NOSUID | MS_NODEV, _tmpfs_options(mode, size))
    for (_, target, kind), source in zip(plan["binds"], sources, strict=True):
        if kind == "hidden":
            hide(source, nothing, ROOT + target)
        else:
            bind(source, ROOT + target, kind)
    for target, text in plan["links"]:
        os.makedirs(os.path.dirname(ROOT + target), 0o755, exist_ok=True)
        os.symlink(text, ROOT + target)
    os.makedirs(ROOT + "/proc", exist_ok=True)
    mount("proc", ROOT + "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    for (_, target, kind), source in zip(plan["binds"], sources, strict=True):
        if kind == "hidden":
            set_mount_attributes(ROOT + target, ATTR_RDONLY, recursive=False)
        os.close(source)
    os.close(nothing)
    set_mount_attributes(ROOT, ATTR_RDONLY, recursive=False)
    os.chdir(ROOT)
    syscall(SYS_PIVOT_ROOT[machine], "pivot_root", b".", b".")
    check(libc("umount2", b".", MNT_DETACH), "leave the old root")
    os.chdir("/")


def _tmpfs_options(mode: int, size: int | None) -> str:
    options = f"mode={mode:o}"
    return f"{options},size={size}" if size else options


def hide(source: int, nothing: int, target: str) -> None:
    """Cover `target` with an empty folder, or with a device that cannot be opened there.

    Which of the two follows from `source`, a descriptor of what lies there. `nothing` is a
    descriptor of the device.
    """
    if os.path.isdir(f"/proc/self/fd/{source}"):
        mount("tmpfs", target, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=1m")
    else:
        bind(nothing, target, "ro")


def bind(source: int, target: str, kind: str) -> None:
    """Show `source` (a descriptor) at `target`: "ro", "rw", or "dev" for a device node."""
    path = f"/proc/self/fd/{source}"
    if os.path.isdir(path):
        os.makedirs(target, 0o755, exist_ok=True)
    elif not os.path.exists(target):
        os.makedirs(os.path.dirname(target), 0o755, exist_ok=True)
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o644))
    mount(path, target, "", MS_BIND | MS_REC)
    set_mount_attributes(target, ATTRIBUTES[kind], recursive=True)
