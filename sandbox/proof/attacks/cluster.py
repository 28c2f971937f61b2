"""Attacks on the cluster that a run's node belongs to: its sockets, ports, token and variables."""

import glob
import os
import socket
from collections.abc import Callable
from functools import partial
from typing import Any

from .tries import Answers, Target, attempts, read

WORDS = ("RAY_", "SLURM_", "MUNGE_")
"""How the variables of a cluster begin."""
PLACES = ("/tmp/ray", "/run/munge", "/var/spool/slurmd", "/etc/munge", "/etc/slurm")


def reach_cluster(target: Target) -> Answers:
    """Connect to the cluster's sockets and ports, read its token, find its name anywhere."""
    cluster = target["cluster"]
    tries: dict[str, Callable[[], Any]] = {}
    for path in cluster["sockets"]:
        tries[f"socket {path}"] = partial(_connect, socket.AF_UNIX, path)
    for port in cluster["ports"]:
        tries[f"port {port}"] = partial(_connect, socket.AF_INET, ("127.0.0.1", port))
    for path in cluster["tokens"]:
        tries[f"token {path}"] = partial(read, path)
    for path in PLACES:
        tries[f"folder {path}"] = partial(_holds_something, path)
    return attempts(
        **tries,
        variables=lambda: any(name.startswith(WORDS) for name in os.environ),
        environments=lambda: _in_processes("environ", cluster["value"]),
        commands=lambda: _in_processes("cmdline", "raylet"),
    )


def _connect(family: int, address: Any) -> None:
    with socket.socket(family, socket.SOCK_STREAM) as stream:
        stream.settimeout(1)
        stream.connect(address)


def _holds_something(folder: str) -> bool:
    return bool(os.listdir(folder))


def _in_processes(file: str, word: str) -> bool:
    """Return whether a file of any process in /proc has a word, other than this one's command."""
    for path in glob.glob(f"/proc/[0-9]*/{file}"):
        if file == "cmdline" and path == f"/proc/{os.getpid()}/cmdline":
            continue
        try:
            if word in read(path):
                return True
        except OSError:
            continue
    return False
