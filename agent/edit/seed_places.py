"""The places where a file chooses a seed: by the names of what holds it, and by calls."""

import ast
import re
from collections import deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Literal

from agent.edit.called import last_name
from agent.edit.flow import Flow, Function, Scope, Scoped, argument_of, parameters
from agent.edit.seed_names import EVERYTHING, ONE, STATES, bare_name, is_seed_name

_DRAWS = frozenset({"rand", "randn", "randint", "randperm", "random", "normal", "uniform"})
# Calls each of whose keywords seeds a stream of its own.
_STREAMS = frozenset({"Rngs"})
# Calls whose second argument chooses a seed where it is a number.
_SECOND = frozenset({"fold_in", "shuffle"})
# Bare enough to mean something else; a seed only as `jax.random.key(0)`.
_KEYS = frozenset({"key", "wrap_key_data"})
_LIBRARIES = frozenset(
    {
        *("torch", "numpy", "random", "tensorflow", "jax", "pytorch_lightning", "lightning"),
        *("keras", "paddle", "cupy", "mxnet", "mlx", "np", "tf", "pl", "L", "cp"),
    }
)
_SEEDS_LIBRARY = frozenset({"seed", "manual_seed"})
# Calls that say the name of what they look up or set: `os.environ.get("SEED", 1)`.
_LOOKING = frozenset({"get", "getenv", "set"})
_SETTING = frozenset({"setdefault", "putenv", "setattr", "__setitem__", "__setattr__"})
# Calls that give existing settings other values.
_OVERRIDING = frozenset(
    {"update", "_replace", "replace", "merge", "dict", "evolve", "copy", "model_copy"}
)
# Names of a seeding call's first argument that say no more than its place.
_FIRST_ARGUMENTS = frozenset({"a", "entropy", "key", "state", "new_state", "value"})
# What is made by a call with a capital letter is no seed, but for these.
_HOLDING = frozenset({"Option", "Field", "Argument"})

# Fields with statements in them, and what holds statements, in the order of ast.
_BLOCKS = ("body", "handlers", "cases", "orelse", "finalbody")
_BINDING = (ast.Assign, ast.AnnAssign, ast.NamedExpr, ast.For, ast.comprehension, ast.AugAssign)
_HOLDERS = (ast.Dict, ast.BinOp, ast.List, ast.Tuple, Function, ast.Lambda, ast.Return)

Kind = Literal["option", "variable", "override", "call", "global"]


@dataclass(frozen=True)
class Seed:
    """One place where a file chooses a seed."""

    door: str
    """What chooses it: the name of a variable, key or option, or `call` for every seeding call."""
    nodes: tuple[ast.expr, ...]
    """The values."""
    scope: Scope
    kind: Kind = "option"
    """Its effect: `override` gives another value to a seed that has one, `global` seeds a
    library."""
    target: str = ""
    """Of a call, the library that it seeds; of what overrides, the function or class that has the
    seed, if it may be a new one."""


