"""Reads the metric from a run's log in one pass and bounded memory."""

import math
from collections.abc import Container, Mapping, Sequence
from pathlib import Path

from sandbox.ground.redaction import redacted
from sandbox.ground.text import one_line
from sandbox.score.forms import LARGEST, Form, Printed, is_score, parse_value
from sandbox.score.lines import RULE, Objects, is_rule, pieces
from sandbox.score.metric import Metric, NotRead, Reading
from sandbox.score.nearest import nearest
from sandbox.score.pattern import Pattern
from sandbox.score.tables import Tables, as_line

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
        also={name: other.value for name, other in also.items()},
        units=units_of(also),
    )


def read_also(log: Path, names: Sequence[str]) -> dict[str, Printed]:
    """Return the last value of each of these metrics that a run printed, where it is finite."""
    if not names:
        return {}
    others = {name: _Follower(Form(name)) for name in names}
    _follow(log, list(others.values()))
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

    def read_as(self, lines: Sequence[str]) -> Sequence[str]:
        return lines

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
        self._tables = Tables()
        self._before_table: tuple[str, int, int] = ("", 0, 0)
        """The line, the times and the blocks before the table at hand."""

    @property
    def is_open(self) -> bool:
        """Whether a table with the metric has begun, whose rows do not name it."""
        return self._tables.is_open

    def see(self, line: str, block: int) -> None:
        """Read a line of the summary number `block`, 0 before the first one.

        What a summary states on a line of its own is not changed by a mention in a later line.
        """
        if not self.form.gives(line):
            line = self._of_table(line)
            if not line:
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

    def _of_table(self, line: str) -> str:
        """Return a row of a table with the metric as a line that names it; "" for another line.

        Where a table turns out to have several rows that nothing counts, none of them is read.
        """
        if isinstance(self.form, _Searched):
            return ""
        row = self._tables.row(line) if self._tables.is_open else None
        if row is None:
            if self.form.is_in(line):
                self._tables.begin(line)
                self._before_table = (self.line, self.times, self.blocks)
            return ""
        table, cells = row
        if table.is_unclear:
            self.line, self.times, self.blocks = self._before_table
            return ""
        named = as_line(self.form.name, table, cells)
        return named if self.form.gives(named) else ""

    def last(self) -> Printed | None:
        """Return the value that counts. It is computed here, not for each of millions of lines."""
        return self.form.last(self.line) if self.times else None


def _follow(log: Path, followers: list[_Follower]) -> None:
    """Pass the lines of a log to the followers that may find something in them."""
    block = 0
    objects = Objects()
    for piece in pieces(log):
        interested = [each for each in followers if each.is_open or each.form.is_in(piece)]
        if objects.is_open:
            interested = followers
        if not interested and RULE not in piece and not objects.may_begin(piece):
            continue
        for lines in objects.groups(filter(None, piece.split("\n"))):
            if RULE in lines[0] and is_rule(lines[0]):
                block += 1
            elif len(lines) > 1:
                _show_object(lines, followers, block)
            else:
                for follower in interested:
                    follower.see(lines[0], block)
    for lines in objects.rest():
        for follower in followers:
            follower.see(lines[0], block)


def _show_object(lines: list[str], followers: list[_Follower], block: int) -> None:
    for follower in followers:
        for line in follower.form.read_as(lines):
            follower.see(line, block)


def _finite(others: dict[str, _Follower]) -> dict[str, Printed]:
    last = {name: follower.last() for name, follower in others.items()}
    return {name: value for name, value in last.items() if value and is_score(value.value)}
