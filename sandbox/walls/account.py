"""Writes the files of /etc about the user and the host, for a run in a root of its own."""

import os
import socket
from pathlib import Path

from sandbox.walls.mounts import Bind

USER = "trial"
LOOPBACK = ("127.0.0.1", "::1", "::ffff:127.0.0.1")
SHELL = "/bin/sh"


def account(folder: Path, home: str, identity: tuple[int, int] | None) -> tuple[Bind, ...]:
    """Write passwd, group and hosts into `folder` and return what shows them in /etc.

    They hold nothing of the machine's but its name. home: of the run's user. identity: its uid and
    gid, or None where it has this process's.
    """
    uid, gid = identity or (os.geteuid(), os.getegid())
    folder.mkdir()
    (folder / "passwd").write_text(f"{USER}:x:{uid}:{gid}:{USER}:{home}:{SHELL}\n")
    (folder / "group").write_text(f"{USER}:x:{gid}:\n")
    names = f"localhost {socket.gethostname()}"
    hosts = "".join(f"{address} {names}\n" for address in LOOPBACK)
    (folder / "hosts").write_text(hosts)
    files = ("passwd", "group", "hosts")
    return tuple(Bind(f"{folder}/{name}", f"/etc/{name}") for name in files)
