"""Records of places that were lost during runs of an attempt."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from agent.records.bounded import Text
from sandbox.ground.record import Record
from sandbox.ground.text import one_line

MOST_LOSSES = 3
"""So many places are not lost by chance while one attempt's own code trains in them."""
MAX_CHARACTERS = 300
"""Of a name or a reason: it goes into commit messages."""

Words = Annotated[Text, Field(max_length=MAX_CHARACTERS)]


class Loss(Record):
    """One place that was lost while a run of an attempt was in it."""

    machine: Words
    place: Words = ""
    """Its name as it was shown; empty for the machine of the run itself."""
    why: Words
    own: bool = True
    """Whether the attempt's own code trained there, and not what it is compared with."""

    def __str__(self) -> str:
        """Return `node-b: the node died`."""
        name = self.place or self.machine
        why = self.why.removeprefix(f"{name} is lost: ").removeprefix(f"{name} is gone: ")
        return f"{name}: {why}"


def loss_of(machine: str, place: str, why: str, own: bool) -> Loss:
    """Return the record of a loss; names given by a node are made safe."""
    return Loss(
        machine=one_line(machine, MAX_CHARACTERS),
        place=one_line(place, MAX_CHARACTERS),
        why=one_line(why, MAX_CHARACTERS),
        own=own,
    )


def own_fault(losses: Sequence[Loss]) -> str | None:
    """Return why an attempt is to blame, once places were lost too often under its code."""
    own = [loss for loss in losses if loss.own]
    if len(own) < MOST_LOSSES:
        return None
    return f"takes its machine down: {len(own)} were lost under it; the last, {own[-1]}"
