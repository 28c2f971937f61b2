"""Attacks on the limits that hide what they take from paths, descriptors and processes."""

import array
import contextlib
import ctypes
import mmap
import os
import socket
import threading
import time
from typing import Any

Target = dict[str, Any]
FOREVER = 600
MIB = 1 << 20
PIECE = 16 * MIB
INTEL = os.uname().machine == "x86_64"
EXIT_OF_ONE_THREAD = 60 if INTEL else 93
PROCESS_FILES = (
    "oom_score_adj",
    "comm",
    "autogroup",
    "coredump_filter",
    "timerslack_ns",
    "clear_refs",
    "mem",
    "sched",
    "loginuid",
)
KERNEL_FILES = (
    "/proc/sys/kernel/hostname",
    "/proc/sys/vm/overcommit_memory",
    "/proc/sysrq-trigger",
)

libc = ctypes.CDLL(None, use_errno=True)


def deep_folders(target: Target) -> None:
    """Hold files below more folders than a path can name."""
    os.chdir(target["scratch"])
    for _ in range(60):
        os.mkdir("x" * 200)
        os.chdir("x" * 200)
    for number in range(_pieces(target)):
        with open(f"hog{number}", "wb") as file:
            file.write(bytes(PIECE))
    time.sleep(FOREVER)


def mapped_files(target: Target) -> None:
    """Hold files without a name and without a descriptor: only mapped."""
    for _ in range(_pieces(target)):
        _map(_nameless(target))
    time.sleep(FOREVER)


def sent_files(target: Target) -> None:
    """Hold files without a name whose only descriptors wait in a socket that nobody reads."""
    _send([lambda: _nameless(target)] * _pieces(target))


def sent_memory(target: Target) -> None:
    """Hold files of memory in the same way."""
    _send([_memory_file] * (target["hog"] // PIECE))


def without_first_thread(target: Target) -> None:
    """Hold files without a name in a process whose first thread has ended."""
    _outlive_first_thread(lambda: [_nameless(target) for _ in range(_pieces(target))])


def memory_without_first_thread(target: Target) -> None:
    """Hold memory in a process whose first thread has ended."""
    _outlive_first_thread(lambda: b"x" * target["hog"])


def own_descriptors(target: Target) -> None:
    """Hold files without a name in a thread with its own descriptors, where it may have any."""

    def hold() -> None:
        libc.unshare(0x400)
        files = [_nameless(target) for _ in range(_pieces(target))]
        time.sleep(FOREVER)
        del files

    threading.Thread(target=hold).start()
    time.sleep(FOREVER)


def mapped_memory(target: Target) -> None:
    """Map files of memory, and give the pages back by the process but not by the file."""
    for _ in range(target["hog"] // PIECE):
        libc.madvise(_map(_memory_file()), ctypes.c_size_t(PIECE), mmap.MADV_DONTNEED)
    time.sleep(FOREVER)


def unlistable(target: Target) -> None:
    """Hold files in a folder that cannot be searched."""
    folder = f"{target['scratch']}/closed"
    os.mkdir(folder)
    for number in range(_pieces(target)):
        with open(f"{folder}/hog{number}", "wb") as file:
            file.write(bytes(PIECE))
    os.chmod(folder, 0o400)
    time.sleep(FOREVER)


def take_cores(target: Target) -> dict[str, str]:
    """Use every core of the machine, and give a bystander one."""
    given = set(target["cores"])
    taken: set[int] = set()

    def take() -> None:
        for everything in (set(range(os.cpu_count() or 1)), set(range(1024))):
            for who in (0, os.getpid(), threading.get_native_id()):
                try:
                    os.sched_setaffinity(who, everything)
                except OSError:
                    continue
        taken.update(os.sched_getaffinity(0))
        with open("/proc/thread-self/status") as status:
            for line in status:
                if line.startswith("Cpus_allowed_list:"):
                    taken.update(_numbers(line.split()[1]))

    thread = threading.Thread(target=take)
    thread.start()
    thread.join()
    take()
    with contextlib.suppress(OSError):
        os.sched_setaffinity(target["bystander"], given)
    return {"cores": "reached" if taken - given else "nothing"}


def write_to_processes(target: Target) -> dict[str, str]:
    """Open for writing what /proc has of other processes, and of the kernel."""
    answers = {}
    paths = list(KERNEL_FILES)
    for pid in (target["bystander"], target["harness"], 1, os.getppid()):
        paths += [f"/proc/{pid}/{name}" for name in PROCESS_FILES]
    for path in paths:
        try:
            os.close(os.open(path, os.O_WRONLY))
            answers[path] = "reached"
        except OSError as error:
            answers[path] = type(error).__name__
    return answers


def _numbers(ranges: str) -> list[int]:
    numbers: list[int] = []
    for part in ranges.split(","):
        first, _, last = part.partition("-")
        numbers += range(int(first), int(last or first) + 1)
    return numbers


def _pieces(target: Target) -> int:
    return int(target["quota"]) // PIECE + 2


def _nameless(target: Target) -> int:
    path = f"{target['scratch']}/hog{threading.get_native_id()}"
    file = os.open(path, os.O_CREAT | os.O_RDWR)
    os.unlink(path)
    os.write(file, bytes(PIECE))
    return file


def _map(file: int) -> ctypes.c_void_p:
    """Map a file and close it, which Python's own mmap does not: it keeps a descriptor."""
    libc.mmap.restype = ctypes.c_void_p
    protection = mmap.PROT_READ | mmap.PROT_WRITE
    address = libc.mmap(
        None, ctypes.c_size_t(PIECE), protection, mmap.MAP_SHARED, file, ctypes.c_long(0)
    )
    os.close(file)
    return ctypes.c_void_p(address)


def _memory_file() -> int:
    file = os.memfd_create("hog")
    os.write(file, bytes(PIECE))
    return file


def _send(makers: list[Any]) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    for make in makers:
        file = make()
        ours.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [file]))])
        os.close(file)
    time.sleep(FOREVER)
    theirs.close()


def _outlive_first_thread(take: Any) -> None:
    def hold() -> None:
        time.sleep(0.3)
        kept = take()
        time.sleep(FOREVER)
        del kept

    threading.Thread(target=hold).start()
    libc.syscall(EXIT_OF_ONE_THREAD, 0)
