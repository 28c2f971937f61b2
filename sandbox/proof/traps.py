"""Sets up what a run must not reach, alive and reachable from here: sockets, a secret, keys."""

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
    """Set the traps in `home`, with folder and scratch for a run beside them.

    Yield where everything is, by the names that the canary's probe and the attacks use.
    """
    value = secrets.token_hex(16)
    abstract = f"autoresearch-canary-{secrets.token_hex(8)}"
    on_linux = sys.platform == "linux"
    for name in ("folder", "scratch", "elsewhere"):
        (home / name).mkdir()
    (home / "elsewhere/secret").write_text(value)
    home.chmod(0o755)  # so that only the sandbox stands between the probe and these files
    (home / "elsewhere").chmod(0o777)
    with ExitStack() as stack:
        loopback = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        addresses = [str(home / "elsewhere/socket")]
        if on_linux:
            addresses.append("\0" + abstract)
        for address in addresses:
            trap = stack.enter_context(socket.socket(socket.AF_UNIX))
            _bind(trap, address)
            trap.listen()
        (home / "elsewhere/socket").chmod(0o777)
        environment = {**os.environ, KEY: value}
        bystander = subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE, env=environment)
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
            "cmdline": Path("/proc/self/cmdline").read_bytes().hex() if on_linux else "",
            "outside": str(home / "elsewhere/written"),
            "folder": str(home / "folder"),
            "scratch": str(home / "scratch"),
        }


def _bind(trap: socket.socket, address: str) -> None:
    """Bind to an address, a path by way of a descriptor of its folder.

    A path may be longer than a socket's address can be.
    """
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
