"""The constants of all files that edits may touch, under names that say where they are."""

import ast
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from agent.edit.files import Code, Sources, as_sources, split_name
from agent.edit.files.difference import renamed_files
from agent.edit.files.one import KEPT_FILES, is_python
from agent.edit.literal import Literal, evaluate
from agent.edit.newer_syntax import needs_newer, this_python
from agent.edit.source import parse_tree, read
from agent.edit.values import Entry, entries, language_of, value_of
from agent.edit.values import written as written_value
from agent.records.edits import Refused, SetConstant
from agent.records.newest import kept_for_newest
from agent.records.proposals import Configuration, Value
from agent.records.results import Change
from agent.space.constants import Constant, differ, find_constants, written_like
from agent.space.space import Space

Place = Constant | Entry

KEPT_STATES = 4
"""States of a project that are kept: the tip, an attempt's parent and its files, and a new one."""


@dataclass(frozen=True)
class Found:
    """One constant of a project."""

    name: str
    """Its whole name: `LR` in train.py, `conf/base.yaml:optim.lr` elsewhere."""
    file: str
    local: str
    """What its file calls it."""
    place: Place
    """What is known of it there."""

    @property
    def value(self) -> Literal:
        """Its value."""
        return self.place.value


@kept_for_newest(KEPT_STATES)
def find_all(code: Code) -> Mapping[str, Found]:
    """Return every constant that SetConstant can set, by whole name: those of train.py first."""
    sources = as_sources(code)
    constants = {}
    for path, text in sources.editable:
        for local, place in _places(path, text).items():
            name = sources.named(path, local)
            constants[name] = Found(name, path, local, place)
    return constants


@lru_cache(maxsize=KEPT_FILES)
def _places(path: str, text: str) -> Mapping[str, Place]:
    if is_python(path):
        parsed = read(text)
        return {} if isinstance(parsed, Refused) else find_constants(parsed)
    language = language_of(path)
    values = entries(language, text) if language else {}
    return {} if isinstance(values, Refused) else values


def unread_files(sources: Sources) -> dict[str, str]:
    """Return the files whose constants cannot be read, each with the reason."""
    reasons = {path: _why_unread(path, text) for path, text in sources.editable}
    return {path: reason for path, reason in reasons.items() if reason}


def _why_unread(path: str, text: str) -> str | None:
    if is_python(path):
        parsed = read(text)
        return _why_unparsed(parsed) if isinstance(parsed, Refused) else None
    language = language_of(path)
    if language is None:
        return "a text of this kind is edited by its passages"
    values = entries(language, text)
    return values.where if isinstance(values, Refused) else None


def _why_unparsed(refused: Refused) -> str:
    if needs_newer(refused):
        return f"{refused.where} ({refused.hint})"
    return f"{refused.where}, as {this_python()} reads it"


def read_constants(code: Code) -> Configuration:
    """Return the value of every constant, by whole name; {} for files that do not parse."""
    return {name: constant.value for name, constant in find_all(code).items()}


def constant_edits(code: Code, configuration: Configuration) -> tuple[SetConstant, ...]:
    """Return the edits that set those values of `configuration` that differ, each in its file."""
    sources = as_sources(code)
    constants = find_all(sources)
    edits = []
    for name, value in configuration.items():
        old = constants.get(name)
        if old is not None and not differ(old.value, value):
            continue
        path, local = split_name(name, sources.main)
        place = old.place if old else None
        file = None if path == sources.main else path
        edits.append(SetConstant(file=file, name=local, value=_written(path, value, place)))
    return tuple(edits)


def _written(path: str, value: Value, place: Place | None) -> str:
    """Return a value as its file would write it."""
    language = language_of(path)
    if language:
        old = place if isinstance(place, Entry) else Entry("", value, "", 1, "")
        return written_value(language, value, old)
    return written_like(value, place if isinstance(place, Constant) else None)


def literal_of(path: str, text: str) -> Literal | None:
    """Return the value that a text stands for in a file, or None if it is no literal there."""
    language = language_of(path)
    if language is None:
        tree = parse_tree(f"_ = {text.strip()}")
        if isinstance(tree, Refused) or len(tree.body) != 1:
            return None
        if not isinstance(tree.body[0], ast.Assign):
            return None
        return evaluate(tree.body[0].value)
    return value_of(language, text)


def under_names_of(space: Space, configuration: Configuration) -> Configuration:
    """Return a configuration with the names that `space` has for constants that moved.

    A constant that moves to another file with its definition keeps its local name.
    """
    return _moved(configuration, space.default)


def _moved(configuration: Configuration, now: Configuration) -> Configuration:
    """Return a configuration under the names that constants have in `now`."""
    gone = _by_local(name for name in configuration if name not in now)
    new = _by_local(name for name in now if name not in configuration)
    names = {
        gone[local][0]: new[local][0]
        for local in gone.keys() & new.keys()
        if len(gone[local]) == len(new[local]) == 1
    }
    return {names.get(name, name): value for name, value in configuration.items()}


def _by_local(names: Iterable[str]) -> dict[str, list[str]]:
    by_local: dict[str, list[str]] = defaultdict(list)
    for name in names:
        by_local[_local(name)].append(name)
    return by_local


def _local(name: str) -> str:
    return split_name(name)[1]


def _moved_along(old: Code, new: Code) -> Configuration:
    """Return the constants of `old` by the names that they have after files were renamed."""
    renamed = renamed_files(as_sources(old), as_sources(new))
    constants = {}
    for name, value in read_constants(old).items():
        path, colon, local = name.partition(":")
        to = renamed.get(path) if colon else None
        constants[f"{to}:{local}" if to else name] = value
    return constants


def changes(old: Code, new: Code) -> tuple[Change, ...]:
    """Return the constants that differ between two states, in the new one's order.

    One that only moved to another file, with its definition or with its file, does not differ.
    """
    after = read_constants(new)
    before = _moved(_moved_along(old, new), after)
    names = [*after, *(name for name in before if name not in after)]
    return tuple(
        Change(name=name, before=before.get(name), after=after.get(name))
        for name in names
        if differ(before.get(name), after.get(name))
    )
