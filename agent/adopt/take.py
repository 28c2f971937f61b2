"""Writes another loop's experiments into a run's ledger: typed edits that give each train.py byte for byte, and what is claimed.

Nothing is measured. An experiment that the branch went on from becomes `adopted`, and its train.py the run's; every other one is
`reported`, for whoever proposes next to know of. No incumbent comes of it: the first thing that a resume does is to measure the
newest state as the baseline, and only what is measured on this machine is ever judged.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from agent.adopt.steps import Step
from agent.edit import Applied, apply, diff
from agent.history.history import History
from agent.records.edits import Edit
from agent.records.proposals import Proposal, Provenance
from agent.records.results import Status, Trial
from agent.space import changes, read_constants

ADOPTED = Provenance(method="adopted", origin="adopted")


def take_over(history: History, steps: Iterable[Step]) -> Iterator[Trial]:
    """Each step as a trial, recorded; an experiment whose file no typed edits give is `reported`, and is part of the next one."""
    for step in steps:
        yield _recorded(history, step, *_retold(history.source, step))


def _retold(tip: str, step: Step) -> tuple[tuple[Edit, ...], str]:
    """The edits from `tip` to the step's train.py; or none, and why."""
    if step.lost or step.source is None:
        return (), step.lost
    if not step.taken and step.before != tip:
        return (), "it was tried on another state than the branch had then"
    edits = Proposal(hypothesis="-", edits=diff(tip, step.source), by=ADOPTED)
    edits = Proposal.model_validate_json(
        edits.model_dump_json()
    )  # as a verdict's trailers will have them
    made = apply(tip, edits.edits)
    if isinstance(made, Applied) and made.source == step.source and edits.edits:
        return edits.edits, ""
    if isinstance(made, Applied):
        return (
            (),
            "it is the same train.py"
            if made.source == step.source
            else "its train.py is not UTF-8",
        )
    return (), f"no typed edits give its train.py ({made})"


def _recorded(history: History, step: Step, edits: tuple[Edit, ...], lost: str) -> Trial:
    before = history.source
    source = step.source if edits and step.source is not None else before
    proposal = Proposal(
        hypothesis=step.hypothesis, rationale=step.rationale, edits=edits, by=ADOPTED
    )
    attempt = history.draft(history.next_number, proposal, source)
    status: Status = "adopted" if step.taken and edits else "reported"
    # Without a fingerprint: it has not run here, so that trying it here is no repetition.
    trial = Trial(
        number=attempt.number,
        status=status,
        proposal=proposal,
        reason=_reason(step, lost),
        claim=step.claim,
        changes=changes(before, source),
        configuration=read_constants(source),
        at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    return history.commit_verdict(attempt, trial)


def _reason(step: Step, lost: str) -> str:
    said = f": {step.claim}" if step.claim.verdict else ", and nobody recorded a score"
    return f"tried elsewhere{said}; not measured here" + (f"; {lost}" if lost else "")
