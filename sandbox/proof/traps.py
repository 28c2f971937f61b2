"""Sets up what a run must not reach, within reach of the harness: sockets, a secret, keys."""

import os
import secrets
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

KEY = "AUTORESEARCH_CANARY_KEY"
ECHO_SECONDS = 0.02
"""How long the trap for datagrams waits for one before it looks whether it is needed."""


@contextmanager
def traps(home: Path) -> Iterator[dict[str, Any]]:
    """Set the traps in `home`, with folder and scratch for a run beside them.

    Yield the places of everything, by the names that the canary's probe and the attacks use.
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
        port = loopback.getsockname()[1]
        stack.enter_context(_echo(port))
        addresses = [str(home / "elsewhere/socket")]
        if on_linux:
            addresses.append("\0" + abstract)
        for address in addresses:
            trap = stack.enter_context(socket.socket(socket.AF_UNIX))
            bind_to(trap, address)
            trap.listen()
        (home / "elsewhere/socket").chmod(0o777)
        environment = {**os.environ, KEY: value}
        bystander = subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE, env=environment)
        stack.callback(bystander.communicate)
        stack.enter_context(_key_in_environment(value))
        yield {
            "port": port,
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


@contextmanager
def _echo(port: int) -> Iterator[None]:
    """Send every datagram that comes to this port of loopback back to where it came from."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as trap:
        trap.bind(("127.0.0.1", port))
        trap.settimeout(ECHO_SECONDS)
        ended = threading.Event()

        def answer() -> None:
            while not ended.is_set():
                with suppress(TimeoutError, ConnectionError):
                    trap.sendto(*trap.recvfrom(64))

        with ThreadPoolExecutor(1) as thread:
            thread.submit(answer)
            try:
                yield
            finally:
                ended.set()


def bind_to(trap: socket.socket, address: str) -> None:
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
