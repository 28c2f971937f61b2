"""What a run must not reach, set up alive and reachable from here: sockets, a secret file, keys in two environments."""

import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

KEY = "AUTORESEARCH_CANARY_KEY"


@contextmanager
def traps(home: Path) -> Iterator[dict[str, Any]]:
    """Set the traps in `home`, make folder and scratch beside them for a run, and yield where everything is."""
    value, abstract = secrets.token_hex(16), f"autoresearch-canary-{secrets.token_hex(8)}"
    for name in ("folder", "scratch", "elsewhere"):
        (home / name).mkdir()
    (home / "elsewhere/secret").write_text(value)
    home.chmod(0o755)  # so that only the sandbox stands between the probe and these files
    (home / "elsewhere").chmod(0o777)
    with ExitStack() as stack:
        loopback = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        addresses = [
            str(home / "elsewhere/socket"),
            *(["\0" + abstract] if sys.platform == "linux" else []),
        ]
        for address in addresses:
            trap = stack.enter_context(socket.socket(socket.AF_UNIX))
            _bind(trap, address)
            trap.listen()
        (home / "elsewhere/socket").chmod(0o777)
        bystander = subprocess.Popen(
            ["/bin/cat"], stdin=subprocess.PIPE, env={**os.environ, KEY: value}
        )
        stack.callback(bystander.communicate)
        stack.enter_context(_key_in_environment(value))
        yield {
            "port": loopback.getsockname()[1],
            "abstract": abstract,
            "pathname": str(home / "elsewhere/socket"),
            "secret": str(home / "elsewhere/secret"),
            "key": KEY,
            "value": value,
            "harness": os.getpid(),
            "bystander": bystander.pid,
            "cmdline": Path("/proc/self/cmdline").read_bytes().hex()
            if sys.platform == "linux"
            else "",
            "outside": str(home / "elsewhere/written"),
            "folder": str(home / "folder"),
            "scratch": str(home / "scratch"),
        }


def _bind(trap: socket.socket, address: str) -> None:
    """Bind to an address that may be longer than one of a socket can be: by way of a descriptor of its folder."""
    if sys.platform != "linux" or address.startswith("\0"):
        trap.bind(address)
        return
    folder = os.open(Path(address).parent, os.O_PATH | os.O_CLOEXEC)
    try:
        trap.bind(f"/proc/self/fd/{folder}/{Path(address).name}")
    finally:
        os.close(folder)


@contextmanager
def _key_in_environment(value: str) -> Iterator[None]:
    os.environ[KEY] = value
    try:
        yield
    finally:
        del os.environ[KEY]
