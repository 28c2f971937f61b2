"""What is not worth a training, or not allowed: no change, only a seed, a protected name."""

import ast
from collections.abc import Collection, Iterable, Iterator, Mapping

from agent.edit.files.apply import located
from agent.edit.files.fingerprint import fingerprint_of
from agent.edit.files.one import is_python
from agent.edit.files.sources import Code, Sources, as_sources, split_name
from agent.edit.guard import changed_name, lost_name, seed_change
from agent.edit.seeds import is_seed_name
from agent.edit.source import Source, file_tree, read, refuse
from agent.edit.values import Entry, entries, language_of
from agent.records.edits import Refused


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
    refused = _protected(old, new, protected) or _required(old, new, required) or _seeds(old, new)
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
    """Return what a file calls a protected name, or None if the name is another file's."""
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
    was = entries(language, before)
    now = entries(language, after)
    if isinstance(was, Refused) or isinstance(now, Refused):
        return None
    for name in names:
        if _below(was, name) != _below(now, name):
            return refuse(
                "protected",
                f"{name} would change",
                "it is part of how trials are measured; leave it as it is",
            )
    return None


def _below(values: Mapping[str, Entry], name: str) -> dict[str, object]:
    """Return the values at a path, and below it."""
    starts = (f"{name}.", f"{name}[")
    return {
        path: entry.value
        for path, entry in values.items()
        if path == name or path.startswith(starts)
    }


def _required(old: Sources, new: Sources, required: Collection[str]) -> Refused | None:
    if not required or old.text == new.text:
        return None
    before = read(old.text)
    after = read(new.text)
    if isinstance(before, Source) and isinstance(after, Source):
        return lost_name(before, after, required)
    return None


def _seeds(old: Sources, new: Sources) -> Refused | None:
    changed = _changed(old, new)
    python = [path for path in changed if is_python(path)]
    refused = seed_change(_joined(old, python), _joined(new, python)) if python else None
    if refused:
        return refused
    before = dict(_seed_values(old, changed))
    after = dict(_seed_values(new, changed))
    for name, value in before.items():
        if name in after and after[name] != value:
            return refuse(
                "seed-only",
                f"the seed {name} would change",
                "leave every seed as it is; a lucky seed is noise, not an improvement",
            )
    return None


def _joined(sources: Sources, paths: Iterable[str]) -> ast.Module:
    """Return the statements of several files as one tree: a seed may move between them."""
    body: list[ast.stmt] = []
    for path in paths:
        tree = file_tree(sources.files.get(path, "").removeprefix("\ufeff"))
        if isinstance(tree, ast.Module):
            body += tree.body
    return ast.Module(body=body, type_ignores=[])


def _seed_values(sources: Sources, paths: Iterable[str]) -> Iterator[tuple[str, object]]:
    """Yield the seeds in files of values, by their whole names."""
    for path in paths:
        language = language_of(path)
        values = entries(language, sources.files.get(path, "")) if language else {}
        if isinstance(values, Refused):
            continue
        for name, entry in values.items():
            if is_seed_name(name):
                yield sources.named(path, name), entry.value
