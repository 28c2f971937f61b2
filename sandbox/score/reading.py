"""Reads the metric from a run's log in one pass and bounded memory."""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from sandbox.ground.redaction import redacted
from sandbox.ground.text import one_line
from sandbox.score.forms import LARGEST, Form, Printed, is_score, parse_value
from sandbox.score.lines import RULE, is_rule, pieces
from sandbox.score.metric import Metric, NotRead, Reading
from sandbox.score.nearest import nearest
from sandbox.score.pattern import Pattern

QUOTE_CHARACTERS = 160
_BEFORE = 60
"""Characters of a long line that are quoted before the metric."""


def read_metric(log: Path, metric: Metric) -> Reading | NotRead:
    """Return the number that a run printed last, or why there is none. No text raises.

    Both quote the log, so this is not for runs that see hidden data.
    """
    main = _Follower(_matcher(metric))
    others = {name: _Follower(Form(name)) for name in metric.also}
    _follow(log, [main, *others.values()])
    printed = main.last()
    if printed is None:
        return NotRead(status="crash", reason=one_line(nearest(log, metric)))
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
        also=also,
    )


def read_also(log: Path, names: Sequence[str]) -> dict[str, float]:
    """Return the last finite value of each of these metrics that a run printed."""
    if not names:
        return {}
    others = {name: _Follower(Form(name)) for name in names}
    _follow(log, list(others.values()))
    return _finite(others)


def lacking(log: Path, metric: Metric, also: Mapping[str, float]) -> str:
    """Return why a required metric has no finite value; "" where all have one.

    also: those that have one.
    """
    for name in metric.required:
        if name in also:
            continue
        follower = _Follower(Form(name))
        _follow(log, [follower])
        reason = nearest(log, Metric(name=name), "the name")
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


class _Searched:
    """The owner's pattern, as a Form is one."""

    def __init__(self, pattern: Pattern) -> None:
        self._pattern = pattern
        self.is_in = pattern.is_in

    def gives(self, line: str) -> bool:
        text = self._pattern.last(line)
        return text is not None and parse_value(text) is not None

    def begins(self, line: str) -> bool:
        return self.gives(line)

    def last(self, line: str) -> Printed | None:
        printed = parse_value(self._pattern.last(line) or "")
        return printed._replace(start=0) if printed else None


def _matcher(metric: Metric) -> Form | _Searched:
    if metric.pattern is None:
        return Form(metric.name)
    return _Searched(Pattern.compile(metric.pattern))


class _Follower:
    """Follows one metric through a log."""

    def __init__(self, form: Form | _Searched) -> None:
        self.form = form
        self.line = ""
        """The last line that had it."""
        self.times = 0
        self.blocks = 0
        self._block = 0
        self._stated = False
        """Whether the summary at hand has a line of its own for the metric."""

    def see(self, line: str, block: int) -> None:
        """Read a line of the summary number `block`, 0 before the first one.

        What a summary states on a line of its own is not changed by a mention in a later line.
        """
        if not self.form.gives(line):
            return
        if block and (block != self._block or not self._stated):
            self._stated = self.form.begins(line)
        elif block and not self.form.begins(line):
            return
        self.line = line
        self.times += 1
        if block != self._block:
            self._block = block
            self.blocks += 1

    def last(self) -> Printed | None:
        """Return the value that counts. It is computed here, not for each of millions of lines."""
        return self.form.last(self.line) if self.times else None


def _follow(log: Path, followers: list[_Follower]) -> None:
    """Pass the lines of a log to the followers that may find something in them."""
    block = 0
    for piece in pieces(log):
        interested = [follower for follower in followers if follower.form.is_in(piece)]
        if not interested and RULE not in piece:
            continue
        for line in filter(None, piece.split("\n")):
            if RULE in line and is_rule(line):
                block += 1
                continue
            for follower in interested:
                follower.see(line, block)


def _finite(others: dict[str, _Follower]) -> dict[str, float]:
    values = {name: follower.last() for name, follower in others.items()}
    return {name: value for name, value in _numbers(values) if is_score(value)}


def _numbers(values: dict[str, Printed | None]) -> Iterator[tuple[str, float]]:
    for name, printed in values.items():
        if printed is not None:
            yield name, printed.value
