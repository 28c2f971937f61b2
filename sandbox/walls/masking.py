"""A process of its own: empties some paths for the command that it becomes, where bubblewrap is missing (see sandbox/walls/mask.py).

argv: the paths, `--`, the command. The command keeps the user's rights, network and files otherwise.
"""

# Started as the launcher is, with the same few modules.
# ruff: noqa: PTH112

import os
import sys

import jail  # type: ignore[import-not-found]


def main() -> None:
    """Make the namespaces and the mounts, start the command in them, and end as it ends."""
    split = sys.argv.index("--")
    paths = sys.argv[1:split]
    command = sys.argv[split + 1 :]
    uid, gid = os.geteuid(), os.getegid()
    flags = jail.NEW_MOUNTS | jail.NEW_PIDS
    jail.check(jail.libc("unshare", flags | (jail.NEW_USER if uid else 0)), "unshare")
    if uid:
        jail.write("/proc/self/setgroups", "deny")
        jail.write("/proc/self/uid_map", f"{uid} {uid} 1")
        jail.write("/proc/self/gid_map", f"{gid} {gid} 1")
    jail.mount("none", "/", "", jail.MS_REC | jail.MS_PRIVATE)
    for path in paths:
        empty(path)
    first = os.fork()
    if first == 0:
        run_first_process(command)
    sys.exit(code_of(os.waitpid(first, 0)[1]))


def empty(path: str) -> None:
    """Put an empty folder, or nothing at all, where `path` is."""
    if os.path.isdir(path):
        jail.mount(
            "tmpfs",
            path,
            "tmpfs",
            jail.MS_NOSUID | jail.MS_NODEV | jail.MS_RDONLY,
            "mode=0755,size=4k",
        )
    else:
        jail.mount("/dev/null", path, "", jail.MS_BIND)


def run_first_process(command: list[str]) -> None:
    """Be pid 1 of the namespace, which shows no process outside of it; reap until the command ends."""
    jail.prctl(jail.PR_SET_PDEATHSIG, jail.SIGKILL)
    jail.mount("proc", "/proc", "proc", jail.MS_NOSUID | jail.MS_NODEV | jail.MS_NOEXEC)
    jail.drop_bounding_set()
    jail.drop_capabilities()  # or the command could take the mounts away again
    jail.prctl(jail.PR_SET_NO_NEW_PRIVS, 1)
    child = os.fork()
    if child == 0:
        os.execv(command[0], command)
    reaped = 0
    while reaped != child:
        reaped, state = os.wait()
    os._exit(code_of(state))


def code_of(state: int) -> int:
    """The exit code of a process that ended with `state`, as a shell gives it."""
    code = os.waitstatus_to_exitcode(state)
    return code if code >= 0 else 128 - code