class Finder:
    """Finds the seeds of one file. nodes: those of the tree."""

    def __init__(self, tree: ast.Module, nodes: Collection[Scoped], flow: Flow) -> None:
        self._nodes = nodes
        self._flow = flow
        self._imports = dict(_imports(tree))
        self._called: set[int] = set()
        self._bases: dict[Scope, str] = {}
        """The first base of each class."""
        for node, scope in nodes:
            if isinstance(node, ast.Call):
                self._called.add(id(node.func))
            elif isinstance(node, ast.ClassDef) and node.bases:
                self._bases[(*scope, node.name)] = last_name(node.bases[0])
        self._imports.update(self._other_names())

    def seeds(self) -> Iterator[Seed]:
        """Yield every place that chooses a seed."""
        for node, scope in self._nodes:
            if isinstance(node, ast.Attribute | ast.Name):
                yield from self._mentioned(node, scope)
                continue
            if isinstance(node, _BINDING):
                yield from self._bound(node, scope)
            if isinstance(node, _HOLDERS):
                yield from self._held(node, scope)
            if isinstance(node, ast.Call):
                yield from self._called_with(node, scope)
                yield from self._seeding(node, scope)
            elif isinstance(node, ast.Expr | ast.Assign):
                yield from self._discarded(node, scope)

    # ------------------------------------------------------------ variables

    def _bound(self, node: ast.AST, scope: Scope) -> Iterator[Seed]:
        match node:
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    yield from self._assigned(target, value, scope)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                yield from self._assigned(target, value, scope)
            case ast.NamedExpr(target=target, value=value):
                yield from self._assigned(target, value, scope)
            case ast.For(target=target, iter=value) | ast.comprehension(target=target, iter=value):
                yield from self._assigned(target, value, scope)
            case ast.AugAssign(target=target, value=value):
                for seed in self._assigned(target, value, scope):
                    yield Seed(seed.door, seed.nodes, scope, "override")

    def _assigned(self, target: ast.expr, value: ast.expr, scope: Scope) -> Iterator[Seed]:
        match target:
            case ast.Name(id=name):
                scope = self._flow.home(scope, name)
                base = self._bases.get(scope, "")
                kind: Kind = "override" if base else "variable"
                yield from _named(name, value, scope, kind, base)
            case ast.Attribute(value=ast.Name(id="self" | "cls"), attr=name):
                yield from _named(name, value, scope)
            case ast.Attribute(attr=name):
                yield from _named(name, value, scope, "override")
                dotted = self._dotted(target)
                if _root(dotted) in _LIBRARIES and self._kind(dotted) == "global":
                    yield Seed("call", (value,), scope, "global", _root(dotted))
            case ast.Subscript(slice=ast.Constant(value=str() as name)):
                yield from _named(name, value, scope, "override")
            case ast.Starred(value=inner):
                yield from self._assigned(inner, value, scope)
            case ast.Tuple(elts=targets) | ast.List(elts=targets):
                values = _values_for(targets, value)
                for part, inner in zip(targets, values, strict=True):
                    yield from self._assigned(part, inner, scope)

    # ------------------------------------------------------------ options

    def _held(self, node: ast.AST, scope: Scope) -> Iterator[Seed]:
        match node:
            case ast.Dict(keys=keys):
                kind: Kind = "override" if None in keys else "option"
                yield from _entries(node, scope, kind)
            case ast.BinOp(op=ast.BitOr(), right=ast.Dict() as right):
                yield from _entries(right, scope, "override")
            case ast.List(elts=parts) | ast.Tuple(elts=parts):
                yield from _arguments(parts, scope)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                for name, parameter in parameters(node).items():
                    if parameter.default is not None:
                        yield from _named(name, parameter.default, scope)
            case ast.Lambda(args=arguments):
                positional = [*arguments.posonlyargs, *arguments.args]
                with_default = positional[len(positional) - len(arguments.defaults) :]
                for argument, value in zip(with_default, arguments.defaults, strict=True):
                    yield from _named(argument.arg, value, scope)
            case ast.Return(value=ast.expr() as value):
                if scope and is_seed_name(scope[-1]):
                    yield from _named(scope[-1], value, scope)

    def _called_with(self, call: ast.Call, scope: Scope) -> Iterator[Seed]:
        name = last_name(call.func)
        overriding = name in _OVERRIDING
        for keyword in call.keywords:
            if keyword.arg is None:
                continue
            kind: Kind = "override" if name else "option"
            target = "" if overriding else name
            yield from _named(keyword.arg, keyword.value, scope, kind, target)
        updates = [word.value for word in call.keywords if word.arg == "update"]
        for argument in (*call.args, *updates) if overriding else ():
            if isinstance(argument, ast.Dict):
                yield from _entries(argument, scope, "override")
        functions = self._flow.functions.get(name, [])
        for function, _ in functions if len(functions) == 1 else ():
            yield from _passed(function, call, scope)
        yield from _option(call, name, scope)

    # ------------------------------------------------------------ calls

    def _seeding(self, call: ast.Call, scope: Scope) -> Iterator[Seed]:
        dotted = self._dotted(call.func)
        kind = self._kind(dotted)
        if kind is None:
            yield from _second_argument(call, scope)
            return
        nodes = tuple(call.args)
        if not nodes:
            streams = last_name(call.func) in _STREAMS
            words = [
                word for word in call.keywords if streams or _is_first_argument(word.arg or "")
            ]
            nodes = tuple(word.value for word in words)
        if nodes or not call.keywords:
            yield Seed("call", nodes, scope, kind, _library(dotted))

    def _mentioned(self, node: ast.Attribute | ast.Name, scope: Scope) -> Iterator[Seed]:
        """Yield a function that seeds everything where it is passed on instead of called."""
        if id(node) in self._called or not isinstance(node.ctx, ast.Load):
            return
        dotted = self._dotted(node)
        named = _root(dotted) in _LIBRARIES and "." in dotted
        if named and self._kind(dotted) == "global":
            yield Seed("call", (node,), scope, "global", _library(dotted))

    def _discarded(self, node: ast.Expr | ast.Assign, scope: Scope) -> Iterator[Seed]:
        """Yield a random draw that nothing reads: it only shifts what is drawn later."""
        if isinstance(node, ast.Assign) and last_name(node.targets[0]) != "_":
            return
        if isinstance(node.value, ast.Call):
            dotted = self._dotted(node.value.func)
            if _root(dotted) in _LIBRARIES and dotted.rpartition(".")[2] in _DRAWS:
                yield Seed("call", (node.value,), scope, "global", _library(dotted))

    def _kind(self, dotted: str) -> Kind | None:
        """Return what a call of this name seeds, or None."""
        last = dotted.rpartition(".")[2]
        library = _root(dotted) in _LIBRARIES and "." in dotted
        if last in EVERYTHING or (library and last in _SEEDS_LIBRARY | STATES):
            return "global"
        if last in ONE or (last in _KEYS and "random" in dotted.split(".")):
            return "call"
        return None

    def _other_names(self) -> dict[str, str]:
        """Return the full names of functions that seed, by other names that the file gives them."""
        names: dict[str, str] = {}
        for node, _ in self._nodes:
            match node:
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    functions = [value]
                case ast.For(target=ast.Name(id=name), iter=ast.Tuple() | ast.List() as values):
                    functions = values.elts
                case _:
                    continue
            for function in functions:
                is_name = isinstance(function, ast.Attribute | ast.Name)
                if is_name and self._kind(self._dotted(function)):
                    names[name] = self._dotted(function)
        return names

    def _dotted(self, function: ast.expr) -> str:
        """Return the full name of a function, as the file imports it; it begins with `.` if an
        object has it that a call gave."""
        parts: list[str] = []
        while isinstance(function, ast.Attribute):
            parts.append(function.attr)
            function = function.value
        match function:
            case ast.Name(id=name):
                parts.append(self._imports.get(name, name))
            case ast.Call(func=ast.Name(id="getattr"), args=[owner, ast.Constant(value=str(name))]):
                parts += [name, self._dotted(owner)]
            case _:
                parts.append("")
        return ".".join(reversed(parts))


