"""Ray: connects to a cluster, or starts one on this machine; token authentication is required."""

import importlib
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from shlex import quote
from typing import Any

from agent.errors import PlaceLost, UsageFault
from agent.evaluate.bench import Plan
from agent.evaluate.cluster import door
from agent.evaluate.cluster.line import Gone, Node, Silent
from agent.evaluate.cluster.measures import ClusterBench, Terms
from agent.evaluate.folders import Export
from sandbox.ground.text import one_line
from sandbox.score.evaluator.evaluation import Split

MODE = "RAY_AUTH_MODE"
TOKEN = ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")
TOKEN_FILE = ".ray/auth_token"
DEMANDED = {
    MODE: "token",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",  # or the working folder would travel
    "RAY_DISABLE_DOCKER_CPU_WARNING": "1",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "1",
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
    """Return a bench on a Ray cluster; it connects when it is opened."""
    address = terms.address
    return ClusterBench(plan, terms, lambda: RayCluster(address), folder, export, export_whole)


class RayCluster:
    """Cluster."""

    def __init__(self, address: str) -> None:
        """Connect. address: `ray://head:10001`, `head:6379`, or ANY.

        Raise UsageFault for what the user has to mend first, PlaceLost where nobody answers.
        """
        self._ray = _load(address)
        with _handlers_kept():
            self._connect(address)
        self._unwanted = _folders_of_driver()

    def _connect(self, address: str) -> None:
        ray = self._ray
        options: dict[str, Any] = {
            "log_to_driver": False,
            "logging_level": "ERROR",
            "namespace": "autoresearch",
        }
        try:
            if address in ANY and not os.environ.get("RAY_ADDRESS"):
                self._join_or_start(options)
            else:
                ray.init(os.environ["RAY_ADDRESS"] if address in ANY else address, **options)
        except Exception as error:
            raise _refusal(address, error) from None

    def _join_or_start(self, options: Mapping[str, Any]) -> None:
        """Join the cluster of this machine; where there is none, start one."""
        ray = self._ray
        try:
            ray.init("auto", **options)
        except ConnectionError:
            with _bare_environment():
                ray.init(
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
        """Start a station on a node; it holds so many of the node's CPUs and GPUs."""
        return RayLine(self._ray, node, cpus, gpus, self._unwanted)

    def close(self) -> None:
        """Leave; a cluster that was started here ends with it."""
        with suppress(Exception):
            self._ray.shutdown()


class RayLine:
    """Line, to an actor of Ray's that is pinned to its node and never begun again."""

    def __init__(self, ray: Any, node: Node, cpus: int, gpus: int, unwanted: Sequence[str]) -> None:
        """Start the actor. Raise Gone where it does not come up in time: its share is taken."""
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
    """Return an answer of the only form there is; raise Gone for any other."""
    if isinstance(answer, list) and answer and isinstance(answer[0], str):
        pieces = answer[1:]
        if all(isinstance(piece, bytes) for piece in pieces):
            return answer[0], pieces
    raise Gone("it answered in a form that no station has")


def _load(address: str) -> Any:
    """Return the module ray, loaded with the variables that it needs from the start."""
    if find_spec("ray") is None:
        raise UsageFault("Ray is not installed.", INSTALL)
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
    if address not in ANY and not _has_token():
        raise UsageFault(
            f"{quote(address)} needs a token, and there is none in ~/{TOKEN_FILE} or ${TOKEN[0]}.",
            f"ray get-auth-token --generate   # once; then {MODE}=token ray start --head",
        )
    return importlib.import_module("ray")


def _has_token() -> bool:
    return any(os.environ.get(name) for name in TOKEN) or (Path.home() / TOKEN_FILE).is_file()


def _refusal(address: str, error: Exception) -> UsageFault | PlaceLost:
    """Return what a failure to connect means for the user."""
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
    return PlaceLost(f"cannot connect to {where}: {one_line(text)}", "ray status")


def _cause(error: Exception) -> str:
    """Return why Ray gave up on an actor, in one line."""
    text = str(error)
    name = type(error).__name__
    if "memory" in text.lower() and "oom" in text.lower():
        return "Ray ended it, for its node ran out of memory"
    if name == "ActorUnavailableError":
        return "its node cannot be reached"
    if name == "ActorDiedError":
        is_node = "node has died" in text or "NODE_DIED" in text or "node was terminated" in text
        return "its node died" if is_node else "its process died"
    return one_line(f"{name}: {text}")


def _folders_of_driver() -> tuple[str, ...]:
    """Return the folders that Ray adds to the path of its workers: the project could be one."""
    script = os.path.realpath(sys.argv[0]) if sys.argv else ""
    return (str(Path.cwd()), os.path.dirname(script))  # noqa: PTH120


@contextmanager
def _handlers_kept() -> Iterator[None]:
    """Let a block change no signal's handler: Ray takes SIGTERM for itself."""
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
    """Let what a block starts inherit no key: it gets HANDED_ON of the environment."""
    before = dict(os.environ)
    kept = {
        name: value
        for name, value in before.items()
        if name in HANDED_ON or name.endswith("_VISIBLE_DEVICES") or name.startswith("RAY_")
    }
    os.environ.clear()
    os.environ.update(kept)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
