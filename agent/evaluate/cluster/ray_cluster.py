"""Connects to a Ray cluster, or starts one on this machine. Token authentication is required."""

import importlib
import os
import secrets
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from shlex import quote
from typing import Any

from agent.errors import Fault, PlaceLost, UsageFault
from agent.evaluate.bench import Plan
from agent.evaluate.cluster import door
from agent.evaluate.cluster.line import STATUS, Gone, Node, Silent
from agent.evaluate.cluster.measures import ClusterBench
from agent.evaluate.cluster.ray_door import CLIENT, refuse_open
from agent.evaluate.cluster.station import SCRATCH
from agent.evaluate.cluster.terms import Terms
from agent.evaluate.folders import Export
from sandbox.ground.plain_files import start_of
from sandbox.ground.text import one_line
from sandbox.score.evaluator.evaluation import Split

MODE = "RAY_AUTH_MODE"
PATIENT = "RAY_gcs_rpc_server_reconnect_timeout_s"
TOKEN = ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")
TLS = "RAY_USE_TLS"
"""If it is set, a head answers only clients that have a certificate."""
TOKEN_FILE = ".ray/auth_token"
DEMANDED = {
    MODE: "token",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",  # or the working folder would travel
    "RAY_DISABLE_DOCKER_CPU_WARNING": "1",
    PATIENT: "3600",  # a driver would end itself after a minute without a head
    "RAY_ENABLE_AUTO_CONNECT": "0",  # or a question to a lost cluster would start one here
}
INJECTED = ("RAY_JOB_CONFIG_JSON", "RAY_RUNTIME_ENV_HOOK")
"""Variables by which an environment would travel with the job."""
HANDED_ON = ("PATH", "HOME", "LANG", "TMPDIR", "USER", "LOGNAME", "LD_LIBRARY_PATH")
"""What a cluster that is started here gets of this process's environment, with *_VISIBLE_DEVICES
and Ray's own: no key is among it."""
ANY = ("auto", "")
"""The cluster that this machine belongs to; where there is none, one of this machine alone."""
START_SECONDS = 60.0
"""How long a station may wait for its share of a node, and for Python to start."""
CONNECT_SECONDS = 5.0
JOIN_TRIES = 4
JOIN_SECONDS = 3.0
MIN_STORE_BYTES = 100 << 20
CONCURRENCY = 64
"""Questions that one place answers at once."""
INSTALL = "pip install 'autoresearch[cluster]'"


def open_on_ray(
    plan: Plan,
    terms: Terms,
    folder: Path,
    export: Export,
    export_whole: Callable[[Path, Split], None] | None = None,
) -> ClusterBench:
    """Return a bench on a Ray cluster, which connects when it is opened."""
    address = terms.address
    return ClusterBench(plan, terms, lambda: RayCluster(address), folder, export, export_whole)


def check_reach(address: str) -> None:
    """Connect to an existing cluster, and disconnect again.

    Raise UsageFault or PlaceLost as RayCluster does. No cluster is started.
    """
    _load(address)
    if address not in ANY or _own_cluster():
        RayCluster(address).close()


class RayCluster:
    """The interface Cluster for Ray."""

    def __init__(self, address: str) -> None:
        """Connect. address: `ray://head:10001`, `head:6379`, or ANY.

        Raise UsageFault for what the user has to fix first, PlaceLost if nobody answers.
        """
        self._ray = _load(address)
        with _handlers_kept():
            self._connect(address)
        self._unwanted = () if address.startswith(CLIENT) else _folders_of_driver()

    def _connect(self, address: str) -> None:
        options: dict[str, Any] = {
            "log_to_driver": False,
            "logging_level": "ERROR",
            "namespace": "autoresearch",
        }
        try:
            cluster = _own_cluster() if address in ANY else address
            if cluster:
                _find(cluster)
                self._join(cluster, options)
            else:
                self._start(options)
        except Fault:
            raise
        except Exception as error:
            raise _refusal(address, error) from None

    def _join(self, cluster: str, options: Mapping[str, Any]) -> None:
        """Connect to an existing cluster, again if a head that is just starting refuses."""
        for _ in range(JOIN_TRIES - 1):
            try:
                self._ray.init(cluster, **options)
                return
            except (ConnectionError, RuntimeError) as error:
                if isinstance(_refusal(cluster, error), UsageFault):
                    raise
            with suppress(Exception):
                self._ray.shutdown()
            time.sleep(JOIN_SECONDS)
        self._ray.init(cluster, **options)

    def _start(self, options: Mapping[str, Any]) -> None:
        """Start a cluster with this machine as its only node."""
        _make_token()
        with _bare_environment():
            self._ray.init(
                "local",
                include_dashboard=False,
                object_store_memory=MIN_STORE_BYTES,
                **options,
            )

    def nodes(self) -> tuple[Node, ...]:
        """Return the nodes that are alive and have a CPU or GPU."""
        try:
            described = self._ray.nodes()
        except Exception as error:
            raise Gone(_cause(error)) from None
        nodes = []
        for entry in described:
            resources = entry.get("Resources") or {}
            gpus = int(resources.get("GPU", 0))
            cpus = int(resources.get("CPU", 0))
            if entry.get("Alive") and (cpus or gpus):
                host = entry.get("NodeManagerHostname") or entry.get("NodeManagerAddress")
                name = one_line(str(host), 60)
                nodes.append(Node(str(entry["NodeID"]), name, max(cpus, 1), gpus))
        return tuple(nodes)

    def line(self, node: Node, cpus: int, gpus: int) -> "RayLine":
        """Start a station that holds so many CPUs and GPUs of a node."""
        return RayLine(self._ray, node, cpus, gpus, self._unwanted)

    def close(self) -> None:
        """Disconnect. A cluster that was started here ends."""
        with suppress(Exception):
            self._ray.shutdown()


