"""Assembles the system-call filter into classic BPF, for x86_64 and aarch64.

The launcher installs it. It lists what a training never needs and an attacker does; namespaces
and Landlock hold the rest. Denied calls answer EPERM. Sockets other than AF_UNIX (which
DataLoader workers need) answer EAFNOSUPPORT; where the internet's families are let through, those
of other protocols than TCP and UDP answer EPROTONOSUPPORT. sched_setaffinity does nothing and
reports success: libraries pin their threads and go on, and a run has the cores that it was given.
So does what takes a file out of the page cache, where one run could leave word for the next. What
asks whether a file lies there fails, and so does what else the kernel would keep with a file: hints
about writing, large pages, keys, places of blocks.
clone3, openat2 and calls newer than this list answer ENOSYS, so that libraries take their fallback.
inotify answers as where a user has no more of them: a watch sees what other runs do to a file that
both are shown, and takes from the number that this user may have. A prior architecture's entry
point (int 0x80 on x86_64) kills the process.
"""

import errno
import functools
from typing import Literal

from sandbox.ground.bpf import (
    ALLOW,
    AND,
    ARCHITECTURE,
    ARGUMENTS,
    AUDIT_ARCH,
    CALL_NUMBER,
    ERRNO,
    JUMP_ANY_BIT,
    JUMP_EQUAL,
    JUMP_GREATER,
    KILL_PROCESS,
    LOAD,
    RETURN,
    instruction,
)
from sandbox.ground.calls import CHANGES_BY_NAME, Calls, column_of, numbers_of

LAST_KNOWN_CALL = 469  # file_setattr, Linux 6.17; the x32 entry points of x86_64 lie above it, too

DENIED: Calls = {
    # other processes and the kernel's insides
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "kcmp": (312, 272),
    "pidfd_getfd": (438, 438),
    "process_madvise": (440, 440),
    "perf_event_open": (298, 241),
    "bpf": (321, 280),
    "userfaultfd": (323, 282),
    "syslog": (103, 116),
    "lookup_dcookie": (212, 18),
    # keys
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    # mounts and namespaces
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "open_tree_attr": (467, 467),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "setns": (308, 268),
    "unshare": (272, 97),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "fanotify_init": (300, 262),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "acct": (163, 89),
    # a second way to make every other call, or to read
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "io_setup": (206, 0),
    # the machine
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "reboot": (169, 142),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "clock_adjtime": (305, 266),
    "adjtimex": (159, 171),
    "vhangup": (153, 58),
    "iopl": (172, None),
    "ioperm": (173, None),
    "modify_ldt": (154, None),
    "uselib": (134, None),
    "nfsservctl": (180, 42),
    "_sysctl": (156, None),
    "sysfs": (139, None),
    "ustat": (136, None),
    # memory that no meter sees, and System V's objects, which outlive their makers
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "shmat": (30, 196),
    "shmctl": (31, 195),
    "semget": (64, 190),
    "semop": (65, 193),
    "semctl": (66, 191),
    "semtimedop": (220, 192),
    "msgget": (68, 186),
    "msgsnd": (69, 189),
    "msgrcv": (70, 188),
    "msgctl": (71, 187),
    "mq_open": (240, 180),
    "mq_unlink": (241, 181),
    # what lies in the page cache
    "mincore": (27, 232),
    "cachestat": (451, 451),
    # the share of the machine
    "ioprio_set": (251, 30),
    "sched_setscheduler": (144, 119),
    "sched_setparam": (142, 118),
    "sched_setattr": (314, 274),
}
CHANGES_ATTRIBUTES: Calls = {
    **CHANGES_BY_NAME,
    "fchmod": (91, 52),
    "fchown": (93, 55),
    "fsetxattr": (190, 7),
    "fremovexattr": (199, 16),
}
"""What Landlock leaves to the owner of a file, wherever the file lies."""
OF_FILE_SYSTEMS = {0x66: errno.ENOTTY}
"""Types of ioctl requests that a file system answers for any file that is open for reading.

By ext4's a run could have the kernel remember where a file's blocks lie, and a later run ask.
"""
OF_THE_SETTINGS_OF_FILES = {0x76: errno.ENOTTY, 0x58: errno.ENOTTY, 0x94: errno.EOPNOTSUPP}
"""Types that set attributes, versions, quotas, snapshots, for which its owner needs to read a file.

The last type also asks for a copy that shares its blocks: at this error programs copy the bytes.
"""
WATCHES: Calls = {"inotify_init": (253, None), "inotify_init1": (294, 26)}
LEASES = (1024, 1026, 1040)
"""F_SETLEASE, F_NOTIFY, F_SETDELEG of fcntl: others wait or are watched when they open a file."""
WRITE_HINTS = (1036, 1038)
"""F_SET_RW_HINT, F_SET_FILE_RW_HINT of fcntl: the kernel keeps a hint with the file, for all."""
CHANGES_MODES = {  # name: ((x86_64, aarch64), the place of the mode among the arguments)
    "chmod": ((90, None), 1),
    "fchmod": ((91, 52), 1),
    "fchmodat": ((268, 53), 2),
    "fchmodat2": ((452, 452), 2),
}
MAKES_FILES = {  # name: ((x86_64, aarch64), the place of the flags or None, that of the mode)
    "creat": ((85, None), None, 1),
    "mknod": ((133, None), None, 1),
    "mknodat": ((259, 33), None, 2),
    "open": ((2, None), 1, 2),
    "openat": ((257, 56), 2, 3),
}
CLONE = (56, 220)
CLONE3 = (435, 435)
OPENAT2 = (437, 437)
FCNTL = (72, 25)
SOCKET = (41, 198)
SOCKETPAIR = (53, 199)
IOCTL = (16, 29)
PRLIMIT = (302, 261)
SETAFFINITY = (203, 122)
SETPRIORITY = (141, 140)
FADVISE = (221, 223)
MADVISE = (28, 233)
PREADV2 = (327, 286)

