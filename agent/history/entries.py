"""Reads the records in the commit messages of a run, in either format."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Self

from pydantic import BaseModel, Field, ValidationError, model_validator

from agent.errors import HistoryFault
from agent.history import format1, format2
from agent.history.commits import Commit
from agent.history.short import restored
from agent.judge.comparison import Measurement
from agent.judge.suspicion import Rejection
from agent.project.settings import RunSettings
from agent.records.bounded import MAX_ITEMS, reason_of
from agent.records.inputs import Admitted
from agent.records.losses import Loss
from agent.records.objective import Sense
from agent.records.opening import Opening
from agent.records.results import Attempt, Result, Trial
from sandbox.ground.record import Record

UPGRADE = "python -m pip install --upgrade autoresearch"
# A name that a newer version may have given to a status, a kind or a record.
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")
# The types of pydantic's errors for an unknown name.
_NAME_ERRORS = frozenset({"literal_error", "union_tag_invalid"})


class Measured(Record):
    """A note on an attempt in flight: the result of its runs so far, and lost places."""

    result: Result | None = None
    """None before its first run has ended."""
    losses: Annotated[tuple[Loss, ...], Field(max_length=MAX_ITEMS)] = ()

    @model_validator(mode="after")
    def _notes_something(self) -> Self:
        if self.result is None and not self.losses:
            raise ValueError("a note of nothing")
        return self


class NewData(Record):
    """A note that the run uses other validation data from here on."""

    fingerprint: str


@dataclass(frozen=True)
class Unknown:
    """A record that a newer version of autoresearch wrote."""

    commit: str
    name: str
    """Its kind, or the field or value in it that this version does not know."""

    def __str__(self) -> str:
        where = self.commit[:12]
        return f"{where} holds {self.name}, unknown to this version of autoresearch: upgrade"

    def fault(self) -> HistoryFault:
        """Return the fault to raise where the record is needed."""
        return HistoryFault(str(self), UPGRADE)


@dataclass(frozen=True)
class Copied:
    """The record of a verdict in a commit that merges no attempt, as `git cherry-pick` makes it."""

    commit: str


Entry = (
    Attempt
    | Trial
    | Measured
    | Measurement
    | Rejection
    | NewData
    | Admitted
    | Opening
    | Unknown
    | Copied
)


def read_entry(commit: Commit, base: Trial | None = None) -> Entry | None:
    """Return the record in a commit; None for a commit by hand, and for a run's first one.

    base: the earlier trial that a record with many constants may refer to. Raise HistoryFault for a
    record that was tampered with.
    """
    form, fields = _fields_of(commit)
    kind = fields.pop("record", None)
    if kind in (None, "run", "prior"):
        return None
    if kind == "trial" and len(commit.parents) != 2:
        return Copied(commit.id)
    reader = _READERS.get(kind)
    if reader is None:
        return Unknown(commit.id, f"a record of kind {_shown(kind)}")
    try:
        return reader(commit, restored(fields, base) if kind == "trial" else fields)
    except ValidationError as error:
        name = _unknown_in(error) if form == format2.FORMAT else None
        if name is not None:
            return Unknown(commit.id, name)
        raise _unreadable(_TITLES[kind], commit.id, error) from None
    except ValueError as error:
        raise _unreadable(_TITLES[kind], commit.id, error) from None


def refuse_off_scale(commit: Commit, entry: Entry | None, sense: Sense) -> None:
    """Raise HistoryFault for a verdict with a score that is not on the scale of the metric.

    Such a score has no loss, and no run of ours records one.
    """
    if sense.scale == "linear" or not isinstance(entry, Trial):
        return
    values = [score.value for score in entry.result.scores] if entry.result else []
    for pair in entry.pairs:
        values += [pair.candidate, pair.incumbent]
    if entry.estimate is not None:
        values.append(entry.estimate)
    off = [value for value in values if not sense.has(value)]
    if off:
        error = ValueError(f"a score of {off[0]:g}, which is not on the scale {sense.scale}")
        raise _unreadable(_TITLES["trial"], commit.id, error)


def read_run(commit: Commit) -> tuple[RunSettings, list[Unknown]]:
    """Return the settings in a run's first commit, and unknown settings of newer versions.

    Raise HistoryFault if they cannot be read, or if the format is unknown to this version.
    """
    form, fields = _fields_of(commit)
    if fields.pop("record", None) != "run":
        message = f"the run's first commit {commit.id[:12]} has lost its settings"
        raise HistoryFault(message, f"git show {commit.id[:12]}")
    unknown = []
    if form == format2.FORMAT:
        _refuse_format(commit, fields.pop("format", None))
        for name in sorted(set(fields) - set(RunSettings.model_fields)):
            del fields[name]
            unknown.append(Unknown(commit.id, f"a setting called {_shown(name)}"))
    try:
        return RunSettings.model_validate(fields), unknown
    except ValidationError as error:
        name_of_unknown = _unknown_in(error) if form == format2.FORMAT else None
        if name_of_unknown is not None:
            raise Unknown(commit.id, name_of_unknown).fault() from None
        raise _unreadable("the run's first commit", commit.id, error) from None


def is_attempt(commit: Commit) -> bool:
    """Return whether the commit is an attempt, readable or not."""
    return _kind_of(commit) == "attempt"


def is_measured(commit: Commit) -> bool:
    """Return whether the commit is a note on an attempt in flight."""
    return _kind_of(commit) == "measured"


def _kind_of(commit: Commit) -> str | None:
    try:
        return _fields_of(commit)[1].get("record")
    except HistoryFault:
        return None


def _fields_of(commit: Commit) -> tuple[int, dict[str, Any]]:
    """Return the format of a commit's record, and its fields; {} for no record."""
    try:
        fields = format2.read(commit.message)
        if fields is not None:
            return format2.FORMAT, fields
        return 1, format1.read(commit.message) or {}
    except ValueError as error:
        raise _unreadable("the commit", commit.id, error) from None


