"""Attacks on files outside: writing them, changing what cannot be seen, reading them."""

import fcntl
import os
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from .tries import Answers, Target, attempts, leave, read, write

SET_FLAGS = 0x40086602
NO_DUMP = 0x40
SET_VERSION = 0x40087602


def write_outside(target: Target) -> Answers:
    """Open files of the machine, of the harness and of the folder for writing."""
    folder = target["folder"]
    home = target["home"]
    paths = {
        "git": f"{folder}/.git/config",
        "prepare": f"{folder}/prepare.py",
        "new": f"{folder}/new.py",
        "data": f"{home}/data/tokens",
        "secret": target["secret"],
        "passwd": "/etc/passwd",
        "root": "/x",
        "usr": "/usr/x",
        "var": "/var/tmp/x",
        "interpreter": sys.executable,
        "hostname": "/proc/sys/kernel/hostname",
    }
    tries: dict[str, Callable[[], Any]] = {}
    for name, path in paths.items():
        tries[name] = partial(write, path)
    return attempts(
        **tries,
        unlink=lambda: os.unlink(f"{folder}/prepare.py"),
        rename=lambda: os.rename(f"{folder}/prepare.py", f"{folder}/other.py"),
        link=lambda: os.link(f"{folder}/prepare.py", f"{target['scratch']}/prepare.py"),
    )


def change_unseen(target: Target) -> Answers:
    """Make and change what may seem to work in here, in a root of its own or by a filter.

    Whether it did is for the harness to see.
    """
    for path in (f"{target['home']}/beside", target["log"]):
        attempts(leave=partial(leave, path))
    for path in (f"{target['folder']}/prepare.py", target["secret"]):
        attempts(
            mode=partial(os.chmod, path, 0o777),
            times=partial(os.utime, path, (1, 1)),
            label=partial(_label, path),
            settings=partial(_set, path, SET_FLAGS, NO_DUMP),
            version=partial(_set, path, SET_VERSION, 1),
        )
    return {}


def _label(path: str) -> None:
    os.setxattr(path, "user.hostile", b"1")


def _set(path: str, request: int, value: int) -> None:
    """Change what a file system keeps of a file, for which its owner needs only to read it."""
    with open(path, "rb") as file:
        fcntl.ioctl(file, request, value.to_bytes(8, sys.byteorder))


def read_outside(target: Target) -> Answers:
    """Read secrets, other trials and folders of the machine."""
    home = target["home"]
    return attempts(
        secret=lambda: read(target["secret"]),
        env=lambda: read(f"{home}/.env"),
        other=lambda: read(f"{home}/other-trial/train.py"),
        climb=lambda: read(f"{target['scratch']}/../.env"),
        listing=lambda: bool(set(os.listdir(home)) - {"folder", "scratch"}),
        ssh=lambda: os.listdir(target["ssh"]),
        shadow=lambda: read("/etc/shadow"),
        opt=lambda: bool(set(os.listdir("/opt")) & set(target["opt"])),
        root=lambda: read(f"/proc/1/root{home}/.env"),
        cwd=lambda: read(f"/proc/{target['harness']}/cwd/.env"),
    )
