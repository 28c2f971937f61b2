"""The notes that a model writes for its own later questions."""

from collections.abc import Sequence
from dataclasses import dataclass

from agent.records.inputs import Admitted, Remember

MAX_NOTES = 40
"""Notes that hold at once: beyond them the oldest fall out."""
MAX_NOTES_CHARACTERS = 12_000
"""Of all notes that hold, likewise."""


@dataclass(frozen=True)
class ResearchNote:
    """One note."""

    number: int
    """Counted from 1, over all notes of the run."""
    text: str
    after: int
    """How many trials the ledger had when it was written."""
    sender: str
    """Who wrote it: a model's name, or the run that it comes from."""


def notes_of(inputs: Sequence[Admitted]) -> tuple[ResearchNote, ...]:
    """Return the notes in force, oldest first: those that were not dropped and have room."""
    notes: dict[int, ResearchNote] = {}
    count = 0
    for admitted in inputs:
        ask = admitted.input.ask
        if not isinstance(ask, Remember) or not admitted.accepted:
            continue
        for number in ask.drop:
            notes.pop(number, None)
        if ask.text:
            count += 1
            sender = admitted.input.sender
            notes[count] = ResearchNote(count, ask.text, admitted.trials, sender)
            _prune(notes)
    return tuple(notes.values())


def written(inputs: Sequence[Admitted]) -> int:
    """Return how many notes were written so far, which is the number of the newest."""
    asks = [admitted.input.ask for admitted in inputs if admitted.accepted]
    return sum(isinstance(ask, Remember) and bool(ask.text) for ask in asks)


def fault_of(ask: Remember, notes: Sequence[ResearchNote]) -> str:
    """Return why a note is refused, given those in force; "" if it is not."""
    unknown = set(ask.drop) - {note.number for note in notes}
    return f"there is no note {min(unknown)} that could be dropped" if unknown else ""


def _prune(notes: dict[int, ResearchNote]) -> None:
    """Remove the oldest notes that there is no room for."""
    characters = sum(len(note.text) for note in notes.values())
    for number in sorted(notes):
        if len(notes) <= MAX_NOTES and characters <= MAX_NOTES_CHARACTERS:
            return
        characters -= len(notes.pop(number).text)
