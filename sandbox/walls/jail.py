"""The launcher, a process of its own: builds the walls that its plan lists, drops every right, then becomes the command.

Imported by launcher.command, with an argument FD that holds a marshalled plan (see sandbox/walls/plan.py) written by the
harness, which made every decision. It knows no policy, imports little (its start is part of each trial's cost) and reports
on the plan's status descriptor in JSON lines: {"child-pid": N}, the way bubblewrap does, {"ready": 1}, {"exited": N} or
{"signal": N}, or {"error": "..."} when a wall could not be built, in which case the command never starts.
"""

# No pathlib, ctypes, resource, signal, typing or __future__: each would cost up to milliseconds at every start.
# ruff: noqa: PTH103, PTH110, PTH112, PTH120, PTH123, PTH208, PTH211

import _ctypes
import _signal  # type: ignore[import-not-found]
import marshal
import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

    Plan = dict[str, Any]

SIGHUP, SIGINT, SIGKILL, SIGPIPE, SIGTERM, SIGSTOP, SIGXFSZ = 1, 2, 9, 13, 15, 19, 25
SIG_DFL, SIG_IGN = 0, 1

NEW_MOUNTS, NEW_CGROUP, NEW_UTS, NEW_IPC, NEW_USER, NEW_PIDS, NEW_NET = (
    0x20000,
    0x2000000,
    0x4000000,
    0x8000000,
    0x10000000,
    0x20000000,
    0x40000000,
)
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_BIND, MS_REC, MS_PRIVATE = (
    1,
    2,
    4,
    8,
    4096,
    16384,
    1 << 18,
)
ATTR_RDONLY, ATTR_NOSUID, ATTR_NODEV = 1, 2, 4
(
    PR_SET_PDEATHSIG,
    PR_SET_DUMPABLE,
    PR_SET_SECCOMP,
    PR_CAPBSET_DROP,
    PR_SET_NO_NEW_PRIVS,
    PR_CAP_AMBIENT,
) = 1, 4, 22, 24, 38, 47
PR_SET_CHILD_SUBREAPER = 36
MNT_DETACH = 2
AT_FDCWD, AT_RECURSIVE = -100, 0x8000
SECCOMP_MODE_FILTER = 2
SYS_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
SYS_CAPSET = {"x86_64": 126, "aarch64": 91}
SYS_MOUNT_SETATTR, SYS_LANDLOCK_CREATE, SYS_LANDLOCK_ADD, SYS_LANDLOCK_RESTRICT = 442, 444, 445, 446
FAILED = 125
POLLIN = 1
REAP_MILLISECONDS = 500
"""How long an orphan may wait to be reaped where its signal came too early to interrupt a wait."""


def main() -> "NoReturn":
    """Read the plan, build, exec; any failure is reported and ends the process before the command exists."""
    plan: Plan = marshal.loads(told(int.from_bytes(told(4), "little")))
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
        text = (
            f"{type(error).__name__}: {error}".encode("ascii", "backslashreplace")
            .decode()
            .replace("\\", "/")
        )
        report(status, '{"error": "' + text.replace('"', "'") + '"}')
        os._exit(FAILED)


def told(size: int) -> bytes:
    """So many bytes from the harness; at their end it has died, or needs no launcher any more."""
    data = b""
    while len(data) < size:
        chunk = os.read(plan_pipe(), size - len(data))
        if not chunk:
            os._exit(FAILED)
        data += chunk
    return data


def report(status: int, line: str) -> None:
    """One line to the harness; that the harness has gone is no reason to fail."""
    try:
        os.write(status, line.encode() + b"\n")
    except OSError:
        os._exit(FAILED)


# ---------------------------------------------------------------- processes


def supervise_namespace(plan: "Plan") -> "NoReturn":
    """Stay outside as the parent of the namespace's first process, so that this process's exit means that all are gone."""
    uid, gid = os.geteuid(), os.getegid()
    flags = NEW_MOUNTS | NEW_IPC | NEW_UTS | NEW_PIDS | NEW_CGROUP
    if not plan["network"]:
        flags |= NEW_NET
    check(libc("unshare", flags | (NEW_USER if plan["new_user"] else 0)), "unshare")
    if plan["new_user"]:
        write("/proc/self/setgroups", "deny")
        write("/proc/self/uid_map", f"{uid} {uid} 1")
        write("/proc/self/gid_map", f"{gid} {gid} 1")
    first = os.fork()
    if first == 0:
        run_first_process(plan)
    report(plan["status"], f'{{"child-pid": {first}}}')
    os.waitpid(first, 0)
    os._exit(0)


