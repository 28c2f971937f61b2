"""Joins a branch's commits with the rows of results.tsv into experiments, in order."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agent.adopt.branch import Commit, Span, read_changes, read_commit, resolved
from agent.adopt.results import Row
from agent.edit.files import Sources
from agent.git.plumbing import Plumbing
from agent.project.find import Project
from agent.records.results import Claim


@dataclass(frozen=True)
class Step:
    """One experiment of another loop."""

    hypothesis: str
    rationale: str
    claim: Claim
    taken: bool
    """Whether the branch continued from it."""
    sources: Sources | None = None
    """Its files that edits may touch, if they are known."""
    before: Sources | None = None
    """The files that it changed, if they are known."""
    lost: str = ""
    """Why they are unknown, in words."""


def steps_between(
    git: Plumbing, project: Project, span: Span, rows: Sequence[Row]
) -> Iterator[Step]:
    """Yield all experiments of the span and of the rows.

    A commit without a row comes before the next commit that a row names.
    """
    changes = read_changes(git, project, span)
    place = {commit.name: n for n, commit in enumerate(changes)}
    named = [resolved(git, row.commit) for row in rows]
    kept: dict[str, Row] = {}
    for name, row in zip(named, rows, strict=True):
        # A discard without a commit of its own names the branch's tip of its time: only a keep is
        # about the commit that it names. The first such row counts.
        if name in place and row.verdict == "keep":
            kept.setdefault(name, row)
    done = 0
    for number, (name, row) in enumerate(zip(named, rows, strict=True)):
        if name in place and kept.get(name) is row:
            until = place[name] + 1
            for commit in changes[done:until]:
                yield _taken(commit, kept.get(commit.name))
            done = max(done, until)
        elif number == 0 and row.of_the_start and name in (None, span.start):
            yield _unknown(row, span.start, "it is the state that the experiments began with")
        elif name is None:
            lost = f"its commit {row.commit} is not here, so what it changed is unknown"
            yield _unknown(row, row.commit, lost)
        elif name in place or name == span.start:
            lost = (
                f"it names {row.commit}, the state that it was tried on: "
                "what it changed was not committed"
            )
            yield _unknown(row, name, lost)
        else:
            yield _off_branch(row, *read_commit(git, project, name))
    for commit in changes[done:]:
        yield _taken(commit, kept.get(commit.name))


def _taken(commit: Commit, row: Row | None) -> Step:
    subject, _, body = commit.message.strip().partition("\n")
    subject = subject.strip()
    rationale = [body.strip()]
    claim = Claim(commit=commit.name, at=commit.at)
    if row:
        claim = _claim(row, commit.name, commit.at)
        if row.description != subject:
            rationale.append(f"results.tsv: {row.description}")
    return Step(
        hypothesis=subject or "(no message)",
        rationale="\n\n".join(filter(None, rationale)),
        claim=claim,
        taken=True,
        sources=commit.sources,
        lost="" if commit.sources is not None else "it has no train.py",
    )


def _off_branch(row: Row, commit: Commit, before: Sources | None) -> Step:
    """Return an experiment with a commit that is not on the branch."""
    missing = commit.sources is None or before is None
    return Step(
        hypothesis=row.description,
        rationale=commit.message.strip(),
        claim=_claim(row, commit.name, commit.at),
        taken=False,
        sources=commit.sources,
        before=before,
        lost="its commit has no train.py to compare" if missing else "",
    )


def _unknown(row: Row, commit: str, lost: str) -> Step:
    """Return an experiment whose change is unknown."""
    return Step(row.description, "", _claim(row, commit), taken=False, lost=lost)


def _claim(row: Row, commit: str, at: str = "") -> Claim:
    return Claim(
        commit=commit, verdict=row.verdict, score=row.score, memory_gb=row.memory_gb, at=at
    )
