"""What the user asks of the places of a run, and what each node is asked for by it."""

import itertools
import math
import sys
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from agent.evaluate.bench import Plan
from agent.evaluate.cluster.line import Node
from agent.evaluate.cluster.member import Member
from agent.evaluate.cluster.sending import Sending
from agent.evaluate.cluster.software import software
from agent.evaluate.cluster.trees import Tree
from agent.evaluate.cluster.wire import Needs, Setup
from sandbox.ground.agreed import agreed

PATIENCE_SECONDS = 45.0
"""A place that is silent for so long is lost; it ends itself after as long without a question."""


@dataclass(frozen=True)
class Terms:
    """What the user asks of the places of a run."""

    address: str = ""
    """Of the cluster, as the engine has it; empty for the one that this machine belongs to."""
    workers: int | None = None
    """How many trials may run at once; None for one on each accelerator, or node without one."""
    has_memory_limit: bool = False
    """Whether the plan's memory is what the user stated; else each node shares out its own."""
    unsafe: bool = False
    imports: tuple[str, ...] = ()
    """What the interpreter of the trainings must be able to import inside the sandbox."""
    own_python: bool = True
    """Whether the trainings run on the harness's own interpreter: then on each node's."""
    patience: float = PATIENCE_SECONDS


def needs_of(plan: Plan, terms: Terms, sending: Sending) -> Needs:
    """Return what all trials need, with all that they may read; hashing it takes a while."""
    paths = list(plan.read_only)
    if plan.evaluation is not None:
        paths += [*plan.evaluation.hidden, *plan.evaluation.test]
    sent: dict[str, Tree] = {}
    for path in paths:
        if Path(path).exists():
            agreed(path)
            others = [hidden for hidden in plan.hidden if hidden != path]
            sent[path] = sending.folder(path, others)
    data = sending.folder(plan.data) if plan.data else None
    return Needs(
        plan=plan,
        has_memory_limit=terms.has_memory_limit,
        home=str(Path.home()),
        data=data,
        sent=sent,
    )


def python_of(terms: Terms, plan: Plan) -> str:
    """Return the interpreter of the trainings, as it would be on this machine."""
    return sys.executable if terms.own_python else plan.python


def setup_of(terms: Terms, plan: Plan, slots: int, cpus: int) -> Setup:
    """Return what a place is made with that is to have so many slots and cores."""
    return Setup(
        version=software(),
        patience=terms.patience,
        slots=slots,
        cores=cpus,
        unsafe=terms.unsafe,
        python="" if terms.own_python else plan.python,
        imports=terms.imports,
    )


def share_of(node: Node, members: Collection[Member], workers: int | None) -> int:
    """Return how many workers a node gets, of those that the user allows.

    members: all nodes, this one among them.
    """
    if workers is None:
        return node.gpus or 1
    taken = sum(member.share for member in members)
    each = math.ceil(workers / max(1, len(members)))  # cores are worth more on a node of their own
    most = node.gpus or min(node.cpus, each)
    return max(0, min(most, workers - taken))


def free_name(node: Node, members: Collection[Member]) -> str:
    """Return a name that no other node has now: its host, with a number if need be."""
    taken = {member.name for member in members}
    name = node.name
    for number in itertools.count(2):
        if name not in taken:
            break
        name = f"{node.name}-{number}"
    return name
