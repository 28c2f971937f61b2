"""Where a file chooses its random seeds, and whether another version chooses others."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from agent.edit.fingerprint import normalised

SEED_NAME = re.compile(
    r"(^|_)((random|rng|hash|global|base)?seeds?|random_?state|pythonhashseed)"
    r"(_?\d+|_(value|val|num|number|int|offset|base|start|init|data|model|train|test|split))?$",
    re.IGNORECASE,
)
_CAMEL = re.compile(r"[a-z](Seed|RandomState)s?$")
# Calls whose arguments choose a seed, by their last name.
SEED_CALLS = frozenset(
    {
        *("seed", "manual_seed", "manual_seed_all", "seed_all", "seed_everything", "set_seed"),
        *("set_random_seed", "seed_rng", "default_rng", "RandomState", "SeedSequence", "Random"),
        *("PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64", "PRNGKey", "set_rng_seed"),
    }
)
# Bare enough to mean something else; a seed only as `jax.random.key(0)`.
_KEYS = frozenset({"key", "wrap_key_data"})
# Objects whose seeding calls set the seed of everything.
_GLOBAL = frozenset(
    {"torch", "np", "numpy", "random", "tf", "tensorflow", "jax", "pl", "L", "lightning", "keras"}
)


@dataclass(frozen=True)
class Seed:
    """One place where a file chooses a seed."""

    door: str
    """What chooses it: the name of a variable, key or option, or `call` for every seeding call."""
    nodes: tuple[ast.expr, ...]
    """The values."""
    is_global: bool = False
    """Whether it is a call that seeds everything, such as `torch.manual_seed(1)`."""

    @property
    def text(self) -> str:
        """The values as normalised text."""
        return " ".join(normalised(node) for node in self.nodes)


def is_seed_name(name: str) -> bool:
    """Return whether a variable, key or option of this name holds a seed; SEED_PROMPT does not."""
    name = name.strip("-").replace("-", "_").rpartition(".")[2]
    return bool(SEED_NAME.search(name) or _CAMEL.search(name))


def seeds_of(tree: ast.AST) -> Iterator[Seed]:
    """Yield every place that chooses a seed."""
    for node in ast.walk(tree):
        yield from _seeds_in(node)


def changed_seed(old: ast.AST, new: ast.AST) -> str | None:
    """Return the name of a seed that differs between two versions, whatever else does, or None.

    What only one version has is no change, but for calls that seed everything.
    """
    before = list(seeds_of(old))
    after = list(seeds_of(new))
    for door in dict.fromkeys(seed.door for seed in before):
        earlier = Counter(seed.text for seed in before if seed.door == door)
        later = Counter(seed.text for seed in after if seed.door == door)
        if earlier - later and later - earlier:
            return door
    earlier = Counter(seed.text for seed in before if seed.is_global)
    later = Counter(seed.text for seed in after if seed.is_global)
    return "call" if later - earlier else None


def _seeds_in(node: ast.AST) -> Iterator[Seed]:
    match node:
        case ast.Assign(targets=targets, value=value):
            for target in targets:
                yield from _assigned(target, value)
        case ast.AnnAssign(target=target, value=ast.expr() as value):
            yield from _assigned(target, value)
        case ast.NamedExpr(target=target, value=value):
            yield from _assigned(target, value)
        case ast.keyword(arg=str() as name, value=value):
            yield from _named(name, value)
        case ast.Dict(keys=keys, values=values):
            for key, value in zip(keys, values, strict=True):
                if isinstance(key, ast.Constant) and isinstance(key.value, str):
                    yield from _named(key.value, value)
        case ast.arguments():
            yield from _defaults(node)
        case ast.Call():
            yield from _called(node)


def _named(name: str, value: ast.expr) -> Iterator[Seed]:
    if is_seed_name(name) and not _is_words(value):
        yield Seed(name, (value,))


def _is_words(value: ast.expr) -> bool:
    """Return whether a value is a text that is no number, such as a prompt."""
    if not isinstance(value, ast.Constant) or not isinstance(value.value, str):
        return False
    return not value.value.strip().isdigit()


def _assigned(target: ast.expr, value: ast.expr) -> Iterator[Seed]:
    match target:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            yield from _named(name, value)
        case ast.Subscript(slice=ast.Constant(value=str() as name)):
            yield from _named(name, value)
        case ast.Tuple(elts=targets) | ast.List(elts=targets):
            if isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(targets):
                for part, inner in zip(targets, value.elts, strict=True):
                    yield from _assigned(part, inner)


def _defaults(arguments: ast.arguments) -> Iterator[Seed]:
    positional = [*arguments.posonlyargs, *arguments.args]
    with_default = positional[len(positional) - len(arguments.defaults) :]
    for argument, value in zip(with_default, arguments.defaults, strict=True):
        yield from _named(argument.arg, value)
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        if default is not None:
            yield from _named(argument.arg, default)


def _called(call: ast.Call) -> Iterator[Seed]:
    name = _last_name(call.func)
    texts = [arg.value for arg in call.args if isinstance(arg, ast.Constant)]
    options = [text for text in texts if isinstance(text, str) and is_seed_name(text)]
    for keyword in call.keywords:  # add_argument("--seed", default=1)
        if options and keyword.arg == "default":
            yield Seed(options[0], (keyword.value,))
    seeding = name in SEED_CALLS or (name in _KEYS and "random" in ast.unparse(call.func))
    if seeding and call.args:
        is_global = _root_name(call.func) in _GLOBAL and name.endswith(("seed", "seed_all"))
        yield Seed("call", tuple(call.args), is_global or name == "seed_everything")


def _last_name(function: ast.expr) -> str:
    match function:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
    return ""


def _root_name(function: ast.expr) -> str:
    while isinstance(function, ast.Attribute):
        function = function.value
    return function.id if isinstance(function, ast.Name) else ""
