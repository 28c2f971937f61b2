"""Tells out of memory from a crash by messages of the kernel and of allocators."""

import re
from pathlib import Path

TAIL_BYTES = 16 * 1024
ALLOCATOR_SAYS = re.compile(
    rb"CUDA out of memory"
    rb"|CUDA error: out of memory"
    rb"|DefaultCPUAllocator: (?:can't allocate|not enough) memory"
    rb"|MPS backend out of memory"
    rb"|std::bad_alloc"
    rb"|^(?:\w+\.)*(?:OutOfMemoryError|MemoryError)\b"
    rb"|^OSError: \[Errno 12\]"
    rb"|^RuntimeError: .*[Cc]annot allocate memory",
    re.MULTILINE,
)
SIGKILL = 9


def kernel_kills() -> int:
    """Return how many processes the kernel has killed for lack of memory since it started.

    0 if the kernel does not report it.
    """
    try:
        counters = Path("/proc/vmstat").read_text()
    except OSError:
        return 0
    match = re.search(r"^oom_kill (\d+)", counters, re.MULTILINE)
    return int(match[1]) if match else 0


def out_of_memory(log: str, signal: int | None, kernel_kills_before: int) -> str | None:
    """Return the evidence that a failed run ran out of memory, in one line, or None.

    signal: what ended it. kernel_kills_before: what kernel_kills() was at its start.
    """
    if signal == SIGKILL and kernel_kills() > kernel_kills_before:
        return "killed by the kernel's out-of-memory killer"
    with Path(log).open("rb") as stream:
        stream.seek(max(0, Path(log).stat().st_size - TAIL_BYTES))
        match = ALLOCATOR_SAYS.search(stream.read())
    return f"its output says {match[0].decode(errors='replace')!r}" if match else None
