"""Which machine a score was measured on: a short name that stays the same between runs and differs between machines."""

import hashlib
import platform
import subprocess
from functools import cache
from pathlib import Path


@cache
def machine_name() -> str:
    """`3f9a01c2 NVIDIA H100` or `3f9a01c2 x86_64`: eight digits of the machine's identity, and what computes on it."""
    identity = _read("/etc/machine-id") or platform.node()
    digits = hashlib.sha256(f"{identity} {_processor()}".encode()).hexdigest()[:8]
    return f"{digits} {_accelerator() or platform.machine()}"


def _accelerator() -> str:
    command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    try:
        run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return run.stdout.splitlines()[0].strip() if run.returncode == 0 and run.stdout.strip() else ""


def _processor() -> str:
    lines = [line for line in _read("/proc/cpuinfo").splitlines() if line.startswith("model name")]
    return lines[0].partition(":")[2].strip() if lines else platform.processor()


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
