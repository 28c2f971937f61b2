"""Writes commit messages of format 1, as versions before format 2 did: for tests of the reader."""

import json
from collections.abc import Mapping
from typing import Any

from agent.history import format1
from agent.history.text import body_of, subject_of
from agent.judge.suspicion import Rejection
from agent.project.settings import RunSettings
from agent.records.proposals import Proposal
from agent.records.results import Result, Trial


def verdict(trial: Trial) -> str:
    """Return the message of a verdict commit."""
    data = trial.model_dump(mode="json")
    trailers = {
        **_named(data, format1._TRIAL),
        **_named(data["result"] or {}, format1._RESULT),
        **_proposal(trial.proposal),
    }
    subject = f"#{trial.number} {trial.status} {trial.proposal.hypothesis}"
    return _message(subject, trial.reason, trailers)


def attempt(number: int, proposal: Proposal) -> str:
    """Return the message of an attempt commit."""
    trailers = {"Attempt": number, **_proposal(proposal)}
    return _message(f"attempt #{number}: {proposal.hypothesis}", proposal.rationale, trailers)


def measured(number: int, result: Result) -> str:
    """Return the message of a note on an attempt in flight."""
    data = _named(result.model_dump(mode="json"), format1._RESULT)
    return _message(f"measured #{number}", "", {"Measured": number, **data})


def run(settings: RunSettings) -> str:
    """Return the message of a run's first commit."""
    data = settings.model_dump(mode="json", exclude={"objective", "machines"})
    return _message(f"start {settings.tag}", "", {"Autoresearch-Run": data})


def rejection(rejected: Rejection) -> str:
    """Return the message of a rejection."""
    data = rejected.model_dump(mode="json")
    return _message(f"reject #{rejected.number}", rejected.because, {"Rejected": data})


def _proposal(proposal: Proposal) -> dict[str, Any]:
    data = proposal.model_dump(mode="json")
    data["then"] = data["then"] or None
    data["by"]["exchanges"] = data["by"]["exchanges"] or None
    by = _named(data["by"], format1._PROVENANCE)
    return {**by, **_named(data, format1._PROPOSAL)}


def _named(data: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    present = {field for field, value in data.items() if value is not None}
    return {trailer: data[field] for field, trailer in names.items() if field in present}


def _message(subject: str, body: str, trailers: Mapping[str, Any]) -> str:
    lines = [f"{name}: {_value(value)}" for name, value in trailers.items()]
    parts = [subject_of(subject), body_of(body), "\n".join(lines)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _value(value: Any) -> str:
    if isinstance(value, str) and format1._is_bare(value):
        return value
    return json.dumps(value)
