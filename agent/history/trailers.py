"""Trials, attempts and run settings as commit messages: prose for a human, then trailers for the machine."""

import json
import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from agent.errors import HistoryFault
from agent.judge.comparison import Measurement
from agent.judge.suspicion import Rejection
from agent.project.settings import RunSettings
from agent.records.bounded import reason_of
from agent.records.proposals import Proposal
from agent.records.results import Attempt, Result, Trial
from sandbox.ground.redaction import redacted

RUN = "Autoresearch-Run"
"""The trailer that marks the first commit of a run."""
_AGAIN = "Measured-Again"
_DATA = "Data-Fingerprint"
_REJECTED = "Rejected"

_LINE = re.compile(r"([A-Z][A-Za-z-]*): (.*)")
_SUBJECT_LENGTH = 120
# Field of the record -> trailer. Values are JSON on one ASCII line, so that nothing written by a model can look like a trailer.
_TRIAL = {
    "number": "Trial",
    "status": "Status",
    "reason": "Reason",
    "claim": "Claim",
    "against": "Against",
    "pairs": "Pairs",
    "delta": "Delta",
    "interval": "Interval",
    "estimate": "Estimate",
    "charge": "Charge",
    "changes": "Changes",
    "configuration": "Configuration",
    "fingerprint": "Fingerprint",
    "at": "At",
}
_RESULT = {
    "status": "Result",
    "scores": "Scores",
    "curve": "Curve",
    "seconds": "Seconds",
    "score_seconds": "Score-Seconds",
    "peak_memory_mb": "Peak-Memory-MB",
    "parameters": "Parameters",
    "facts": "Facts",
    "tier": "Tier",
    "detail": "Detail",
    "recheck": "Recheck",
    "tail": "Tail",
}
_PROVENANCE = {
    "method": "Method",
    "origin": "Origin",
    "model": "Model",
    "input_tokens": "Input-Tokens",
    "cached_tokens": "Cached-Tokens",
    "output_tokens": "Output-Tokens",
    "cost": "Cost",
    "seconds": "Proposal-Seconds",
    "calls": "Calls",
    "refused": "Drafts-Refused",
    "replays": "Replays",
    "repairs": "Repairs",
    "asked": "Asked",
    "exchanges": "Exchanges",
}
_PROPOSAL = {
    "hypothesis": "Hypothesis",
    "rationale": "Rationale",
    "expected": "Expected",
    "edits": "Edits",
    "then": "Then",
}


def verdict_message(trial: Trial) -> str:
    """The message of a verdict commit: `#8 keep 0.974729 (-0.006174) EMBEDDING_LR 0.6 → 0.8`, the claim, the trailers."""
    data = trial.model_dump(mode="json")
    trailers = {
        **_named(data, _TRIAL),
        **_named(data["result"] or {}, _RESULT),
        **_proposal_trailers(trial.proposal),
    }
    return _message(_verdict_subject(trial), trial.reason, trailers)


def attempt_message(number: int, proposal: Proposal) -> str:
    """The message of an attempt commit: the hypothesis, the rationale, the typed edits."""
    trailers = {"Attempt": number, **_proposal_trailers(proposal)}
    return _message(f"attempt #{number}: {proposal.hypothesis}", proposal.rationale, trailers)


def measured_message(number: int, result: Result) -> str:
    """The message of a note on an attempt in flight: what its runs have given so far."""
    trailers = {"Measured": number, **_named(result.model_dump(mode="json"), _RESULT)}
    return _message(f"measured #{number}: {len(result.scores)} runs so far", "", trailers)


def read_measured(commit: str, message: str) -> Result | None:
    """The result in such a note; None for a commit of another kind."""
    trailers = _trailers(commit, message)
    if "Measured" not in trailers:
        return None
    try:
        return Result.model_validate(_fields(trailers, _RESULT))
    except ValueError as error:
        raise _unreadable("the note", commit, error) from None