MAKES = 0o100 | 0o20000000
"""O_CREAT, and the bit of O_TMPFILE: without either, what stands for a mode is not one."""
SETUID = 0o4000
SETUID_OR_SETGID = 0o6000

NEW_NAMESPACES = 0x7E020080  # every CLONE_NEW* flag
AF_UNIX = 1
AF_INET = 2
AF_INET6 = 10
AF_NETLINK = 16
NETLINK_ROUTE = 0
SOCK_STREAM = 1
SOCK_DGRAM = 2
SOCKET_TYPE = 0xF
"""The bits of a socket's type; others are flags."""
PROTOCOLS = (0, 6, 17)
"""A family's usual one, TCP and UDP: others would have the kernel load what few have looked at."""
EVICTING = (20, 21)
"""MADV_COLD and MADV_PAGEOUT."""
COLLAPSE = 25
"""MADV_COLLAPSE makes one large page of a file's small ones, which stays so for others."""
RWF_NOWAIT = 8
# Both type into the terminal that the harness was started from.
TIOCSTI = 0x5412
TIOCLINUX = 0x541C
ADD_ENCRYPTION_KEY = 0xC0506617
"""FS_IOC_ADD_ENCRYPTION_KEY: a file system keeps the key, and tells whoever asks for it by name."""
REQUEST_TYPE = 0xFF00
"""The bits of an ioctl's request that say which kind of driver answers it."""

SUCCESS = 0

Sockets = Literal["none", "unix", "loopback", "network"]
"""Which sockets may be made: none but pairs; AF_UNIX; TCP and UDP of the internet's two, too.

In a network namespace of its own (loopback) a run may also ask which interfaces there are: what
finds its way by them fails otherwise. With the machine's own it may not.
"""


@functools.cache
def assemble(machine: str, same_user: bool = False, sockets: Sockets = "unix") -> bytes:
    """Return the filter for `machine` (as os.uname names it), eight bytes an instruction.

    Raise KeyError for an unknown machine.

    same_user: the command has the uid of the user and sees their processes and files. What the
    kernel lets it do to those by that uid is denied. Changing a file's attributes does nothing
    and reports success, because compilers do it to their own output.
    """
    column = column_of(machine)
    code = [
        instruction(LOAD, ARCHITECTURE),
        instruction(JUMP_EQUAL, AUDIT_ARCH[machine], 1, 0),
        instruction(RETURN, KILL_PROCESS),
        instruction(LOAD, CALL_NUMBER),
        *_when(JUMP_GREATER, LAST_KNOWN_CALL, errno.ENOSYS),
        *_when(JUMP_EQUAL, CLONE3[column], errno.ENOSYS),
        *_when(JUMP_EQUAL, OPENAT2[column], errno.ENOSYS),
    ]
    for number in numbers_of(DENIED, column):
        code += _when(JUMP_EQUAL, number, errno.EPERM)
    for number in numbers_of(WATCHES, column):
        code += _when(JUMP_EQUAL, number, errno.EMFILE)
    code += _when(JUMP_EQUAL, SETAFFINITY[column], SUCCESS)
    code += _about_the_page_cache(column)
    if same_user:
        code += _against_the_same_user(column)
    code += _against_programs_for_others(column)
    code += _on_argument(SOCKET[column], 0, _families(sockets))
    code += _on_argument(SOCKETPAIR[column], 0, _only((AF_UNIX,), errno.EAFNOSUPPORT))
    code += _on_argument(CLONE[column], 0, _when(JUMP_ANY_BIT, NEW_NAMESPACES, errno.EPERM))
    leases: list[bytes] = []
    for kind in (*LEASES, *WRITE_HINTS):
        leases += _when(JUMP_EQUAL, kind, errno.EPERM)
    code += _on_argument(FCNTL[column], 1, leases)
    code += _on_argument(IOCTL[column], 1, _requests(same_user))
    return b"".join([*code, instruction(RETURN, ALLOW)])


