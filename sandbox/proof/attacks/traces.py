"""Attacks on later runs: modules, caches, profiles and variables that they might use."""

import ctypes
import fcntl
import json
import mmap
import os
import resource
import sys
import sysconfig
from functools import partial

from .tries import PLANTED, Answers, Target, attempts, call, kernel, leave, libc, read, write

MODULES = ("hostile.pth", "sitecustomize.py", "json.py", "pyvenv.cfg")
CACHES = ("TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR", "CUDA_CACHE_PATH", "XDG_CACHE_HOME")
NOTES = (".profile", ".pythonrc")
"""What an attack leaves for another run to find, besides files that begin with its mark."""
GET_STATE = 0x40046629
"""EXT4_IOC_GETSTATE: whether ext4 remembers where all blocks of a file lie."""
SHARED_FOLDERS = ("/tmp", "/dev/shm", "/var/tmp", "/run")


def plant_modules(_: Target) -> Answers:
    """Leave code that the next Python would run: beside it, its libraries and its packages.

    Where a file seems to be made it is reported as planted, and whether it really was is for the
    harness to see: this may be a private /tmp.
    """
    folders = {
        sysconfig.get_path("purelib"),
        sysconfig.get_path("stdlib"),
        os.path.dirname(sys.executable),
        sys.prefix,
    }
    present: list[str] = []
    absent: list[str] = []
    for folder in folders:
        for name in MODULES:
            path = f"{folder}/{name}"
            if os.path.lexists(path):
                present.append(path)
            else:
                absent.append(path)
    for path in absent:
        attempts(plant=partial(leave, path))
    tries = {path: partial(write, path) for path in present}
    answers = attempts(**tries, shadowed=lambda: json.__file__.startswith(os.getcwd()))
    planted = {path: PLANTED for path in absent if os.path.exists(path)}
    return answers | planted


def leave_traces(target: Target) -> Answers:
    """Leave files in caches, homes and shared folders, and variables."""
    home = os.environ["HOME"]
    for folder in _folders():
        for name in (target["mark"], *NOTES):
            attempts(folder=partial(os.makedirs, folder, exist_ok=True))
            attempts(file=partial(leave, f"{folder}/{name}"))
    os.environ |= {"LD_PRELOAD": "/tmp/hostile.so", "PYTHONSTARTUP": f"{home}/.pythonrc"}
    return {}


def find_traces(target: Target) -> Answers:
    """Look for what an earlier run left by leave_traces."""
    tries = {folder: partial(read, f"{folder}/{target['mark']}") for folder in _folders()}
    return attempts(
        **tries,
        home=lambda: bool(os.listdir(os.environ["HOME"])),
        environment=lambda: bool({"LD_PRELOAD", "PYTHONSTARTUP"} & set(os.environ)),
    )


def leave_word(_: Target) -> Answers:
    """Take a file that every run may read out of the page cache, and ask what the kernel keeps."""
    path = os.path.join(sysconfig.get_path("stdlib"), "turtle.py")
    with open(path, "rb", buffering=0) as file:
        return attempts(
            evict=partial(_evict, file.fileno()),
            read=lambda: bool(os.preadv(file.fileno(), [bytearray(1)], 0, os.RWF_NOWAIT)),
            mincore=partial(_mincore, file.fileno()),
            cachestat=partial(_cachestat, file.fileno()),
            aio=lambda: call(206, 0, 1, (ctypes.c_uint64 * 1)()),
            blocks=lambda: bool(fcntl.ioctl(file, GET_STATE, bytes(4))),
        )


def _evict(file: int) -> bool:
    """Return whether the disk is read again after the file's pages were to be forgotten."""
    os.pread(file, mmap.PAGESIZE, 0)
    os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_inblock
    os.pread(file, mmap.PAGESIZE, 0)
    return resource.getrusage(resource.RUSAGE_SELF).ru_inblock > before


def _mincore(file: int) -> None:
    with mmap.mmap(file, mmap.PAGESIZE, mmap.MAP_PRIVATE) as pages:
        address = ctypes.addressof(ctypes.c_char.from_buffer(pages))
        kernel(libc.mincore, ctypes.c_void_p(address), ctypes.c_size_t(1), ctypes.c_char_p(b"x"))


def _cachestat(file: int) -> None:
    pages = (ctypes.c_uint64 * 2)(0, mmap.PAGESIZE)
    call(451, 451, file, pages, (ctypes.c_uint64 * 5)(), 0)


def _folders() -> list[str]:
    """Return every folder that a later run might read: its caches, its home, shared ones."""
    caches = [os.environ[name] for name in CACHES]
    return [*caches, os.environ["HOME"], os.environ["TMPDIR"], *SHARED_FOLDERS]
