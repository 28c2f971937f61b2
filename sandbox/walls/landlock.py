"""Landlock: which paths a command may read and write, a second wall behind the mounts; the launcher applies the rules."""

import ctypes
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

SYS_CREATE_RULESET, VERSION_QUERY = 444, 1

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1, 2, 4, 8
REFER, TRUNCATE, IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
FIRST_ABI = (1 << 13) - 1
READ = EXECUTE | READ_FILE | READ_DIR
REMOVE_FILE, MAKE_FILE = 1 << 5, 1 << 8
FILE_ONLY = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV
UNLISTED = READ_FILE | WRITE_FILE | TRUNCATE | MAKE_FILE | REMOVE_FILE
BIND_TCP_AND_CONNECT_TCP = 3
SCOPE_ABSTRACT_SOCKETS_AND_SIGNALS = 3
SCOPES_ABI = 6
"""The first version that keeps signals and abstract sockets in: Linux 6.12."""
RULESET_BYTES = {1: 8, 2: 8, 3: 8, 4: 16, 5: 16}  # the struct grew with the ABI; 24 from 6 on


def abi() -> int:
    """The kernel's Landlock version, 0 where there is none."""
    if sys.platform != "linux":
        return 0
    libc = ctypes.CDLL(None)
    return max(
        0,
        int(
            libc.syscall(ctypes.c_long(SYS_CREATE_RULESET), None, ctypes.c_size_t(0), VERSION_QUERY)
        ),
    )


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
    """The launcher's ruleset for ABI `version`; None without Landlock. Folders count with all that is beneath them.

    unlisted: folders in which a command may make and use files, and find none whose name it does not know. listed: folders whose
    names it may list, and of which it may read nothing. network: TCP is open.
    """
    if version < 1:
        return None
    handled = FIRST_ABI | (REFER if version >= 2 else 0) | (TRUNCATE if version >= 3 else 0)
    handled |= IOCTL_DEV if version >= 5 else 0
    grants = [(path, READ if Path(path).is_dir() else READ & FILE_ONLY) for path in readable]
    grants += [(path, READ_DIR) for path in listed]
    grants += [(path, handled) for path in writable]
    grants += [(path, UNLISTED & handled) for path in unlisted]
    grants += [
        (path, (READ_FILE | WRITE_FILE | TRUNCATE | IOCTL_DEV) & handled) for path in devices
    ]
    return {
        "fs": handled,
        "net": BIND_TCP_AND_CONNECT_TCP if version >= 4 and not network else 0,
        "scope": SCOPE_ABSTRACT_SOCKETS_AND_SIGNALS if version >= 6 else 0,
        "size": RULESET_BYTES.get(version, 24),
        "paths": grants,
    }