def _about_the_page_cache(column: int) -> list[bytes]:
    cold, pageout = EVICTING
    advice = [
        *_when(JUMP_EQUAL, cold, SUCCESS),
        *_when(JUMP_EQUAL, pageout, SUCCESS),
        *_when(JUMP_EQUAL, COLLAPSE, errno.EINVAL),
    ]
    return [
        *_when(JUMP_EQUAL, FADVISE[column], SUCCESS),
        *_on_argument(MADVISE[column], 2, advice),
        *_on_argument(PREADV2[column], 5, _when(JUMP_ANY_BIT, RWF_NOWAIT, errno.EOPNOTSUPP)),
    ]


def _against_the_same_user(column: int) -> list[bytes]:
    code = []
    for number in numbers_of(CHANGES_ATTRIBUTES, column):
        code += _when(JUMP_EQUAL, number, SUCCESS)
    only_itself = [instruction(JUMP_EQUAL, 0, 1, 0), _fail(errno.EPERM)]
    code += _on_argument(PRLIMIT[column], 0, only_itself)
    other_kind = [*only_itself, instruction(LOAD, ARGUMENTS + 8), *only_itself]
    return [*code, *_on_argument(SETPRIORITY[column], 0, other_kind)]


def _against_programs_for_others(column: int) -> list[bytes]:
    """Return the checks that no file has a bit by which whoever runs it gets this user's rights.

    A group's bit may be set on what is there, because folders have it to hand their group on.
    """
    code = []
    for numbers, place in CHANGES_MODES.values():
        number = numbers[column]
        if number is not None:
            code += _on_argument(number, place, _when(JUMP_ANY_BIT, SETUID, errno.EPERM))
    for numbers, flags, place in MAKES_FILES.values():
        number = numbers[column]
        if number is None:
            continue
        checks = _when(JUMP_ANY_BIT, SETUID_OR_SETGID, errno.EPERM)
        if flags is not None:
            load = instruction(LOAD, ARGUMENTS + 8 * place)
            checks = [instruction(JUMP_ANY_BIT, MAKES, 0, 3), load, *checks]
        code += _on_argument(number, place if flags is None else flags, checks)
    return code


def _requests(same_user: bool) -> list[bytes]:
    """Return the checks on the request of an ioctl, which is loaded."""
    checks = []
    for request in (TIOCSTI, TIOCLINUX, ADD_ENCRYPTION_KEY):
        checks += _when(JUMP_EQUAL, request, errno.EPERM)
    checks.append(instruction(AND, REQUEST_TYPE))
    kinds = OF_FILE_SYSTEMS | (OF_THE_SETTINGS_OF_FILES if same_user else {})
    for kind, number in kinds.items():
        checks += _when(JUMP_EQUAL, kind << 8, number)
    return checks


def _fail(number: int) -> bytes:
    return instruction(RETURN, ERRNO | number)


def _when(jump: int, value: int, number: int) -> list[bytes]:
    """Return code that fails with `number` where the loaded word compares, else goes on."""
    return [instruction(jump, value, 0, 1), _fail(number)]


def _only(values: tuple[int, ...], number: int) -> list[bytes]:
    """Return code that fails with `number` unless the loaded word is one of `values`."""
    left = range(len(values), 0, -1)
    jumps = [
        instruction(JUMP_EQUAL, value, behind, 0)
        for value, behind in zip(values, left, strict=True)
    ]
    return [*jumps, _fail(number)]


def _families(sockets: Sockets) -> list[bytes]:
    """Return the checks on a new socket, whose family is loaded: family, type, protocol."""
    if sockets == "none":
        return [_fail(errno.EAFNOSUPPORT)]
    if sockets == "unix":
        return _only((AF_UNIX,), errno.EAFNOSUPPORT)
    interfaces = []
    if sockets == "loopback":
        routes = [
            instruction(LOAD, ARGUMENTS + 16),
            *_only((NETLINK_ROUTE,), errno.EPROTONOSUPPORT),
            instruction(RETURN, ALLOW),
        ]
        interfaces = [instruction(JUMP_EQUAL, AF_NETLINK, 0, len(routes)), *routes]
    return [
        instruction(JUMP_EQUAL, AF_UNIX, 0, 1),
        instruction(RETURN, ALLOW),
        *interfaces,
        *_only((AF_INET, AF_INET6), errno.EAFNOSUPPORT),
        instruction(LOAD, ARGUMENTS + 8),
        instruction(AND, SOCKET_TYPE),
        *_only((SOCK_STREAM, SOCK_DGRAM), errno.ESOCKTNOSUPPORT),
        instruction(LOAD, ARGUMENTS + 16),
        *_only(PROTOCOLS, errno.EPROTONOSUPPORT),
    ]


def _on_argument(call: int, index: int, checks: list[bytes]) -> list[bytes]:
    """Return code that for `call` runs `checks` on argument `index`, then allows it.

    The argument's low word is loaded, which comes first: both machines are little-endian.
    """
    body = [instruction(LOAD, ARGUMENTS + 8 * index), *checks, instruction(RETURN, ALLOW)]
    return [instruction(JUMP_EQUAL, call, 0, len(body)), *body]