def run_first_process(plan: "Plan") -> "NoReturn":
    """Be pid 1: build what is not built, confine, start the command, reap; the kernel kills all that is left when this exits.

    It exits with the command, and when the plan's pipe ends, which tells that the harness has died. A death signal would not do:
    the kernel sends it with the rights of the parent that dies, and bubblewrap has none over another uid.
    """
    try:
        if plan["supervise"] == "namespace":
            build_root(plan)
        confine(plan, paths=False)
        on_signals((SIGINT, SIGTERM, SIGHUP), SIG_IGN)
        told(1)  # that the harness has put this process into its control group
        command = os.fork()
        if command == 0:
            on_signals((SIGINT, SIGTERM, SIGHUP), SIG_DFL)
            restrict_paths(plan["landlock"])
            become(plan)
        for standard in (0, 1, 2):
            os.close(standard)
        state = wait_for(command, (plan_pipe(),))
    except BaseException as error:
        text = (
            f"{type(error).__name__}: {error}".encode("ascii", "backslashreplace")
            .decode()
            .replace("\\", "/")
        )
        report(plan["status"], '{"error": "' + text.replace('"', "'") + '"}')
        os._exit(FAILED)
    report_end(plan, state)
    os._exit(0)


def wait_for(child: int, pipes: "tuple[int, ...]") -> "int | None":
    """Reap until `child` has ended and return its status; None when one of `pipes` ends before."""
    _signal.signal(_signal.SIGCHLD, lambda *_: None)  # so that an orphan's end interrupts the wait
    exits: tuple[int, ...] = ()
    try:  # noqa: SIM105  contextlib takes time to import
        exits = (os.pidfd_open(child),)
    except (OSError, AttributeError):
        pass  # an old kernel: the child's signal tells, or the next look
    while True:
        ready = readable((*exits, *pipes), REAP_MILLISECONDS)
        reaped, state = os.waitpid(-1, os.WNOHANG)
        while reaped:
            if reaped == child:
                return state
            reaped, state = os.waitpid(-1, os.WNOHANG)
        if any(pipe in ready for pipe in pipes):
            return None


def readable(descriptors: "tuple[int, ...]", milliseconds: int) -> "list[int]":
    """Return those that can be read or are at their end, after at most so long."""
    asked = b"".join(packed(4, descriptor) + packed(2, POLLIN, 0) for descriptor in descriptors)
    answer = (Byte * len(asked)).from_buffer_copy(asked)
    libc("poll", answer, len(descriptors), milliseconds)
    said = bytes(answer)
    return [
        descriptor
        for place, descriptor in enumerate(descriptors)
        if said[8 * place + 6 : 8 * place + 8] != b"\0\0"
    ]


def plan_pipe() -> int:
    """The pipe that the plan came through; its end tells that the harness has died or is done with this run."""
    return int(sys.argv[1])


def report_end(plan: "Plan", state: "int | None") -> None:
    """Tell how the command ended; nothing where it did not."""
    if state is None:
        return
    code = os.waitstatus_to_exitcode(state)
    report(plan["status"], f'{{"exited": {code}}}' if code >= 0 else f'{{"signal": {-code}}}')


def supervise_tree(plan: "Plan") -> "NoReturn":
    """Stay outside, twice: this process and its only child are both such that every orphan below them comes to them.

    The inner one ends the tree when the command has ended, when the harness has died (its plan's pipe ends) or when the outer
    one has; the outer one, when the harness has died, when it is told to (SIGTERM) or when the inner one has died, whose children
    come to it then. Each exits when it has no child left, so that the end of the status pipe means that all are gone.
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
    for standard in (0, 1, 2):
        os.close(standard)
    wait_for(inner, (plan_pipe(),))
    end_tree(plan)


def supervise_command(plan: "Plan", outer_lives: int) -> "NoReturn":
    """Be the inner one of the two; `outer_lives` is a pipe that ends with the outer one."""
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    command = os.fork()
    if command == 0:
        on_signals((SIGTERM,), SIG_DFL)
        confine(plan)
        prctl(PR_SET_PDEATHSIG, SIGKILL)  # now, because changing the uid clears it
        become(plan)
    for standard in (0, 1, 2):
        os.close(standard)
    report_end(plan, wait_for(command, (plan_pipe(), outer_lives)))
    end_tree(plan)


def end_tree(plan: "Plan") -> "NoReturn":
    """Kill until no child is left to wait for, then exit."""
    try:
        while True:
            if plan["become"]:
                kill_uid(*plan["become"])
            kill_descendants()
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
            time.sleep(0.001)
    except ChildProcessError:
        os._exit(0)


def kill_uid(uid: int, gid: int) -> None:
    """Everything of the run's own uid in one call, which no fork can outrun."""
    helper = os.fork()
    if helper == 0:
        try:
            os.setgroups([])
            os.setresgid(gid, gid, gid)
            os.setresuid(uid, uid, uid)
            os.kill(-1, SIGKILL)
        finally:
            os._exit(0)
    os.waitpid(helper, 0)


