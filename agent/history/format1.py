"""Format 1 of the ledger, for reading only: one trailer a field, as runs before format 2 have it.

The trailers are returned as the record that format 2 would hold. docs/ledger.md describes both.
"""

import re
from collections.abc import Mapping
from typing import Any

from agent.history.text import TRAILER, parsed

FIRST_COMMIT = "^Autoresearch-Run: "
"""Pattern (basic) of the trailer that marks the first commit of a run."""
_RUN = "Autoresearch-Run"
_COMPARISON = "Measured-Again"
_DATA = "Data-Fingerprint"
_REJECTION = "Rejected"
# The last trailer of every proposal.
_LAST = "Edits"
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
_WORD = re.compile(r"[a-z][a-z-]*")
_JSON_WORDS = ("null", "true", "false")


def read(message: str) -> dict[str, Any] | None:
    """Return the record in a message, or None. Raise ValueError for an incomplete one."""
    trailers = _trailers(message)
    if _RUN in trailers:
        return _whole("run", trailers[_RUN])
    if "Attempt" in trailers:
        return {
            "record": "attempt",
            "number": trailers["Attempt"],
            "proposal": _proposal(trailers),
        }
    if "Trial" in trailers:
        return {
            "record": "trial",
            **_fields(trailers, _TRIAL),
            "proposal": _proposal(trailers),
            "result": _fields(trailers, _RESULT) or None,
        }
    if "Measured" in trailers:
        return {"record": "measured", "result": _fields(trailers, _RESULT)}
    if _COMPARISON in trailers:
        return _whole("comparison", trailers[_COMPARISON])
    if _REJECTION in trailers:
        return _whole("rejection", trailers[_REJECTION])
    if isinstance(trailers.get(_DATA), str):
        return {"record": "data", "fingerprint": trailers[_DATA]}
    return None


def _whole(record: str, fields: Any) -> dict[str, Any]:
    """Return a record that is the JSON of a single trailer."""
    if not isinstance(fields, dict):
        raise ValueError("its record is no object")
    return {**fields, "record": record}


def _proposal(trailers: Mapping[str, Any]) -> dict[str, Any]:
    if _LAST not in trailers:
        raise ValueError("it is cut off")
    return {**_fields(trailers, _PROPOSAL), "by": _fields(trailers, _PROVENANCE)}


def _fields(trailers: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {field: trailers[trailer] for field, trailer in names.items() if trailer in trailers}


def _trailers(message: str) -> dict[str, Any]:
    """Return the trailers of the last paragraph. Prose before it is never read as one."""
    trailers: dict[str, Any] = {}
    for line in message.rstrip("\n").rpartition("\n\n")[2].split("\n"):
        match = TRAILER.fullmatch(line)
        if not match:
            return {}
        name = match[1]
        text = match[2]
        try:
            trailers[name] = text if _is_bare(text) else parsed(text)
        except (ValueError, RecursionError):
            if "Trial" in trailers or name == "Trial":
                raise ValueError(f"it has a torn trailer {name}") from None
            return {}
    return trailers


def _is_bare(text: str) -> bool:
    """Return whether a value is a bare word, without the quotes of JSON."""
    return _WORD.fullmatch(text) is not None and text not in _JSON_WORDS
