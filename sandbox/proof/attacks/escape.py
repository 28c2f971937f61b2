"""Attacks that try to get out: to keys, processes, networks, files and rights. Each returns {what it tried: what came of it}."""

import ctypes
import errno
import fcntl
import glob
import json
import os
import socket
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from functools import partial
from typing import Any

Target = dict[str, Any]
Answers = dict[str, str]
REACHED = "reached"
PLANTED = "planted"
PTRACE_SEIZE = 0x4206  # unlike PTRACE_ATTACH, it does not stop the process if it works

libc = ctypes.CDLL(None, use_errno=True)
INTEL = os.uname().machine == "x86_64"


def attempts(**tries: Callable[[], Any]) -> Answers:
    """`reached` where a call came back with anything but False, else the name of the error."""
    return {name: _attempt(call) for name, call in tries.items()}


def _attempt(call: Callable[[], Any]) -> str:
    try:
        return "nothing" if call() is False else REACHED
    except (OSError, AttributeError) as error:
        return errno.errorcode.get(getattr(error, "errno", None) or 0, type(error).__name__)


def kernel(function: Any, *arguments: Any) -> None:
    if function(*arguments) < 0:
        raise OSError(ctypes.get_errno(), "")


def call(intel: int, arm: int, *arguments: Any) -> None:
    kernel(libc.syscall, intel if INTEL else arm, *arguments)


def read(path: str) -> str:
    with open(path, errors="replace") as stream:
        return stream.read()


