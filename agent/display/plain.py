"""The run as lines of text, one per event, for logs and pipes: no colours, nothing cut."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.text import Text

from agent.display.format import Formatter, allowance_words, duration, formatter_for
from agent.display.places import left_line, lost_line, waits_line
from agent.display.scores import about_scores
from agent.display.steering import input_line
from agent.display.waits import wait_words
from agent.records.events import (
    Checking,
    Event,
    Heard,
    Judged,
    ModelWaited,
    Note,
    PlaceJoined,
    PlaceLeft,
    Progress,
    Proposed,
    Proposing,
    RunFinished,
    RunStarted,
    Scoring,
    TrainingLost,
    TrialStarted,
    TrialWaits,
)
from agent.records.results import Trial

# A night of lines must stay readable: a training is reported this often during its budget.
MARKS = 4
OTHER_RUNS = {
    "incumbent": "'s incumbent",
    "neutral": ", every float moved by a millionth,",
    "reference": ", the first baseline for its guards,",
    "fresh": ", for the target,",
}
"""Words for a run of another code than the attempt's, by its role."""


class PlainDisplay:
    """Prints a line for each event, at once, with the time.

    The progress of a training is printed MARKS times. stamp: the form of the time; by default the
    time of day.
    """

    def __init__(self, console: Console, stamp: str = "%H:%M:%S") -> None:
        self._console = console
        self._stamp = stamp
        self._formatter = formatter_for(console)
        self._marks: dict[tuple[int, int], int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass

    def handle(self, event: Event) -> None:
        """Print `event`, unless it is progress before the next mark."""
        if isinstance(event, RunStarted):
            self._formatter = formatter_for(self._console, event.objective)
        if isinstance(event, TrialStarted):
            self._marks[event.attempt.number, event.slot] = 0
        if isinstance(event, Progress) and not self._passes_mark(event):
            return
        line = self._formatter.line(
            f"{time.strftime(self._stamp)} {describe(event, self._formatter)}"
        )
        self._console.print(Text(line), soft_wrap=True)

    def _passes_mark(self, event: Progress) -> bool:
        mark = int(event.fraction * MARKS)
        training = (event.number, event.slot)
        last = self._marks.get(training, 0)
        self._marks[training] = max(mark, last)
        return mark > last


def describe(event: Event, formatter: Formatter) -> str:
    """Return one line about `event`. It may contain untrusted text, which the caller escapes."""
    match event:
        case RunStarted():
            about = about_scores(event.trials, formatter)
            return (
                f"run {event.tag} on {event.branch}: method {event.method}, "
                f"model {event.model or 'none'}, {allowance_words(event.budget)}, "
                f"sandbox tier {event.tier}, workers {event.workers or 'as places have slots'}, "
                f"{len(event.trials)} trials so far" + (f", {about}" if about else "")
            )
        case Proposing(method, writing):
            others = f", {writing} drafts in writing" if writing > 1 else ""
            return f"{method} is proposing{others}"
        case Proposed(proposal):
            return f"proposed: {proposal.hypothesis}"
        case ModelWaited(until, reason):
            return wait_words(until, reason)
        case TrialStarted(attempt, slot, seed, run, role, place):
            which = f", run {run}" if run > 1 else ""
            whose = OTHER_RUNS.get(role, "")
            where = slot_words(slot, place)
            trains = f"#{attempt.number}{whose} trains in {where} with seed {seed}{which}"
            return f"{trains}: {attempt.proposal.hypothesis}"
        case TrialWaits(attempt, run):
            return waits_line(attempt.number, run)
        case Progress(number, fraction, loss, _):
            return f"#{number} at {fraction:.0%}, loss {loss:.4f}"
        case Scoring(number):
            return f"#{number} is being scored"
        case Checking(attempt, _, command):
            return f"#{attempt.number} is checked by: {command}"
        case Judged(trial):
            return verdict_line(trial, formatter)
        case Heard(admitted):
            return input_line(admitted)
        case PlaceJoined(place, slots):
            return f"{place} joined, with {len(slots)} slot{'s' if len(slots) > 1 else ''}"
        case PlaceLeft(place, why):
            return left_line(place, why)
        case TrainingLost(attempt, slot, place, why):
            return lost_line(attempt.number, slot_words(slot, place), why)
        case Note(text):
            return f"note: {text}"
        case RunFinished(reason):
            return f"finished: {reason}"


def slot_words(slot: int, place: str) -> str:
    """Return `slot 3`, or `slot 3 of node-b` where it is elsewhere."""
    return f"slot {slot} of {place}" if place else f"slot {slot}"


def verdict_line(trial: Trial, formatter: Formatter) -> str:
    """Return `#8 keep 0.974729 (-0.006174) in 12 s: hypothesis [reason]`."""
    delta = f" ({formatter.change(trial.delta)})" if trial.delta is not None else ""
    value = f" {formatter.score(trial.value)}" if trial.value is not None else ""
    took = f" in {duration(trial.result.seconds)}" if trial.result else ""
    verdict = f"#{trial.number} {trial.status}{value}{delta}{took}"
    return f"{verdict}: {trial.proposal.hypothesis} [{trial.reason}]"
