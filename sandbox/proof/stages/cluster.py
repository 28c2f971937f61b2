"""The row of a run that looks for the cluster that its node belongs to.

A cluster is planted, with Ray's sockets, port and token; where a real one has started this process,
or has its files on this machine, those are attacked too.
"""

import os
import secrets
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from sandbox.proof.stage import NotHere, Stage
from sandbox.proof.traps import bind_to

TOKEN = "RAY_AUTH_TOKEN"
OWN = ("--raylet-name=", "--object-store-name=")
"""How Ray tells a process that it starts where its sockets are."""
SESSIONS = "ray/session_*/sockets/*"
MAX_SOCKETS = 16
MOST_CHARACTERS = 107
"""Of a socket's path."""


def reaches(stage: Stage) -> Iterator[str]:
    """Look for a cluster."""
    if sys.platform != "linux":
        raise NotHere("the nodes of a cluster have Linux")
    value = secrets.token_hex(16)
    folder = stage.home / "ray"
    folder.mkdir()
    (folder / "auth_token").write_text(value)
    with ExitStack() as stack:
        port = stack.enter_context(socket.create_server(("127.0.0.1", 0))).getsockname()[1]
        raylet = stack.enter_context(socket.socket(socket.AF_UNIX))
        bind_to(raylet, str(folder / "raylet"))
        raylet.listen()
        stack.callback(_restore, os.environ.get(TOKEN))
        os.environ[TOKEN] = value
        token = str(Path.home() / ".ray/auth_token")
        stage.targets["cluster"] = {
            "sockets": [str(folder / "raylet"), *_real_sockets()],
            "ports": [port],
            "tokens": [str(folder / "auth_token"), token],
            "value": value,
        }
        yield from stage.run("cluster.reach_cluster").reached


def _restore(value: str | None) -> None:
    """Give the variable of the token back what it had."""
    if value is None:
        del os.environ[TOKEN]
    else:
        os.environ[TOKEN] = value


def _real_sockets() -> list[str]:
    """Return the sockets of Ray on this machine, those first that this process was told of."""
    given = [word.partition("=")[2] for word in sys.argv if word.startswith(OWN)]
    folders = sorted(map(str, Path("/tmp").glob(SESSIONS)))
    return [path for path in (*given, *folders) if len(path) <= MOST_CHARACTERS][:MAX_SOCKETS]
