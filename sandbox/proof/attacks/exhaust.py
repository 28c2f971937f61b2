"""Attacks on the machine's patience: time, memory, disk, output, processes.

The harness judges by how the run ended.
"""

import ctypes
import itertools
import mmap
import os
import signal
import sys
import time
from typing import Any

Target = dict[str, Any]
FOREVER = 600
MIB = 1 << 20


def ignore_signals(_: Target) -> None:
    """Ignore every signal that can be ignored."""
    for number in set(range(1, 32)) - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_IGN)
    time.sleep(FOREVER)


def close_output(_: Target) -> None:
    """Close the output and run on."""
    os.close(1)
    os.close(2)
    time.sleep(FOREVER)


def hold_gpu_memory(_: Target) -> None:
    """Fill 1 GiB of the GPU and wait."""
    import torch

    held = torch.full((1 << 30,), 1, dtype=torch.uint8, device="cuda")
    ignore_signals({"held": held})


def stop_clocks(_: Target) -> None:
    """Wait for a clock that was stopped."""
    time.time = time.monotonic = time.perf_counter = lambda: 0.0
    while time.monotonic() < 1:
        pass


def daemonise(_: Target) -> None:
    """Leave a process in a session of its own."""
    if os.fork() == 0:
        os.setsid()
        if os.fork():
            os._exit(0)
        _sleep_unheard()
    time.sleep(0.3)


def outlive(target: Target) -> None:
    """Write into scratch when the run is over."""
    if os.fork() == 0:
        os.setsid()
        os.close(1)
        os.close(2)
        time.sleep(0.5)
        with open(f"{target['scratch']}/late", "w") as stream:
            stream.write("late")
        os._exit(0)


def fork_bomb(_: Target) -> None:
    """Fork without end."""
    while True:
        try:
            os.fork()
        except OSError:
            time.sleep(0.2)


def fork_bomb_on_the_way_out(_: Target) -> None:
    """Every process leaves its session and forks again, so that killing is always late."""
    while True:
        try:
            if os.fork() == 0:
                os.setsid()
        except OSError:
            time.sleep(0.001)


def _sleep_unheard() -> None:
    os.close(1)
    os.close(2)
    time.sleep(FOREVER)


# ---------------------------------------------------------------- memory


def private_memory(target: Target) -> None:
    """Fill private memory."""
    hog = bytearray(target["hog"])
    hog[::4096] = b"x" * len(hog[::4096])
    time.sleep(FOREVER)


def shared_memory(target: Target) -> None:
    """Fill shared memory without a name."""
    hog = mmap.mmap(-1, target["hog"])
    for at in range(0, len(hog), 4096):
        hog[at] = 1
    time.sleep(FOREVER)


def memory_file(target: Target) -> None:
    """Fill a file of memory."""
    file = os.memfd_create("hog")
    for _ in range(target["hog"] // MIB):
        os.write(file, bytes(MIB))
    time.sleep(FOREVER)


def shared_file(target: Target) -> None:
    """Fill a file in /dev/shm."""
    with open(f"/dev/shm/{target['mark']}", "wb") as file:
        for _ in range(target["hog"] // MIB):
            file.write(bytes(MIB))
            file.flush()
        time.sleep(FOREVER)


def many_processes(target: Target) -> None:
    """Fill memory in several processes, each below the limit."""
    for _ in range(8):
        if os.fork() == 0:
            break
    hog = bytearray(target["hog"] // 8)
    hog[::4096] = b"x" * len(hog[::4096])
    time.sleep(FOREVER)


# ---------------------------------------------------------------- disk and output


def one_file(target: Target) -> None:
    """Fill the disk with one file."""
    with open(f"{target['scratch']}/hog", "wb") as file:
        while True:
            file.write(bytes(MIB))
            file.flush()


def small_files(target: Target) -> None:
    """Fill the disk with empty files."""
    for number in itertools.count():
        open(f"{target['scratch']}/hog{number}", "w").close()


def unlinked_files(target: Target) -> None:
    """Fill the disk with files that have no name."""
    for _ in range(target["quota"] // (16 * MIB) + 1):
        file = os.open(f"{target['scratch']}/hog", os.O_CREAT | os.O_WRONLY)
        os.unlink(f"{target['scratch']}/hog")
        os.write(file, bytes(16 * MIB))
    time.sleep(FOREVER)


def flood(_: Target) -> None:
    """Print without end."""
    while True:
        os.write(1, bytes(1 << 16))


def one_long_line(_: Target) -> None:
    """Print 3 MB without a newline."""
    sys.stdout.write("x" * 3_000_000)


def abort(target: Target) -> None:
    """Abort in scratch, where a core would lie."""
    os.chdir(target["scratch"])
    ctypes.CDLL(None).abort()
