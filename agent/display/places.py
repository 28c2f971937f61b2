"""The places of a run on several machines: what trains where, and what was lost."""

from collections.abc import Callable, Iterator, Sequence

from agent.records.events import (
    REFUSED,
    Checking,
    Event,
    Heard,
    Judged,
    PlaceJoined,
    PlaceLeft,
    TrainingLost,
    TrialStarted,
    TrialWaits,
)
from sandbox.ground.record import Record

SHOWN = 16
"""The most places that are listed; further ones are counted."""


class SlotState(Record):
    """One slot, and the trial in it."""

    number: int
    trial: int | None = None


class PlaceState(Record):
    """One place."""

    name: str
    machine: str
    slots: tuple[SlotState, ...]

    @property
    def device(self) -> str:
        """The model of its device."""
        return self.machine.partition(" ")[2] or self.machine

    @property
    def trials(self) -> tuple[int, ...]:
        """The trials in its slots."""
        return tuple(slot.trial for slot in self.slots if slot.trial is not None)


class Gone(Record):
    """A place that left, or could not join."""

    name: str
    why: str

    @property
    def state(self) -> str:
        """`was refused` or `is gone`."""
        return "was refused" if self.why.startswith(REFUSED) else "is gone"


class Waits(Record):
    """An attempt that waits in a pause."""

    number: int
    run: int
    """Which of its runs it waits for, from 1."""


class Places(Record):
    """What trains where, by the run's events; no places for a run on this machine alone."""

    present: tuple[PlaceState, ...] = ()
    gone: tuple[Gone, ...] = ()
    """Places that left and have not returned; the newest is last."""
    lost: int = 0
    """The number of trainings that were lost with their places."""
    waiting: tuple[Waits, ...] = ()
    """Attempts that wait because the run is paused, those of this machine included."""

    @property
    def slots(self) -> int:
        """How many slots there are."""
        return sum(len(place.slots) for place in self.present)


HERE = Places()
"""The places of a run on this machine alone."""


def after(places: Places, event: Event) -> Places:
    """Return the places as they are after an event."""
    match event:
        case PlaceJoined(name, slots):
            added = [SlotState(number=slot.number) for slot in slots]
            machine = slots[0].machine if slots else ""
            return _joined(places, PlaceState(name=name, machine=machine, slots=tuple(added)))
        case PlaceLeft(name, why):
            present = tuple(place for place in places.present if place.name != name)
            others = tuple(place for place in places.gone if place.name != name)
            gone = (*others, Gone(name=name, why=why))
            return places.model_copy(update={"present": present, "gone": gone})
        case TrialStarted(attempt, slot) | Checking(attempt, slot):
            rest = _not_waiting(places, attempt.number)
            if not attempt.proposal.is_baseline:  # which alone runs in several at once
                rest = _without(rest, attempt.number)
            return _with(rest, slot, attempt.number)
        case TrialWaits(attempt, run):
            rest = _not_waiting(_without(places, attempt.number), attempt.number)
            waits = Waits(number=attempt.number, run=run)
            return rest.model_copy(update={"waiting": (*rest.waiting, waits)})
        case Heard(admitted) if admitted.input.ask.kind == "go":
            return places.model_copy(update={"waiting": ()})
        case TrainingLost(_, slot):
            return _with(places, slot, None).model_copy(update={"lost": places.lost + 1})
        case Judged(trial):
            return _not_waiting(_without(places, trial.number), trial.number)
    return places


def _not_waiting(places: Places, trial: int) -> Places:
    waiting = tuple(waits for waits in places.waiting if waits.number != trial)
    return places.model_copy(update={"waiting": waiting})


def _joined(places: Places, new: PlaceState) -> Places:
    before = next((place for place in places.present if place.name == new.name), None)
    if before is not None:
        numbers = {slot.number for slot in new.slots}
        kept = tuple(slot for slot in before.slots if slot.number not in numbers)
        new = new.model_copy(update={"slots": (*kept, *new.slots)})
    others = tuple(place for place in places.present if place.name != new.name)
    gone = tuple(place for place in places.gone if place.name != new.name)
    return places.model_copy(update={"present": (*others, new), "gone": gone})


def _with(places: Places, number: int, trial: int | None) -> Places:
    """Return the places with a trial, or none, in the slot of this number."""
    return _mapped(places, lambda slot: trial if slot.number == number else slot.trial)


def _without(places: Places, trial: int) -> Places:
    """Return the places without a trial in any slot."""
    return _mapped(places, lambda slot: None if slot.trial == trial else slot.trial)


def _mapped(places: Places, trial_of: Callable[[SlotState], int | None]) -> Places:
    present = []
    for place in places.present:
        slots = tuple(slot.model_copy(update={"trial": trial_of(slot)}) for slot in place.slots)
        present.append(place.model_copy(update={"slots": slots}))
    return places.model_copy(update={"present": tuple(present)})


def size_words(places: Places) -> str:
    """Return `16 slots in 4 places`."""
    slots = f"{places.slots} slot{'' if places.slots == 1 else 's'}"
    count = len(places.present)
    return f"{slots} in {count} place{'' if count == 1 else 's'}"


def brief_words(places: Places) -> list[str]:
    """Return each place in a word or two, for a line of the live view: `node-a 1/2`."""
    words = [f"{place.name} {len(place.trials)}/{len(place.slots)}" for place in _listed(places)]
    if len(places.present) > SHOWN:
        words.append(f"and {len(places.present) - SHOWN} more")
    words += [f"{gone.name} {gone.state}" for gone in places.gone[-2:]]
    if places.lost:
        words.append(lost_words(places.lost))
    return words


def place_lines(places: Places) -> Iterator[str]:
    """Yield a line for each place: its name, its device, its slots, and what trains there."""
    for place in _listed(places):
        trials = ", ".join(f"#{number}" for number in place.trials) or "nothing trains"
        slots = f"{len(place.slots)} slot{'' if len(place.slots) == 1 else 's'}"
        yield f"{place.name} ({place.device}), {slots}: {trials}"
    if len(places.present) > SHOWN:
        yield f"and {len(places.present) - SHOWN} more"
    for gone in places.gone[-3:]:
        yield f"{gone.name} {gone.state}: {gone.why.removeprefix(REFUSED)}"
    if places.lost:
        yield f"{lost_words(places.lost)}; each ran again elsewhere, or will"


def waits_line(number: int, run: int) -> str:
    """Return a line that a trial waits because the run is paused."""
    return f"#{number} waits before its run {run}, for the run is paused"


def left_line(place: str, why: str) -> str:
    """Return a line that a place left, or that a node was refused."""
    return f"{place} was {why}" if why.startswith(REFUSED) else f"{place} left: {why}"


def lost_line(number: int, place: str, why: str) -> str:
    """Return a line that a training was lost with its place."""
    where = f" with {place}" if place else ""
    return f"#{number} was lost{where}, and is first in line elsewhere: {why}"


def lost_words(count: int) -> str:
    """Return `1 training lost with its place`."""
    if count == 1:
        return "1 training lost with its place"
    return f"{count} trainings lost with their places"


def _listed(places: Places) -> Sequence[PlaceState]:
    return sorted(places.present, key=lambda place: place.name)[:SHOWN]
