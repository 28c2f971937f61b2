"""Whether another version of a file chooses other random seeds, by whatever door.

Variables, parameters and small functions are put in as what they stand for. Not found: data
reordered by hand, draws that only shift a stream, code in strings, and seeds of another file.
"""

import ast
from collections import Counter
from collections.abc import Iterator

from agent.edit.fingerprint import normalised
from agent.edit.flow import flow_of, scoped
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
        if gone and added:
            return door
        if after.overriding(door, before) - before.overriding(door, before) - before.known:
            return door
    if after.everywhere - before.everywhere or _unseeded(before, after):
        return "call"
    return None


class _File:
    """A file's seeds, with what they stand for."""

    def __init__(self, tree: ast.AST) -> None:
        self._flow = flow_of(tree)
        self.seeds = list(Finder(tree, self._flow).seeds())
        self.defined = {node.name for node, _ in scoped(tree) if is_definition(node)}
        self.known: set[str] = set()
        """All that is chosen by any door."""
        for seed in self.seeds:
            self.known.update(self._texts(seed))
        self.everywhere: set[str] = set()
        """What is chosen by calls that seed everything."""
        self.libraries: set[str] = set()
        """The libraries that they seed; "" is all."""
        for seed in self.seeds:
            if seed.kind == "global":
                self.everywhere.update(self._texts(seed))
                self.libraries.add(seed.target)

    def _texts(self, seed: Seed) -> list[str]:
        texts = [""]
        for node in seed.nodes:
            values = self._flow.texts(node, seed.scope)
            texts = [f"{text} {value}" for text in texts for value in values]
        return texts

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
        node = seed.nodes[0] if seed.nodes else None
        if isinstance(node, ast.Attribute):
            return is_seed_name(node.attr)
        unresolved = isinstance(node, ast.Name) and self._texts(seed) == [f" {normalised(node)}"]
        return unresolved and isinstance(node, ast.Name) and is_seed_name(node.id)


def _unseeded(before: _File, after: _File) -> bool:
    """Return whether a library that was seeded is seeded no more."""
    if not before.libraries or "" in after.libraries:
        return False
    if "" in before.libraries:
        return not after.libraries
    return not before.libraries <= after.libraries