class RayLine:
    """The interface Line to an actor of Ray, which stays on its node and is never restarted."""

    def __init__(self, ray: Any, node: Node, cpus: int, gpus: int, unwanted: Sequence[str]) -> None:
        """Start the actor. Raise Gone if it does not start in time: its CPUs or GPUs are in use."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        self._ray = ray
        ray.cloudpickle.register_pickle_by_value(door)
        options = ray.remote(door.Door).options(
            num_cpus=cpus,
            num_gpus=gpus,
            max_restarts=0,
            max_task_retries=0,
            max_concurrency=CONCURRENCY,
            scheduling_strategy=NodeAffinitySchedulingStrategy(node.key, soft=False),
        )
        self._actor = options.remote(list(unwanted))
        try:
            self.ask("ping", "{}", (), START_SECONDS)
        except Silent:
            self.close()
            held = f"{gpus} GPUs" if gpus else f"{cpus} CPUs"
            why = f"its {held} did not become free in {START_SECONDS:g} s: another job has them"
            raise Gone(why) from None

    def ask(
        self, name: str, question: str, blobs: Sequence[bytes], seconds: float
    ) -> tuple[str, list[bytes]]:
        """Return an answer; see Line."""
        exceptions = self._ray.exceptions
        try:
            reply = self._actor.ask.remote(name, question, list(blobs))
            answer = self._ray.get(reply, timeout=seconds)
        except exceptions.GetTimeoutError:
            raise Silent(f"no answer in {seconds:g} s") from None
        except exceptions.ActorUnavailableError as error:
            raise Silent(_cause(error)) from None
        except Exception as error:
            raise Gone(_cause(error)) from None
        return _checked(answer)

    def close(self) -> None:
        """Kill the actor."""
        with suppress(Exception):
            self._ray.kill(self._actor, no_restart=True)


def _checked(answer: Any) -> tuple[str, list[bytes]]:
    """Return an answer if it has the right form; raise Gone if not."""
    if isinstance(answer, list) and answer and isinstance(answer[0], str):
        pieces = answer[1:]
        if all(isinstance(piece, bytes) for piece in pieces):
            return answer[0], pieces
    raise Gone("it answered in a form that no station has")


def _load(address: str) -> Any:
    """Import ray with the environment variables that it reads at import; return the module."""
    if find_spec("ray") is None:
        raise UsageFault("Ray is not installed.", INSTALL)
    if find_spec("grpc") is None:
        raise UsageFault("Ray is there, but its client is not installed.", INSTALL)
    mode = os.environ.get(MODE, "token")
    if mode.lower() != "token":
        message = (
            f"{MODE} is {one_line(mode)}: whoever reaches such a cluster runs code on it. "
            "autoresearch uses Ray with token authentication only."
        )
        raise UsageFault(message, f"export {MODE}=token   # here, and where the cluster is started")
    for name in INJECTED:
        os.environ.pop(name, None)
    os.environ.update(DEMANDED)
    stated = _stated() if address in ANY else address
    if stated and not _has_token():
        raise UsageFault(
            f"{quote(stated)} needs a token, and there is none in ~/{TOKEN_FILE} or ${TOKEN[0]}.",
            f"ray get-auth-token --generate   # once; then {MODE}=token ray start --head",
        )
    ray = importlib.import_module("ray")
    # Ray prints the troubles of nodes to stdout, where --json has its events.
    worker = importlib.import_module("ray._private.worker")
    worker.print_to_stdstream = lambda *_, **__: None  # type: ignore[attr-defined]
    return ray


def _own_cluster() -> str:
    """Return the address of the cluster that this machine belongs to; "" without one.

    It is RAY_ADDRESS, else the cluster that this user or root started here last. (Ray itself would
    try that of any user.)
    """
    named = _stated()
    if named:
        return named
    note = Path(os.environ.get("RAY_TMPDIR") or "/tmp") / "ray/ray_current_cluster"
    try:
        if note.stat().st_uid not in (os.geteuid(), 0):
            return ""
        address = (start_of(note, 300) or b"").decode().strip()
        host, _, port = address.rpartition(":")
        socket.create_connection((host, int(port)), CONNECT_SECONDS).close()
    except (OSError, ValueError):
        return ""
    return address


def _stated() -> str:
    """Return the address in RAY_ADDRESS; empty where that leaves it to Ray which one is meant."""
    address = os.environ.get("RAY_ADDRESS", "")
    return "" if address in (*ANY, "local") else address


def _find(address: str) -> None:
    """Wait for a cluster to answer, since its head may be starting.

    Raise PlaceLost if it does not answer in time. (Ray itself would try for many minutes.)
    """
    for _ in range(JOIN_TRIES - 1):
        if refuse_open(address):
            return
        time.sleep(JOIN_SECONDS)
    if not refuse_open(address) and os.environ.get(TLS, "0").lower() in ("0", "false", ""):
        raise PlaceLost(f"cannot connect to {address}: nothing answers there", STATUS)


def _make_token() -> None:
    """Make a token if this user has none. One made by Ray would be readable for everybody."""
    if _has_token():
        return
    file = Path.home() / TOKEN_FILE
    try:
        file.parent.mkdir(mode=0o700, exist_ok=True)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as token:
            token.write(secrets.token_hex(32))
    except OSError as error:
        message = f"cannot write a token for Ray to {file}: {error.strerror}"
        raise UsageFault(message, f"ls -ld {quote(str(file.parent))}") from None


def _has_token() -> bool:
    return any(os.environ.get(name) for name in TOKEN) or (Path.home() / TOKEN_FILE).is_file()


def _refusal(address: str, error: Exception) -> UsageFault | PlaceLost:
    """Return the fault for a failed connection."""
    text = str(error)
    if "Version mismatch" in text:
        return UsageFault(
            f"the cluster has another Ray or Python: {one_line(text)}",
            f"{INSTALL}   # the same versions on every node",
        )
    if type(error).__name__ == "AuthenticationError" or "authentication" in text.lower():
        return UsageFault(
            f"the cluster refused the token: {one_line(text)}",
            f"{MODE}=token ray start --head   # and the head's ~/{TOKEN_FILE} here",
        )
    where = "Ray on this machine" if address in ANY else address
    why = f"{one_line(text)} (it is down, or has another token than ~/{TOKEN_FILE} here)"
    return PlaceLost(f"cannot connect to {where}: {why}", STATUS)


def _cause(error: Exception) -> str:
    """Return in one line why Ray lost an actor."""
    text = str(error)
    name = type(error).__name__
    if name == "OutOfMemoryError" or "low on memory" in text:
        return "Ray ended it, for its node ran out of memory"
    if name == "ActorUnavailableError":
        return "its node cannot be reached"
    if name == "ActorDiedError":
        is_node = "node has died" in text or "NODE_DIED" in text or "node was terminated" in text
        return "its node died" if is_node else "its process died"
    if "closed channel" in text:
        return "the connection to its head is closed"
    if name == "RaySystemError":  # as for an answer that cannot be unpacked; a traceback follows
        text = text.partition("\n")[0]
    return one_line(f"{name}: {text}")


def _is_handed_on(name: str) -> bool:
    """Return whether a cluster started here gets this environment variable."""
    if name.startswith("RAY_"):
        return name != PATIENT
    return name in HANDED_ON or name.endswith("_VISIBLE_DEVICES") or name == SCRATCH


def _folders_of_driver() -> tuple[str, ...]:
    """Return the folders that Ray adds to the path of its workers, such as the project's."""
    script = str(Path(os.path.realpath(sys.argv[0])).parent)
    return (str(Path.cwd()), *([script] if script in sys.path else []))


@contextmanager
def _handlers_kept() -> Iterator[None]:
    """Restore the signal handlers after the block: Ray replaces that of SIGTERM."""
    heeded = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in heeded}
    try:
        yield
    finally:
        for number, handler in before.items():
            with suppress(ValueError):  # not the main thread: then Ray could not change it either
                signal.signal(number, handler)


@contextmanager
def _bare_environment() -> Iterator[None]:
    """Reduce the environment to HANDED_ON for the block, so that nothing inherits a key."""
    before = dict(os.environ)
    kept = {name: value for name, value in before.items() if _is_handed_on(name)}
    os.environ.clear()
    os.environ.update(kept)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