def again_message(found: Measurement) -> str:
    """The message of a commit that changes nothing and tells what was measured again: a line for each state."""
    states = ", ".join(f"#{one.trial}" for one in found.comparisons)
    lines = [f"{one.what}: {one}" for one in found.comparisons]
    subject = f"{found.kind} {states} against {found.against}"
    return _message(subject, "\n".join(lines), {_AGAIN: found.model_dump(mode="json")})


def read_again(commit: str, message: str) -> Measurement | None:
    """What such a commit tells; None for a commit of another kind."""
    trailers = _trailers(commit, message)
    if _AGAIN not in trailers:
        return None
    try:
        return Measurement.model_validate(trailers[_AGAIN])
    except ValueError as error:
        raise HistoryFault(
            f"the measurement {commit[:12]} cannot be read: {reason_of(error)}",
            f"git show {commit[:12]}",
        ) from None


def data_message(fingerprint: str, reason: str) -> str:
    """Return the message of a commit by which the run goes on with other validation data."""
    return _message("measure on other data from here on", reason, {_DATA: fingerprint})


def read_data(commit: str, message: str) -> str | None:
    """Return the fingerprint in such a message; None for a commit of another kind."""
    found = _trailers(commit, message).get(_DATA)
    return found if isinstance(found, str) else None


def rejection_message(rejection: Rejection) -> str:
    """The message of a commit that changes nothing and says that a suspect was rightly held back."""
    return _message(
        f"reject #{rejection.number}",
        rejection.because,
        {_REJECTED: rejection.model_dump(mode="json")},
    )


def read_rejection(commit: str, message: str) -> Rejection | None:
    """What such a commit says; None for a commit of another kind."""
    trailers = _trailers(commit, message)
    if _REJECTED not in trailers:
        return None
    try:
        return Rejection.model_validate(trailers[_REJECTED])
    except ValueError as error:
        raise HistoryFault(
            f"the rejection {commit[:12]} cannot be read: {reason_of(error)}",
            f"git show {commit[:12]}",
        ) from None


def run_message(run: RunSettings) -> str:
    """The message of a run's first commit."""
    method = f"{run.method} with {run.model}" if run.model else run.method
    return _message(
        f"start {run.tag}: {method}, {run.budget} a trial", "", {RUN: run.model_dump(mode="json")}
    )


def prior_message(count: int, source: str) -> str:
    """The message of the commit that holds a run's prior trials."""
    return _message(
        f"{count} prior trials",
        f"from {source}: what another run found, for the methods to begin with",
        {},
    )


def read_trial(commit: str, parents: list[str], message: str) -> Trial | None:
    """The trial of a verdict commit; None for a commit of another kind; HistoryFault for a verdict that was tampered with."""
    trailers = _trailers(commit, message)
    if "Attempt" in trailers:
        what = f"{commit[:12]} is an attempt without its verdict: a rebase or a fast-forward put it on the branch"
        raise HistoryFault(
            what, "git reflog   # find the last verdict there, and git reset the branch to it"
        )
    if "Trial" not in trailers:
        return None
    if len(parents) != 2:
        raise HistoryFault(
            f"the verdict {commit[:12]} has {len(parents)} parents, not two",
            f"git show {commit[:12]}",
        )
    try:
        result = _fields(trailers, _RESULT)
        fields = {
            **_fields(trailers, _TRIAL),
            "proposal": _read_proposal(trailers),
            "result": result or None,
        }
        return Trial.model_validate({**fields, "attempt": parents[1], "verdict": commit})
    except ValueError as error:
        raise _unreadable("the verdict", commit, error) from None


def is_attempt(commit: str, message: str) -> bool:
    """True for the message of an attempt commit."""
    return "Attempt" in _trailers(commit, message)


def read_attempt(commit: str, parents: list[str], message: str) -> Attempt:
    """The attempt of an attempt commit."""
    trailers = _trailers(commit, message)
    try:
        return Attempt.model_validate(
            {
                "number": trailers["Attempt"],
                "commit": commit,
                "parent": parents[0],
                "proposal": _read_proposal(trailers),
            }
        )
    except (KeyError, IndexError):
        raise HistoryFault(f"{commit[:12]} is no attempt", f"git show {commit[:12]}") from None
    except ValueError as error:
        raise _unreadable("the attempt", commit, error) from None


