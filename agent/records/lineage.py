"""Where a run comes from: the state of another run that it began at."""

from typing import Annotated

from pydantic import Field

from agent.records.bounded import Natural
from sandbox.ground.record import Record

MAX_TAG = 200

CommitName = Annotated[str, Field(pattern=r"^[0-9a-f]{40,64}$")]


class Parent(Record):
    """The state of another run at which a run began.

    The run's start commit holds it, so it is never lost with the other run's branch.
    """

    tag: Annotated[str, Field(max_length=MAX_TAG)]
    """What the other run was called then."""
    trial: Natural | None = None
    """The number of the trial; None for the newest state of its branch."""
    first: CommitName
    """The other run's first commit, which tells it apart whatever it is called now."""

    def __str__(self) -> str:
        """Return `nov24#7`, or `nov24` for the newest state of its branch."""
        return self.tag if self.trial is None else f"{self.tag}#{self.trial}"
