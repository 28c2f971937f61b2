"""What is not worth a training run, or not allowed: nothing new, only another seed, or a name that has to stay."""

import ast
import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection

from agent.edit.fingerprint import Mask, fingerprint, normalised
from agent.edit.set_constant import bound_names, module_statements
from agent.edit.source import Source, read, refuse
from agent.records.edits import Refused

SEED_NAME = re.compile(r"(^|_)seeds?($|_)|(^|_)random_state($|_)", re.IGNORECASE)
SEED_CALLS = {
    "seed",
    "manual_seed",
    "manual_seed_all",
    "seed_all",
    "seed_everything",
    "set_seed",
    "default_rng",
    "PRNGKey",
    "Random",
}


def guard(
    old: str,
    new: str,
    *,
    tried: Collection[str] = (),
    protected: Collection[str] = (),
    required: Collection[str] = (),
) -> Refused | None:
    """Why `new` must not be trained in place of `old`, or None. `tried` holds the fingerprints of earlier attempts.

    protected: qualified names of constants, functions and classes that may not change in any way, by any kind of edit.
    required: names that may change but not vanish (what the scorer imports).
    """
    before, after = read(old), read(new)
    if isinstance(after, Refused):
        return after
    mark = fingerprint(new)
    if mark == fingerprint(old):
        return refuse("no-op", "only comments, layout or spelling of numbers would change")
    if not isinstance(before, Refused):
        refused = _protected(before, after, protected, required)
        if refused:
            return refused
        if normalised(before.tree, _seeding(before)) == normalised(after.tree, _seeding(after)):
            return refuse(
                "seed-only",
                "only the random seed would change",
                "a lucky seed is noise, not an improvement",
            )
    if mark in tried:
        return refuse(
            "already-tried",
            "an earlier trial ran the same program",
            "look in the history for how it scored",
        )
    return None


def _protected(
    before: Source, after: Source, protected: Collection[str], required: Collection[str]
) -> Refused | None:
    if not protected and not required:
        return None
    old, new = _bindings(before), _bindings(after)
    # Python reads names in this form, so the tree holds them in it, however the file or a setting writes them.
    protected, required = (
        {unicodedata.normalize("NFKC", name) for name in names} for names in (protected, required)
    )
    for name in sorted(protected):
        if old.get(name) != new.get(name):
            return refuse(
                "protected",
                f"{name} would change",
                "it belongs to how trials are measured; leave it as it is",
            )
    for name in sorted(required):
        if name in old and name not in new:
            return refuse(
                "protected",
                f"{name} would be gone",
                "the scorer needs it; change it, but keep its name and signature",
            )
    return None


def _bindings(source: Source) -> dict[str, list[str]]:
    """For each name of the module and each qualified definition, everything that gives it a meaning, normalised, in order."""
    found: dict[str, list[str]] = defaultdict(list)
    for place in source.definitions:
        found[place.name].append(normalised(place.node))
    for node in module_statements(source):
        for name in bound_names(node) | _other_names(node):
            found[name].append(normalised(node))
    return found


def _other_names(node: ast.stmt) -> set[str]:
    """Names bound by an import, and attributes that are set from outside (`GPT.forward = …`), which rebind as well."""
    match node:
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            return {(alias.asname or alias.name).split(".")[0] for alias in names}
        case ast.Assign(targets=targets):
            return {ast.unparse(target) for target in targets if isinstance(target, ast.Attribute)}
        case ast.Delete(targets=targets):
            return {ast.unparse(target) for target in targets}
    return set()


def _seeding(source: Source) -> Mask:
    """True of the nodes that only choose a seed: values of seed constants, arguments of seeding calls, `seed=` arguments."""
    masked: set[int] = set()
    for node in ast.walk(source.tree):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if SEED_NAME.search(name):
                masked.add(id(value))
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value) if (
                SEED_NAME.search(name)
            ):
                masked.add(id(value))
            case ast.keyword(arg=str() as name, value=value) if SEED_NAME.search(name):
                masked.add(id(value))
            case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name), args=args) if (
                name in SEED_CALLS
            ):
                masked.update(map(id, args))
    return lambda node: id(node) in masked