def read_run(commit: str, message: str) -> RunSettings:
    """The settings in a run's first commit."""
    try:
        return RunSettings.model_validate(_trailers(commit, message)[RUN])
    except KeyError:
        raise HistoryFault(
            f"the run's first commit {commit[:12]} has lost its settings", f"git show {commit[:12]}"
        ) from None
    except ValueError as error:
        raise HistoryFault(
            f"the run's first commit {commit[:12]} cannot be read: {reason_of(error)}",
            f"git show {commit[:12]}",
        ) from None


def _unreadable(what: str, commit: str, error: ValueError) -> HistoryFault:
    return HistoryFault(
        f"{what} {commit[:12]} cannot be read: {reason_of(error)}", f"git show {commit[:12]}"
    )


def _verdict_subject(trial: Trial) -> str:
    value = f" {trial.value:.6f}" if trial.value is not None else ""
    delta = f" ({trial.delta:+.6f})" if trial.delta is not None else ""
    return f"#{trial.number} {trial.status}{value}{delta} {trial.proposal.hypothesis}"


def _proposal_trailers(proposal: Proposal) -> dict[str, Any]:
    data = proposal.model_dump(mode="json")
    data["then"] = data["then"] or None  # few proposals are of a batch
    data["by"]["exchanges"] = data["by"]["exchanges"] or None
    return {**_named(data["by"], _PROVENANCE), **_named(data, _PROPOSAL)}


def _read_proposal(trailers: Mapping[str, Any]) -> dict[str, Any]:
    if "Edits" not in trailers:  # the last one of every message
        raise ValueError("it is cut off")
    return {**_fields(trailers, _PROPOSAL), "by": _fields(trailers, _PROVENANCE)}


def _named(data: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {
        trailer: data[field]
        for field, trailer in names.items()
        if field in data and data[field] is not None
    }


def _fields(trailers: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {field: trailers[trailer] for field, trailer in names.items() if trailer in trailers}


def prose(text: str) -> str:
    """Return the words of a model or a training as they may stand in a commit message: none of them passes for a trailer."""
    return "\n".join(_prose(line) for line in text.splitlines()).strip("\n")


def _message(subject: str, body: str, trailers: Mapping[str, Any]) -> str:
    lines = [
        f"{name}: {value if _bare(value) else json.dumps(value)}"
        for name, value in trailers.items()
    ]
    parts = [
        _cut(_printable(" ".join(redacted(subject).split()))),
        prose(redacted(body)),
        "\n".join(lines),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _cut(subject: str) -> str:
    return (
        subject.strip()
        if len(subject) <= _SUBJECT_LENGTH
        else subject[: _SUBJECT_LENGTH - 3].strip() + "..."
    )


def _bare(value: Any) -> bool:
    """Words that need no quotes to be read back as the words they are."""
    return (
        isinstance(value, str)
        and re.fullmatch(r"[a-z][a-z-]*", value) is not None
        and value not in ("null", "true", "false")
    )


def _prose(line: str) -> str:
    """A line of a model's or a training's own words; indented where it looks like a trailer, or like the end of a message."""
    line = _printable(line).rstrip()
    return f"  {line}" if _LINE.match(line) or line.startswith("---") else line


def _printable(text: str) -> str:
    return "".join(
        c
        if unicodedata.category(c)[0] != "C" and unicodedata.category(c) not in ("Zl", "Zp")
        else " "
        for c in text
    )


def _trailers(commit: str, message: str) -> dict[str, Any]:
    """The trailers of the last paragraph; prose before it cannot pass for one."""
    trailers: dict[str, Any] = {}
    for line in message.rstrip("\n").rpartition("\n\n")[2].split("\n"):
        match = _LINE.fullmatch(line)
        if not match:
            return {}
        name, value = match[1], match[2]
        try:
            trailers[name] = value if _bare(value) else json.loads(value)
        except (ValueError, RecursionError):
            if "Trial" in trailers or name == "Trial":
                raise HistoryFault(
                    f"{commit[:12]} has a torn trailer {name}", f"git show {commit[:12]}"
                ) from None
            return {}
    return trailers
