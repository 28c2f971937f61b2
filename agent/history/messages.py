"""The commit messages of a run, in format 2: two or three lines for a human, then the record."""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel

from agent.history.format2 import FORMAT, write
from agent.history.short import shortened
from agent.history.text import body_of, line_of, subject_of
from agent.judge.comparison import Measurement
from agent.judge.suspicion import Rejection
from agent.project.settings import RunSettings
from agent.records.inputs import Admitted, words_of
from agent.records.losses import Loss
from agent.records.objective import LOWER, Sense, score_text
from agent.records.opening import Opening
from agent.records.proposals import Proposal, Provenance
from agent.records.results import Attempt, Result, Trial


def run_message(run: RunSettings) -> str:
    """Return the message of a run's first commit."""
    method = f"{run.method} with {run.model}" if run.model else run.method
    subject = subject_of(f"start {run.tag}: {method}, {run.allowance} a trial")
    return write(subject, [], "run", {"format": FORMAT, **run.model_dump(mode="json")})


def prior_message(count: int, source: str) -> str:
    """Return the message of the commit that holds a run's prior trials."""
    lines = [line_of(f"from {source}: trials of another run, for the methods to begin with")]
    fields = {"count": count, "source": source}
    return write(subject_of(f"{count} prior trials"), lines, "prior", fields)


def attempt_message(number: int, proposal: Proposal) -> str:
    """Return the message of an attempt commit: the hypothesis, the rationale, the typed edits."""
    subject = subject_of(f"attempt #{number}: {proposal.hypothesis}")
    fields = {"number": number, "proposal": _proposal_fields(proposal)}
    return write(subject, [body_of(proposal.rationale)], "attempt", fields)


def measured_message(attempt: Attempt, result: Result | None, losses: Sequence[Loss] = ()) -> str:
    """Return the message of a note on an attempt: its runs so far, and lost places."""
    fields: dict[str, Any] = {}
    runs = 0
    if result is not None:
        fields["result"] = _result_fields(result)
        runs = len(result.scores)
    if losses:
        fields["losses"] = [_fields(loss) for loss in losses]
    subject = f"measured #{attempt.number}: {runs} runs so far"
    lines = [line_of(f"lost {loss}") for loss in losses]
    return write(subject, lines, "measured", fields)


def verdict_message(trial: Trial, sense: Sense = LOWER, base: Trial | None = None) -> str:
    """Return the message of a verdict commit.

    Its subject is `#8 keep 0.974729 (-0.006174) EMBEDDING_LR 0.6 → 0.8`. The reason, the evidence
    and the proposer follow. base: the earlier trial that the record may refer to for constants.
    """
    fields = _fields(trial)
    fields["proposal"] = _proposal_fields(trial.proposal)
    if trial.result is not None:
        fields["result"] = _result_fields(trial.result)
    for name in ("attempt", "verdict", "new_data"):
        fields.pop(name, None)
    if trial.configuration:
        fields |= shortened(trial.configuration, base)
    lines = [line_of(trial.reason), line_of(_evidence(trial, sense)), line_of(_proposer(trial))]
    return write(subject_of(_verdict_subject(trial, sense)), lines, "trial", fields)


def comparison_message(measurement: Measurement) -> str:
    """Return the message of a commit with a later measurement."""
    states = ", ".join(f"#{comparison.trial}" for comparison in measurement.comparisons)
    subject = subject_of(f"{measurement.kind} {states} against {measurement.against}")
    lines = [line_of(f"{comparison.what}: {comparison}") for comparison in measurement.comparisons]
    fields = measurement.model_dump(mode="json")
    for comparison in fields["comparisons"]:
        if not comparison["guards"]:  # a run without guards is read by older versions, too
            del comparison["guards"]
    return write(subject, lines, "comparison", fields)


def data_message(fingerprint: str, reason: str) -> str:
    """Return the message of a commit that begins the use of other validation data."""
    subject = "measure on other data from here on"
    return write(subject, [body_of(reason)], "data", {"fingerprint": fingerprint})


def rejection_message(rejection: Rejection) -> str:
    """Return the message of a commit that rejects a suspect."""
    subject = f"reject #{rejection.number}"
    fields = rejection.model_dump(mode="json")
    return write(subject, [body_of(rejection.because)], "rejection", fields)


def opening_message(opening: Opening) -> str:
    """Return the message of a commit that counts an opening of the test split."""
    subject = subject_of(f"open the test split, time {opening.number}: {opening.command}")
    return write(subject, [line_of(opening.states)], "opening", opening.model_dump(mode="json"))


def input_message(admitted: Admitted) -> str:
    """Return the message of a commit with an input: the request, its sender, the answer."""
    asked = admitted.input
    sender = f" by {asked.sender}" if asked.sender else ""
    lines = [line_of(f"{admitted.answer}{sender}")]
    fields = admitted.model_dump(mode="json", exclude_none=True)
    return write(subject_of(words_of(asked.ask)), lines, "input", fields)


def _verdict_subject(trial: Trial, sense: Sense) -> str:
    value = f" {score_text(trial.value)}" if trial.value is not None else ""
    delta = f" ({sense.change_text(trial.delta)})" if trial.delta is not None else ""
    return f"#{trial.number} {trial.status}{value}{delta} {trial.proposal.hypothesis}"


def _evidence(trial: Trial, sense: Sense) -> str:
    """Return a line on the evidence of a verdict; "" without a comparison."""
    if trial.against is None or not trial.pairs:
        return ""
    count = len(trial.pairs)
    text = f"against #{trial.against} over {count} pair{'s' if count > 1 else ''}"
    if trial.interval is not None:
        text += f", 95 % {sense.interval_text(trial.interval)}"
    return text


def _proposer(trial: Trial) -> str:
    """Return a line on who proposed a trial, and the cost; "" for a baseline."""
    if trial.proposal.is_baseline:
        return ""
    by: Provenance = trial.proposal.by
    model = f" with {by.model}" if by.model else ""
    cost = f", ${by.cost:.2f}" if by.cost else ""
    replays = f", #{by.replays} again" if by.replays is not None else ""
    adopts = f" {by.adopts}" if by.adopts is not None else ""
    return f"by {by.method}{model}{adopts}{replays}{cost}"


def _proposal_fields(proposal: Proposal) -> dict[str, Any]:
    fields = _fields(proposal)
    if proposal.edits:
        edits = [edit.model_dump(mode="json", exclude_none=True) for edit in proposal.edits]
        fields["edits"] = edits
    return fields


def _result_fields(result: Result) -> dict[str, Any]:
    """Return a result's fields without `overshot`, which is used only while it is judged."""
    fields = _fields(result)
    fields.pop("overshot", None)
    return fields


def _fields(record: BaseModel) -> dict[str, Any]:
    """Return a record's fields as JSON, defaults left out."""
    return record.model_dump(mode="json", exclude_defaults=True)
