"""Compares a hypothesis with the record: what changed, and numbers that contradict it."""

import re
from collections.abc import Iterator, Mapping, Sequence

from agent.display.names import short_names
from agent.records.proposals import Value
from agent.records.results import Change, Result, Trial
from agent.records.sources import split_name

# "depth 9", "dim ~512", "HEAD_DIM = 64", "batch 524K to 262K": a name, a number, and perhaps the
# number that it becomes.
_NUMBER = r"~?\s*(\d+(?:\.\d+)?(?:e-?\d+)?)\s*([KkMG]?)\b"
_BECOMES = rf"(?:\s*(?:→|->|to)\s*{_NUMBER})?"
_FACTORS = {"": 1.0, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9}
# 524K is 524,288: rounding in prose is no contradiction.
TOLERANCE = 0.03
# A quantity that changed by less than this is not said to have fallen or risen.
LEAST_CHANGE = 0.02
MAX_CHARACTERS = 2000
# Words for a quantity that falls or rises, by the measured quantity.
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


def recorded(trial: Trial) -> list[str]:
    """Return the constants, files and definitions that differ, as read by the harness."""
    lines = [change_text(change) for change in trial.changes]
    for touched in trial.touched:
        if touched.how != "changed":
            lines.append(str(touched))
            continue
        constants = [name for name in trial.changes if split_name(name.name)[0] == touched.file]
        names = [name for name in touched.definitions if not _is_covered(name, constants)]
        if names or not constants:
            lines.append(f"in {touched.model_copy(update={'definitions': tuple(names)})}")
    return lines


def _is_covered(definition: str, changes: Sequence[Change]) -> bool:
    """Return whether a changed constant, `Config.width`, already shows a class's change."""
    return any(split_name(c.name)[1].startswith(f"{definition}.") for c in changes)


def change_text(change: Change, short: Mapping[str, str] = {}) -> str:
    """Return `conf/base.yaml:optim.lr 0.03 → 0.1`, `POWER 2, new`, or `POWER 2, deleted`.

    short: other names for some constants.
    """
    name = short.get(change.name, change.name)
    if change.before is None:
        return f"{name} {written(change.after)}, new"
    if change.after is None:
        return f"{name} {written(change.before)}, deleted"
    return f"{name} {written(change.before)} → {written(change.after)}"


def written(value: Value | None) -> str:
    """Return a constant's value as Python writes it."""
    return "(none)" if value is None else repr(value)


def contradictions(trial: Trial, incumbent: Trial | None) -> tuple[str, ...]:
    """Return a line for each part of the hypothesis that the record contradicts.

    No line proves nothing: only what can be compared is compared.
    """
    claim = trial.proposal.hypothesis[:MAX_CHARACTERS]
    lines = [*_numbers(claim, _facts(trial))]
    if incumbent:
        lines += _directions(claim, trial, incumbent)
    return tuple(lines)


def _facts(trial: Trial) -> dict[str, Value]:
    """Return constants as in the files, and sizes as train.py printed them, by lower-case name.

    The name of a constant is the one in its file, unless another file has the same name.
    """
    facts = dict(trial.result.facts) if trial.result else {}
    short = short_names(trial.configuration)
    for name, value in trial.configuration.items():
        facts[short[name]] = value
    return {name.lower(): value for name, value in facts.items()}


def _numbers(claim: str, facts: Mapping[str, Value]) -> Iterator[str]:
    for name, value in facts.items():
        if isinstance(value, bool | str):
            continue
        for number in _claimed(claim, name):
            if abs(number - value) > TOLERANCE * max(abs(number), abs(value)):
                yield f"it says {name} {number:g}, but what ran had {value:g}"


def _claimed(claim: str, name: str) -> Iterator[float]:
    """Yield the numbers that the prose states for a name; for "64 to 32" it is the last one."""
    spoken = re.sub("[_-]+", " ", name).strip()
    words = {name, spoken, spoken.replace(" ", "_"), name.removeprefix("model_")} - {""}
    names = "|".join(map(re.escape, sorted(words)))
    pattern = rf"(?<![\w])(?:{names})\s*(?:=|:|of|is)?\s*{_NUMBER}{_BECOMES}"
    for match in re.finditer(pattern, claim, re.IGNORECASE):
        number, unit = (match[3], match[4]) if match[3] else (match[1], match[2])
        yield float(number) * _FACTORS[unit or ""]


def _directions(claim: str, trial: Trial, incumbent: Trial) -> Iterator[str]:
    for quantity, (now, before) in _quantities(trial, incumbent).items():
        change = f"{quantity}, but it went from {before:g} to {now:g}"
        fell = now <= before * (1 - LEAST_CHANGE)
        rose = now >= before * (1 + LEAST_CHANGE)
        if fell and re.search(_UP[quantity], claim, re.IGNORECASE):
            yield f"it says more {change}"
        if rose and re.search(_DOWN[quantity], claim, re.IGNORECASE):
            yield f"it says less {change}"


def _quantities(trial: Trial, incumbent: Trial) -> dict[str, tuple[float, float]]:
    """Return the quantities that both measured: the trial's value and the incumbent's."""
    mine = trial.result
    other = incumbent.result
    if mine is None or other is None:
        return {}
    pairs = {
        "parameters": (mine.parameters, other.parameters),
        "memory": (mine.peak_memory_mb, other.peak_memory_mb),
        "speed": (_speed(mine), _speed(other)),
    }
    return {
        name: (float(now), float(before)) for name, (now, before) in pairs.items() if now and before
    }


def _speed(result: Result) -> float | None:
    return next((score.speed for score in result.own if score.speed), None)


def flops_per_token(trial: Trial) -> float | None:
    """Return training FLOPs per token: 6 per parameter (Kaplan et al. 2020), without attention."""
    if trial.result is None or not trial.result.parameters:
        return None
    return 6.0 * trial.result.parameters
