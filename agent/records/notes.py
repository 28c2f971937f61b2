"""The researcher's notes: what a model wrote down for its own later questions."""

from collections.abc import Sequence
from dataclasses import dataclass

from agent.records.inputs import Admitted, Remember

MAX_NOTES = 40
"""Notes that hold at once: a new one beyond them needs an old one to be dropped."""
MAX_NOTES_CHARACTERS = 12_000
"""Of all notes that hold."""


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
    """Return the notes that hold, oldest first."""
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
    return tuple(notes.values())


def written(inputs: Sequence[Admitted]) -> int:
    """Return how many notes were ever written: the number of the newest."""
    asks = [admitted.input.ask for admitted in inputs if admitted.accepted]
    return sum(isinstance(ask, Remember) and bool(ask.text) for ask in asks)


def no_room_for(ask: Remember, notes: Sequence[ResearchNote]) -> str:
    """Return why a note cannot be taken beside those that hold, or ""."""
    left = [note for note in notes if note.number not in ask.drop]
    unknown = set(ask.drop) - {note.number for note in notes}
    if unknown:
        return f"there is no note {min(unknown)} that could be dropped"
    if not ask.text:
        return ""
    if len(left) >= MAX_NOTES:
        return f"{MAX_NOTES} notes hold already: drop some of them with the new one"
    characters = sum(len(note.text) for note in left) + len(ask.text)
    if characters > MAX_NOTES_CHARACTERS:
        return (
            f"all notes may have {MAX_NOTES_CHARACTERS} characters, and with this one they have "
            f"{characters}: drop some of them with it"
        )
    return ""
