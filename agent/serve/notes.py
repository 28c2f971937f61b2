"""The tool with which a researcher writes notes for its later questions, and drops old ones."""

from typing import Annotated

from pydantic import Field

from agent.errors import UsageFault
from agent.records.inputs import MAX_NOTE, Remember
from agent.serve.read import Run
from agent.serve.sending import InputSender
from agent.serve.tool_answers import InputState

MOST_AT_ONCE = 5
"""The most notes that one proposal may write; each is a commit."""


class NoteTools:
    """The tool that writes notes for one proposal; each note is a commit on the run's branch."""

    def __init__(self, sender: InputSender, author: str) -> None:
        self._sender = sender
        self._author = author
        self._written = 0

    def note(
        self,
        text: Annotated[
            str, Field(max_length=MAX_NOTE, description="What you learnt, in a sentence or two.")
        ] = "",
        drop: Annotated[
            list[int],
            Field(max_length=100, description="Numbers of notes that no longer hold."),
        ] = [],  # noqa: B006 -- pydantic copies it
        run: Run = None,
    ) -> InputState:
        """Write a note that your later questions show; drop notes that are wrong or of no use."""
        if not text and not drop:
            raise UsageFault("There is nothing to note: give text, or numbers to drop.")
        if self._written >= MOST_AT_ONCE:
            raise UsageFault(f"{self._written} notes are written, which is the bound: propose now.")
        self._written += 1
        return self._sender.send_as(run, Remember(text=text, drop=tuple(drop)), self._author)
