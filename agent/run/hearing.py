"""Answers the inputs that wait in a run's inbox, and commits each of them once."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Protocol

from agent.records.inputs import Admitted, Comment, Input, Set
from agent.run.inbox import MAX_WAITING, Inbox, Torn, new_input
from agent.run.input_answers import Answer, answer_to
from agent.run.ledger import Ledger
from agent.run.sent_refs import SentRefs

MAX_INPUTS = 10_000
"""The most inputs that a run records. Later ones are removed unanswered."""
LOOK_SECONDS = 0.5
"""How often the loop looks into the inbox."""
REFS_SECONDS = 2.0
"""How often it looks for inputs that were pushed from another machine."""


class Source(Protocol):
    """A place where inputs wait: the folder, or refs."""

    def read(self) -> list[Input | Torn]: ...

    def remove(self, waiting: Input | Torn) -> None: ...


class Hearing:
    """Admits the inputs of one session."""

    def __init__(self, ledger: Ledger, inbox: Inbox) -> None:
        history = ledger.history
        self._ledger = ledger
        self._inbox = inbox
        self._refs = SentRefs(history.project, history.tag)
        self._looked = -LOOK_SECONDS
        self._looked_at_refs = -REFS_SECONDS

    def admit(self, at_once: bool = False) -> Iterator[Admitted | str]:
        """Yield each input that was admitted and committed now, and a line for each unreadable one.

        at_once: look even if the last look was a moment ago. An input that is on the branch
        already, as a killed process leaves it, is only removed.
        """
        now = time.monotonic()
        if now - self._looked < LOOK_SECONDS and not at_once:
            return
        self._looked = now
        yield from self._admit_from(self._inbox)
        if now - self._looked_at_refs >= REFS_SECONDS:
            self._looked_at_refs = now
            yield from self._admit_from(self._refs)
        if self._inbox.take_flood():
            asked = new_input(Comment(text="a flood of inputs"), "inbox")
            why = f"more than {MAX_WAITING} waited at once: what came then was not taken"
            yield self._record(asked, Answer(False, why))

    def _admit_from(self, source: Source) -> Iterator[Admitted | str]:
        for waiting in source.read():
            if isinstance(waiting, Torn):
                source.remove(waiting)
                yield f"{waiting.name} in the inbox is no input: {waiting.reason}"
            elif self._is_new(waiting):
                admitted = self._record(waiting, self._answer(waiting, source))
                source.remove(waiting)
                yield admitted
            else:
                source.remove(waiting)

    def _answer(self, asked: Input, source: Source) -> Answer:
        ask = asked.ask
        sets_cost = isinstance(ask, Set) and (ask.max_cost is not None or "max_cost" in ask.lift)
        if sets_cost and source is self._refs:
            return Answer(False, "the bound on cost is set only on the machine of the run")
        return answer_to(asked, self._ledger)

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
