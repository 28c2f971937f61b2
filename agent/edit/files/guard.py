"""Refuses edits before a training: no change, another seed, a protected name."""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping

from agent.edit.files.apply import located
from agent.edit.files.fingerprint import fingerprint_of
from agent.edit.files.one import fingerprint_in, is_python
from agent.edit.files.planted import planted
from agent.edit.guard import changed_name, lost_name, seed_change
from agent.edit.seed_texts import seeds_in_text
from agent.edit.seeds import changed_seed, is_seed_name, seeds_of
from agent.edit.source import Source, read, refuse
from agent.edit.values import Entry, entries, language_of, section_of
from agent.records.edits import Refused
from agent.records.sources import Code, Sources, as_sources, split_name

_INDEX = re.compile(r"\[\d+\]")
"""An index in the path of a value: `seeds[0]`."""


def guard_files(
    before: Code,
    after: Code,
    *,
    tried: Collection[str] = (),
    protected: Collection[str] = (),
    required: Collection[str] = (),
) -> Refused | None:
    """Return why `after` must not be trained in place of `before`, or None.

    tried: fingerprints of earlier attempts. protected: names that no edit may change in any way;
    `model/net.py:Net` is the one in that file, `Net` the one in whatever Python file has it.
    required: names in train.py that may change but not vanish (what the scorer imports).
    """
    old = as_sources(before)
    new = as_sources(after)
    broken = _broken(old, new)
    if broken:
        return broken
    mark = fingerprint_of(new)
    if mark == fingerprint_of(old):
        return refuse("no-op", "only comments, layout or spelling of numbers would change")
    refused = (
        planted(old, new)
        or _protected(old, new, protected)
        or _required(old, new, required)
        or _seeds(old, new)
    )
    if refused:
        return refused
    if mark in tried:
        return refuse(
            "already-tried",
            "an earlier trial ran the same program",
            "look in the history for how it scored",
        )
    return None


def _changed(old: Sources, new: Sources) -> list[str]:
    """Return the paths of the files that differ, were added or are gone."""
    paths = dict.fromkeys((*old.files, *new.files))
    return [path for path in paths if old.files.get(path) != new.files.get(path)]


def _broken(old: Sources, new: Sources) -> Refused | None:
    """Return why a changed Python file cannot be read."""
    for path in _changed(old, new):
        source = read(new.files.get(path, "")) if is_python(path) else None
        if isinstance(source, Refused):
            return source if path == new.main else located(path, source)
    return None


def _protected(old: Sources, new: Sources, protected: Collection[str]) -> Refused | None:
    for path in _changed(old, new):
        own = [_own(name, path) for name in protected]
        names = [name for name in own if name is not None]
        if not names:
            continue
        before = old.files.get(path, "")
        after = new.files.get(path, "")
        refused = _protected_in(path, before, after, names)
        if refused:
            return refused if path == new.main else located(path, refused)
    return None


def _own(name: str, path: str) -> str | None:
    """Return a protected name as the file knows it, or None if it belongs to another file."""
    where, local = split_name(name, "")
    return local if where in ("", path) else None


def _protected_in(path: str, before: str, after: str, names: list[str]) -> Refused | None:
    if is_python(path):
        old = read(before)
        new = read(after)
        if isinstance(old, Source) and isinstance(new, Source):
            return changed_name(old, new, names)
        return None
    language = language_of(path)
    if language is None:
        return None
    for name in names:
        if section_of(language, before, name) != section_of(language, after, name):
            return refuse(
                "protected",
                f"{name} would change",
                "it is part of how trials are measured; leave it as it is",
            )
    return None


def _required(old: Sources, new: Sources, required: Collection[str]) -> Refused | None:
    if not required or old.text == new.text:
        return None
    before = read(old.text)
    after = read(new.text)
    if isinstance(before, Source) and isinstance(after, Source):
        return lost_name(before, after, required)
    return None


def _seeds(old: Sources, new: Sources) -> Refused | None:
    """Return the refusal of another seed, in one file or by a move between files; else None."""
    changed = _changed(old, new)
    for path in changed:
        refused = _seed_change_in(path, old, new)
        if refused:
            return refused if path == new.main else located(path, refused)
    before = _seed_values(old, changed)
    after = _seed_values(new, changed)
    for name, values in before.items():
        later = after.get(name, Counter())
        if values - later and later - values:
            return _other_seed(f"the seed {name}")
    python = [path for path in changed if is_python(path)]
    door = changed_seed(seeds_of(*_texts(old, python)), seeds_of(*_texts(new, python)))
    if door is None:
        return None
    return _other_seed("a seeding call" if door == "call" else f"the seed {door}")


def _seed_change_in(path: str, old: Sources, new: Sources) -> Refused | None:
    before = old.files.get(path)
    after = new.files.get(path)
    if before is None or after is None:
        return None
    if is_python(path):
        if fingerprint_in(path, before) == fingerprint_in(path, after):
            return None
        return seed_change(before, after)
    later = _entries_in(path, after)
    for name, entry in _entries_in(path, before).items():
        is_seed = is_seed_name(_INDEX.sub("", name)) and name in later
        if is_seed and later[name].value != entry.value:
            return _other_seed(f"the seed {name}")
    return None


def _other_seed(where: str) -> Refused:
    hint = "leave every seed as it is; a lucky seed is noise, not an improvement"
    return refuse("seed-only", f"{where} would change", hint)


def _texts(sources: Sources, paths: Iterable[str]) -> list[str]:
    return [sources.files.get(path, "") for path in paths]


def _seed_values(sources: Sources, paths: Iterable[str]) -> dict[str, Counter[str]]:
    """Return the values of seeds in files of any kind, by name in lower case."""
    values: dict[str, Counter[str]] = defaultdict(Counter)
    for path in paths:
        text = sources.files.get(path, "")
        for name, value in _seeds_of(path, text):
            bare = name.rpartition(".")[2].strip("-").replace("-", "_").lower()
            values[bare][value] += 1
    return values


def _seeds_of(path: str, text: str) -> Iterator[tuple[str, str]]:
    if is_python(path):
        yield from seeds_of(text).constants
        return
    values = _entries_in(path, text)
    for name, entry in values.items():
        bare = _INDEX.sub("", name)
        if is_seed_name(bare):
            yield bare, repr(entry.value)
        elif isinstance(entry.value, str):
            yield from seeds_in_text(entry.value)
    if not values or language_of(path) in ("code", "ini", "shell"):
        yield from seeds_in_text(text)


def _entries_in(path: str, text: str) -> Mapping[str, Entry]:
    """Return the constants of a file of values; none for text and unreadable files."""
    language = language_of(path)
    values = entries(language, text) if language else {}
    return {} if isinstance(values, Refused) else values
