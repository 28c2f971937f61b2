"""Identifies the version of autoresearch by a hash of its source, and measures a core's speed."""

import hashlib
import time
from functools import cache
from importlib import metadata
from pathlib import Path

PACKAGES = ("agent", "sandbox")
BUNDLED = ("_template", "_plugin")
"""What a wheel has there and a checkout elsewhere; no trial runs it from there."""
DIGITS = 12
SECONDS = 0.2
"""How long the speed is measured."""
BLOCK = bytes(1 << 20)


@cache
def software() -> str:
    """Return the version of autoresearch with a hash of its source: `0.1.0 (3f9a01c2d4e5)`.

    Driver and nodes must have the same, or they would not measure alike.
    """
    root = Path(__file__).parents[3]
    whole = hashlib.sha256()
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            if path.relative_to(root).parts[1].startswith(BUNDLED):
                continue
            whole.update(path.relative_to(root).as_posix().encode() + b"\0")
            whole.update(hashlib.sha256(path.read_bytes()).digest())
    return f"{_version()} ({whole.hexdigest()[:DIGITS]})"


def _version() -> str:
    try:
        return metadata.version("autoresearch")
    except metadata.PackageNotFoundError:
        return "0"


def speed() -> float:
    """Return the megabytes a second that this core hashes."""
    began = time.perf_counter()
    blocks = 0
    while time.perf_counter() - began < SECONDS:
        hashlib.sha256(BLOCK)
        blocks += 1
    return round(blocks / (time.perf_counter() - began), 1)
