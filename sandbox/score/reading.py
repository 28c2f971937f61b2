"""Reads the metric from a run's log in one pass, and in bounded time and memory."""

import math
from collections.abc import Container, Mapping, Sequence
from pathlib import Path

from sandbox.ground.redaction import redacted
from sandbox.ground.text import one_line
from sandbox.score.following import Follower, follow, matcher
from sandbox.score.forms import LARGEST, Form, Printed, is_score
from sandbox.score.metric import Metric, NotRead, Reading
from sandbox.score.nearest import nearest

QUOTE_CHARACTERS = 160
_BEFORE = 60
"""Characters of a long line that are quoted before the metric."""


def read_metric(log: Path, metric: Metric) -> Reading | NotRead:
    """Return the number that a run printed last, or why there is none. No text raises.

    Both quote the log, so this is not for runs that see hidden data.
    """
    main = Follower(matcher(metric))
    others = {name: Follower(Form(name)) for name in metric.also}
    follow(log, [main, *others.values()])
    printed = main.last()
    if printed is None:
        reason = f"{_passed_over(main, metric.name)}{nearest(log, metric)}"
        return NotRead(status="crash", reason=one_line(reason))
    line = quoted(main.line, printed.start)
    if not math.isfinite(printed.value):
        reason = f'the last value that it printed of {metric.name} is not finite: "{line}"'
        return NotRead(status="crash", reason=one_line(reason))
    if metric.outside(printed.value):
        reason = f'it printed "{line}"; {metric.name} is to be {metric.bounds()}'
        return NotRead(status="invalid", reason=one_line(reason))
    if not is_score(printed.value):
        reason = f'it diverged: "{line}" is beyond {LARGEST:g}'
        return NotRead(status="crash", reason=one_line(reason))
    also = _finite(others)
    missing = lacking(log, metric, also)
    if missing:
        return NotRead(status="crash", reason=missing)
    return Reading(
        value=printed.value,
        unit=printed.unit,
        line=line,
        blocks=main.blocks,
        times=main.times,
        also={name: other.value for name, other in also.items()},
        units=units_of(also),
    )


def read_also(log: Path, names: Sequence[str]) -> dict[str, Printed]:
    """Return the last value of each of these metrics that a run printed, where it is finite."""
    if not names:
        return {}
    others = {name: Follower(Form(name)) for name in names}
    follow(log, list(others.values()))
    return _finite(others)


def units_of(also: Mapping[str, Printed]) -> dict[str, str]:
    """Return what was printed behind the numbers of further metrics, by name."""
    return {name: printed.unit for name, printed in also.items()}


def lacking(log: Path, metric: Metric, also: Container[str]) -> str:
    """Return why a required metric has no finite value; "" if all have one.

    also: those that have one.
    """
    for name in metric.required:
        if name in also:
            continue
        follower = Follower(Form(name))
        follow(log, [follower])
        near = nearest(log, Metric(name=name), "the name")
        reason = f"{_passed_over(follower, name)}{near}"
        printed = follower.last()
        if printed is not None:
            reason = f'the last value of it is not finite: "{quoted(follower.line, printed.start)}"'
        return one_line(f"a guard needs {name}: {reason}")
    return ""


def quoted(line: str, start: int = 0) -> str:
    """Return a line, or the part of a long one around `start`, printable and bounded."""
    if len(line) > QUOTE_CHARACTERS and start > _BEFORE:
        # Redacted before it is cut, so that no half of a secret stays.
        line = "… " + redacted(line[:start])[-_BEFORE:] + line[start:]
    return one_line(line, QUOTE_CHARACTERS)


def _passed_over(follower: Follower, name: str) -> str:
    """Return what was not read of a log, before the words that say what is missing."""
    if not follower.passed_over:
        return ""
    return f"so many lines of its log may have {name} that only the last of them were read; "


def _finite(others: dict[str, Follower]) -> dict[str, Printed]:
    last = {name: follower.last() for name, follower in others.items()}
    return {name: value for name, value in last.items() if value and is_score(value.value)}
