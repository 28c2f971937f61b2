"""What a machine lacks, by the number of an error: words for it, and what to type next."""

import errno
from collections.abc import Mapping

LACKS: Mapping[int | None, tuple[str, str]] = {
    errno.ENOSPC: (
        "no space is left on the disk",
        "df -h .   # free some, and type the command again",
    ),
    errno.EDQUOT: (
        "the disk quota is used up",
        "quota   # free some space, and type the command again",
    ),
    errno.EFBIG: (
        "a file is as large as a file may be",
        "ulimit -f unlimited   # then type the command again",
    ),
    errno.EROFS: ("the file system is read-only", "mount | grep ' ro,'"),
    errno.EMFILE: (
        "this process has too many open files",
        "ulimit -n 4096   # then type the command again",
    ),
    errno.ENFILE: ("this machine has too many open files", "cat /proc/sys/fs/file-nr"),
    errno.EACCES: ("permission denied", "id   # and ls -l of what is named above"),
    errno.EPERM: ("not permitted", "id   # and ls -l of what is named above"),
    errno.ENOMEM: ("no memory is left", "free -h"),
    errno.EAGAIN: ("no process or thread can be started", "ulimit -u   # and ps -e | wc -l"),
    errno.EIO: ("the device failed to read or write", "dmesg | tail"),
    errno.ENAMETOOLONG: ("the name is too long", "pwd"),
    errno.ELOOP: ("a symbolic link leads to itself", "ls -l"),
}
_FOR_ANY_PROCESS = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN)
EXHAUSTED = frozenset(LACKS[number][1] for number in _FOR_ANY_PROCESS)
"""The commands where no further process could be started, whatever it is."""


def next_after(error: OSError, otherwise: str | None = None) -> str | None:
    """Return what to type next for what an error says is lacking; else `otherwise`."""
    return LACKS[error.errno][1] if error.errno in LACKS else otherwise
