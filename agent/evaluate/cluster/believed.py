"""Checks the answers of a node against what the driver asked for."""

import hashlib
import threading
from collections.abc import Mapping

from agent.evaluate.bench import Assignment
from agent.evaluate.cluster.line import Unfit
from agent.evaluate.cluster.packages import digest_of
from agent.evaluate.cluster.wire import Ending, Standing
from agent.records.slots import Slot

DIGITS = 8
"""As in the name of a machine."""


def check_ending(ending: Ending, assignment: Assignment, cancel: threading.Event) -> None:
    """Raise Unfit if the end of a run does not fit the order.

    Only a run that was cancelled ends without a result. A node that ended it for another reason,
    such as a long silence of the driver, has lost the run.
    """
    if ending.fault:
        raise Unfit(ending.fault)
    order = assignment.order
    outcome = ending.checks if order.checks else ending.result
    if outcome is None and not cancel.is_set():
        raise Unfit("it ended a run that was not cancelled")
    wanted = (assignment.slot.machine, order.seed, order.role)
    for score in ending.result.scores if ending.result else ():
        if (score.machine, score.seed, score.role) != wanted:
            raise Unfit("a result is not of what was ordered")


def checked_slots(standing: Standing, asked: int) -> tuple[Slot, ...]:
    """Return the slots of a place. Raise Unfit if there are none, or more than `asked`."""
    count = len(standing.slots)
    if not 1 <= count <= asked:
        raise Unfit(f"it says that it has {count} slots, where {asked} were asked for")
    return standing.slots


class Machines:
    """The names of the machines of a session, by which scores are compared.

    Machines that were made of one image may have one identity. Taken for one, they would be
    compared without the error of a comparison across machines; so one that comes after another host
    of its name gets a name that its host is a part of. One with other packages than the driver's is
    another kind of machine: scores of two kinds are not compared.
    """

    def __init__(self, packages: Mapping[str, str]) -> None:
        """packages: the driver's, with their versions."""
        self._packages = packages
        # By machine and host, as they say themselves.
        self._names: dict[tuple[str, str], str] = {}

    def name(self, standing: Standing) -> str:
        """Return the name of a place's machine, the same one each time in this session."""
        key = (self._kind(standing), standing.host)
        if key not in self._names:
            is_new = key[0] not in self._names.values()
            self._names[key] = key[0] if is_new else _named_by_host(*key)
        return self._names[key]

    def _kind(self, standing: Standing) -> str:
        if standing.packages == self._packages:
            return standing.machine
        return f"{standing.machine}, packages {digest_of(standing.packages)}"


def _named_by_host(machine: str, host: str) -> str:
    _, space, model = machine.partition(" ")
    digits = hashlib.sha256(f"{machine} {host}".encode()).hexdigest()[:DIGITS]
    return f"{digits}{space}{model}"
