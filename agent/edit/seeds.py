"""Decides whether another version of a file chooses other random seeds.

Variables, parameters and small functions are put in as what they stand for. Not found: data
reordered by hand, keys split in another number, code in strings, and positional seeds of a function
in another file.
"""

import ast
import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import chain, product

from agent.edit.called import last_name
from agent.edit.fingerprint import normalised
from agent.edit.flow import Flow, Scope, Scoped, flow_of, scoped
from agent.edit.seed_names import is_seed_name
from agent.edit.seed_places import Finder, Kind, Seed
from agent.edit.source import MAX_KEPT, file_tree, is_definition

__all__ = ["Seeds", "changed_seed", "is_seed_name", "seeds_of"]

KEPT = 1_000
"""Files, and sets of changed files, whose seeds are kept for the next trial."""
KEPT_NODES = 8
"""Files whose nodes are kept: those of one trial are asked for alone and together."""


@dataclass(frozen=True)
class Choice:
    """One place that chooses a seed."""

    door: str
    """As of a Seed, and so are kind, scope and target."""
    kind: Kind
    scope: Scope
    target: str
    texts: tuple[str, ...]
    """What may be chosen there, as normalised texts."""
    is_passed_on: bool
    """Whether the value is a seed that was chosen elsewhere, such as `args.seed`."""


@dataclass(frozen=True)
class Seeds:
    """The seeds that some files choose, read as one; their trees are not kept."""

    choices: tuple[Choice, ...]
    defined: frozenset[str]
    """The names of functions and classes."""
    constants: tuple[tuple[str, str], ...]
    """The door and the text of each value that stands there as it is."""
    rest: str
    """A hash of what a file says beside its seeds; "" of one without seeds, and of several."""

    @cached_property
    def known(self) -> frozenset[str]:
        """All values that are chosen in any way."""
        return _texts(self.choices)

    @cached_property
    def passed(self) -> frozenset[str]:
        """The values that are chosen elsewhere, such as `args.seed`."""
        return _texts(choice for choice in self.choices if choice.is_passed_on)

    @cached_property
    def everywhere(self) -> frozenset[str]:
        """The values chosen by calls that seed everything."""
        return _texts(choice for choice in self.choices if choice.kind == "global")

    @cached_property
    def libraries(self) -> frozenset[str]:
        """The libraries that they seed; "" is all."""
        return frozenset(choice.target for choice in self.choices if choice.kind == "global")

    def chosen(self, door: str) -> Counter[str]:
        """Return what is chosen by one door, each with how often."""
        chosen: Counter[str] = Counter()
        for choice in self.choices:
            if choice.door == door:
                chosen.update(choice.texts)
        return chosen

    def overriding(self, door: str, old: "Seeds") -> set[str]:
        """Return what gives a seed that the old files have another value."""
        bound = {
            each.scope for each in old.choices if each.door == door and each.kind == "variable"
        }
        chosen: set[str] = set()
        for choice in self.choices:
            if choice.door != door or choice.is_passed_on:
                continue
            again = choice.kind == "variable" and choice.scope in bound
            has_target = not choice.target or choice.target in old.defined
            if again or (choice.kind == "override" and has_target):
                chosen.update(choice.texts)
        return chosen


def _texts(choices: Iterable[Choice]) -> frozenset[str]:
    return frozenset(chain.from_iterable(choice.texts for choice in choices))


def changed_seed(before: Seeds, after: Seeds) -> str | None:
    """Return the name of a seed that differs between two versions, whatever else does, or None.

    What only the new version has is no change, but for what overrides a seed that the old one has,
    and for calls that seed everything.
    """
    for door in dict.fromkeys(choice.door for choice in before.choices):
        gone = before.chosen(door) - after.chosen(door)
        added = after.chosen(door) - before.chosen(door)
        if gone and added and not _is_resolved(gone, added, before):
            return door
        if after.overriding(door, before) - before.overriding(door, before) - before.known:
            return door
    gone_everywhere = Counter(before.everywhere - after.everywhere)
    added_everywhere = Counter(after.everywhere - before.everywhere)
    if added_everywhere and not _is_resolved(gone_everywhere, added_everywhere, before):
        return "call"
    return "call" if _unseeded(before, after) else None


