"""System calls and their constants, through the C library, without the slow import of ctypes."""

# ruff: noqa: PTH123  (pathlib is slow to import)

import _ctypes
import os
import sys

SIGHUP = 1
SIGINT = 2
SIGKILL = 9
SIGPIPE = 13
SIGTERM = 15
SIGSTOP = 19
SIGXFSZ = 25
SIG_DFL = 0
SIG_IGN = 1

NEW_MOUNTS = 0x20000
NEW_CGROUP = 0x2000000
NEW_UTS = 0x4000000
NEW_IPC = 0x8000000
NEW_USER = 0x10000000
NEW_PIDS = 0x20000000
NEW_NET = 0x40000000

MS_RDONLY = 1
MS_NOSUID = 2
MS_NODEV = 4
MS_NOEXEC = 8
MS_BIND = 4096
MS_REC = 16384
MS_PRIVATE = 1 << 18
MNT_DETACH = 2
ATTR_RDONLY = 1
ATTR_NOSUID = 2
ATTR_NODEV = 4
AT_FDCWD = -100
AT_RECURSIVE = 0x8000

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_SECCOMP = 22
PR_CAPBSET_DROP = 24
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_CLEAR_ALL = 4
SECCOMP_MODE_FILTER = 2
CAPABILITY_VERSION_3 = 0x20080522
LANDLOCK_RULE_PATH_BENEATH = 1
POLLIN = 1
AF_INET = 2
SOCK_DGRAM = 2
SIOCSIFFLAGS = 0x8914
IFF_UP = 1
IFNAME_BYTES = 16
IFREQ_BYTES = 40

SYS_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
SYS_CAPSET = {"x86_64": 126, "aarch64": 91}
SYS_MOUNT_SETATTR = 442
SYS_LANDLOCK_CREATE = 444
SYS_LANDLOCK_ADD = 445
SYS_LANDLOCK_RESTRICT = 446

machine = os.uname().machine


# What ctypes is made of, without what makes it slow to import.


class Byte(_ctypes._SimpleCData):  # type: ignore[type-arg]
    """A C char."""

    _type_ = "c"


class Int(_ctypes._SimpleCData):  # type: ignore[type-arg]
    """A C int."""

    _type_ = "i"


class Long(_ctypes._SimpleCData):  # type: ignore[type-arg]
    """A C long."""

    _type_ = "l"


class Function(_ctypes.CFuncPtr):
    """A function of the C library that returns an int and sets errno."""

    _flags_ = _ctypes.FUNCFLAG_CDECL | _ctypes.FUNCFLAG_USE_ERRNO
    _restype_ = Int


program = _ctypes.dlopen(None, 0)  # type: ignore[arg-type]
functions: dict[str, Function] = {}


def libc(name: str, *arguments: int | bytes | _ctypes.Array[Byte]) -> int:
    """Return what the C library's function `name` returns, an int.

    An int is passed as a long, bytes and arrays as a pointer to them.
    """
    if name not in functions:
        functions[name] = Function(_ctypes.dlsym(program, name))
    words = [Long(value) if isinstance(value, int) else value for value in arguments]
    result: int = functions[name](*words)
    return result


def packed(size: int, *numbers: int) -> bytes:
    """Return a C structure of unsigned integers of `size` bytes each."""
    return b"".join(number.to_bytes(size, sys.byteorder) for number in numbers)


def check(result: int, what: str) -> int:
    """Return `result`, or raise OSError, with `what` was tried, where it is negative."""
    if result < 0:
        number = _ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def syscall(number: int, what: str, *arguments: int | bytes) -> int:
    """Make a system call by its number and return its result; raise OSError where it fails."""
    return check(libc("syscall", number, *arguments), what)


def prctl(option: int, value: int) -> None:
    """Set an option of this process; do nothing outside Linux."""
    if sys.platform == "linux":
        check(libc("prctl", option, value, 0, 0, 0), f"prctl {option}")


def on_signals(numbers: tuple[int, ...], action: int) -> None:
    """Set the action, SIG_DFL or SIG_IGN, of each of these signals."""
    for number in numbers:
        libc("signal", number, action)


def mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    """Mount `source` at `target`; raise OSError where the kernel refuses."""
    arguments = (os.fsencode(source), os.fsencode(target), kind.encode(), flags, data.encode())
    check(libc("mount", *arguments), f"mount {target}")


def set_mount_attributes(target: str, attributes: int, *, recursive: bool) -> None:
    """Add `attributes` (ATTR_*) to the mount at `target`, and to those below it if recursive."""
    flags = AT_RECURSIVE if recursive else 0
    wanted = packed(8, attributes, 0, 0, 0)
    path = os.fsencode(target)
    what = f"protect {target}"
    syscall(SYS_MOUNT_SETATTR, what, AT_FDCWD, path, flags, wanted, len(wanted))


def raise_loopback() -> None:
    """Bring up the loopback interface of this process's network namespace."""
    control = check(libc("socket", AF_INET, SOCK_DGRAM, 0), "socket")
    request = b"lo".ljust(IFNAME_BYTES, b"\0") + packed(2, IFF_UP)
    wanted = (Byte * IFREQ_BYTES).from_buffer_copy(request.ljust(IFREQ_BYTES, b"\0"))
    check(libc("ioctl", control, SIOCSIFFLAGS, wanted), "raise the loopback interface")
    os.close(control)


def write(path: str, text: str) -> None:
    """Write `text` to a file of the kernel's."""
    with open(path, "w") as stream:
        stream.write(text)
