"""Examines the nodes of a cluster: hardware, fitness for trials, and transfer rate."""

import hashlib
import os
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from agent.evaluate.cluster.line import Cluster, Gone, Node, Silent, Unfit
from agent.evaluate.cluster.place import PROOF_SECONDS, Place
from agent.evaluate.cluster.software import software
from agent.evaluate.cluster.trees import read_tree
from agent.evaluate.cluster.wire import Absent, Empty, Paths, Piece, Pieces, Setup, Standing
from agent.records.slots import Slot

PATIENCE_SECONDS = 45.0
SAMPLE_BYTES = 4 << 20
"""What is sent to a node to see how fast files come there."""


@dataclass(frozen=True)
class Demands:
    """What the trials of a project need of a node."""

    python: str = ""
    """As in Setup."""
    imports: tuple[str, ...] = ()
    read_only: tuple[str, ...] = ()
    """What trainings read besides the files of a commit."""
    hidden: tuple[str, ...] = ()
    checkout: str | None = None


@dataclass(frozen=True)
class Examined:
    """The result for one node."""

    name: str
    standing: Standing | None = None
    """None where it is not fit."""
    refused: str = ""
    fix: str = ""
    """What to type on it."""
    skew: float = 0.0
    """Seconds that its clock is ahead of this machine's."""
    sent: float = 0.0
    """Megabytes a second that came there."""
    absent: tuple[str, ...] = ()
    """Paths of read_only that a run would send there."""

    @property
    def slots(self) -> tuple[Slot, ...]:
        """The slots that a run would have there."""
        return self.standing.slots if self.standing else ()


def examine(cluster: Cluster, demands: Demands) -> tuple[Examined, ...]:
    """Return what each node shows, all at once. Nothing is left running, and nothing trains."""
    digests = {
        path: read_tree(Path(path), demands.hidden)[0].digest
        for path in demands.read_only
        if Path(path).exists()
    }
    nodes = cluster.nodes()
    with ThreadPoolExecutor(max(1, len(nodes)), thread_name_prefix="examine") as threads:
        return tuple(threads.map(lambda node: _examined(cluster, node, demands, digests), nodes))


def _examined(
    cluster: Cluster, node: Node, demands: Demands, digests: Mapping[str, str]
) -> Examined:
    try:
        place = Place(node.name, cluster.line(node, node.cpus, node.gpus), PATIENCE_SECONDS)
    except (Gone, Silent) as error:
        return Examined(node.name, refused=str(error))
    try:
        return _asked(place, node, demands, digests)
    except Unfit as unfit:
        return Examined(node.name, refused=str(unfit), fix=unfit.next_command or "")
    except Gone as gone:
        return Examined(node.name, refused=str(gone))
    finally:
        place.close(politely=True)


def _asked(place: Place, node: Node, demands: Demands, digests: Mapping[str, str]) -> Examined:
    setup = Setup(
        version=software(),
        patience=PATIENCE_SECONDS,
        slots=node.gpus,
        cores=node.cpus,
        python=demands.python,
        imports=demands.imports,
    )
    standing = place.prove(setup)
    skew = standing.clock - time.time()
    question = Paths(digests=dict(digests), hidden=demands.hidden, checkout=demands.checkout)
    absent, _ = place.ask("absent", question, Absent, seconds=PROOF_SECONDS)
    return Examined(
        place.name,
        standing,
        skew=round(skew, 1),
        sent=_rate(place),
        absent=tuple(path for path in absent.paths if path in digests),
    )


def _rate(place: Place) -> float:
    """Return the rate of sending random data to a place, in megabytes a second."""
    sample = os.urandom(SAMPLE_BYTES)
    sha = hashlib.sha256(sample).hexdigest()
    piece = Piece(sha=sha, offset=0, size=len(sample))
    began = time.monotonic()
    place.ask("put", Pieces(pieces=(piece,)), Empty, [sample])
    return round(len(sample) / 1e6 / (time.monotonic() - began), 1)
