"""A process of its own: empties some paths for the command that it becomes; see walls/mask.py.

Used where bubblewrap is missing, and started as the launcher is, with the same few modules. argv:
the paths, `--`, the command. Otherwise the command keeps the user's rights, network and files.
"""

# ruff: noqa: PTH112  (pathlib is slow to import)

import os
import sys

from .kernel import (
    MS_BIND,
    MS_NODEV,
    MS_NOEXEC,
    MS_NOSUID,
    MS_PRIVATE,
    MS_RDONLY,
    MS_REC,
    NEW_MOUNTS,
    NEW_PIDS,
    NEW_USER,
    PR_SET_NO_NEW_PRIVS,
    PR_SET_PDEATHSIG,
    SIGKILL,
    check,
    libc,
    mount,
    prctl,
    write,
)
from .rights import drop_bounding_set, drop_capabilities


def main() -> None:
    """Make the namespaces and the mounts, start the command in them, and end as it ends."""
    split = sys.argv.index("--")
    paths = sys.argv[1:split]
    command = sys.argv[split + 1 :]
    uid = os.geteuid()
    gid = os.getegid()
    flags = NEW_MOUNTS | NEW_PIDS
    if uid:
        flags |= NEW_USER
    check(libc("unshare", flags), "unshare")
    if uid:
        write("/proc/self/setgroups", "deny")
        write("/proc/self/uid_map", f"{uid} {uid} 1")
        write("/proc/self/gid_map", f"{gid} {gid} 1")
    mount("none", "/", "", MS_REC | MS_PRIVATE)
    for path in paths:
        empty(path)
    first = os.fork()
    if first == 0:
        run_first_process(command)
    sys.exit(code_of(os.waitpid(first, 0)[1]))


def empty(path: str) -> None:
    """Put an empty folder, or an empty file, where `path` is."""
    if os.path.isdir(path):
        flags = MS_NOSUID | MS_NODEV | MS_RDONLY
        mount("tmpfs", path, "tmpfs", flags, "mode=0755,size=4k")
    else:
        mount("/dev/null", path, "", MS_BIND)


def run_first_process(command: list[str]) -> None:
    """Be pid 1 of a namespace that shows no process outside; reap until the command ends."""
    prctl(PR_SET_PDEATHSIG, SIGKILL)
    mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    drop_bounding_set()
    drop_capabilities()  # or the command could take the mounts away again
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    child = os.fork()
    if child == 0:
        os.execv(command[0], command)
    reaped = 0
    while reaped != child:
        reaped, state = os.wait()
    os._exit(code_of(state))


def code_of(state: int) -> int:
    """Return the exit code of a process that ended with `state`, as a shell gives it."""
    code = os.waitstatus_to_exitcode(state)
    return code if code >= 0 else 128 - code
