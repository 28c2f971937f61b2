"""Keeps an inferred range within what a file or a comment allows: `le=0.3`, "at most 8"."""

import math
import re
from dataclasses import replace

from agent.edit.places.limits import NO_LIMITS, Limits
from agent.space.constants import is_power_of_two
from agent.space.knobs.evidence import MAX_TEXT, Evidence
from agent.space.knobs.shapes import Number, rounded
from agent.space.ranges import Range

_NUMBER = r"([-+]?(?:\d{1,18}(?:\.\d{0,18})?|\.\d{1,18})(?:e[-+]?\d{1,3})?)"
_INTERVAL = re.compile(
    rf"(?:^|\b(?:in|within|between|range|allowed|valid))\s*[:=]?\s*([\[(])\s*{_NUMBER}\s*"
    rf"(?:,|;|\.{{2,3}}|-|–|to)\s*{_NUMBER}\s*([\])])"
)
_BETWEEN = re.compile(
    rf"\b(?:between|range|allowed|valid)\s*[:=]?\s*{_NUMBER}\s*(?:and|to|-|–|\.{{2,3}})\s*{_NUMBER}"
)
_BEFORE = r"(?:^|\b(?:be|is|keep|keep it|stay|stays|kept|and)\s+)"
_HIGHEST = re.compile(
    rf"{_BEFORE}(at most|(?:no|not) (?:more|larger|greater) than|up to|max(?:imum)?(?: is| of|:|=)?"
    rf"|below|under|(?:less|smaller|lower) than|<=?|≤)\s*{_NUMBER}"
)
_LOWEST = re.compile(
    rf"{_BEFORE}(at least|(?:no|not) (?:less|smaller) than|min(?:imum)?(?: is| of|:|=)?"
    rf"|above|over|(?:more|larger|greater|higher) than|>=?|≥)\s*{_NUMBER}"
)
_OPEN = re.compile(
    r"(?:below|under|above|over|less|smaller|lower|more|larger|greater|higher)\b|[<>]$"
)
_POWER = re.compile(r"\bpowers? of (?:two|2)\b")
_MULTIPLE = re.compile(r"\b(?:multiple of|divisible by)\s+(\d{1,6})\b|\b(even)(?: number)?$")
_PHRASES = re.compile(r"[,;()]|\.(?=\s|$)")
MAX_CHOICES = 32  # that are searched one by one
_EDGE = 0.01  # of the way to the value that a bound is kept from where it is not allowed itself


def limited(found: Range, evidence: Evidence) -> Range | None:
    """Return the part of a range that is allowed; None if that is no more than the value."""
    value = evidence.value
    if isinstance(value, bool | str):
        return found
    choices = evidence.choices
    if value in choices and len(choices) <= MAX_CHOICES:
        return Range(choices=choices) if len(choices) > 1 else None
    text = " ".join(evidence.text[:MAX_TEXT].lower().lstrip("#/ ").split())
    for limits in (evidence.limits, limits_in(text)):
        if found and limits and _allows(limits, value):
            kept = _clipped(found, value, limits)
            if kept is None:
                return None
            found = kept
    return _stepped(found, value, text)


def limits_in(text: str) -> Limits:
    """Return the limits that a comment in small letters states; none if it states none."""
    interval = _INTERVAL.search(text)
    if interval:
        left, low, high, right = interval.groups()
        return _ordered(Limits(float(low), float(high), left == "(", right == ")"))
    between = _BETWEEN.search(text)
    if between:
        return _ordered(Limits(float(between[1]), float(between[2])))
    low = high = NO_LIMITS
    for phrase in _PHRASES.split(text):
        if lowest := _LOWEST.search(phrase.strip()):
            low = Limits(low=float(lowest[2]), is_low_open=bool(_OPEN.match(lowest[1])))
        if highest := _HIGHEST.search(phrase.strip()):
            high = Limits(high=float(highest[2]), is_high_open=bool(_OPEN.match(highest[1])))
    return _ordered(Limits(low.low, high.high, low.is_low_open, high.is_high_open))


def _ordered(limits: Limits) -> Limits:
    """Return limits, or none of a schedule that falls from one to the other."""
    if limits.low is None or limits.high is None or limits.low < limits.high:
        return limits
    return NO_LIMITS


def _allows(limits: Limits, value: Number) -> bool:
    """Return whether a value is within limits."""
    if limits.low is not None:
        too_low = value <= limits.low if limits.is_low_open else value < limits.low
        if too_low:
            return False
    if limits.high is None:
        return True
    return value < limits.high if limits.is_high_open else value <= limits.high


def _clipped(found: Range, value: Number, limits: Limits) -> Range | None:
    """Return what is within limits, which allow the value; None if nothing else is."""
    if found.choices:
        return _chosen(found, [each for each in found.choices if _allows(limits, float(each))])
    low = found.low
    high = found.high
    if limits.low is not None and not _allows(limits, low):
        low = _inside(value, limits.low, limits.is_low_open)
    if limits.high is not None and not _allows(limits, high):
        high = _inside(value, limits.high, limits.is_high_open)
    if low >= high:
        return None
    clipped = replace(found, low=min(low, value), high=max(high, value))
    return clipped if not found.power_of_two or _has_power(clipped, value) else None


def _inside(value: Number, bound: float, is_open: bool) -> float:
    """Return a bound, or where it is not allowed itself one that is close to it."""
    if isinstance(value, int):
        step = 1 if bound < value else -1
        whole = math.ceil(bound) if bound < value else math.floor(bound)
        return whole + step if is_open and whole == bound else whole
    return rounded(bound + _EDGE * (value - bound)) if is_open else bound


def _has_power(found: Range, value: Number) -> bool:
    powers = (1 << exponent for exponent in range(64))
    return any(found.low <= power <= found.high and power != value for power in powers)


def _chosen(found: Range, choices: list[object]) -> Range | None:
    kept = tuple(choice for choice in found.choices if choice in choices)
    return Range(choices=kept) if len(kept) > 1 else None


def _stepped(found: Range, value: Number, text: str) -> Range | None:
    """Return a range of powers of two, or of multiples, where a comment asks for them."""
    if not isinstance(value, int):
        return found
    if _POWER.search(text) and is_power_of_two(value):
        if found.choices:
            return _chosen(found, [each for each in found.choices if is_power_of_two(each)])
        return replace(found, log=False, power_of_two=True)
    multiple = _MULTIPLE.search(text)
    if multiple is None:
        return found
    step = int(multiple[1] or 2)
    if step < 2 or value % step:
        return found
    if found.choices:
        return _chosen(found, [each for each in found.choices if int(each) % step == 0])
    if found.power_of_two and is_power_of_two(step):
        return replace(found, low=max(found.low, step))
    near = [value * quarters // 4 for quarters in (1, 2, 3, 4, 6, 8, 16)]
    kept = [each for each in near if found.low <= each <= found.high and each % step == 0]
    return Range(choices=tuple(kept)) if len(kept) > 1 else None
