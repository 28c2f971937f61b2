"""Tells out of memory from a crash: by the kernel's and the allocators' own words, never by guessing."""

import re
from pathlib import Path

TAIL_BYTES = 16 * 1024
ALLOCATOR_SAYS = re.compile(
    rb"CUDA out of memory|CUDA error: out of memory|DefaultCPUAllocator: (?:can't allocate|not enough) memory"
    rb"|MPS backend out of memory|std::bad_alloc|^(?:\w+\.)*(?:OutOfMemoryError|MemoryError)\b"
    rb"|^OSError: \[Errno 12\]|^RuntimeError: .*[Cc]annot allocate memory",
    re.MULTILINE,
)
SIGKILL = 9


def kernel_kills() -> int:
    """How often the kernel's out-of-memory killer struck on this machine since it started; 0 where it does not say."""
    try:
        found = re.search(r"^oom_kill (\d+)", Path("/proc/vmstat").read_text(), re.MULTILINE)
    except OSError:
        return 0
    return int(found[1]) if found else 0


def out_of_memory(log: str, signal: int | None, kernel_kills_before: int) -> str | None:
    """The evidence that a failed run ran out of memory, in one line, or None."""
    if signal == SIGKILL and kernel_kills() > kernel_kills_before:
        return "killed by the kernel's out-of-memory killer"
    with Path(log).open("rb") as stream:
        stream.seek(max(0, Path(log).stat().st_size - TAIL_BYTES))
        said = ALLOCATOR_SAYS.search(stream.read())
    return f"its output says {said[0].decode(errors='replace')!r}" if said else None
