"""Checks what a run without a root of its own can reach by its uid, where Landlock is no help."""

import glob
import os
import re
import socket
import stat
from collections.abc import Iterable, Iterator
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
OWN_SOCKETS = (
    "/tmp/tmux-{uid}/*",
    "/run/screen/S-*/*",
    "/tmp/screens/S-*/*",
    "{home}/.screen/*",
    "/run/user/{uid}/zellij/*/*",
    "/tmp/zellij-{uid}/*/*",
    "/tmp/emacs{uid}/*",
    "/run/user/{uid}/emacs/*",
    "/run/user/{uid}/nvim.*",
    "/run/user/{uid}/vscode-ipc-*.sock",
    "/tmp/vscode-ipc-*.sock",
    "/tmp/kitty-*",
    "/tmp/.X11-unix/X*",
    "/run/user/{uid}/wayland-*",
    "/tmp/dbus-*",
    "/tmp/ssh-*/agent.*",
    "/run/user/{uid}/keyring/*",
    "/run/user/{uid}/gnupg/S.gpg-agent*",
    "{home}/.gnupg/S.gpg-agent*",
)
"""Patterns of where a user's terminals, editors, screens and agents listen for that user alone."""
VARIABLES = (
    "SSH_AUTH_SOCK",
    "GPG_AGENT_INFO",
    "TMUX",
    "NVIM",
    "VSCODE_IPC_HOOK_CLI",
    "KITTY_LISTEN_ON",
    "DBUS_SESSION_BUS_ADDRESS",
)
"""They name such a socket: as a path, or as `unix:path=…`; more may follow."""
NAMED = re.compile(r"(?:unix:)?(?:path=)?(/[^,:;]+)")


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
    named = [NAMED.match(os.environ.get(name, "")) for name in VARIABLES]
    paths += [match[1] for match in named if match]
    if identity is None:
        paths += _own_sockets()
    for path in paths:
        if _may_connect(path, identity):
            raise SandboxFault(
                f"a run could reach {path},"
                " behind which programs and keys are used for whoever asks",
                "sudo apt-get install bubblewrap"
                "   # or end that program (a run with --detach needs no tmux),"
                " or start as a user who may not use its socket",
            )


def _own_sockets() -> Iterator[str]:
    """Yield the sockets of OWN_SOCKETS on which somebody listens."""
    for pattern in OWN_SOCKETS:
        pattern = pattern.format(uid=os.geteuid(), home=glob.escape(_home()))
        for path in glob.iglob(pattern):  # noqa: PTH207  pathlib raises where a folder is closed
            if _listens(path):
                yield path


def _home() -> str:
    return os.path.expanduser("~")  # noqa: PTH111  without a home, pathlib raises


def _listens(path: str) -> bool:
    """Return whether a program listens there; many leave their socket behind."""
    with socket.socket(socket.AF_UNIX) as stream:
        stream.setblocking(False)
        try:
            stream.connect(path)
        except BlockingIOError:
            return True  # its queue is full
        except OSError:
            return False
    return True


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
