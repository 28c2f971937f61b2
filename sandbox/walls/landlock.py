"""Makes the Landlock rules of a run, which the launcher applies: what it may read and write."""

import ctypes
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

SYS_CREATE_RULESET = 444
VERSION_QUERY = 1

EXECUTE = 1
WRITE_FILE = 1 << 1
READ_FILE = 1 << 2
READ_DIR = 1 << 3
REMOVE_FILE = 1 << 5
MAKE_FILE = 1 << 8
REFER = 1 << 13
TRUNCATE = 1 << 14
IOCTL_DEV = 1 << 15
FIRST_ABI = (1 << 13) - 1
READ = EXECUTE | READ_FILE | READ_DIR
FILE_ONLY = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV
UNLISTED = READ_FILE | WRITE_FILE | TRUNCATE | MAKE_FILE | REMOVE_FILE
BIND_TCP_AND_CONNECT_TCP = 3
SCOPE_ABSTRACT_SOCKETS_AND_SIGNALS = 3
SCOPES_ABI = 6
"""The first version that keeps signals and abstract sockets in: Linux 6.12."""
RULESET_BYTES = {1: 8, 2: 8, 3: 8, 4: 16, 5: 16}
LATEST_RULESET_BYTES = 24
"""The structure grew with the ABI; this is its size from version 6 on."""


def abi() -> int:
    """Return the kernel's Landlock version, 0 where there is none."""
    if sys.platform != "linux":
        return 0
    number = ctypes.c_long(SYS_CREATE_RULESET)
    version = int(ctypes.CDLL(None).syscall(number, None, ctypes.c_size_t(0), VERSION_QUERY))
    return max(0, version)


def rules(
    version: int,
    *,
    readable: Iterable[str],
    writable: Iterable[str],
    devices: Iterable[str],
    unlisted: Iterable[str] = (),
    listed: Iterable[str] = (),
    network: bool = False,
) -> dict[str, Any] | None:
    """Return the launcher's ruleset for ABI `version`; None without Landlock.

    Folders count with all that is beneath them.

    unlisted: folders in which a command may make and use files, but cannot list them.
    listed: folders that it may list, without reading anything in them.
    network: TCP is open.
    """
    if version < 1:
        return None
    handled = _handled(version)
    device = (READ_FILE | WRITE_FILE | TRUNCATE | IOCTL_DEV) & handled
    grants = [(path, READ if Path(path).is_dir() else READ & FILE_ONLY) for path in readable]
    grants += [(path, READ_DIR) for path in listed]
    grants += [(path, handled) for path in writable]
    grants += [(path, UNLISTED & handled) for path in unlisted]
    grants += [(path, device) for path in devices]
    return {
        "fs": handled,
        "net": BIND_TCP_AND_CONNECT_TCP if version >= 4 and not network else 0,
        "scope": SCOPE_ABSTRACT_SOCKETS_AND_SIGNALS if version >= 6 else 0,
        "size": RULESET_BYTES.get(version, LATEST_RULESET_BYTES),
        "paths": grants,
    }


def _handled(version: int) -> int:
    """Return the rights on files that this version can deny."""
    handled = FIRST_ABI
    if version >= 2:
        handled |= REFER
    if version >= 3:
        handled |= TRUNCATE
    if version >= 5:
        handled |= IOCTL_DEV
    return handled
