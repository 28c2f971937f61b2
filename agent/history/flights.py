"""Attempts in flight: the refs that mark what has no verdict yet, by the name of the branch that they belong to."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace

from agent.errors import HistoryFault
from agent.git.home import is_tag
from agent.git.plumbing import Plumbing
from agent.history.commits import Commit, read_commits
from agent.history.runs import FLIGHTS, HEADS
from agent.history.trailers import attempt_message, measured_message, read_attempt, read_measured
from agent.records.results import Attempt, Result


@dataclass(frozen=True)
class Flight:
    """An attempt in flight. reference: the ref that marks it; head: where that stands, the attempt or the newest note on it."""

    reference: str
    head: str
    attempt: Attempt
    measured: Result | None = None


def readable_flights(git: Plumbing, tag: str) -> list[Flight]:
    """Return what is in flight of a run without a branch; nothing where its refs are no attempts: they are none of ours."""
    try:
        return read_flights(git, tag)
    except HistoryFault:
        return []


def flight_reference(tag: str, number: int) -> str:
    """Return the ref that marks attempt `number` of the run `tag` as in flight."""
    return f"{FLIGHTS}{tag}/{number}"


def read_flights(git: Plumbing, tag: str) -> list[Flight]:
    """Return what is in flight of the run `tag`, those with a verdict included. Raise HistoryFault for a ref of another kind."""
    form = "--format=%(objectname) %(objecttype) %(refname)"
    listing = [
        line.split(" ", 2) for line in git("for-each-ref", form, f"{FLIGHTS}{tag}/").splitlines()
    ]
    for _, kind, reference in listing:
        if kind != "commit":
            raise _no_attempt(reference)
    heads = read_commits(git, (name for name, _, _ in listing))
    notes = {head.id: read_measured(head.id, head.message) for head in heads.values()}
    attempt_of = {head.id: _attempt_below(head, notes[head.id]) for head in heads.values()}
    attempts = read_commits(git, set(attempt_of.values()))
    flights = []
    for name, _, reference in listing:
        commit = attempts[attempt_of[name]]
        try:
            attempt = read_attempt(commit.id, commit.parents, commit.message)
        except HistoryFault:
            raise _no_attempt(reference) from None
        flights.append(Flight(reference, name, attempt, notes[name]))
    return flights


def abandoned_tags(git: Plumbing) -> list[str]:
    """Return the runs that have attempts in flight and no branch, neither here nor on a remote: renamed or deleted ones."""
    names = git("for-each-ref", "--format=%(refname)", FLIGHTS, HEADS, "refs/remotes").splitlines()
    flying = {
        name.removeprefix(FLIGHTS).split("/")[0] for name in names if name.startswith(FLIGHTS)
    }
    alive = {name.rpartition("/autoresearch/")[2] for name in names if not name.startswith(FLIGHTS)}
    return sorted(tag for tag in flying - alive if is_tag(tag))


def _attempt_below(head: Commit, note: Result | None) -> str:
    """Return the attempt that the commit of a ref is, or is a note on."""
    return head.parents[0] if note and head.parents else head.id


def _no_attempt(reference: str) -> HistoryFault:
    return HistoryFault(f"{reference} is not an attempt of a run", f"git update-ref -d {reference}")


class Flights:
    """The attempts in flight of one run, by the commit of the attempt. Every change of a ref is made here or in `landing`."""

    def __init__(self, git: Plumbing, tag: str, landed: Collection[str], clean: bool) -> None:
        """Read them. landed: the attempts that have a verdict; clean: delete the refs that a death left of those."""
        self._git, self._tag = git, tag
        self._flights: dict[str, Flight] = {}
        for flight in read_flights(git, tag):
            if flight.attempt.commit not in landed:
                self._flights[flight.attempt.commit] = flight
            elif clean:
                git("update-ref", "-d", flight.reference, flight.head)

    def __iter__(self) -> Iterator[Flight]:
        """Go through them by number."""
        return iter(
            sorted(
                self._flights.values(), key=lambda flight: (flight.attempt.number, flight.reference)
            )
        )

    def measured(self, attempt: Attempt) -> Result | None:
        """Return what the runs of an attempt have given so far."""
        flight = self._flights.get(attempt.commit)
        return flight.measured if flight else None

    def begin(self, attempt: Attempt) -> None:
        """Mark an attempt as in flight."""
        reference = flight_reference(self._tag, attempt.number)
        self._git("update-ref", reference, attempt.commit, "")
        self._flights[attempt.commit] = Flight(reference, attempt.commit, attempt)

    def note(self, attempt: Attempt, result: Result) -> None:
        """Write down what the runs of an attempt have given so far, in a commit that its ref then stands at."""
        flight = self._flights[attempt.commit]
        head = self._commit_note(attempt, result)
        self._git("update-ref", flight.reference, head, flight.head)
        self._flights[attempt.commit] = replace(flight, head=head, measured=result)

    def landing(self, attempt: Attempt) -> list[str]:
        """Return the steps of a transaction that ends the flight; none for an attempt that never was in flight."""
        flight = self._flights.get(attempt.commit)
        return [f"delete {flight.reference} {flight.head}"] if flight else []

    def forget(self, attempt: Attempt) -> None:
        """The flight has ended: that transaction was made."""
        self._flights.pop(attempt.commit, None)

    def renumber(self, flight: Flight, number: int) -> None:
        """Commit an attempt anew under a number that is free, with what was measured of it, in place of the old one."""
        old = flight.attempt
        message = attempt_message(number, old.proposal).encode()
        commit = self._git(
            "commit-tree", f"{old.commit}^{{tree}}", "-p", old.parent, "-F", "-", stdin=message
        ).strip()
        attempt = old.model_copy(update={"number": number, "commit": commit})
        head = self._commit_note(attempt, flight.measured) if flight.measured else commit
        reference = flight_reference(self._tag, number)
        steps = [f"create {reference} {head}", f"delete {flight.reference} {flight.head}"]
        self._git("update-ref", "--stdin", stdin=transaction(steps))
        self.forget(old)
        self._flights[commit] = Flight(reference, head, attempt, flight.measured)

    def take_over(self, flights: Iterable[Flight]) -> None:
        """Make attempts of a run whose branch was renamed this run's, all of them in one transaction."""
        taken = {flight.reference for flight in self._flights.values()}
        steps: list[str] = []
        for flight in flights:
            reference = flight_reference(self._tag, flight.attempt.number)
            if reference in taken:
                reference = f"{reference}-{flight.attempt.commit[:12]}"
            steps += [
                f"create {reference} {flight.head}",
                f"delete {flight.reference} {flight.head}",
            ]
            taken.add(reference)
            self._flights[flight.attempt.commit] = replace(flight, reference=reference)
        if steps:
            self._git("update-ref", "--stdin", stdin=transaction(steps))

    def _commit_note(self, attempt: Attempt, result: Result) -> str:
        message = measured_message(attempt.number, result).encode()
        return self._git(
            "commit-tree",
            f"{attempt.commit}^{{tree}}",
            "-p",
            attempt.commit,
            "-F",
            "-",
            stdin=message,
        ).strip()


def transaction(steps: Iterable[str]) -> bytes:
    """Return what `git update-ref --stdin` makes all of these steps or none of."""
    return "\n".join(["start", *steps, "commit", ""]).encode()
