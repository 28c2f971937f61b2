"""Writes another loop's experiments into a ledger: edits that give its files, and its claims.

The edits give each file byte for byte. Nothing is measured. An experiment that the branch
continued from becomes `adopted`, and its train.py the run's; any other one is `reported`, so that
proposers know of it. Neither becomes the incumbent: a resume first measures the newest state as the
baseline, and only what is measured on this machine is ever judged.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from agent.adopt.steps import Step
from agent.edit.files import Sources, apply_edits, difference, touched_files
from agent.errors import ProjectFault
from agent.history.history import History
from agent.records.edits import Edit, Refused
from agent.records.proposals import Proposal, Provenance
from agent.records.results import Status, Trial
from agent.space import changes, read_constants

ADOPTED = Provenance(method="adopted", origin="adopted")


def take_over(history: History, steps: Iterable[Step]) -> Iterator[Trial]:
    """Record each step and yield its trial.

    If no typed edits give the file of a step, it is `reported` and becomes part of the next step.
    """
    for step in steps:
        edits, lost = _edits_of(history.sources, step)
        yield _recorded(history, step, edits, lost)


def _edits_of(tip: Sources, step: Step) -> tuple[tuple[Edit, ...], str]:
    """Return the edits from `tip` to the step's files; or none, with the reason."""
    if step.lost or step.sources is None:
        return (), step.lost
    if not step.taken and step.before != tip:
        return (), "it was tried on another state than the branch had then"
    if step.sources == tip:
        return (), f"it has the same {_files_of(tip)}"
    try:
        edits = difference(tip, step.sources)
    except ProjectFault as fault:
        return (), fault.message
    applied = apply_edits(tip, edits)
    if isinstance(applied, Refused):
        return (), f"no typed edits give its {_files_of(tip)} ({applied})"
    if applied != step.sources:
        return (), f"no typed edits give its {_files_of(tip)} byte for byte"
    return edits, ""


def _files_of(sources: Sources) -> str:
    return "text of the files that edits may touch" if sources.is_project else "train.py"


def _recorded(history: History, step: Step, edits: tuple[Edit, ...], lost: str) -> Trial:
    before = history.sources
    sources = step.sources if edits and step.sources is not None else before
    proposal = Proposal(
        hypothesis=step.hypothesis, rationale=step.rationale, edits=edits, by=ADOPTED
    )
    attempt = history.draft(history.next_number, proposal, sources)
    status: Status = "adopted" if step.taken and edits else "reported"
    # Without a fingerprint: it has not run here, so that trying it here is no repetition.
    trial = Trial(
        number=attempt.number,
        status=status,
        proposal=proposal,
        reason=_reason(step, lost),
        claim=step.claim,
        changes=changes(before, sources),
        touched=touched_files(before, sources),
        configuration=read_constants(sources),
        at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    return history.commit_verdict(attempt, trial)


def _reason(step: Step, lost: str) -> str:
    claim = f": {step.claim}" if step.claim.verdict else ", without a recorded score"
    reason = f"tried elsewhere{claim}; not measured here"
    return f"{reason}; {lost}" if lost else reason
