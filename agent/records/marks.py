"""Stars and comments of people and agents on trials."""

from collections.abc import Iterable
from dataclasses import dataclass

from agent.records.inputs import Admitted, Comment, Star


@dataclass(frozen=True)
class Marks:
    """The comments on one trial, and its star."""

    notes: tuple[str, ...]
    """Each with who wrote it, oldest first."""
    starred: bool


def marks_of(inputs: Iterable[Admitted], number: int) -> Marks:
    """Return the notes on a trial, and whether it has a star."""
    accepted = [admitted for admitted in inputs if admitted.accepted]
    notes = []
    for admitted in accepted:
        ask = admitted.input.ask
        if isinstance(ask, Comment) and ask.number == number:
            notes.append(f"{admitted.input.sender}: {ask.text}".removeprefix(": "))
    return Marks(tuple(notes), number in starred(accepted))


def starred(inputs: Iterable[Admitted]) -> frozenset[int]:
    """Return the numbers of the trials that have a star."""
    numbers: set[int] = set()
    for admitted in inputs:
        ask = admitted.input.ask
        if admitted.accepted and isinstance(ask, Star):
            (numbers.add if ask.on else numbers.discard)(ask.number)
    return frozenset(numbers)
