"""Whether another version of a file chooses other random seeds, by whatever door.

Variables, parameters and small functions are put in as what they stand for. Not found: data
reordered by hand, keys split in another number, code in strings, and positional seeds of a function
in another file.
"""

import ast
from collections import Counter
from collections.abc import Iterator
from itertools import product

from agent.edit.fingerprint import normalised
from agent.edit.flow import flow_of, last_name, scoped
from agent.edit.seed_places import Finder, Seed, is_seed_name
from agent.edit.source import is_definition

__all__ = ["Seed", "changed_seed", "is_seed_name", "seeds_of"]


def seeds_of(tree: ast.AST) -> Iterator[Seed]:
    """Yield every place that chooses a seed."""
    yield from _File(tree).seeds


def changed_seed(old: ast.AST, new: ast.AST) -> str | None:
    """Return the name of a seed that differs between two versions, whatever else does, or None.

    What only the new version has is no change, but for what overrides a seed that the old one has,
    and for calls that seed everything.
    """
    before = _File(old)
    after = _File(new)
    for door in dict.fromkeys(seed.door for seed in before.seeds):
        gone = before.choices(door) - after.choices(door)
        added = after.choices(door) - before.choices(door)
        if gone and added and not _is_resolved(gone, added, before):
            return door
        if after.overriding(door, before) - before.overriding(door, before) - before.known:
            return door
    gone_everywhere = Counter(before.everywhere - after.everywhere)
    added_everywhere = Counter(after.everywhere - before.everywhere)
    resolved = _is_resolved(gone_everywhere, added_everywhere, before)
    if (added_everywhere and not resolved) or _unseeded(before, after):
        return "call"
    return None


def _is_resolved(gone: Counter[str], added: Counter[str], before: "_File") -> bool:
    """Return whether seeds that came from elsewhere are ones now that the file always had."""
    return bool(gone) and set(gone) <= before.passed and set(added) <= before.known


class _File:
    """A file's seeds, with what they stand for."""

    def __init__(self, tree: ast.AST) -> None:
        self._flow = flow_of(tree)
        self.seeds = list(Finder(tree, self._flow).seeds())
        self.defined = {node.name for node, _ in scoped(tree) if is_definition(node)}
        self.known: set[str] = set()
        """All that is chosen by any door."""
        self.passed: set[str] = set()
        """What is chosen elsewhere, such as `args.seed`."""
        for seed in self.seeds:
            self.known.update(self._texts(seed))
            if self._is_passed_on(seed):
                self.passed.update(self._texts(seed))
        self.everywhere: set[str] = set()
        """What is chosen by calls that seed everything."""
        self.libraries: set[str] = set()
        """The libraries that they seed; "" is all."""
        for seed in self.seeds:
            if seed.kind == "global":
                self.everywhere.update(self._texts(seed))
                self.libraries.add(seed.target)

    def _texts(self, seed: Seed) -> list[str]:
        parts: list[list[str]] = []
        for node in seed.nodes:
            values = [_passed_name(node)]
            if not values[0] or not self._is_unresolved(node, seed):
                values = self._flow.texts(node, seed.scope)
            parts.append(values)
        return [" ".join(values) for values in product(*parts)]

    def _is_unresolved(self, node: ast.expr, seed: Seed) -> bool:
        return self._flow.texts(node, seed.scope) == [normalised(node)]

    def choices(self, door: str) -> Counter[str]:
        """Return what is chosen by one door, each with how often."""
        chosen: Counter[str] = Counter()
        for seed in self.seeds:
            if seed.door == door:
                chosen.update(self._texts(seed))
        return chosen

    def overriding(self, door: str, old: "_File") -> set[str]:
        """Return what gives a seed that the old file has another value."""
        bound = {seed.scope for seed in old.seeds if seed.door == door and seed.kind == "variable"}
        chosen: set[str] = set()
        for seed in self.seeds:
            if seed.door != door or self._is_passed_on(seed):
                continue
            again = seed.kind == "variable" and seed.scope in bound
            known = not seed.target or seed.target in old.defined
            if again or (seed.kind == "override" and known):
                chosen.update(self._texts(seed))
        return chosen

    def _is_passed_on(self, seed: Seed) -> bool:
        """Return whether the value is a seed that was chosen elsewhere, such as `args.seed`."""
        if len(seed.nodes) != 1:
            return False
        node = seed.nodes[0]
        return bool(_passed_name(node)) and self._is_unresolved(node, seed)


def _passed_name(node: ast.expr) -> str:
    """Return the name of a seed that is only passed on, whatever object has it; "" of others."""
    name = last_name(node)
    return f"passed {name}" if is_seed_name(name) else ""


def _unseeded(before: _File, after: _File) -> bool:
    """Return whether a library that was seeded is seeded no more."""
    if not before.libraries or "" in after.libraries:
        return False
    if "" in before.libraries:
        return not after.libraries
    return not before.libraries <= after.libraries