def write(path: str) -> None:
    """Open for writing, which is all there is to it: nothing is destroyed where it works."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        os.close(os.open(path, os.O_WRONLY))
    else:
        os.unlink(path)


def leave(path: str) -> None:
    with open(path, "w") as stream:
        stream.write("hostile")


# ---------------------------------------------------------------- secrets and processes


def read_keys(target: Target) -> Answers:
    seen = "".join(f"{name}={value}" for name, value in os.environ.items())
    for path in glob.glob("/proc/[0-9]*/environ") + glob.glob("/proc/[0-9]*/task/*/environ"):
        try:
            seen += read(path)
        except OSError:
            continue
    return attempts(name=lambda: target["key"] in seen, value=lambda: target["value"] in seen)


def look_into_processes(target: Target) -> Answers:
    parent = os.getppid()
    tries: dict[str, Callable[[], Any]] = {
        "trace itself": lambda: kernel(libc.ptrace, 0, 0, None, None)
    }
    for name, pid in {
        "harness": target["harness"],
        "bystander": target["bystander"],
        "first": 1,
        "parent": parent,
    }.items():
        if pid and pid != os.getpid():
            tries |= _looks(name, pid)
    return attempts(**tries)


def _looks(name: str, pid: int) -> dict[str, Callable[[], Any]]:
    return {
        f"{name}: memory": lambda: open(f"/proc/{pid}/mem", "rb").close(),
        f"{name}: maps": lambda: read(f"/proc/{pid}/maps"),
        f"{name}: descriptors": lambda: _open_descriptors(pid),
        f"{name}: root": lambda: os.listdir(f"/proc/{pid}/root"),
        f"{name}: trace": lambda: kernel(libc.ptrace, PTRACE_SEIZE, pid, None, None),
        f"{name}: steal": lambda: call(438, 438, os.pidfd_open(pid), 0, 0),
    }


def _open_descriptors(pid: int) -> bool:
    """Whether what another process has open can be had; how many it has is no secret."""
    paths = [f"/proc/{pid}/fd/{number}" for number in os.listdir(f"/proc/{pid}/fd")]
    return (
        REACHED
        in attempts(**{path: (lambda path=path: os.readlink(path)) for path in paths}).values()
    )


def kill_others(target: Target) -> Answers:
    import signal

    answers = attempts(
        harness=lambda: os.kill(target["harness"], signal.SIGCONT),
        bystander=lambda: os.kill(target["bystander"], signal.SIGKILL),
    )
    print("\n" + json.dumps(answers), flush=True)
    if REACHED not in answers.values():  # else it would really kill whatever this user runs
        attempts(
            **{
                str(pid): (lambda pid=pid: os.kill(pid, signal.SIGKILL))
                for pid in (1, os.getppid(), -1)
            }
        )
    return answers


def starve_others(target: Target) -> Answers:
    import resource

    other = target["bystander"]
    return attempts(
        faster=lambda: os.nice(-5),
        realtime=lambda: os.sched_setscheduler(0, 1, os.sched_param(1)),
        slow_other=lambda: os.setpriority(os.PRIO_PROCESS, other, 19),
        limit_other=lambda: resource.prlimit(other, resource.RLIMIT_CPU),
    )


# ---------------------------------------------------------------- sockets


def reach_network(target: Target) -> Answers:
    """Loopback addresses only: where they are out of reach, so is everything."""
    port = target["port"]

    def tcp(family: int, host: str) -> None:
        with socket.socket(family, socket.SOCK_STREAM) as stream:
            stream.settimeout(1)
            stream.connect((host, port))

    def udp(host: str, to: int) -> int:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
            return datagrams.sendto(b"x", (host, to))

    return attempts(
        loopback=lambda: tcp(socket.AF_INET, "127.0.0.1"),
        datagram=lambda: udp("127.0.0.1", port),
        resolver=lambda: udp("127.0.0.53", 53),
        v6=lambda: tcp(socket.AF_INET6, "::1"),
        raw=lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP).close(),
        listen=lambda: socket.create_server(("127.0.0.1", 0)).close(),
    )


def connect(address: str) -> None:
    with socket.socket(socket.AF_UNIX) as stream:
        stream.connect(address)


def reach_abstract_socket(target: Target) -> Answers:
    return attempts(abstract=lambda: connect("\0" + target["abstract"]))


def reach_socket_files(target: Target) -> Answers:
    agent = target.get("agent") or "/run/ssh-agent"
    return attempts(
        planted=lambda: connect(target["pathname"]),
        docker=lambda: connect("/var/run/docker.sock"),
        agent=lambda: connect(agent),
    )


def open_other_sockets(_: Target) -> Answers:
    families = {
        "VSOCK": 40,
        "NETLINK": 16,
        "PACKET": 17,
        "ALG": 38,
        "BLUETOOTH": 31,
        "CAN": 29,
        "TIPC": 30,
        "XDP": 44,
        "QIPCRTR": 42,
    }
    tries: dict[str, Callable[[], Any]] = {}
    for name, family in families.items():
        for kind in (1, 2, 3, 5):
            tries[f"{name} {kind}"] = lambda family=family, kind=kind: kernel(
                libc.socket, family, kind, 0
            )  # type: ignore[misc]
    ring = (ctypes.c_char * 256)()
    return attempts(**tries, ring=lambda: call(425, 425, 8, ring))


# ---------------------------------------------------------------- files


def write_outside(target: Target) -> Answers:
    folder, home = target["folder"], target["home"]
    paths = {
        "git": f"{folder}/.git/config",
        "prepare": f"{folder}/prepare.py",
        "new": f"{folder}/new.py",
        "data": f"{home}/data/tokens",
        "secret": target["secret"],
        "passwd": "/etc/passwd",
        "root": "/x",
        "usr": "/usr/x",
        "var": "/var/tmp/x",
        "interpreter": sys.executable,
        "hostname": "/proc/sys/kernel/hostname",
    }
    tries: dict[str, Callable[[], Any]] = {}
    for name, path in paths.items():
        tries[name] = partial(write, path)
    return attempts(
        **tries,
        unlink=lambda: os.unlink(f"{folder}/prepare.py"),
        rename=lambda: os.rename(f"{folder}/prepare.py", f"{folder}/other.py"),
        link=lambda: os.link(f"{folder}/prepare.py", f"{target['scratch']}/prepare.py"),
    )


def change_unseen(target: Target) -> Answers:
    """What may seem to work in here, in a root of its own or by a filter: whether it did is for the harness to see."""
    for path in (f"{target['home']}/beside", target["log"]):
        attempts(leave=lambda path=path: leave(path))  # type: ignore[misc]
    for path in (f"{target['folder']}/prepare.py", target["secret"]):
        attempts(
            mode=lambda path=path: os.chmod(path, 0o777),  # type: ignore[misc]
            times=lambda path=path: os.utime(path, (1, 1)),  # type: ignore[misc]
            label=lambda path=path: os.setxattr(path, "user.hostile", b"1"),  # type: ignore[misc]
        )
    return {}


def read_outside(target: Target) -> Answers:
    home = target["home"]
    return attempts(
        secret=lambda: read(target["secret"]),
        env=lambda: read(f"{home}/.env"),
        other=lambda: read(f"{home}/other-trial/train.py"),
        climb=lambda: read(f"{target['scratch']}/../.env"),
        listing=lambda: bool(set(os.listdir(home)) - {"folder", "scratch"}),
        ssh=lambda: os.listdir(target["ssh"]),
        shadow=lambda: read("/etc/shadow"),
        opt=lambda: os.listdir("/opt"),
        root=lambda: read(f"/proc/1/root{home}/.env"),
        cwd=lambda: read(f"/proc/{target['harness']}/cwd/.env"),
    )


def plant_modules(_: Target) -> Answers:
    """Code that the next Python would run by itself: beside the interpreter, its libraries and its packages."""
    folders = {
        sysconfig.get_path("purelib"),
        sysconfig.get_path("stdlib"),
        os.path.dirname(sys.executable),
        sys.prefix,
    }
    names = ("hostile.pth", "sitecustomize.py", "json.py", "pyvenv.cfg")
    paths = [f"{folder}/{name}" for folder in folders for name in names]
    there = [path for path in paths if os.path.lexists(path)]
    for path in set(paths) - set(
        there
    ):  # whether it was really made is for the harness to see: this may be a private /tmp
        attempts(plant=lambda path=path: leave(path))  # type: ignore[misc]
    tries = {path: (lambda path=path: write(path)) for path in there}
    answers = attempts(**tries, shadowed=lambda: json.__file__.startswith(os.getcwd()))
    return answers | {path: PLANTED for path in paths if os.path.exists(path) and path not in there}


def leave_traces(target: Target) -> Answers:
    """Everything that a later run might read: caches, profiles, shared memory, files with names it could guess."""
    home = os.environ["HOME"]
    caches = [
        os.environ[name]
        for name in (
            "TORCHINDUCTOR_CACHE_DIR",
            "TRITON_CACHE_DIR",
            "CUDA_CACHE_PATH",
            "XDG_CACHE_HOME",
        )
    ]
    for folder in (*caches, home, os.environ["TMPDIR"], "/tmp", "/dev/shm", "/var/tmp", "/run"):
        for name in (target["mark"], ".profile", ".pythonrc"):
            attempts(folder=lambda folder=folder: os.makedirs(folder, exist_ok=True))  # type: ignore[misc]
            attempts(file=lambda path=f"{folder}/{name}": leave(path))  # type: ignore[misc]
    os.environ |= {"LD_PRELOAD": "/tmp/hostile.so", "PYTHONSTARTUP": f"{home}/.pythonrc"}
    return {}


def find_traces(target: Target) -> Answers:
    caches = [
        os.environ[name]
        for name in (
            "TORCHINDUCTOR_CACHE_DIR",
            "TRITON_CACHE_DIR",
            "CUDA_CACHE_PATH",
            "XDG_CACHE_HOME",
        )
    ]
    folders = (
        *caches,
        os.environ["HOME"],
        os.environ["TMPDIR"],
        "/tmp",
        "/dev/shm",
        "/var/tmp",
        "/run",
    )
    return {
        **attempts(
            **{folder: (lambda path=f"{folder}/{target['mark']}": read(path)) for folder in folders}
        ),
        **attempts(home=lambda: bool(os.listdir(os.environ["HOME"]))),
        **attempts(environment=lambda: bool({"LD_PRELOAD", "PYTHONSTARTUP"} & set(os.environ))),
    }


# ---------------------------------------------------------------- rights


def gain_rights(target: Target) -> Answers:
    if _capable("CapEff"):
        return {"capabilities": REACHED}  # that says it all; to use them would harm the machine

    def become_root(program: str, *arguments: str) -> bool:
        return (
            subprocess.run(
                [program, *arguments], stdin=subprocess.DEVNULL, capture_output=True, check=False
            ).returncode
            == 0
        )

    return attempts(
        su=lambda: become_root("su", "-c", "true"),
        sudo=lambda: become_root("sudo", "-n", "true"),
        mount=lambda: kernel(libc.mount, b"none", b"/tmp", b"tmpfs", 0, b""),
        umount=lambda: kernel(libc.umount2, b"/usr", 2),
        namespace=lambda: kernel(libc.unshare, 0x10000000),
        clone=lambda: call(56, 220, 0x10000011, 0, 0, 0, 0),
        chroot=lambda: os.chroot("/tmp"),
        root=lambda: os.setuid(0) if os.getuid() else False,
        group=lambda: os.setgroups([0]),
        name=lambda: socket.sethostname("x"),
        device=lambda: os.mknod(os.environ["HOME"] + "/sda", 0o060666, os.makedev(8, 0)),
        modules=lambda: call(175, 105, None, 0, b""),
        bpf=lambda: call(321, 280, 0, None, 0),
        keys=lambda: call(250, 219, 0, -3, 1),
        semaphore=lambda: call(64, 190, 0, 1, 0o1666),
        capabilities=lambda: _holds_rights(target["uid"]),
    )


def _holds_rights(harness_uid: int) -> bool:
    status = dict(
        line.split(":\t", 1) for line in read("/proc/self/status").splitlines() if ":\t" in line
    )
    # A user may not empty the bounding set, and no_new_privs lets nobody draw on it.
    bounding = ("CapBnd",) if harness_uid != os.getuid() else ()
    capable = _capable("CapInh", "CapPrm", "CapEff", "CapAmb", *bounding)
    return (
        capable
        or status["NoNewPrivs"] != "1"
        or status["Seccomp"] != "2"
        or "0" in status["Uid"].split()
    )


def _capable(*sets: str) -> bool:
    lines = (
        line.split(":\t", 1)
        for line in read("/proc/self/status").splitlines()
        if line.startswith("Cap")
    )
    return any(int(value, 16) for name, value in lines if name in sets)


def set_clocks(_: Target) -> Answers:
    import time

    if _capable("CapEff"):
        return {"capabilities": REACHED}
    time.time = time.monotonic = time.perf_counter = lambda: 0.0
    return attempts(
        settimeofday=lambda: kernel(libc.settimeofday, (ctypes.c_long * 2)(1, 0), None),
        clock_settime=lambda: time.clock_settime(time.CLOCK_REALTIME, 1.0),
        adjtime=lambda: kernel(libc.adjtime, (ctypes.c_long * 2)(1, 0), None),
    )


def find_descriptors(_: Target) -> Answers:
    def stat(descriptor: int) -> None:
        os.fstat(descriptor)

    tried = attempts(**{str(n): (lambda n=n: stat(n)) for n in range(3, 4096)})
    return {name: answer for name, answer in tried.items() if answer == REACHED}


def type_into_terminal(_: Target) -> Answers:
    return attempts(
        type=lambda: fcntl.ioctl(0, 0x5412, b"x"),
        wide=lambda: kernel(libc.ioctl, 0, ctypes.c_ulong(0x5412 | 1 << 40), b"x"),
        tty=lambda: open("/dev/tty").close(),
    )
