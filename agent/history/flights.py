"""Attempts in flight: the refs that mark what has no verdict yet, by the name of their branch."""

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
    """The ref that marks it."""
    head: str
    """The commit of that ref: the attempt, or the newest note on it."""
    attempt: Attempt
    measured: Result | None = None
    """The result of its runs so far."""
    losses: tuple[Loss, ...] = ()
    """The places that were lost under its runs."""

    @property
    def note(self) -> Measured | None:
        """What is known of its runs; None before anything is."""
        if self.measured is None and not self.losses:
            return None
        return Measured(result=self.measured, losses=self.losses)


def readable_flights(git: Plumbing, tag: str) -> list[Flight]:
    """Return what is in flight of a run without a branch; nothing if its refs are not ours."""
    try:
        return read_flights(git, tag)[0]
    except HistoryFault:
        return []


def flight_reference(tag: str, number: int) -> str:
    """Return the ref that marks attempt `number` of the run `tag` as in flight."""
    return f"{FLIGHTS}{tag}/{number}"


def read_flights(git: Plumbing, tag: str) -> tuple[list[Flight], list[Unknown]]:
    """Return what is in flight of the run `tag`, and what a newer version has in flight there.

    Attempts with a verdict are included. Raise HistoryFault for a ref of another kind.
    """
    heads = _heads(git, tag)
    commits = read_commits(git, heads.values())
    notes = {name: read_entry(commit) for name, commit in commits.items()}
    attempt_of = {name: _attempt_below(commits[name], notes[name]) for name in commits}
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
            known = (note.result, note.losses) if isinstance(note, Measured) else (None, ())
            flights.append(Flight(reference, head, entry, *known))
    return flights, unknown


def _heads(git: Plumbing, tag: str) -> dict[str, str]:
    """Return the commit of each ref that marks an attempt of the run."""
    inputs = f"{FLIGHTS}{tag}/inbox/"
    listed = references(git, f"{FLIGHTS}{tag}/")
    heads = {name: head for name, head in listed if not name.startswith(inputs)}
    kinds = kinds_of(git, heads.values())
    for reference, head in heads.items():
        if kinds.get(head, ("missing", 0))[0] != "commit":
            raise _no_attempt(reference)
    return heads


def _attempt_below(head: Commit, entry: object) -> str:
    """Return the attempt that the commit of a ref is, or is a note on."""
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
    """Return the runs with attempts in flight and no branch, here or on a remote.

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


class Flights:
    """The attempts in flight of one run. Every change of a ref is made here or by `landing`."""

    def __init__(self, store: Store, tag: str, judged: Collection[str], clean: bool) -> None:
        """Read them.

        judged: the attempts that have a verdict; clean: delete the refs that a death left of those.
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
        """Go through them by number."""
        return iter(sorted(self._flights.values(), key=_by_number))

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
        """Record the result of an attempt's runs so far, in a commit that its ref moves to."""
        self._note(replace(self._flights[attempt.commit], measured=result))

    def losses(self, attempt: Attempt) -> tuple[Loss, ...]:
        """Return the places that were lost under the runs of an attempt."""
        flight = self._flights.get(attempt.commit)
        return flight.losses if flight else ()

    def lose(self, attempt: Attempt, loss: Loss) -> None:
        """Record likewise that a place was lost under a run of an attempt."""
        flight = self._flights[attempt.commit]
        self._note(replace(flight, losses=(*flight.losses, loss)))

    def _note(self, flight: Flight) -> None:
        """Move the ref of a flight to a commit that holds what is known of its runs now."""
        head = self._commit_note(flight)
        self._store.move([f"update {flight.reference} {head} {flight.head}"])
        self._flights[flight.attempt.commit] = replace(flight, head=head)

    def landing(self, attempt: Attempt) -> list[str]:
        """Return the steps of a transaction that ends a flight; none for what never flew."""
        flight = self._flights.get(attempt.commit)
        return [f"delete {flight.reference} {flight.head}"] if flight else []

    def forget(self, attempt: Attempt) -> None:
        """Forget a flight that ended: that transaction was made."""
        self._flights.pop(attempt.commit, None)

    def renumber(self, flight: Flight, number: int) -> None:
        """Commit an attempt anew under a free number, with its results, in place of the old one."""
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
        """Make attempts of a run whose branch was renamed this run's, in one transaction."""
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
        """Return a commit that holds what is known of an attempt's runs, if anything is."""
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
    """Return what `git update-ref --stdin` makes all of these steps or none of."""
    return "\n".join(["start", *steps, "commit", ""]).encode()
