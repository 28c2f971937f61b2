"""Attacks for more rights: root, mounts, namespaces, the clock, descriptors, the terminal."""

import ctypes
import fcntl
import os
import socket
import subprocess
from functools import partial

from .tries import REACHED, Answers, Target, attempts, call, capable, kernel, libc, read


def gain_rights(target: Target) -> Answers:
    """Become root, mount, make namespaces, load modules, use keys and semaphores."""
    if capable("CapEff"):
        return {"capabilities": REACHED}  # that is proof enough; to use them would harm the machine
    return attempts(
        su=lambda: _runs("su", "-c", "true"),
        sudo=lambda: _runs("sudo", "-n", "true"),
        mount=lambda: kernel(libc.mount, b"none", b"/tmp", b"tmpfs", 0, b""),
        umount=lambda: kernel(libc.umount2, b"/usr", 2),
        namespace=lambda: kernel(libc.unshare, 0x10000000),
        clone=lambda: call(56, 220, 0x10000011, 0, 0, 0, 0),
        chroot=lambda: os.chroot("/tmp"),
        root=lambda: os.setuid(0) if os.getuid() else False,
        group=lambda: os.setgroups([0]),
        name=lambda: socket.sethostname("x"),
        device=lambda: os.mknod(os.environ["HOME"] + "/sda", 0o060666, os.makedev(8, 0)),
        setuid_new=lambda: _leaves_rights(target["scratch"], 0o4755, 0o755),
        setgid_new=lambda: _leaves_rights(target["scratch"], 0o2755, 0o755),
        setuid_old=lambda: _leaves_rights(target["scratch"], 0o755, 0o4755),
        modules=lambda: call(175, 105, None, 0, b""),
        bpf=lambda: call(321, 280, 0, None, 0),
        keys=lambda: call(250, 219, 0, -3, 1),
        semaphore=lambda: call(64, 190, 0, 1, 0o1666),
        capabilities=lambda: _holds_rights(target["uid"]),
    )


def _leaves_rights(folder: str, at_first: int, then: int) -> bool:
    """Return whether a program can be left by which whoever starts it has this run's rights."""
    path = f"{folder}/program-{at_first:o}-{then:o}"
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY, at_first))
    if at_first & 0o6000 == 0:
        os.chmod(path, then)
    return bool(os.stat(path).st_mode & 0o6000)


def _runs(*command: str) -> bool:
    ran = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return ran.returncode == 0


def _holds_rights(harness_uid: int) -> bool:
    status: dict[str, str] = {}
    for line in read("/proc/self/status").splitlines():
        name, _, value = line.partition(":\t")
        status[name] = value
    sets = ["CapInh", "CapPrm", "CapEff", "CapAmb"]
    if harness_uid != os.getuid():
        # A user may not empty the bounding set, and no_new_privs lets nobody draw on it.
        sets.append("CapBnd")
    unfiltered = status["NoNewPrivs"] != "1" or status["Seccomp"] != "2"
    return capable(*sets) or unfiltered or "0" in status["Uid"].split()


def set_clocks(_: Target) -> Answers:
    """Stop the clocks that Python reads, and set the machine's."""
    import time

    if capable("CapEff"):
        return {"capabilities": REACHED}
    time.time = time.monotonic = time.perf_counter = lambda: 0.0
    return attempts(
        settimeofday=lambda: kernel(libc.settimeofday, (ctypes.c_long * 2)(1, 0), None),
        clock_settime=lambda: time.clock_settime(time.CLOCK_REALTIME, 1.0),
        adjtime=lambda: kernel(libc.adjtime, (ctypes.c_long * 2)(1, 0), None),
    )


def find_descriptors(_: Target) -> Answers:
    """Use every descriptor above the standard three."""
    answers = attempts(**{str(number): partial(os.fstat, number) for number in range(3, 4096)})
    return {name: answer for name, answer in answers.items() if answer == REACHED}


def type_into_terminal(_: Target) -> Answers:
    """Push a character into the terminal's input."""
    return attempts(
        type=lambda: fcntl.ioctl(0, 0x5412, b"x"),
        wide=lambda: kernel(libc.ioctl, 0, ctypes.c_ulong(0x5412 | 1 << 40), b"x"),
        tty=lambda: open("/dev/tty").close(),
    )
