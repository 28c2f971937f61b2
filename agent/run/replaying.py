"""Tries a winner again on a newer tip: at most twice, and each time under new seeds.

An attempt is judged against the state that it was proposed on. If the tip has moved on meanwhile,
a gain is tried again on the newest state as a new experiment, under seeds that it did not win
under.
"""

from collections.abc import Iterator

from agent.edit.files import following_renames
from agent.history.history import History
from agent.records.proposals import Proposal, Provenance
from agent.records.results import Attempt, Trial

MOST_REPLAYS = 2


def replay_of(history: History, attempt: Attempt) -> Proposal | None:
    """Return the attempt's edits as a proposal for the tip; None after MOST_REPLAYS repetitions.

    Only measured repetitions count.
    """
    proposal = attempt.proposal
    measured = [trial for trial in replayed_by(history, proposal) if trial.result]
    if len(measured) >= MOST_REPLAYS:
        return None
    before = history.sources_at(attempt.parent)
    edits = following_renames(proposal.edits, before, history.sources)
    by = Provenance(
        method=proposal.by.method,
        origin="replay",
        model=proposal.by.model,
        replays=attempt.number,
    )
    return proposal.model_copy(update={"by": by, "edits": edits})


def replayed_by(history: History, proposal: Proposal) -> tuple[Trial, ...]:
    """Return the trials that a proposal repeats, the newest first."""
    return tuple(_chain(history, proposal))


def _chain(history: History, proposal: Proposal) -> Iterator[Trial]:
    by_number = {trial.number: trial for trial in history.trials}
    trial = by_number.get(_repeated(proposal))
    while trial is not None:
        yield trial
        del by_number[trial.number]  # a forged branch may have a cycle
        trial = by_number.get(_repeated(trial.proposal))


def _repeated(proposal: Proposal) -> int:
    """Return the number of the trial that a proposal repeats; -1 for none."""
    return -1 if proposal.by.replays is None else proposal.by.replays
