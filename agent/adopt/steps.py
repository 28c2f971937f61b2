"""Joins a branch's commits with the rows that tell of them: each experiment once, in the order in which it was made."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agent.adopt.branch import Found, Span, read_changes, read_commit, resolved
from agent.adopt.results import Row
from agent.git.plumbing import Plumbing
from agent.project.find import Project
from agent.records.results import Claim


@dataclass(frozen=True)
class Step:
    """One experiment of another loop's.

    taken: whether the branch went on from it. source: its train.py, and before: the one that it changed; None where they are not
    known. lost: then why, in words.
    """

    hypothesis: str
    rationale: str
    claim: Claim
    taken: bool
    source: str | None = None
    before: str | None = None
    lost: str = ""


def steps_between(
    git: Plumbing, project: Project, span: Span, rows: Sequence[Row]
) -> Iterator[Step]:
    """All experiments of the span and of the rows; a commit that no row tells of comes before the next one that a row names."""
    changes = read_changes(git, project, span)
    place = {found.commit: n for n, found in enumerate(changes)}
    named = [resolved(git, row.commit) for row in rows]
    # Who discards without a commit writes down the hash of the branch as it stands: only a keep speaks of a commit of it.
    kept = [
        (commit, row)
        for commit, row in zip(named, rows, strict=True)
        if commit in place and row.verdict == "keep"
    ]
    said = dict(reversed(kept))  # the first one tells
    done = 0
    for number, (commit, row) in enumerate(zip(named, rows, strict=True)):
        if commit in place and said.get(commit) is row:
            until = place[commit] + 1
            yield from (_taken(found, said.get(found.commit)) for found in changes[done:until])
            done = max(done, until)
        elif number == 0 and row.of_the_start and commit in (None, span.start):
            yield _told(row, span.start, "it tells of the state that the experiments began with")
        elif commit is None:
            yield _told(
                row,
                row.commit,
                f"its commit {row.commit} is not here, so what it changed is not known",
            )
        elif commit in place or commit == span.start:
            yield _told(
                row,
                commit,
                f"it names {row.commit}, the state that it was tried on: what it changed was not committed",
            )
        else:
            yield _aside(row, *read_commit(git, project, commit))
    yield from (_taken(found, said.get(found.commit)) for found in changes[done:])


def _taken(found: Found, row: Row | None) -> Step:
    subject, _, body = found.message.strip().partition("\n")
    lost = "" if found.source is not None else "it has no train.py"
    claim = _claim(row, found.commit, found.at) if row else Claim(commit=found.commit, at=found.at)
    return Step(
        subject.strip() or "(no message)",
        _and(body, row, subject),
        claim,
        True,
        found.source,
        None,
        lost,
    )


def _and(body: str, row: Row | None, subject: str) -> str:
    """The rest of the message, and what the row says where that is something else than the subject."""
    said = f"results.tsv: {row.description}" if row and row.description != subject.strip() else ""
    return "\n\n".join(part for part in (body.strip(), said) if part)


def _aside(row: Row, found: Found, before: str | None) -> Step:
    """An experiment with a commit off the branch."""
    lost = (
        ""
        if found.source is not None and before is not None
        else "its commit has no train.py to compare"
    )
    return Step(
        row.description,
        found.message.strip(),
        _claim(row, found.commit, found.at),
        False,
        found.source,
        before,
        lost,
    )


def _told(row: Row, commit: str, why: str) -> Step:
    return Step(row.description, "", _claim(row, commit), False, lost=why)


def _claim(row: Row, commit: str, at: str = "") -> Claim:
    return Claim(
        commit=commit, verdict=row.verdict, score=row.score, memory_gb=row.memory_gb, at=at
    )