def _is_resolved(gone: Counter[str], added: Counter[str], before: Seeds) -> bool:
    """Return whether seeds that came from elsewhere are ones now that the file always had."""
    return bool(gone) and set(gone) <= before.passed and set(added) <= before.known


def _unseeded(before: Seeds, after: Seeds) -> bool:
    """Return whether a library that was seeded is seeded no more."""
    if not before.libraries or "" in after.libraries:
        return False
    if "" in before.libraries:
        return not after.libraries
    return not before.libraries <= after.libraries


# ---------------------------------------------------------------- reading


@lru_cache(maxsize=KEPT)
def seeds_of(*texts: str) -> Seeds:
    """Return the seeds of some files, read as one: a seed may move between them.

    A file that does not parse has none.
    """
    tree, nodes = _read(texts)
    flow = flow_of(nodes)
    seeds = list(Finder(tree, nodes, flow).seeds())
    return Seeds(
        choices=tuple(_choice(seed, flow) for seed in seeds),
        defined=frozenset(node.name for node, _ in nodes if is_definition(node)),
        constants=tuple(_constants(seeds)),
        rest=_rest(tree, seeds) if seeds and len(texts) == 1 else "",
    )


def _rest(tree: ast.Module, seeds: Iterable[Seed]) -> str:
    masked: set[int] = set()
    for seed in seeds:
        masked.update(map(id, seed.nodes))
    text = normalised(tree, lambda node: id(node) in masked)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _read(texts: Iterable[str]) -> tuple[ast.Module, list[Scoped]]:
    """Return the statements of files as one tree, and its nodes as `scoped` gives them."""
    tree = ast.Module(body=[], type_ignores=[])
    nodes: list[Scoped] = []
    for text in texts:
        body, inner = _nodes_of(text)
        tree.body += body
        nodes = [*inner, *nodes]
    return tree, nodes


def _nodes_of(text: str) -> tuple[list[ast.stmt], list[Scoped]]:
    """Return the statements of a file, and all its nodes."""
    bare = text.removeprefix("\ufeff")
    return _kept_nodes(bare) if len(bare) <= MAX_KEPT else _new_nodes(bare)


def _new_nodes(text: str) -> tuple[list[ast.stmt], list[Scoped]]:
    tree = file_tree(text)
    if not isinstance(tree, ast.Module):
        return [], []
    return tree.body, list(scoped(tree))


@lru_cache(maxsize=KEPT_NODES)
def _kept_nodes(text: str) -> tuple[list[ast.stmt], list[Scoped]]:
    return _new_nodes(text)


def _constants(seeds: Iterable[Seed]) -> Iterator[tuple[str, str]]:
    for seed in seeds:
        for node in seed.nodes:
            if isinstance(node, ast.Constant):
                yield seed.door, repr(node.value)


def _choice(seed: Seed, flow: Flow) -> Choice:
    parts: list[list[str]] = []
    for node in seed.nodes:
        name = _passed_name(node)
        is_passed = name and _is_unresolved(node, seed.scope, flow)
        parts.append([name] if is_passed else flow.texts(node, seed.scope))
    return Choice(
        door=seed.door,
        kind=seed.kind,
        scope=seed.scope,
        target=seed.target,
        texts=tuple(" ".join(values) for values in product(*parts)),
        is_passed_on=_is_passed_on(seed, flow),
    )


def _is_unresolved(node: ast.expr, scope: Scope, flow: Flow) -> bool:
    return flow.texts(node, scope) == [normalised(node)]


def _is_passed_on(seed: Seed, flow: Flow) -> bool:
    """Return whether the value is a seed that was chosen elsewhere, such as `args.seed`."""
    if len(seed.nodes) != 1:
        return False
    node = seed.nodes[0]
    return bool(_passed_name(node)) and _is_unresolved(node, seed.scope, flow)


def _passed_name(node: ast.expr) -> str:
    """Return the name of a seed that is only passed on, whatever object has it; "" of others."""
    name = last_name(node)
    return f"passed {name}" if is_seed_name(name) else ""
