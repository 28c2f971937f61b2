"""Holds a claim against what was measured: numbers and directions in the prose that the record contradicts."""

import re
from collections.abc import Iterator, Mapping

from agent.records.proposals import Value
from agent.records.results import Trial

# "depth 9", "dim ~512", "HEAD_DIM = 64", "batch 524K to 262K": a name, then a number, and perhaps the one that it becomes.
_NUMBER = r"~?\s*(\d+(?:\.\d+)?(?:e-?\d+)?)\s*([KkMG]?)\b"
_BECOMES = rf"(?:\s*(?:→|->|to)\s*{_NUMBER})?"
_FACTORS = {"": 1.0, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9}
# 524K is 524,288: rounding in prose is no contradiction.
TOLERANCE = 0.03
# Words that say a quantity goes down, by the measured quantity they speak of.
_DOWN = {
    "parameters": r"\b(?:fewer|less) param|\bsmaller model",
    "memory": r"\bless memory",
    "speed": r"\bslower\b",
}
_UP = {
    "parameters": r"\bmore param|\b(?:larger|bigger) model",
    "memory": r"\bmore memory",
    "speed": r"\b(?:faster|more steps)\b",
}


def contradictions(trial: Trial, incumbent: Trial | None) -> tuple[str, ...]:
    """What the hypothesis says that the record denies, a line each. Silence is no proof: only what can be compared is."""
    claim = trial.proposal.hypothesis[:2000]
    return (
        *_numbers(claim, _facts(trial)),
        *(_directions(claim, trial, incumbent) if incumbent else ()),
    )


def _facts(trial: Trial) -> dict[str, Value]:
    """Everything known by name: constants as the file has them, sizes as train.py resolved them."""
    said = trial.result.facts if trial.result else {}
    return {name.lower(): value for name, value in {**said, **trial.configuration}.items()}


def _numbers(claim: str, facts: Mapping[str, Value]) -> Iterator[str]:
    for name, value in facts.items():
        if isinstance(value, bool | str):
            continue
        words = {
            name,
            name.replace("_", " "),
            *([name.removeprefix("model_")] if name.startswith("model_") else []),
        }
        pattern = rf"(?<![\w])(?:{'|'.join(map(re.escape, sorted(words)))})\s*(?:=|:|of|is)?\s*{_NUMBER}{_BECOMES}"
        for match in re.finditer(pattern, claim, re.IGNORECASE):
            number, unit = (match[3], match[4]) if match[3] else (match[1], match[2])
            said = float(number) * _FACTORS[unit or ""]
            if abs(said - value) > TOLERANCE * max(abs(said), abs(value)):
                yield f"it says {name} {said:g}, but what ran had {value:g}"


def _directions(claim: str, trial: Trial, incumbent: Trial) -> Iterator[str]:
    for quantity, (now, before) in _quantities(trial, incumbent).items():
        for words, rises in ((_UP, True), (_DOWN, False)):
            denied = now <= before * 0.98 if rises else now >= before * 1.02
            if re.search(words[quantity], claim, re.IGNORECASE) and denied:
                yield f"it says {'more' if rises else 'less'} {quantity}, but it went from {before:g} to {now:g}"


def _quantities(trial: Trial, incumbent: Trial) -> dict[str, tuple[float, float]]:
    one, other = trial.result, incumbent.result
    if one is None or other is None:
        return {}
    speeds = [
        next((score.speed for score in result.own if score.speed), None) for result in (one, other)
    ]
    pairs = {
        "parameters": (one.parameters, other.parameters),
        "memory": (one.peak_memory_mb, other.peak_memory_mb),
        "speed": (speeds[0], speeds[1]),
    }
    return {
        name: (float(now), float(before)) for name, (now, before) in pairs.items() if now and before
    }


def flops_per_token(trial: Trial) -> float | None:
    """Training FLOPs a token, by 6 times the parameters (Kaplan et al. 2020); attention's own share is left out."""
    return 6.0 * trial.result.parameters if trial.result and trial.result.parameters else None
