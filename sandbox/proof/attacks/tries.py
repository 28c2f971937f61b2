"""Makes tries, which should all fail, and records what each reached."""

import ctypes
import errno
import os
from collections.abc import Callable
from typing import Any

Target = dict[str, Any]
Answers = dict[str, str]
"""What was tried, and what came of it: REACHED, or the name of the error."""
REACHED = "reached"
PLANTED = "planted"

libc = ctypes.CDLL(None, use_errno=True)
INTEL = os.uname().machine == "x86_64"


def attempts(**tries: Callable[[], Any]) -> Answers:
    """Return `reached` where a call came back with anything but False, else the error's name."""
    return {name: _attempt(call) for name, call in tries.items()}


def _attempt(call: Callable[[], Any]) -> str:
    try:
        return "nothing" if call() is False else REACHED
    except (OSError, AttributeError) as error:
        return errno.errorcode.get(getattr(error, "errno", None) or 0, type(error).__name__)


def kernel(function: Any, *arguments: Any) -> None:
    """Call a function of the C library; raise OSError where it fails."""
    if function(*arguments) < 0:
        raise OSError(ctypes.get_errno(), "")


def call(intel: int, arm: int, *arguments: Any) -> None:
    """Make a system call by its number on either machine; raise OSError where it fails."""
    kernel(libc.syscall, intel if INTEL else arm, *arguments)


def read(path: str) -> str:
    """Return the text of a file."""
    with open(path, errors="replace") as stream:
        return stream.read()


def write(path: str) -> None:
    """Open for writing and do no more, so that nothing is destroyed where it works."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        os.close(os.open(path, os.O_WRONLY))
    else:
        os.unlink(path)


def leave(path: str) -> None:
    """Make a file."""
    with open(path, "w") as stream:
        stream.write("hostile")


def capable(*sets: str) -> bool:
    """Return whether this process has a capability in one of these sets, named as in /proc."""
    for line in read("/proc/self/status").splitlines():
        name, _, value = line.partition(":\t")
        if name in sets and int(value, 16):
            return True
    return False
