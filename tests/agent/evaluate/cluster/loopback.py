"""A real Ray cluster on loopback: a head without slots, and raylets that each are a node."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

STORE = 80_000_000
START_SECONDS = 120.0
GENTLE_SECONDS = 15.0
QUIET = {
    "RAY_AUTH_MODE": "token",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DISABLE_DOCKER_CPU_WARNING": "1",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
}
TOKEN = "0123456789abcdef0123456789abcdef"
RAY = str(Path(sys.executable).with_name("ray"))


@dataclass
class Loopback:
    """A cluster whose processes are this process's children."""

    home: Path
    """Where its token, its sessions and the scratch space of its nodes are."""
    mode: str = "token"
    port: int = field(default_factory=lambda: free_ports(1)[0])
    client_port: int = field(default_factory=lambda: free_ports(1)[0])
    raylets: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    @property
    def address(self) -> str:
        """How a driver on this machine connects."""
        return f"127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment of its processes, and of a driver that may connect."""
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        scratch = self.home / "scratch"
        scratch.mkdir(exist_ok=True)
        scratch.chmod(0o755)
        return {
            **kept,
            **QUIET,
            "RAY_AUTH_MODE": self.mode,
            "RAY_AUTH_TOKEN": TOKEN,
            "HOME": str(self.home),
            "AUTORESEARCH_SCRATCH": str(scratch),
        }

    def start_head(self) -> None:
        """Start the head, which runs no trials."""
        self._start(
            "--head",
            f"--port={self.port}",
            "--num-cpus=0",
            "--num-gpus=0",
            "--include-dashboard=false",
            f"--ray-client-server-port={self.client_port}",
            f"--temp-dir={self.home / 'ray'}",
        )

    def add_node(self, cpus: int = 1) -> "subprocess.Popen[bytes]":
        """Start a raylet; killing its process group is the death of a node."""
        return self._start(f"--address={self.address}", f"--num-cpus={cpus}", "--num-gpus=0")

    def _start(self, *arguments: str) -> "subprocess.Popen[bytes]":
        command = [
            RAY,
            "start",
            *arguments,
            "--node-ip-address=127.0.0.1",
            f"--object-store-memory={STORE}",
            "--block",
        ]
        log = self.home / f"ray-{len(self.raylets)}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                env=self.environment,
                cwd=self.home,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self.raylets.append(process)
        end = time.monotonic() + START_SECONDS
        while "--block" not in log.read_text() and "This command will now block" not in (
            log.read_text()
        ):
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(log.read_text())
            time.sleep(0.2)
        return process

    def stop(self) -> None:
        """End every process of it."""
        for process in reversed(self.raylets):
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(GENTLE_SECONDS)
        for process in self.raylets:
            end_group(process)


def end_group(process: "subprocess.Popen[bytes]", number: int = signal.SIGKILL) -> None:
    """Send a signal to the process group that a process leads, and wait for the process."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)
    process.wait()


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


@contextmanager
def loopback(nodes: int = 1, mode: str = "token") -> Iterator[Loopback]:
    """Give a cluster of a head and some nodes, and end all of it.

    Its folder has a short name: those of Ray's sockets may not be long.
    """
    with tempfile.TemporaryDirectory(prefix="rc-", ignore_cleanup_errors=True) as home:
        Path(home).chmod(0o755)
        cluster = Loopback(Path(home), mode)
        try:
            cluster.start_head()
            for _ in range(nodes):
                cluster.add_node()
            yield cluster
        finally:
            cluster.stop()