def kill_descendants() -> None:
    """Stop all first, so that few can fork while the others are killed."""
    for number in (SIGSTOP, SIGKILL):
        pending = [os.getpid()]
        while pending:
            for pid in children(pending.pop()):
                try:
                    os.kill(pid, number)
                    pending.append(pid)
                except OSError:  # it has just ended; its children will come to this process
                    continue


def children(pid: int) -> list[int]:
    """The children of all threads of `pid`."""
    found: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children") as stream:
                found += [int(child) for child in stream.read().split()]
    except (
        OSError
    ):  # a thread or all of it has ended: its children are found with their next parent
        pass
    return found


def become(plan: "Plan") -> "NoReturn":
    """Turn into the command, with descriptors 0, 1 and 2 only."""
    os.chdir(plan["folder"])
    os.umask(0o022)
    on_signals(
        (SIGPIPE, SIGXFSZ), SIG_DFL
    )  # Python ignores both, and what is ignored would be inherited
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


# ---------------------------------------------------------------- the root folder


def build_root(plan: "Plan") -> None:
    """Make a root of nothing but the plan's mounts, and leave the machine's own behind."""
    mount("none", "/", "", MS_REC | MS_PRIVATE)
    sources = [os.open(source, os.O_PATH | os.O_CLOEXEC) for source, *_ in plan["binds"]]
    nothing = os.open("/dev/null", os.O_PATH | os.O_CLOEXEC)
    root = "/tmp"  # every machine has one, and from here on nothing outside is looked up by name
    mount("tmpfs", root, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=1m")
    for path, mode, size in plan["tmpfs"]:
        os.makedirs(root + path, 0o755, exist_ok=True)
        mount(
            "tmpfs",
            root + path,
            "tmpfs",
            MS_NOSUID | MS_NODEV,
            f"mode={mode:o}" + (f",size={size}" if size else ""),
        )
    for (_, target, kind), source in zip(plan["binds"], sources, strict=True):
        if kind == "hidden":
            hide(source, nothing, root + target)
        else:
            bind(source, root + target, kind)
    for target, text in plan["links"]:
        os.makedirs(os.path.dirname(root + target), 0o755, exist_ok=True)
        os.symlink(text, root + target)
    os.makedirs(root + "/proc", exist_ok=True)
    mount("proc", root + "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    for (_, target, kind), source in zip(plan["binds"], sources, strict=True):
        if kind == "hidden":
            set_mount_attributes(root + target, ATTR_RDONLY, recursive=False)
        os.close(source)
    os.close(nothing)
    set_mount_attributes(root, ATTR_RDONLY, recursive=False)
    os.chdir(root)
    syscall(SYS_PIVOT_ROOT[machine], "pivot_root", b".", b".")
    check(libc("umount2", b".", MNT_DETACH), "leave the old root")
    os.chdir("/")


def hide(source: int, nothing: int, target: str) -> None:
    """Put an empty folder, or a device that cannot be opened there, over what `source` is at `target`."""
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
    attributes = {
        "ro": ATTR_RDONLY | ATTR_NOSUID | ATTR_NODEV,
        "rw": ATTR_NOSUID | ATTR_NODEV,
        "dev": ATTR_NOSUID,
    }[kind]
    set_mount_attributes(target, attributes, recursive=True)


# ---------------------------------------------------------------- rights


def confine(plan: "Plan", paths: bool = True) -> None:
    """Limits first, then identity, then Landlock and seccomp, after which nothing here could be undone.

    paths: with Landlock. A rule on /proc/self is about the process that makes it, so a first process leaves it to its child.
    """
    if plan["score_for_killing"]:
        write("/proc/self/oom_score_adj", "1000")
    if plan["cpus"]:
        os.sched_setaffinity(0, plan["cpus"])
    for which, value in plan["limits"]:
        present = (Byte * 16)()
        check(libc("getrlimit", which, present), "getrlimit")
        value = min(
            value, int.from_bytes(present[8:], sys.byteorder)
        )  # infinity is the greatest number there is
        check(libc("setrlimit", which, packed(8, value, value)), "setrlimit")
    if plan["become"]:
        uid, gid = plan["become"]
        os.setgroups([])
        os.setresgid(gid, gid, gid)
        drop_bounding_set()
        os.setresuid(uid, uid, uid)
    elif plan["supervise"] == "namespace":
        drop_bounding_set()
    if plan["harden"]:
        drop_capabilities()
        prctl(PR_SET_DUMPABLE, 0)  # until exec, nobody of this uid may look into this process
        prctl(PR_SET_NO_NEW_PRIVS, 1)
        if paths:
            restrict_paths(plan["landlock"])
        install_filter(plan["filter"])


def drop_bounding_set() -> None:
    capability = 0
    while (
        libc("prctl", PR_CAPBSET_DROP, capability, 0, 0, 0) == 0
    ):  # until beyond the kernel's last one
        capability += 1


def drop_capabilities() -> None:
    libc("prctl", PR_CAP_AMBIENT, 4, 0, 0, 0)
    syscall(SYS_CAPSET[machine], "capset", packed(4, 0x20080522, 0), packed(4, *[0] * 6))


def restrict_paths(rules: "Plan | None") -> None:
    """Landlock: `rules` has the handled masks (fs, net, scope) and (path, allowed mask) pairs; a missing path is skipped."""
    if not rules:
        return
    attributes = packed(8, rules["fs"], rules["net"], rules["scope"])
    ruleset = syscall(SYS_LANDLOCK_CREATE, "landlock", attributes, rules["size"], 0)
    for path, allowed in rules["paths"]:
        try:
            folder = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        syscall(
            SYS_LANDLOCK_ADD,
            f"landlock {path}",
            ruleset,
            1,
            packed(8, allowed) + packed(4, folder),
            0,
        )
        os.close(folder)
    syscall(SYS_LANDLOCK_RESTRICT, "landlock", ruleset, 0)
    os.close(ruleset)


def install_filter(program: bytes) -> None:
    """seccomp: `program` is assembled BPF, eight bytes an instruction."""
    code = (Byte * len(program)).from_buffer_copy(program)
    pointer = packed(8, len(program) // 8, _ctypes.addressof(code))
    check(libc("prctl", PR_SET_SECCOMP, SECCOMP_MODE_FILTER, pointer, 0, 0), "seccomp")


# ---------------------------------------------------------------- the kernel

machine = os.uname().machine


# What ctypes is made of, without what makes it slow to import.


class Byte(_ctypes._SimpleCData):  # type: ignore[type-arg]
    _type_ = "c"


class Int(_ctypes._SimpleCData):  # type: ignore[type-arg]
    _type_ = "i"


class Long(_ctypes._SimpleCData):  # type: ignore[type-arg]
    _type_ = "l"


class Function(_ctypes.CFuncPtr):
    _flags_ = _ctypes.FUNCFLAG_CDECL | _ctypes.FUNCFLAG_USE_ERRNO
    _restype_ = Int


program = _ctypes.dlopen(None, 0)  # type: ignore[arg-type]
functions: dict[str, Function] = {}


def libc(name: str, *arguments: int | bytes | _ctypes.Array[Byte]) -> int:
    """Call a function of the C library that returns an int; an int is passed as a long, bytes and arrays as a pointer to them."""
    if name not in functions:
        functions[name] = Function(_ctypes.dlsym(program, name))
    result: int = functions[name](
        *[Long(one) if isinstance(one, int) else one for one in arguments]
    )
    return result


def packed(size: int, *numbers: int) -> bytes:
    """A C structure of unsigned integers of `size` bytes each."""
    return b"".join(number.to_bytes(size, sys.byteorder) for number in numbers)


def check(result: int, what: str) -> int:
    if result < 0:
        number = _ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def syscall(number: int, what: str, *arguments: int | bytes) -> int:
    return check(libc("syscall", number, *arguments), what)


def prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        check(libc("prctl", option, value, 0, 0, 0), f"prctl {option}")


def on_signals(numbers: tuple[int, ...], action: int) -> None:
    for number in numbers:
        libc("signal", number, action)


def mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    arguments = (os.fsencode(source), os.fsencode(target), kind.encode(), flags, data.encode())
    check(libc("mount", *arguments), f"mount {target}")


def set_mount_attributes(target: str, attributes: int, *, recursive: bool) -> None:
    flags, wanted = AT_RECURSIVE if recursive else 0, packed(8, attributes, 0, 0, 0)
    syscall(
        SYS_MOUNT_SETATTR,
        f"protect {target}",
        AT_FDCWD,
        os.fsencode(target),
        flags,
        wanted,
        len(wanted),
    )


def write(path: str, text: str) -> None:
    with open(path, "w") as stream:
        stream.write(text)
