"""Refuses edits of a Python file that choose another seed or change a protected name."""

import ast
import unicodedata
from collections import defaultdict
from collections.abc import Collection

from agent.edit.fingerprint import normalised
from agent.edit.seeds import changed_seed, seeds_of
from agent.edit.set_constant import bound_names, module_statements
from agent.edit.source import Source, read, refuse
from agent.records.edits import Refused


def seed_change(before: str, after: str) -> Refused | None:
    """Return why `after` must not be trained in place of `before` if it has another seed.

    They say something different: their fingerprints are not equal.
    """
    old = seeds_of(before)
    new = seeds_of(after)
    if old.rest and old.rest == new.rest:
        return refuse(
            "seed-only",
            "only the random seed would change",
            "a lucky seed is noise, not an improvement",
        )
    name = changed_seed(old, new)
    if name is None:
        return None
    where = "a seeding call" if name == "call" else f"the seed {name}"
    return refuse(
        "seed-only",
        f"{where} would change",
        "leave every seed as it is; a lucky seed is noise, not an improvement",
    )


def changed_name(before: Source, after: Source, protected: Collection[str]) -> Refused | None:
    """Return the refusal of the first protected name that would change in any way.

    protected: qualified names of constants, functions and classes.
    """
    old = _bindings(before)
    new = _bindings(after)
    for name in _as_python_reads(protected):
        if old.get(name) != new.get(name):
            return refuse(
                "protected",
                f"{name} would change",
                "it is part of how trials are measured; leave it as it is",
            )
    return None


def lost_name(before: Source, after: Source, required: Collection[str]) -> Refused | None:
    """Return the refusal of the first required name that would vanish; it may change."""
    old = _bindings(before)
    new = _bindings(after)
    for name in _as_python_reads(required):
        if name in old and name not in new:
            return refuse(
                "protected",
                f"{name} would be gone",
                "the scorer needs it; change it, but keep its name and signature",
            )
    return None


def bound_in(source: str) -> set[str] | None:
    """Return the names that `protected` may hold for this file; None if it does not parse."""
    parsed = read(source)
    return None if isinstance(parsed, Refused) else set(_bindings(parsed))


def _as_python_reads(names: Collection[str]) -> list[str]:
    """Return names in the form of the syntax tree, however a file or a setting writes them."""
    return sorted({unicodedata.normalize("NFKC", name) for name in names})


def _bindings(source: Source) -> dict[str, list[str]]:
    """Return everything that binds each name of the module and each qualified definition."""
    bindings: dict[str, list[str]] = defaultdict(list)
    for place in source.definitions:
        bindings[place.name].append(normalised(place.node))
    for node in module_statements(source):
        for name in bound_names(node) | _other_names(node):
            bindings[name].append(normalised(node))
    return bindings


def _other_names(node: ast.stmt) -> set[str]:
    """Return names bound by an import, and attributes set from outside (`GPT.forward = …`)."""
    match node:
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            return {(alias.asname or alias.name).split(".")[0] for alias in names}
        case ast.Assign(targets=targets):
            return {ast.unparse(target) for target in targets if isinstance(target, ast.Attribute)}
        case ast.Delete(targets=targets):
            return {ast.unparse(target) for target in targets}
    return set()