def _refuse_format(commit: Commit, version: object) -> None:
    if version == format2.FORMAT and not isinstance(version, bool):
        return
    if isinstance(version, int) and not isinstance(version, bool) and version > format2.FORMAT:
        raise Unknown(commit.id, f"a ledger of format {str(version)[:20]}").fault()
    error = ValueError("format: not a version of the ledger")
    raise _unreadable("the run's first commit", commit.id, error)


def _read_trial(commit: Commit, fields: Mapping[str, Any]) -> Trial:
    places = {"attempt": commit.parents[1], "verdict": commit.id, "new_data": False}
    return Trial.model_validate({**fields, **places})


def _read_attempt(commit: Commit, fields: Mapping[str, Any]) -> Attempt:
    if not commit.parents:
        raise ValueError("it stands on no commit")
    places = {"commit": commit.id, "parent": commit.parents[0]}
    return Attempt.model_validate({**fields, **places})


def _reader(record: type[BaseModel]) -> Callable[[Commit, Mapping[str, Any]], Any]:
    """Return a function that reads a record from its fields alone."""
    return lambda _, fields: record.model_validate(fields)


_READERS: Mapping[str, Callable[[Commit, Mapping[str, Any]], Entry]] = {
    "trial": _read_trial,
    "attempt": _read_attempt,
    "measured": _reader(Measured),
    "comparison": _reader(Measurement),
    "rejection": _reader(Rejection),
    "data": _reader(NewData),
    "input": _reader(Admitted),
    "opening": _reader(Opening),
}
_TITLES = {
    "trial": "the verdict",
    "attempt": "the attempt",
    "measured": "the note",
    "comparison": "the measurement",
    "rejection": "the rejection",
    "data": "the change of data",
    "input": "the input",
    "opening": "the opening of the test split",
}


def _unknown_in(error: ValidationError) -> str | None:
    """Return the first name in a record that a newer version may have written.

    Return None if the record has any other mistake: then it was tampered with.
    """
    names = []
    for problem in error.errors(include_url=False):
        field = str(problem["loc"][-1]) if problem["loc"] else ""
        if problem["type"] == "extra_forbidden" and _NAME.fullmatch(field):
            names.append(f"a field called {_shown(field)}")
        elif problem["type"] in _NAME_ERRORS and _is_name(_value_of(problem)):
            names.append(f"the {field or 'kind'} {_shown(_value_of(problem))}")
        else:
            return None
    return names[0] if names else None


def _value_of(problem: Mapping[str, Any]) -> object:
    """Return the value that a problem is about; for a union, its tag."""
    if problem["type"] == "union_tag_invalid":
        return problem["ctx"]["tag"]
    return problem["input"]


def _is_name(value: object) -> bool:
    return isinstance(value, str) and _NAME.fullmatch(value) is not None


def _shown(name: object) -> str:
    return ascii(name)[:80]


def _unreadable(title: str, commit: str, error: ValueError) -> HistoryFault:
    message = f"{title} {commit[:12]} cannot be read: {reason_of(error)}"
    return HistoryFault(message, f"git show {commit[:12]}")
