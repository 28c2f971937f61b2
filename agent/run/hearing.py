"""Admits what waits in a run's inbox: each input is answered and committed once."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime

from agent.records.inputs import Admitted, Comment, Input
from agent.run.answers import Answer, answer_to
from agent.run.inbox import MAX_WAITING, Inbox, Torn, new_input
from agent.run.ledger import Ledger

MAX_INPUTS = 10_000
"""Inputs that a run records. What comes then is removed and not recorded."""
LOOK_SECONDS = 0.5
"""How long a sender waits until the loop looks."""


class Hearing:
    """The inputs of one session of work on a run."""

    def __init__(self, ledger: Ledger, inbox: Inbox) -> None:
        self._ledger = ledger
        self._inbox = inbox
        self._looked = -LOOK_SECONDS

    def admit(self) -> Iterator[Admitted | str]:
        """Yield what was admitted now, already committed, and words about what could not be read.

        A file that a killed process left after its input was committed is only removed.
        """
        if time.monotonic() - self._looked < LOOK_SECONDS:
            return
        self._looked = time.monotonic()
        for waiting in self._inbox.read():
            if isinstance(waiting, Torn):
                self._inbox.remove(waiting)
                yield f"{waiting.name} in the inbox is no input: {waiting.reason}"
            elif self._is_new(waiting):
                yield self._record(waiting, answer_to(waiting, self._ledger))
                self._inbox.remove(waiting)
            else:
                self._inbox.remove(waiting)
        if self._inbox.take_flood():
            asked = new_input(Comment(text="a flood of inputs"), "inbox")
            why = f"more than {MAX_WAITING} waited at once: what came then was not taken"
            yield self._record(asked, Answer(False, why))

    def _is_new(self, asked: Input) -> bool:
        inputs = self._ledger.history.inputs
        if len(inputs) >= MAX_INPUTS:
            return False
        return all(admitted.input.id != asked.id for admitted in inputs)

    def _record(self, asked: Input, answer: Answer) -> Admitted:
        history = self._ledger.history
        admitted = Admitted(
            input=asked,
            at=datetime.now(UTC).isoformat(timespec="seconds"),
            accepted=answer.accepted,
            why=answer.why,
            trials=len(history.trials),
        )
        history.admit(admitted)
        return admitted