def _second_argument(call: ast.Call, scope: Scope) -> Iterator[Seed]:
    """Yield the whole number that comes second in `fold_in(key, 1)` and `shuffle(1000, 42)`."""
    match call:
        case ast.Call(args=[_, ast.Constant(value=int() as value) as second]):
            if last_name(call.func) in _SECOND and not isinstance(value, bool):
                yield Seed("call", (second,), scope, "call")


def _is_first_argument(name: str) -> bool:
    return name in _FIRST_ARGUMENTS or is_seed_name(name)


def _imports(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield each imported name with its full name, those of inner blocks last."""
    for node in _statements(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.asname:
                    yield alias.asname, alias.name
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                yield alias.asname or alias.name, f"{node.module}.{alias.name}"


def _statements(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield all statements, those of inner blocks after those around them."""
    waiting: deque[ast.AST] = deque(tree.body)
    while waiting:
        node = waiting.popleft()
        yield node
        for name in _BLOCKS:
            waiting += getattr(node, name, ())


def _root(dotted: str) -> str:
    return dotted.partition(".")[0]


def _library(dotted: str) -> str:
    """Return the library that a call seeds; "" for all of them."""
    root = _root(dotted)
    everything = dotted.rpartition(".")[2] in EVERYTHING and root not in ("torch", "tensorflow")
    return "" if everything else {"np": "numpy", "tf": "tensorflow"}.get(root, root)


def _named(
    name: str, value: ast.expr, scope: Scope, kind: Kind = "option", target: str = ""
) -> Iterator[Seed]:
    if is_seed_name(name) and not _is_words(value) and not _is_object(value):
        yield Seed(bare_name(name), (value,), scope, kind, target)


def _is_words(value: ast.expr) -> bool:
    """Return whether a value is a text that is no number, such as a prompt."""
    if not isinstance(value, ast.Constant) or not isinstance(value.value, str):
        return False
    try:
        float(value.value)
    except ValueError:
        return not re.fullmatch(r"\s*0[xob][0-9a-fA-F]+\s*", value.value)
    return False


def _is_object(value: ast.expr) -> bool:
    """Return whether a value is an object, such as a layer or a tensor of learned seeds."""
    if not isinstance(value, ast.Call):
        return False
    name = last_name(value.func)
    made = name[:1].isupper() and name not in _HOLDING | ONE
    return made or name in ("randn", "zeros", "empty", "rand", "ones")


def _values_for(targets: list[ast.expr], value: ast.expr) -> list[ast.expr]:
    if isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(targets):
        return value.elts
    return [value] * len(targets)


def _entries(node: ast.Dict, scope: Scope, kind: Kind) -> Iterator[Seed]:
    for key, value in zip(node.keys, node.values, strict=True):
        if isinstance(key, ast.Constant) and isinstance(key.value, str):
            yield from _named(key.value, value, scope, kind)


def _arguments(parts: list[ast.expr], scope: Scope) -> Iterator[Seed]:
    """Yield the seeds of a command line: `["--seed", "1"]` and `["--seed=1"]`."""
    for number, part in enumerate(parts):
        if not isinstance(part, ast.Constant) or not isinstance(part.value, str):
            continue
        name, equals, value = part.value.partition("=")
        if equals and is_seed_name(name):
            yield from _named(name, ast.Constant(value=value), scope, "override")
        elif name.startswith("--") and is_seed_name(name) and number + 1 < len(parts):
            yield from _named(name, parts[number + 1], scope, "override")


def _passed(function: Function, call: ast.Call, scope: Scope) -> Iterator[Seed]:
    for name, parameter in parameters(function).items():
        argument = argument_of(call, name, parameter)
        if argument is not None:
            yield from _named(name, argument, scope, "override", function.name)


def _option(call: ast.Call, name: str, scope: Scope) -> Iterator[Seed]:
    """Yield the seed of a call that names it: `add_argument("--seed", default=1)`."""
    texts = [*call.args, *(word.value for word in call.keywords if word.arg == "dest")]
    options = [text.value for text in texts if isinstance(text, ast.Constant)]
    named = [text for text in options if isinstance(text, str) and is_seed_name(text)]
    if not named:
        return
    for keyword in call.keywords:
        if keyword.arg == "default":
            yield from _named(named[0], keyword.value, scope)
    if name in _LOOKING | _SETTING or name.startswith("DEFINE_"):
        kind: Kind = "override" if name in _SETTING else "option"
        for argument in call.args:
            is_name = isinstance(argument, ast.Constant) and argument.value == named[0]
            if not is_name and not isinstance(argument, ast.Name):
                yield from _named(named[0], argument, scope, kind)
