"""A real Ray cluster on loopback: a head that trains nothing, and nodes that can be hurt.

Each node has its own host name, scratch folder and mark in the environment of all its processes.
"""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

MARK = "AUTORESEARCH_TEST_NODE"
START_SECONDS = 120.0
STORE = "--object-store-memory=80000000"


class Raylet:
    """The processes of one node."""

    def __init__(self, cluster: "Cluster", name: str, process: "subprocess.Popen[bytes]") -> None:
        self.name = name
        self.mark = cluster.mark_of(name)
        self.scratch = cluster.scratch_of(name)
        self.process = process

    def pids(self) -> dict[int, str]:
        """Return the processes of this node with their command lines."""
        return marked(self.mark)

    def trainings(self) -> list[int]:
        """Return the processes that work in the scratch folder of this node."""
        return in_folder(self.scratch)

    def find(self, word: str) -> int:
        """Return the process of this node whose command line starts with, or holds, a word."""
        return next(pid for pid, command in self.pids().items() if word in command)

    def kill_station(self) -> None:
        """Kill -9 the worker process in which the place runs."""
        os.kill(self.find("ray::Door"), signal.SIGKILL)

    def kill_raylet(self) -> None:
        """Kill -9 the raylet, as where a node's system ends it; the rest sees that for itself."""
        os.kill(self.find("/raylet/raylet"), signal.SIGKILL)

    def signal_all(self, number: int) -> None:
        """Send a signal to each process of the node: STOP is a machine that hangs."""
        for pid in (*self.pids(), *self.trainings()):
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def power_off(self) -> None:
        """Kill -9 all of the node's processes at once."""
        self.signal_all(signal.SIGSTOP)
        self.signal_all(signal.SIGKILL)

    def is_gone(self) -> bool:
        """Return whether no process of the node is left."""
        return not self.pids() and not self.trainings()


