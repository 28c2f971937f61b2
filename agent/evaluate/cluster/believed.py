"""Checks the answers of a node against what the driver asked for."""

import hashlib
import threading
from collections.abc import Iterable

from agent.evaluate.bench import Assignment
from agent.evaluate.cluster.line import Unfit
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


def own_machine(standing: Standing, others: Iterable[Standing]) -> str:
    """Return the name of a place's machine, under which no other machine is known.

    Machines that were made of one image may have one identity. Taken for one, they would be
    compared without the error of a comparison across machines; so one that comes beside another
    host of its name gets a name that its host is a part of, the same one each time.
    """
    machine = standing.machine
    if all(other.machine != machine or other.host == standing.host for other in others):
        return machine
    _, space, model = machine.partition(" ")
    digits = hashlib.sha256(f"{machine} {standing.host}".encode()).hexdigest()[:DIGITS]
    return f"{digits}{space}{model}"
