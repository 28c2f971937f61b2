"""A cluster without Ray: stations in this process, behind the same questions and answers."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.evaluate.bench import Plan
from agent.evaluate.cluster.line import Gone, Node, Silent
from agent.evaluate.cluster.measures import ClusterBench
from agent.evaluate.cluster.station import Station
from agent.evaluate.cluster.terms import Terms
from agent.evaluate.folders import Export
from sandbox.score.metric import Metric

ACCURACY = Metric(name="accuracy", low=0.0, high=100.0)


@dataclass
class DirectLine:
    """Line, to a station in this process; `state` says how it answers."""

    station: Station
    state: str = "up"
    asked: list[tuple[str, int]] = field(default_factory=list)
    """The names of all questions, and the bytes beside each."""
    stutters: bool = False
    """Whether the first answer to each question is lost on its way."""
    dies_at: str = ""
    """The name of a question that the station does not live to answer."""
    lost: set[tuple[str, str]] = field(default_factory=set)
    """Questions whose answer was lost."""

    def ask(
        self, name: str, question: str, blobs: Sequence[bytes], seconds: float
    ) -> tuple[str, list[bytes]]:
        """Return the station's answer."""
        if name == self.dies_at:
            self.state = "gone"
        if self.state == "gone":
            raise Gone("its process died")
        if self.state == "silent":
            raise Silent("its node cannot be reached")
        self.asked.append((name, sum(map(len, blobs))))
        answer = self.station.ask(name, question, blobs)
        if self.stutters and (name, question) not in self.lost:
            self.lost.add((name, question))
            raise Silent("the answer was lost")
        return answer

    def close(self) -> None:
        """Do nothing: the station is a part of this process."""
        self.state = "gone"

    def bytes_sent(self) -> int:
        """Return how many bytes of files were sent so far."""
        return sum(size for name, size in self.asked if name == "put")


class DirectCluster:
    """Cluster, of as many nodes as it is told."""

    def __init__(self, scratch: Path, count: int) -> None:
        self.scratch = scratch
        self.alive = [Node(f"key-{i}", f"n{i}", 1, 0) for i in range(count)]
        self.lines: dict[str, DirectLine] = {}
        self.is_closed = False
        self.stutters = False
        self.is_cut_off = False
        self.has_hosts = False
        """Whether each node is a host of its own, as clones of one machine are."""
        self.says: dict[str, dict[str, Any]] = {}
        """What a node of this name says of itself, for what is true."""
        self.held: dict[str, threading.Event] = {}
        """What a node of this name waits for before its station starts."""
        self.started: list[str] = []
        """The names of nodes whose station was to start, each time."""

    def nodes(self) -> tuple[Node, ...]:
        """Return the nodes that are alive."""
        if self.is_cut_off:
            raise Gone("its head died")
        return tuple(self.alive)

    def line(self, node: Node, cpus: int, gpus: int) -> DirectLine:
        """Start a station, once nothing holds its node."""
        self.started.append(node.name)
        if node.name in self.held:
            self.held[node.name].wait(60)
        folder = self.scratch / node.key
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)
        says: dict[str, Any] = {"host": node.name} if self.has_hosts else {}
        says |= self.says.get(node.name, {})
        self.lines[node.name] = DirectLine(Station(folder, says), stutters=self.stutters)
        return self.lines[node.name]

    def close(self) -> None:
        """Note that it was left."""
        self.is_closed = True


def printed_plan(**changes: object) -> Plan:
    """Return the plan of trainings that print an accuracy."""
    fields: dict[str, object] = {
        "score": "printed",
        "train": "train.py",
        "data": None,
        "read_only": (),
        "budget": None,
        "memory_bytes": None,
        "metric": ACCURACY,
    }
    return Plan.model_validate({**fields, **changes})


def bench_on(
    cluster: DirectCluster,
    folder: Path,
    export: Export,
    plan: Plan | None = None,
    patience: float = 5.0,
    workers: int | None = None,
    stutters: bool = False,
) -> ClusterBench:
    """Return a bench on a cluster, not opened yet. stutters: as of its lines."""
    cluster.stutters = stutters
    terms = Terms(patience=patience, workers=workers)
    return ClusterBench(plan or printed_plan(), terms, lambda: cluster, folder, export)