class Cluster:
    """A head, and nodes that join and leave."""

    def __init__(self, folder: Path, address: str | None = None) -> None:
        self.folder = folder
        self.address = address or own_address()
        self._is_own_address = address is not None
        self.token = folder / "token"
        self.token.touch(0o600)
        self.token.write_text(secrets.token_hex(32))
        self._id = secrets.token_hex(4)
        self._stack = ExitStack()
        self.nodes: dict[str, Raylet] = {}
        self.port = free_port()
        self.client = free_port()

    @property
    def on(self) -> str:
        """What is typed behind --on."""
        return f"ray://{self.address}:{self.client}"

    @property
    def environment(self) -> dict[str, str]:
        """What a driver needs in its environment."""
        return {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(self.token)}

    def mark_of(self, name: str) -> str:
        """Return what the environment of all processes of a node holds."""
        return f"{MARK}={self._id}-{name}"

    def scratch_of(self, name: str) -> Path:
        """Return the scratch folder of a node."""
        return self.folder / f"scratch-{name}"

    def start_head(self, prefix: Sequence[str] = (), **variables: str) -> Raylet:
        """Start the head; it has no core to train on."""
        ports = [f"--port={self.port}", f"--ray-client-server-port={self.client}"]
        words = ["--head", *ports, "--num-cpus=0", "--include-dashboard=false"]
        if self._is_own_address:
            words.append(f"--node-ip-address={self.address}")
        head = self._start("head", words, prefix, variables)
        wait_until(lambda: listens(self.client), "the head", self.logs)
        return head

    def add(
        self,
        name: str,
        prefix: Sequence[str] = (),
        address: str | None = None,
        python: str = sys.executable,
        **variables: str,
    ) -> Raylet:
        """Start a node with one core that joins.

        prefix: words before the command, a namespace's say. address: its own. variables: of its
        environment.
        """
        words = [f"--address={self.address}:{self.port}", "--num-cpus=1"]
        if address is not None:
            words.append(f"--node-ip-address={address}")
        return self._start(name, words, prefix, variables, python)

    def _start(
        self,
        name: str,
        words: list[str],
        prefix: Sequence[str],
        variables: dict[str, str],
        python: str = sys.executable,
    ) -> Raylet:
        scratch = self.scratch_of(name)
        scratch.mkdir(mode=0o755, exist_ok=True)
        mark, _, value = self.mark_of(name).partition("=")
        environment = {
            "HOME": os.environ["HOME"],
            "PATH": os.environ["PATH"],
            **self.environment,
            "RAY_DISABLE_DOCKER_CPU_WARNING": "1",
            "AUTORESEARCH_SCRATCH": str(scratch),
            mark: value,
            **variables,
        }
        ports = ("runtime-env-agent-port", "dashboard-agent-listen-port", "metrics-export-port")
        command = [
            *prefix,
            *("unshare", "--uts", "sh", "-c", 'hostname "$0"; exec "$@"', name),
            *(python, "-P", "-m", "ray.scripts.scripts", "start", "--block"),
            *words,
            *(f"--{port}={free_port()}" for port in ports),
            *("--min-worker-port=0", "--max-worker-port=0", "--disable-usage-stats", STORE),
            *("--include-log-monitor=false", f"--temp-dir={self.folder}/{name[:2]}{name[-1]}"),
        ]
        with (self.folder / f"{name}.out").open("ab") as output:
            process = subprocess.Popen(
                command,
                env=environment,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        node = Raylet(self, name, process)
        self.nodes[name] = node
        return node

    def logs(self) -> str:
        """Return what the nodes printed, for a failing test."""
        return "\n".join(
            f"== {path.name}\n{path.read_text(errors='replace')[-2000:]}"
            for path in self.folder.glob("*.out")
        )

    def close(self) -> None:
        """Kill all processes of all nodes."""
        for node in self.nodes.values():
            node.signal_all(signal.SIGCONT)
            while not node.is_gone():
                node.signal_all(signal.SIGKILL)
                time.sleep(0.1)
            node.process.wait()


@contextmanager
def cluster(*names: str, address: str | None = None, **variables: str) -> Iterator[Cluster]:
    """Run a cluster with a head and these nodes, and end it. variables: of every node."""
    folder = Path(tempfile.mkdtemp(prefix="rc-", dir="/tmp"))
    folder.chmod(0o755)
    own = Cluster(folder, address)
    try:
        own.start_head(**variables)
        for name in names:
            own.add(name, **variables)
        yield own
    finally:
        own.close()
        shutil.rmtree(folder, ignore_errors=True)


def marked(mark: str) -> dict[int, str]:
    """Return the processes whose environment holds `mark`, with their command lines."""
    found: dict[int, str] = {}
    sought = mark.encode() + b"\0"
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                if sought in (entry / "environ").read_bytes():
                    command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                    found[int(entry.name)] = command
    return found


def in_folder(folder: Path) -> list[int]:
    """Return the processes that work below a folder, or name it in their command line."""
    pids = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with suppress(OSError):
                command = (entry / "cmdline").read_bytes()
                inside = (entry / "cwd").readlink().is_relative_to(folder)
                if inside or os.fsencode(folder) in command:
                    pids.append(int(entry.name))
    return pids


def wait_until(done: Callable[[], bool], what: str, logs: Callable[[], str]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + START_SECONDS
    while not done():
        assert time.monotonic() < deadline, f"no {what}:\n{logs()}"
        time.sleep(0.2)


def own_address() -> str:
    """Return the address that Ray gives to a node here.

    It is asked in a process of its own, for tests must not connect; nothing is sent.
    """
    code = "import socket as s; p = s.socket(type=s.SOCK_DGRAM); p.connect(('8.8.8.8', 80))"
    command = [sys.executable, "-c", f"{code}; print(p.getsockname()[0])"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "127.0.0.1"


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    """Return whether something here listens on a port, as the kernel says."""
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[1].endswith(f":{port:04X}") and fields[3] == "0A":
                return True
    return False
