"""Puts attempts in flight in order after a branch was renamed or set back by hand."""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from agent.git.home import is_tag
from agent.git.lock import holder
from agent.git.plumbing import Plumbing
from agent.history import checkout
from agent.history.flights import Flight, Flights, abandoned_tags, readable_flights
from agent.history.opening import locked
from agent.history.runs import lock_path
from agent.project.find import Project
from agent.records.results import Attempt, Trial


class Branch(Protocol):
    """The part of a History that is needed here."""

    tag: str

    @property
    def flights(self) -> Flights: ...

    @property
    def numbers(self) -> frozenset[int]: ...

    @property
    def judged(self) -> frozenset[str]: ...

    @property
    def next_number(self) -> int: ...

    def has(self, commit: str) -> bool: ...

    def commit_verdict(self, attempt: Attempt, trial: Trial) -> Trial: ...


def mend(git: Plumbing, project: Project, branch: Branch) -> None:
    """Put every attempt in flight in order.

    Attempts of a branch that was renamed to this one are taken over. An attempt on a commit that
    the branch no longer has is recorded as refused. An attempt whose number is taken by now gets a
    new one.
    """
    _take_over(git, project, branch)
    numbers = set(branch.numbers)
    for flight in list(branch.flights):
        attempt = flight.attempt
        free = attempt.number not in numbers
        numbers.add(attempt.number)
        if not branch.has(attempt.parent):
            _refuse(branch, attempt, attempt.number if free else branch.next_number)
        elif not free:
            branch.flights.renumber(flight, branch.next_number)


def _take_over(git: Plumbing, project: Project, branch: Branch) -> None:
    for old in abandoned_tags(git):
        flights = _own(branch, readable_flights(git, old))
        if flights:
            with locked(project, old):
                branch.flights.take_over(flights)


def _own(branch: Branch, flights: Iterable[Flight]) -> list[Flight]:
    """Return the attempts whose parents are on the branch and that have no verdict there."""
    own = (flight for flight in flights if branch.has(flight.attempt.parent))
    return [flight for flight in own if flight.attempt.commit not in branch.judged]


def _refuse(branch: Branch, attempt: Attempt, number: int) -> None:
    reason = (
        f"the branch was set back: it no longer has {attempt.parent[:12]}, "
        "on which this was proposed"
    )
    if number != attempt.number:
        reason += f"; it was #{attempt.number} there"
    at = datetime.now(UTC).isoformat(timespec="seconds")
    proposal = attempt.proposal
    trial = Trial(number=number, status="refused", proposal=proposal, reason=reason, at=at)
    branch.commit_verdict(attempt, trial)


def bring_worktree(git: Plumbing, project: Project, branch: str, worktree: Path) -> None:
    """Move the worktree of a run whose branch was renamed, unless a process works there."""
    place = checkout.place_of(git, branch)
    if place is None or place == worktree:
        return
    if place.parent != worktree.parent or not is_tag(place.name):
        return
    if holder(lock_path(project, place.name)) is None:
        checkout.move(git, place, worktree)
