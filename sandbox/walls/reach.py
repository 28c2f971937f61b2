"""Checks what a run without a root of its own can reach by its uid, where Landlock is no help."""

import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from shlex import quote

from sandbox.ground.fault import SandboxFault
from sandbox.walls.mounts import Bind
from sandbox.walls.segments import SHM

CONTROL_SOCKETS = (
    "/run/docker.sock",
    "/run/containerd/containerd.sock",
    "/run/podman/podman.sock",
    "/run/crio/crio.sock",
    "/run/user/{uid}/bus",
    "/run/user/{uid}/systemd/private",
    "/run/user/{uid}/docker.sock",
    "/run/user/{uid}/podman/podman.sock",
)
"""Behind each of them, something starts programs for whoever asks, outside of every wall."""
AGENTS = ("SSH_AUTH_SOCK", "GPG_AGENT_INFO")


def check_paths(binds: Iterable[Bind], identity: tuple[int, int] | None) -> None:
    """Raise SandboxFault, with the command that mends it, where the run's uid lacks a path."""
    if identity is None:
        return
    for bind in binds:
        if bind.kind == "hidden":
            continue
        for parent in reversed(Path(bind.source).parents):
            if not parent.stat().st_mode & stat.S_IXOTH:
                message = (
                    f"the run's own user cannot reach {bind.target}: {parent} is closed to others"
                )
                raise SandboxFault(
                    message, f"chmod o+x {quote(str(parent))}   # to pass through, not to list"
                )


def check_shared(binds: Iterable[Bind], identity: tuple[int, int] | None) -> None:
    """Raise SandboxFault where a run under the user's own uid may write what it must only read.

    All of /dev/shm is open to it.
    """
    for bind in binds:
        if identity is None and bind.kind == "ro" and bind.source.startswith(f"{SHM}/"):
            raise SandboxFault(
                f"a run could write {bind.target}: it lies in {SHM}, which every run needs",
                "move it elsewhere",
            )


def check_sockets(identity: tuple[int, int] | None) -> None:
    """Raise SandboxFault where the run could have something outside act for it.

    Landlock does not keep it from a socket file.
    """
    paths = [path.format(uid=os.geteuid()) for path in CONTROL_SOCKETS]
    paths += [os.environ[name].partition(":")[0] for name in AGENTS if name in os.environ]
    for path in paths:
        if _may_connect(path, identity):
            raise SandboxFault(
                f"a run could reach {path},"
                " behind which programs and keys are used for whoever asks",
                "sudo apt-get install bubblewrap"
                "   # or start as a user who may not use that socket",
            )


def _may_connect(path: str, identity: tuple[int, int] | None) -> bool:
    with suppress(OSError):
        mode = os.stat(path).st_mode  # noqa: PTH116
        if identity is None:
            return stat.S_ISSOCK(mode) and os.access(path, os.W_OK)
        if not stat.S_ISSOCK(mode) or not mode & stat.S_IWOTH:
            return False
        parents = Path(os.path.realpath(path)).parents
        return all(parent.stat().st_mode & stat.S_IXOTH for parent in parents)
    return False


def uids_at_work() -> set[int]:
    """Return the uids of all processes that this one can see."""
    return {uid for uid, _ in _tasks()}


def tasks_of(uid: int) -> int:
    """Return how many threads run under `uid`, as RLIMIT_NPROC counts them."""
    return sum(threads for owner, threads in _tasks() if owner == uid)


def _tasks() -> list[tuple[int, int]]:
    """Return (real uid, threads) of every process."""
    tasks = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, KeyError, ValueError):
            lines = (folder / "status").read_text().splitlines()
            fields = dict(line.split(":", 1) for line in lines)
            tasks.append((int(fields["Uid"].split()[0]), int(fields["Threads"])))
    return tasks
