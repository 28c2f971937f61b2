"""The launcher's main program: supervises, confines itself, becomes the command."""

# ruff: noqa: PTH112, PTH208  (pathlib is slow to import)

import _signal  # type: ignore[import-not-found]
import os

from .kernel import (
    NEW_CGROUP,
    NEW_IPC,
    NEW_MOUNTS,
    NEW_NET,
    NEW_PIDS,
    NEW_USER,
    NEW_UTS,
    PR_SET_CHILD_SUBREAPER,
    PR_SET_PDEATHSIG,
    SIG_DFL,
    SIG_IGN,
    SIGHUP,
    SIGINT,
    SIGKILL,
    SIGPIPE,
    SIGTERM,
    SIGXFSZ,
    check,
    libc,
    on_signals,
    prctl,
    raise_loopback,
    write,
)
from .protocol import Plan, fail, plan_pipe, receive, receive_plan, report, report_end
from .reaping import end_tree, wait_for
from .rights import confine, restrict_paths
from .root import build_root

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


def main() -> "NoReturn":
    """Read the plan, build, exec; report any failure and exit before the command exists."""
    plan = receive_plan()
    status: int = plan["status"]
    os.set_inheritable(status, False)
    try:
        plan["join"] = [os.open(door, os.O_WRONLY | os.O_CLOEXEC) for door in plan["join"]]
        if plan["supervise"] == "namespace":
            supervise_namespace(plan)
        if plan["supervise"] == "first":
            run_first_process(plan)
        if plan["supervise"] == "subreaper":
            supervise_tree(plan)
        confine(plan)
        become(plan)
    except BaseException as error:
        fail(status, error)


def supervise_namespace(plan: Plan) -> "NoReturn":
    """Stay outside as the parent of the namespace's first process, until that has ended.

    The exit of this process so means that all processes of the namespace are gone.
    """
    uid = os.geteuid()
    gid = os.getegid()
    flags = NEW_MOUNTS | NEW_IPC | NEW_UTS | NEW_PIDS | NEW_CGROUP
    if not plan["network"]:
        flags |= NEW_NET
    if plan["new_user"]:
        flags |= NEW_USER
    check(libc("unshare", flags), "unshare")
    if plan["new_user"]:
        write("/proc/self/setgroups", "deny")
        write("/proc/self/uid_map", f"{uid} {uid} 1")
        write("/proc/self/gid_map", f"{gid} {gid} 1")
    if not plan["network"]:
        raise_loopback()
    first = os.fork()
    if first == 0:
        run_first_process(plan)
    report(plan["status"], f'{{"child-pid": {first}}}')
    os.waitpid(first, 0)
    os._exit(0)


def run_first_process(plan: Plan) -> "NoReturn":
    """Be pid 1: build what is missing, confine, start the command, reap.

    The kernel kills all that is left when this process exits. It exits with the command, and when
    the plan's pipe ends, which tells that the harness has died. A death signal would not do: the
    kernel sends it with the rights of the parent that dies, and bubblewrap has none over another
    uid.
    """
    try:
        if plan["supervise"] == "namespace":
            build_root(plan)
        confine(plan, paths=False)
        on_signals((SIGINT, SIGTERM, SIGHUP), SIG_IGN)
        receive(1)  # the harness has put this process into its control group
        command = os.fork()
        if command == 0:
            on_signals((SIGINT, SIGTERM, SIGHUP), SIG_DFL)
            restrict_paths(plan["landlock"])
            become(plan)
        close_standard_streams()
        state = wait_for(command, (plan_pipe(),))
    except BaseException as error:
        fail(plan["status"], error)
    report_end(plan, state)
    os._exit(0)


def supervise_tree(plan: Plan) -> "NoReturn":
    """Stay outside, twice: every orphan below this process and its only child comes to one of them.

    The inner one ends the tree when the command has ended, when the harness has died (its plan's
    pipe ends) or when the outer one has. The outer one ends it when the harness has died, when it
    is told to (SIGTERM) or when the inner one has died, whose children come to it then. Each
    exits when it has no child left, so that the end of the status pipe means that all are gone.
    """
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    _signal.signal(SIGTERM, lambda *_: end_tree(plan))
    outer_lives, outer_holds = os.pipe()
    inner = os.fork()
    if inner == 0:
        os.close(outer_holds)
        supervise_command(plan, outer_lives)
    os.close(outer_lives)
    report(plan["status"], f'{{"inner": {inner}}}')
    close_standard_streams()
    wait_for(inner, (plan_pipe(),))
    end_tree(plan)


def supervise_command(plan: Plan, outer_lives: int) -> "NoReturn":
    """Be the inner one of the two; `outer_lives` is a pipe that ends with the outer one."""
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    command = os.fork()
    if command == 0:
        on_signals((SIGTERM,), SIG_DFL)
        confine(plan)
        prctl(PR_SET_PDEATHSIG, SIGKILL)  # now, because changing the uid clears it
        become(plan)
    close_standard_streams()
    report_end(plan, wait_for(command, (plan_pipe(), outer_lives)))
    end_tree(plan)


def close_standard_streams() -> None:
    """Close descriptors 0, 1 and 2, which are the command's."""
    for standard in (0, 1, 2):
        os.close(standard)


def become(plan: Plan) -> "NoReturn":
    """Turn into the command, with descriptors 0, 1 and 2 only."""
    os.chdir(plan["folder"])
    os.umask(0o022)
    # Python ignores both, and a command inherits what is ignored.
    on_signals((SIGPIPE, SIGXFSZ), SIG_DFL)
    for group in plan["join"]:
        os.write(group, b"0")  # this process, with all that it becomes
    report(plan["status"], '{"ready": 1}')
    for descriptor in os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else ():
        if int(descriptor) > 2:
            try:
                os.set_inheritable(int(descriptor), False)
            except OSError:  # the listing's own
                continue
    os.execve(plan["argv"][0], plan["argv"], plan["environment"])
