"""The system calls by which a process leaves traces in the kernel that outlive it, as a filter.

Whoever looks up a name leaves it in the kernel's memory, also where no such file exists: the next
one who looks it up, in any sandbox, is answered four times as fast. A process that has seen hidden
data could so tell it to a later one. The filter lets none of these calls happen without leave
(sandbox/score/gate.py). Pages of files are another such memory: see sandbox/score/holdings.py.
"""

import ctypes
import errno
import platform
import sys
from collections.abc import Iterable

from sandbox.ground.bpf import (
    ALLOW,
    ARCHITECTURE,
    ARGUMENTS,
    ASK,
    AUDIT_ARCH,
    CALL_NUMBER,
    ERRNO,
    JUMP_EQUAL,
    LOAD,
    RETURN,
    instruction,
)
from sandbox.ground.calls import CHANGES_BY_NAME, Calls, column_of, numbers_of
from sandbox.score.scorer import SECCOMP_CALL

GET_NOTIF_SIZES = 3
NOTIF_SIZES = 6
"""Bytes of struct seccomp_notif_sizes."""
TRACING: Calls = {
    **CHANGES_BY_NAME,
    # names
    "open": (2, None),
    "creat": (85, None),
    "openat": (257, 56),
    "openat2": (437, 437),
    "stat": (4, None),
    "lstat": (6, None),
    "newfstatat": (262, 79),
    "statx": (332, 291),
    "access": (21, None),
    "faccessat": (269, 48),
    "faccessat2": (439, 439),
    "readlink": (89, None),
    "readlinkat": (267, 78),
    "statfs": (137, 43),
    "chdir": (80, 49),
    "execve": (59, 221),
    "execveat": (322, 281),
    "truncate": (76, 45),
    "rename": (82, None),
    "renameat": (264, 38),
    "renameat2": (316, 276),
    "mkdir": (83, None),
    "mkdirat": (258, 34),
    "rmdir": (84, None),
    "link": (86, None),
    "linkat": (265, 37),
    "unlink": (87, None),
    "unlinkat": (263, 35),
    "symlink": (88, None),
    "symlinkat": (266, 36),
    "mknod": (133, None),
    "mknodat": (259, 33),
    "getxattr": (191, 8),
    "lgetxattr": (192, 9),
    "listxattr": (194, 11),
    "llistxattr": (195, 12),
    "getxattrat": (464, 464),
    "listxattrat": (465, 465),
    "file_getattr": (468, 468),
    "inotify_add_watch": (254, 27),
    # names of sockets
    "bind": (49, 200),
    "connect": (42, 203),
    # locks of files, which others meet
    "flock": (73, 32),
    # on which node of memory a file's pages lie
    "mbind": (237, 235),
    "migrate_pages": (256, 238),
    "move_pages": (279, 239),
    "set_mempolicy": (238, 237),
    # what a folder holds
    "getdents": (78, None),
    "getdents64": (217, 61),
    # numbers that the kernel gives out in turn
    "pipe": (22, None),
    "pipe2": (293, 59),
    "socket": (41, 198),
    "socketpair": (53, 199),
    "memfd_create": (319, 279),
}
FCNTL = (72, 25)
LOCKS = (5, 6, 7, 36, 37, 38)
"""Commands of fcntl that set a lock on a part of a file, or ask for one."""
SENDTO = (44, 206)
SENDS: Calls = {"sendmsg": (46, 211), "sendmmsg": (307, 269)}
"""These may name a socket, too, and wait for room before they look up the name.

So they are never let through: a thread that waited could look up its name once it has seen data.
The listener itself travels by one, so they are denied after it.
"""


def assemble(machine: str) -> tuple[bytes, bytes]:
    """Return the filter that asks, and the one that denies SENDS and SENDTO a name, for `machine`.

    machine: as os.uname names it; raise KeyError for an unknown one. Each has eight bytes an
    instruction. Other architectures' calls are left to the launcher's own filter, which kills for
    them.
    """
    column = column_of(machine)
    start = [
        instruction(LOAD, ARCHITECTURE),
        instruction(JUMP_EQUAL, AUDIT_ARCH[machine], 1, 0),
        instruction(RETURN, ALLOW),
        instruction(LOAD, CALL_NUMBER),
    ]
    # An address is a pointer of 64 bits.
    denied = instruction(RETURN, ERRNO | errno.ENOSYS)
    addressed = [
        instruction(LOAD, ARGUMENTS + 32),
        instruction(JUMP_EQUAL, 0, 1, 0),
        denied,
        instruction(LOAD, ARGUMENTS + 36),
        instruction(JUMP_EQUAL, 0, 1, 0),
        denied,
        instruction(RETURN, ALLOW),
    ]
    locks = [
        instruction(LOAD, ARGUMENTS + 8),
        *_when(LOCKS, ASK),
        instruction(RETURN, ALLOW),
    ]
    asking = [
        *start,
        *_when(numbers_of(TRACING, column), ASK),
        instruction(JUMP_EQUAL, FCNTL[column], 0, len(locks)),
        *locks,
        instruction(RETURN, ALLOW),
    ]
    denying = [
        *start,
        *_when(numbers_of(SENDS, column), ERRNO | errno.ENOSYS),
        instruction(JUMP_EQUAL, SENDTO[column], 0, len(addressed)),
        *addressed,
        instruction(RETURN, ALLOW),
    ]
    return b"".join(asking), b"".join(denying)


def _when(values: Iterable[int], answer: int) -> list[bytes]:
    """Return code that answers so where the loaded word is one of `values`, else goes on."""
    code = []
    for value in values:
        code += [instruction(JUMP_EQUAL, value, 0, 1), instruction(RETURN, answer)]
    return code


def filters() -> str:
    """Return the filters for a scorer on this machine as its argument; "" where there are none."""
    if sys.platform != "linux":
        return ""
    try:
        asking, denying = assemble(platform.machine())
    except KeyError:
        return ""
    return f"{asking.hex()} {denying.hex()}"


def can_shut() -> bool:
    """Return whether this kernel lets the harness shut a scorer's files off."""
    if not filters():
        return False
    sizes = ctypes.create_string_buffer(NOTIF_SIZES)
    call = SECCOMP_CALL[platform.machine()]
    return bool(ctypes.CDLL(None).syscall(call, GET_NOTIF_SIZES, 0, sizes) == 0)
