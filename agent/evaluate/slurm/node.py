"""Runs on each node of an allocation: Ray, with a clean environment, until the job's end.

`python -P -m agent.evaluate.slurm.node FOLDER`, started by srun; the first node is the head. The
head ends the job when no driver has been connected for a while, as the kernel lists connections.
"""

import os
import pwd
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path

from agent.evaluate.slurm.folder import Folder, Head, write_json
from sandbox.ground.devices import VARIABLES
from sandbox.ground.leftovers import temporary_folder
from sandbox.limits.meter import descendants
from sandbox.walls.jail.kernel import PR_SET_CHILD_SUBREAPER, prctl

ALONE_SECONDS = 600.0
"""A cluster without a driver for so long ends itself: its driver was killed."""
HEAD_SECONDS = 300.0
"""The other nodes wait so long for the head."""
TERM_SECONDS = 5.0
"""Slurm kills what is left 30 s after the end of a job, and some sites sooner."""
LOOK_SECONDS = 1.0
KEPT = ("LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "TMPDIR")
"""Of the environment; besides, the variables by which Slurm says which accelerators are ours."""
SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"
ESTABLISHED = "01"


def main(path: str) -> int:
    """Run this node until Ray ends or the job is ended; return an exit code."""
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGINT, _leave)
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    folder = Folder(Path(path))
    with _scratch() as scratch:
        if os.environ.get("SLURM_PROCID", "0") == "0":
            return _be_head(folder, scratch)
        return _join(folder, scratch)


def _leave(*_: object) -> None:
    raise SystemExit(0)


def _be_head(folder: Folder, scratch: Path) -> int:
    """Start the head, publish its address, and watch for a driver."""
    address = _own_address()
    cluster = free_port()
    client = free_port()
    ports = (f"--port={cluster}", f"--ray-client-server-port={client}")
    try:
        with _ray(folder, scratch, "--head", *ports, "--include-dashboard=false") as ray:
            _until(lambda: _answers(address, client) or ray.poll() is not None)
            if ray.poll() is None:
                head = Head(client=f"ray://{address}:{client}", cluster=f"{address}:{cluster}")
                write_json(folder, folder.head, head)
                _watch(ray, client)
            return ray.poll() or 0
    finally:
        folder.write(folder.ended, "")


def _join(folder: Folder, scratch: Path) -> int:
    """Wait for the head, then join its cluster until that ends."""
    _until(lambda: folder.reached() is not None or folder.ended.exists())
    head = folder.reached()
    if head is None or folder.ended.exists():
        return 1
    with _ray(folder, scratch, f"--address={head.cluster}") as ray:
        return ray.wait()


def _watch(ray: "subprocess.Popen[bytes]", client: int) -> None:
    """Return when Ray has ended, or no driver has been connected for long."""
    alone = time.monotonic()
    while ray.poll() is None:
        time.sleep(LOOK_SECONDS)
        if connections(client):
            alone = time.monotonic()
        elif time.monotonic() - alone > ALONE_SECONDS:
            return


def connections(port: int, tables: tuple[str, ...] = ("/proc/net/tcp", "/proc/net/tcp6")) -> int:
    """Return the number of open connections from outside to a port of this machine."""
    count = 0
    for table in tables:
        with suppress(OSError):
            for line in Path(table).read_text().splitlines()[1:]:
                fields = line.split()
                count += fields[1].endswith(f":{port:04X}") and fields[3] == ESTABLISHED
    return count


@contextmanager
def _ray(folder: Folder, scratch: Path, *words: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Run Ray's processes of this node for the block, and end all of them."""
    command = [sys.executable, "-P", "-m", "ray.scripts.scripts", "start", "--block", *words]
    command += [f"--temp-dir={scratch}", f"--num-cpus={cores()}"]
    command += ["--min-worker-port=0", "--max-worker-port=0", "--disable-usage-stats"]
    ports = ("runtime-env-agent-port", "dashboard-agent-listen-port", "metrics-export-port")
    command += [f"--{name}={free_port()}" for name in ports]  # two jobs may share a node
    process = subprocess.Popen(
        command, env=environment(folder), stdin=subprocess.DEVNULL, start_new_session=True
    )
    try:
        yield process
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(TERM_SECONDS)
        _end_all()


def environment(folder: Folder) -> dict[str, str]:
    """Return the environment of Ray, which has no other variables of the user."""
    kept = {*KEPT, *chain.from_iterable(VARIABLES.values())}
    own = {name: os.environ[name] for name in kept if name in os.environ}
    user = pwd.getpwuid(os.getuid())
    return {
        **own,
        "HOME": user.pw_dir,
        "USER": user.pw_name,
        "LOGNAME": user.pw_name,
        "PATH": f"{Path(sys.executable).parent}:{SYSTEM_PATH}",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(folder.token),
        "RAY_DISABLE_DOCKER_CPU_WARNING": "1",
        "RAY_USAGE_STATS_ENABLED": "0",
    }


def cores() -> int:
    """Return the number of cores of this node that belong to the job."""
    count = os.environ.get("SLURM_CPUS_ON_NODE", "")
    return int(count) if count.isdigit() else len(os.sched_getaffinity(0))


@contextmanager
def _scratch() -> Iterator[Path]:
    """Yield a private folder of this node, and remove it afterwards.

    Its path is short, since Ray keeps sockets in it.
    """
    with temporary_folder("ray", Path("/tmp"), prefix="ar-") as path:
        yield path / "r"  # which Ray opens to everybody


def _end_all() -> None:
    """Kill all remaining processes of Ray; orphans were adopted by this process."""
    deadline = time.monotonic() + TERM_SECONDS
    while left := descendants(os.getpid(), inclusive=False):
        for pid in left:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if time.monotonic() > deadline:
            return
        time.sleep(LOOK_SECONDS / 20)


def _own_address() -> str:
    """Return the address at which the other nodes reach this one, as Ray finds it."""
    from ray.util import get_node_ip_address

    return str(get_node_ip_address())


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])


def _answers(address: str, port: int) -> bool:
    with suppress(OSError), socket.create_connection((address, port), timeout=1):
        return True
    return False


def _until(done: Callable[[], bool]) -> None:
    """Wait until `done`, or HEAD_SECONDS."""
    deadline = time.monotonic() + HEAD_SECONDS
    while not done() and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS / 2)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
