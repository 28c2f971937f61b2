"""Follows metrics through a log: each line that may have one is looked at, within a bound.

A log of hundreds of megabytes in which every second line is nearly a result would take minutes.
What has the name of no metric costs next to nothing, however much it is.
"""

from collections import deque
from collections.abc import Sequence
from pathlib import Path

from sandbox.score.forms import Form, Printed, parse_value
from sandbox.score.lines import RULE, Objects, is_rule, looks_at, parts, pieces
from sandbox.score.metric import Metric
from sandbox.score.pattern import Pattern
from sandbox.score.tables import Tables, as_line

LOOKS = 1 << 20
"""Lines that are looked at from the beginning of a log, times the metrics that they may have.

As many are looked at from its end. Those between are passed over."""


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


def matcher(metric: Metric) -> Form | _Searched:
    """Return what finds a metric in a line."""
    if metric.pattern is None:
        return Form(metric.name)
    return _Searched(Pattern.compile(metric.pattern))


class Follower:
    """Follows one metric through a log."""

    def __init__(self, form: Form | _Searched) -> None:
        self.form = form
        self.line = ""
        """The last line that had it; "" if it is not known."""
        self.passed_over = False
        """Whether the last lines alone that may have it were read."""
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
        self._count(block)

    def pass_over(self, block: int) -> None:
        """Note a part that may have it and is not read: what came before is not the last one.

        It counts as one line that has the metric, so that nobody hides a second one there.
        """
        self.passed_over = True
        self._stated = self._stated and block == self._block
        self.line = ""
        self._count(block)
        self._before_table = ("", self.times, self.blocks)

    def _count(self, block: int) -> None:
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
        return self.form.last(self.line) if self.line else None


def follow(log: Path, followers: Sequence[Follower]) -> None:
    """Show the lines of a log to the followers that may find something in them."""
    reader = _Reader(followers)
    for piece in pieces(log):
        for part in parts(piece):
            reader.take(part)
    reader.end()


class _Reader:
    """Reads the parts of a log that may have something: all, or as many as LOOKS allows."""

    def __init__(self, followers: Sequence[Follower]) -> None:
        self._followers = followers
        self._objects = Objects()
        self._block = 0
        self._looks = 0
        self._last: deque[tuple[bytes, int, bool]] = deque()
        """The parts that are read at the end, encoded since that takes less memory, each with its
        looks, and whether one that seemed to have nothing lay before it."""
        self._late = 0
        """The looks of those."""
        self._skipped = False

    def take(self, part: str) -> None:
        """Read a part, put it off, or leave it out."""
        interested = len(self._interested(part))
        if not interested and RULE not in part and not self._objects.may_begin(part):
            self._skipped = True
            return
        looks = looks_at(part) * max(1, interested)
        self._looks += looks
        if self._looks <= LOOKS:
            self._read(part)
            return
        self._last.append((part.encode(), looks, self._skipped))
        self._skipped = False
        self._late += looks
        while self._late > LOOKS and len(self._last) > 1:
            passed, looks, _ = self._last.popleft()
            self._late -= looks
            self._pass_over(passed.decode())

    def end(self) -> None:
        """Read what was put off."""
        for part, _, is_apart in self._last:
            for follower in self._followers:
                if is_apart and follower.is_open:
                    follower.pass_over(self._block)  # what was skipped may have been its rows
            self._read(part.decode())
        for lines in self._objects.rest():
            for follower in self._followers:
                follower.see(lines[0], self._block)

    def _interested(self, part: str) -> Sequence[Follower]:
        if self._objects.is_open:
            return self._followers
        return [each for each in self._followers if each.is_open or each.form.is_in(part)]

    def _pass_over(self, part: str) -> None:
        if RULE in part:
            self._block += 1
        for follower in self._interested(part):
            follower.pass_over(self._block)

    def _read(self, part: str) -> None:
        interested = self._interested(part)
        for lines in self._objects.groups(filter(None, part.split("\n"))):
            if RULE in lines[0] and is_rule(lines[0]):
                self._block += 1
            elif len(lines) > 1:
                self._show_object(lines)
            else:
                for follower in interested:
                    follower.see(lines[0], self._block)

    def _show_object(self, lines: list[str]) -> None:
        for follower in self._followers:
            for line in follower.form.read_as(lines):
                follower.see(line, self._block)
