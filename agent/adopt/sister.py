"""Proposes the changes that another run kept, to measure them on this run's newest state."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from agent.edit.files import Sources, difference, following_renames
from agent.errors import NoneLeft, UsageFault
from agent.git.plumbing import Plumbing
from agent.history.history import History
from agent.propose import Context
from agent.records.proposals import Proposal, Provenance
from agent.records.results import TAKEN, Trial

METHOD = "adopt"
MAX_NAMED = 5
"""Changes that the hypothesis of a joint proposal names."""


@dataclass(frozen=True)
class Change:
    """A change of another run, to be proposed."""

    proposal: Proposal
    before: Sources
    """The files that its edits were made for."""

    @property
    def name(self) -> str:
        """The trial that it repeats: `nov25#4`."""
        return self.proposal.by.adopts or ""

    @property
    def input_id(self) -> str:
        """The id of the input that proposes it to a run at work; the same for every sender."""
        return f"adopt-{hashlib.sha256(self.name.encode()).hexdigest()[:16]}"


class Adopting:
    """Proposes these changes in turn, each once; then the run ends."""

    name = METHOD
    looks_ahead = False

    def __init__(self, changes: Sequence[Change]) -> None:
        self._changes = changes

    def propose(self, context: Context) -> Proposal:
        """Return the next change that was not proposed yet. Raise NoneLeft after the last."""
        for change in left_of(self._changes, context.proposals):
            edits = following_renames(change.proposal.edits, change.before, context.sources)
            return change.proposal.model_copy(update={"edits": edits})
        raise NoneLeft(f"all {len(self._changes)} changes were proposed", "autoresearch log")


def left_of(changes: Sequence[Change], proposals: Sequence[Proposal]) -> tuple[Change, ...]:
    """Return the changes that are not among these proposals of the run."""
    names = {proposal.by.adopts for proposal in proposals}
    given = set(chain.from_iterable(proposal.by.inputs for proposal in proposals))
    left = [change for change in changes if change.name not in names]
    return tuple(change for change in left if change.input_id not in given)


def kept_by(sister: History) -> tuple[Change, ...]:
    """Return each change that another run kept, the oldest first. Raise UsageFault without any."""
    return tuple(_change(sister, trial) for trial in _kept(sister))


def change_of(sister: History, number: int) -> Change:
    """Return the change of one trial of another run, kept or not.

    Raise UsageFault if there is no such trial, or it changed nothing.
    """
    trial = next((trial for trial in sister.trials if trial.number == number), None)
    log = f"autoresearch log {sister.tag}"
    if trial is None:
        raise UsageFault(f"#{number} has no verdict in {sister.branch}.", log)
    if not trial.proposal.edits:
        raise UsageFault(f"#{number} of {sister.branch} changed nothing ({trial.status}).", log)
    return _change(sister, trial)


def joint_change(sister: History, target: History) -> Change:
    """Return the difference of another run from the common state, as one change."""
    kept = _kept(sister)
    base = common_state(sister, target) or sister.run.start_commit
    before = target.sources_at(base)
    edits = difference(before, target.sources_at(sister.tip))
    if not edits:
        raise UsageFault(
            f"{sister.branch} has the same files as the state that both runs began with.",
            f"autoresearch log {sister.tag} --kept",
        )
    names = [trial.proposal.hypothesis for trial in kept]
    more = f"; {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    count = f"{len(kept)} kept change{'' if len(kept) == 1 else 's'}"
    name = f"{sister.tag}#{kept[0].number} to #{kept[-1].number}"
    proposal = Proposal(
        hypothesis=f"{count} of {sister.tag} together: {'; '.join(names[:MAX_NAMED])}{more}",
        rationale=f"All that {sister.branch} kept up to #{kept[-1].number}, in one trial.",
        edits=edits,
        by=_by(name),
    )
    return Change(proposal, before)


def common_state(sister: History, target: History) -> str | None:
    """Return the newest state that both runs contain, or None."""
    git = Plumbing(Path(target.project.root))
    theirs = set(git("rev-list", "--first-parent", sister.tip).split())
    ours = git("rev-list", "--first-parent", target.tip).split()
    return next((commit for commit in ours if commit in theirs), None)


def began_elsewhere(sister: History, target: History) -> bool:
    """Return whether another run began with files that the target's branch never had."""
    base = common_state(sister, target)
    return base is None or not target.same_files(base, sister.run.start_commit)


def _kept(sister: History) -> list[Trial]:
    kept = [trial for trial in sister.trials if trial.status in TAKEN]
    if not kept:
        message = f"{sister.branch} has kept nothing yet."
        raise UsageFault(message, f"autoresearch adopt {sister.tag}#N   # one of its trials")
    return kept


def _change(sister: History, trial: Trial) -> Change:
    """Return the change of a trial as a proposal, with its outcome in the other run."""
    name = f"{sister.tag}#{trial.number}"
    goal = sister.run.goal
    measured = f"{trial.status} of {name}"
    if trial.delta is not None:
        measured += f": {goal.metric} {goal.sense.change_text(trial.delta)} there"
    rationale = "\n\n".join(filter(None, [measured, trial.proposal.rationale]))
    proposal = Proposal(
        hypothesis=trial.proposal.hypothesis,
        rationale=rationale,
        edits=trial.proposal.edits,
        by=_by(name),
    )
    return Change(proposal, sister.sources_at(f"{trial.attempt}^"))


def _by(name: str) -> Provenance:
    return Provenance(method=METHOD, origin="adopted", adopts=name)
