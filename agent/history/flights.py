"""Attempts in flight: the refs that mark attempts without a verdict."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from shlex import quote

from agent.errors import HistoryFault
from agent.git.home import is_tag
from agent.git.plumbing import Plumbing
from agent.git.references import kinds_of, names_of, references
from agent.git.store import Store
from agent.history.commits import Commit, read_commits
from agent.history.entries import Measured, Unknown, read_entry
from agent.history.messages import attempt_message, measured_message
from agent.history.runs import FLIGHTS, HEADS
from agent.records.losses import Loss
from agent.records.results import Attempt, Result
from sandbox.ground.text import one_line


@dataclass(frozen=True)
class Flight:
    """An attempt in flight."""

    reference: str
    """The ref that marks it as in flight."""
    head: str
    """The commit of that ref: the attempt, or the newest note on it."""
    attempt: Attempt
    measured: Result | None = None
    """The result of its runs so far."""
    losses: tuple[Loss, ...] = ()
    """The places that were lost during its runs."""

    @property
    def note(self) -> Measured | None:
        """The record of its runs so far; None before the first."""
        if self.measured is None and not self.losses:
            return None
        return Measured(result=self.measured, losses=self.losses)


def readable_flights(git: Plumbing, tag: str) -> list[Flight]:
    """Return the attempts in flight of a run; [] if a ref cannot be read."""
    try:
        return read_flights(git, tag)[0]
    except HistoryFault:
        return []


def flight_reference(tag: str, number: int) -> str:
    """Return the ref that marks attempt `number` of the run `tag` as in flight."""
    return f"{FLIGHTS}{tag}/{number}"


def read_flights(git: Plumbing, tag: str) -> tuple[list[Flight], list[Unknown]]:
    """Return the attempts in flight of the run `tag`, and unknown records of newer versions.

    Attempts that have a verdict by now are included. Raise HistoryFault for a ref that is no
    attempt.
    """
    heads = _heads(git, tag)
    commits = read_commits(git, heads.values())
    notes = {name: read_entry(commit) for name, commit in commits.items()}
    attempt_of = {name: _attempt_below(commits[name], notes[name]) for name in commits}
    here = commits.keys() | kinds_of(git, set(attempt_of.values()) - commits.keys()).keys()
    for reference, head in heads.items():
        if attempt_of[head] not in here:
            raise _lost(reference)
    attempts = read_commits(git, set(attempt_of.values()))
    flights = []
    unknown = []
    for reference, head in heads.items():
        note = notes[head]
        entry = _read_attempt(attempts[attempt_of[head]], reference)
        if isinstance(note, Unknown):
            unknown.append(note)
        elif isinstance(entry, Unknown):
            unknown.append(entry)
        else:
            flight = Flight(reference, head, entry)
            if isinstance(note, Measured):
                flight = replace(flight, measured=note.result, losses=note.losses)
            flights.append(flight)
    return flights, unknown


def _heads(git: Plumbing, tag: str) -> dict[str, str]:
    """Return the commit of each ref that marks an attempt of the run."""
    inputs = f"{FLIGHTS}{tag}/inbox/"
    listed = references(git, f"{FLIGHTS}{tag}/")
    heads = {name: head for name, head in listed if not name.startswith(inputs)}
    kinds = kinds_of(git, heads.values())
    for reference, head in heads.items():
        if head not in kinds:
            raise _lost(reference)
        if kinds[head][0] != "commit":
            raise _no_attempt(reference)
    return heads


def _attempt_below(head: Commit, entry: object) -> str:
    """Return the commit of the attempt, given the commit of its ref and the record there."""
    if isinstance(entry, Measured) and head.parents:
        return head.parents[0]
    return head.id


def _read_attempt(commit: Commit, reference: str) -> Attempt | Unknown:
    try:
        entry = read_entry(commit)
    except HistoryFault:
        entry = None
    if not isinstance(entry, Attempt | Unknown):
        raise _no_attempt(reference)
    return entry


def abandoned_tags(git: Plumbing) -> list[str]:
    """Return the tags of runs that have attempts in flight but no branch, local or remote.

    Their branches were renamed or deleted.
    """
    names = names_of(git, FLIGHTS, HEADS, "refs/remotes")
    flying = {_tag_in(name) for name in names if name.startswith(FLIGHTS)}
    alive = {name.rpartition("/autoresearch/")[2] for name in names if not name.startswith(FLIGHTS)}
    return sorted(tag for tag in flying - alive if is_tag(tag))


def _tag_in(reference: str) -> str:
    return reference.removeprefix(FLIGHTS).split("/")[0]


def _no_attempt(reference: str) -> HistoryFault:
    message = f"{one_line(reference)} is not an attempt of a run"
    return HistoryFault(message, f"git update-ref -d {quote(reference)}")


def _lost(reference: str) -> HistoryFault:
    message = (
        f"the attempt {one_line(reference)} is gone from the repository, or a part of it: "
        "`git gc --prune=now` and `git prune` take away what a run has just written"
    )
    command = f"git update-ref -d {quote(reference)}   # unless you have its objects elsewhere"
    return HistoryFault(message, command)


class Flights:
    """The attempts in flight of one run; changes their refs."""

    def __init__(self, store: Store, tag: str, judged: Collection[str], clean: bool) -> None:
        """Read the refs.

        judged: the commits of attempts that have a verdict. clean: delete their refs, which a
        killed process left.
        """
        self._store = store
        self._tag = tag
        # By the commit of the attempt.
        self._flights: dict[str, Flight] = {}
        flights, self.unknown = read_flights(store.git, tag)
        for flight in flights:
            if flight.attempt.commit not in judged:
                self._flights[flight.attempt.commit] = flight
            elif clean:
                store.move([f"delete {flight.reference} {flight.head}"])

    def __iter__(self) -> Iterator[Flight]:
        """Yield the attempts in flight, by number."""
        return iter(sorted(self._flights.values(), key=_by_number))

    def refuse_lost(self, attempt: Attempt) -> None:
        """Raise HistoryFault if an attempt in flight is gone in part: no branch may have a gap."""
        flight = self._flights.get(attempt.commit)
        if flight and not self._store.is_whole(attempt.parent, attempt.commit):
            raise _lost(flight.reference)

    def measured(self, attempt: Attempt) -> Result | None:
        """Return the result of an attempt's runs so far."""
        flight = self._flights.get(attempt.commit)
        return flight.measured if flight else None

    def begin(self, attempt: Attempt) -> None:
        """Mark an attempt as in flight."""
        reference = flight_reference(self._tag, attempt.number)
        self._store.move([f"create {reference} {attempt.commit}"])
        self._flights[attempt.commit] = Flight(reference, attempt.commit, attempt)

    def note(self, attempt: Attempt, result: Result) -> None:
        """Record the result of an attempt's runs so far in a commit, and move its ref there."""
        self._note(replace(self._flights[attempt.commit], measured=result))

    def losses(self, attempt: Attempt) -> tuple[Loss, ...]:
        """Return the places that were lost during the runs of an attempt."""
        flight = self._flights.get(attempt.commit)
        return flight.losses if flight else ()

    def lose(self, attempt: Attempt, loss: Loss) -> None:
        """Record in the same way that a place was lost during a run of an attempt."""
        flight = self._flights[attempt.commit]
        self._note(replace(flight, losses=(*flight.losses, loss)))

    def _note(self, flight: Flight) -> None:
        """Write the record of a flight's runs as a commit, and move its ref there."""
        head = self._commit_note(flight)
        self._store.move([f"update {flight.reference} {head} {flight.head}"])
        self._flights[flight.attempt.commit] = replace(flight, head=head)

    def landing(self, attempt: Attempt) -> list[str]:
        """Return the steps of a transaction that deletes the ref of an attempt, if it has one."""
        flight = self._flights.get(attempt.commit)
        return [f"delete {flight.reference} {flight.head}"] if flight else []

    def forget(self, attempt: Attempt) -> None:
        """Remove an attempt after the transaction with the steps of `landing`."""
        self._flights.pop(attempt.commit, None)

    def renumber(self, flight: Flight, number: int) -> None:
        """Replace an attempt by one with a free number and the same results."""
        old = flight.attempt
        message = attempt_message(number, old.proposal)
        commit = self._commit(f"{old.commit}^{{tree}}", old.parent, message)
        attempt = old.model_copy(update={"number": number, "commit": commit})
        reference = flight_reference(self._tag, number)
        renumbered = replace(flight, reference=reference, head=commit, attempt=attempt)
        head = self._commit_note(renumbered)
        steps = [f"create {reference} {head}", f"delete {flight.reference} {flight.head}"]
        self._store.move(steps)
        self.forget(old)
        self._flights[commit] = replace(renumbered, head=head)

    def take_over(self, flights: Iterable[Flight]) -> None:
        """Take over the attempts of a run whose branch was renamed, in one transaction."""
        taken = {flight.reference for flight in self._flights.values()}
        steps: list[str] = []
        for flight in flights:
            reference = flight_reference(self._tag, flight.attempt.number)
            if reference in taken:
                reference = f"{reference}-{flight.attempt.commit[:12]}"
            steps.append(f"create {reference} {flight.head}")
            steps.append(f"delete {flight.reference} {flight.head}")
            taken.add(reference)
            self._flights[flight.attempt.commit] = replace(flight, reference=reference)
        if steps:
            self._store.move(steps)

    def _commit_note(self, flight: Flight) -> str:
        """Commit the record of an attempt's runs; return the attempt itself if there is none."""
        attempt = flight.attempt
        if flight.note is None:
            return attempt.commit
        message = measured_message(attempt, flight.measured, flight.losses)
        return self._commit(f"{attempt.commit}^{{tree}}", attempt.commit, message)

    def _commit(self, tree: str, parent: str, message: str) -> str:
        return self._store.commit(self._store.tree_of(tree), [parent], message)


def _by_number(flight: Flight) -> tuple[int, str]:
    return flight.attempt.number, flight.reference


def transaction(steps: Iterable[str]) -> bytes:
    """Return the input of `git update-ref --stdin` for all of these steps or none."""
    return "\n".join(["start", *steps, "commit", ""]).encode()
