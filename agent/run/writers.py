"""The threads that ask methods for proposals, several at once."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Self

from agent.project.staffing import MAX_WRITERS
from agent.propose import Context, Proposer, Unreadable
from agent.propose.context import Unfinished
from agent.records.proposals import Proposal, Provenance


@dataclass(frozen=True)
class Draft:
    """A proposal that is being written."""

    number: int
    """Its place among the drafts of the session, from 0."""
    context: Context
    """The state of the run that it is written from."""
    fills: bool = False
    """Whether a search method writes it to fill in for a slow model."""


@dataclass(frozen=True)
class Drafted:
    """A method has answered."""

    draft: Draft
    proposal: Proposal | Unreadable


@dataclass(frozen=True)
class DraftFailed:
    """Asking a method raised an exception."""

    draft: Draft
    error: BaseException
    spent: Provenance | None = None
    """The questions before that and their cost; None if nothing was answered."""


class Writers:
    """Asks methods for proposals in threads of its own; leaving the block cancels and waits.

    put: receives the answers, from any thread.
    """

    def __init__(
        self, put: Callable[[Drafted | DraftFailed], None], cancel: threading.Event
    ) -> None:
        self._put = put
        self._cancel = cancel
        self._asked = 0
        self.writing: dict[int, Draft] = {}
        """The drafts that are being written, by number."""
        self._pool = ThreadPoolExecutor(MAX_WRITERS + 1, thread_name_prefix="propose")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.call_off()

    @property
    def drafts(self) -> tuple[Draft, ...]:
        """The drafts of the method, without those that fill in, the oldest first."""
        return tuple(draft for draft in self.writing.values() if not draft.fills)

    @property
    def is_filling(self) -> bool:
        """Whether a draft that fills in is being written."""
        return any(draft.fills for draft in self.writing.values())

    def ask(self, proposer: Proposer, context: Context, fills: bool = False) -> None:
        """Ask a method for its next proposal."""
        draft = Draft(self._asked, context, fills)
        self._asked += 1
        self.writing[draft.number] = draft

        def work() -> Drafted | DraftFailed:
            try:
                return Drafted(draft, proposer.propose(context))
            except Unfinished as unfinished:
                return DraftFailed(draft, unfinished.fault, unfinished.by)
            except BaseException as error:
                return DraftFailed(draft, error)

        self._pool.submit(lambda: self._put(work()))

    def call_off(self) -> None:
        """Cancel the drafts, and wait until every thread has ended."""
        self._cancel.set()
        self._pool.shutdown()

    def end(self, draft: Draft) -> None:
        """Remove a draft that has ended."""
        del self.writing[draft.number]
