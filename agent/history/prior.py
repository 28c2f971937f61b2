"""Stores the trials of other runs that a run begins with, in a commit of their own."""

from collections.abc import Sequence
from typing import cast

from agent.errors import HistoryFault
from agent.git.answers import MAX_CHANGES
from agent.git.plumbing import Plumbing
from agent.history.branch import has_file
from agent.history.firsts import first_commit
from agent.history.messages import prior_message
from agent.records.bounded import finite, reason_of
from agent.records.results import FAILED, SCORED, Failure, PriorTrial, Trial

FILE = "prior.jsonl"
# Its name in runs of format 1.
OLD_FILE = "foreign.jsonl"


def as_prior(trial: Trial) -> PriorTrial | None:
    """Return a trial as a prior trial for another run; None if it has no outcome."""
    outcome: float | Failure | None = None
    if trial.was_held_to_guards:  # it can never be kept, so a search method should avoid it
        outcome = "invalid"
    elif trial.status in SCORED:
        outcome = trial.value
    elif trial.status in FAILED:
        outcome = cast(Failure, trial.status)
    if outcome is None:
        return None
    return PriorTrial(
        number=trial.number,
        configuration=trial.configuration,
        outcome=outcome,
        curve=trial.result.curve if trial.result else (),
    )


def priors_of(trials: Sequence[Trial]) -> list[PriorTrial]:
    """Return the trials that have an outcome as prior trials."""
    priors = map(as_prior, trials)
    return [prior for prior in priors if prior is not None]


def commit_prior(git: Plumbing, prior: Sequence[PriorTrial], source: str | None) -> str:
    """Write a commit without parents that holds trials of other runs; return its name.

    It becomes reachable from the run's branch, but its files are in no tree that is trained.
    """
    data = "".join(f"{trial.model_dump_json()}\n" for trial in prior).encode()
    if len(data) > MAX_CHANGES:
        message = (
            f"the trials in {source} take {len(data)} bytes; a run keeps {MAX_CHANGES} of them"
        )
        raise HistoryFault(message, "autoresearch start   # without --warm")
    blob = git("hash-object", "-w", "--no-filters", "--stdin", stdin=data).strip()
    tree = git("mktree", stdin=f"100644 blob {blob}\t{FILE}\n".encode()).strip()
    words = prior_message(len(prior), source or "").encode()
    return git("commit-tree", tree, "-F", "-", stdin=words).strip()


def read_prior(git: Plumbing, tip: str) -> tuple[PriorTrial, ...]:
    """Return the prior trials of the run at `tip`. Raise HistoryFault if they cannot be read."""
    first = first_commit(git, tip)
    commit = f"{first}^2"
    name = next((name for name in (FILE, OLD_FILE) if has_file(git, commit, name)), None)
    if name is None:
        message = "the run's first commit names prior trials, and has none beside it"
        raise HistoryFault(message, f"git show {first}")
    where = f"{commit}:{name}"
    try:
        text = git("cat-file", "blob", where, most=MAX_CHANGES)
        return tuple(
            PriorTrial.model_validate_json(finite(line)) for line in text.split("\n") if line
        )
    except ValueError as error:
        message = f"the prior trials in {where} cannot be read: {reason_of(error)}"
        raise HistoryFault(message, f"git show {where}") from None
