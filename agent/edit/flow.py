"""Resolves expressions: names are replaced by the values that the file gives them."""

import ast
from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from agent.edit.called import last_name
from agent.edit.fingerprint import normalised
from agent.edit.literal import evaluate
from agent.edit.seed_names import is_seed_name
from agent.edit.source import is_definition

# The most steps in a chain of names.
MAX_STEPS = 5
# The most arguments that a parameter is resolved to; with more it stays a name.
MAX_ARGUMENTS = 8
# A larger expression is left as it is.
MAX_NODES = 100

Scope = tuple[str, ...]
"""The names of the functions and classes around a node; () is the module."""
Function = ast.FunctionDef | ast.AsyncFunctionDef


Scoped = tuple[ast.AST, Scope]
"""A node with the scope that it is in."""

# Fields without a node in them that anybody here asks for.
_LEAVES = frozenset(
    {"ctx", "op", "ops", "id", "attr", "name", "arg", "kind", "type_comment", "type_ignores"}
    | {"simple", "is_async", "level", "module", "conversion", "asname"}
)
_ENDS = frozenset({ast.Constant, ast.Pass, ast.alias, type(None), str, int, bool})
_FIELDS: dict[type[ast.AST], tuple[str, ...]] = {}


def scoped(tree: ast.AST) -> Iterator[Scoped]:
    """Yield the nodes of a tree but for constants, operators and the like.

    Several times as fast as ast.walk.
    """
    waiting: list[tuple[Any, Scope]] = [(tree, ())]
    while waiting:
        node, scope = waiting.pop()
        yield node, scope
        if is_definition(node):
            scope = (*scope, node.name)
        for name in _fields_of(type(node)):
            value = getattr(node, name, None)
            if type(value) is list:
                waiting += [(item, scope) for item in value if type(item) not in _ENDS]
            elif type(value) not in _ENDS:
                waiting.append((value, scope))


def _fields_of(kind: type[ast.AST]) -> tuple[str, ...]:
    """Return the fields of a kind of node in which other nodes are."""
    fields = _FIELDS.get(kind)
    if fields is None:
        fields = tuple(name for name in kind._fields if name not in _LEAVES)
        _FIELDS[kind] = fields
    return fields


@dataclass(frozen=True)
class Parameter:
    """A parameter of a function: its place among the positional ones, and its default."""

    place: int | None
    default: ast.expr | None


def parameters(node: Function) -> dict[str, Parameter]:
    """Return the parameters of a function by name."""
    arguments = node.args
    positional = [*arguments.posonlyargs, *arguments.args]
    missing = [None] * (len(positional) - len(arguments.defaults))
    defaults = [*missing, *arguments.defaults]
    named: dict[str, Parameter] = {}
    for place, (argument, default) in enumerate(zip(positional, defaults, strict=True)):
        named[argument.arg] = Parameter(place, default)
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        named[argument.arg] = Parameter(None, default)
    return named


@dataclass(frozen=True)
class Flow:
    """The values that a file gives its names."""

    variables: dict[tuple[Scope, str], list[ast.expr]] = field(
        default_factory=lambda: defaultdict(list)
    )
    functions: dict[str, list[tuple[Function, Scope]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    shared: set[tuple[Scope, str]] = field(default_factory=set)
    """The names that a scope declares to be global."""
    calls: dict[str, list[tuple[ast.Call, Scope]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    attributes: dict[str, list[ast.expr]] = field(default_factory=lambda: defaultdict(list))
    """The values of attributes, fields and options, by name."""

    def texts(self, node: ast.expr, scope: Scope) -> list[str]:
        """Return the values that an expression may have, as normalised texts."""
        return [normalised(value) for value in self._values(node, scope, MAX_STEPS)]

    def _values(self, node: ast.expr, scope: Scope, steps: int) -> list[ast.expr]:
        parts = list(ast.walk(node))
        if steps == 0 or len(parts) > MAX_NODES:
            return [node]
        fixed = _fixed(parts)
        choices: dict[int, list[ast.expr]] = {}
        for part in parts:
            values: list[ast.expr] = []
            if isinstance(part, ast.Name) and id(part) not in fixed:
                values = self._of_name(part.id, scope, steps - 1)
            elif isinstance(part, ast.Attribute) and id(part) not in fixed:
                values = self._of_attribute(part.attr)
            elif isinstance(part, ast.Call) and not part.args and not part.keywords:
                values = self._returned(part, steps - 1)
            if values:
                choices[id(part)] = values
        count = 1
        for values in choices.values():
            count *= len(values)
        if count > MAX_ARGUMENTS:
            return [node]
        combinations = product(*choices.values())
        return [_put(node, dict(zip(choices, values, strict=True))) for values in combinations]

    def _of_name(self, name: str, scope: Scope, steps: int) -> list[ast.expr]:
        """Return the values of a variable as one, or those of a parameter one by one."""
        for depth in range(len(scope), -1, -1):
            around = scope[:depth]
            bound = self.variables.get((around, name), [])
            if bound:
                values: list[ast.expr] = []
                for value in bound:
                    values += self._values(value, around, steps)
                return [_joined(values)]
            if around and self._has_parameter(around, name):
                return self._arguments(around, name, steps)
        return []

    def _of_attribute(self, name: str) -> list[ast.expr]:
        """Return the numbers that an attribute of any object is given, joined; [] for other values.

        A seed's own name stays: what gives it a value is a seed by itself.
        """
        values = [] if is_seed_name(name) else self.attributes.get(name, [])
        numbers = all(isinstance(evaluate(value), int | float) for value in values)
        return [_joined(values)] if values and numbers else []

    def home(self, scope: Scope, name: str) -> Scope:
        """Return the scope of a variable that is bound in `scope`: the module's if global there."""
        return () if (scope, name) in self.shared else scope

    def _has_parameter(self, scope: Scope, name: str) -> bool:
        named = self.functions.get(scope[-1], [])
        return any(
            name in parameters(function)
            for function, around in named
            if (*around, function.name) == scope
        )

    def _arguments(self, scope: Scope, name: str, steps: int) -> list[ast.expr]:
        """Return the values of a function's parameter: its default, and each call's argument."""
        values: list[ast.expr] = []
        for function, around in self.functions.get(scope[-1], []):
            parameter = parameters(function).get(name)
            if parameter is None or (*around, function.name) != scope:
                continue
            if parameter.default is not None:
                values += self._values(parameter.default, around, steps)
            for call, place in self.calls.get(function.name, []):
                argument = argument_of(call, name, parameter)
                if argument is not None:
                    values += self._values(argument, place, steps)
        return values

    def _returned(self, call: ast.Call, steps: int) -> list[ast.expr]:
        """Return the value of a call without arguments of a function that only returns one."""
        functions = self.functions.get(last_name(call.func), [])
        if len(functions) != 1:
            return []
        function, scope = functions[0]
        last = function.body[-1]
        if len(function.body) > 2 or not isinstance(last, ast.Return) or last.value is None:
            return []
        return self._values(last.value, (*scope, function.name), steps)


def flow_of(nodes: Collection[Scoped]) -> Flow:
    """Return the values that a file with these nodes gives its names."""
    flow = Flow()
    for node, scope in nodes:
        if isinstance(node, ast.Global):
            flow.shared.update((scope, name) for name in node.names)
    for node, scope in nodes:
        if isinstance(node, Function):
            flow.functions[node.name].append((node, scope))
        elif isinstance(node, ast.Call):
            flow.calls[last_name(node.func)].append((node, scope))
        for name, value in bound_values(node):
            flow.variables[flow.home(scope, name), name].append(value)
        for name, value in _given_attributes(node):
            flow.attributes[name].append(value)
    return flow


def _given_attributes(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """Yield the values that a statement gives to fields of a class, attributes and options."""
    match node:
        case ast.ClassDef(body=body):
            for statement in body:
                yield from bound_values(statement)
        case ast.Assign(targets=[ast.Attribute(attr=name)], value=value):
            yield name, value
        case ast.Call(args=[ast.Constant(value=str(option)), *_], keywords=keywords):
            for keyword in keywords:
                if keyword.arg == "default" and option.startswith("-"):
                    yield option.lstrip("-").replace("-", "_"), keyword.value


def bound_values(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """Yield the variables that a statement binds, each with the expression of its value."""
    match node:
        case ast.Assign(targets=targets, value=value):
            for target in targets:
                yield from _unpacked(target, value)
        case ast.AnnAssign(target=target, value=ast.expr() as value):
            yield from _unpacked(target, value)
        case ast.NamedExpr(target=target, value=value):
            yield from _unpacked(target, value)
        case ast.AugAssign(target=target, value=value):
            yield from _unpacked(target, value)
        case ast.For(target=target, iter=value) | ast.comprehension(target=target, iter=value):
            if _chooses(value):
                yield from _unpacked(target, value)


def _chooses(iterated: ast.expr) -> bool:
    """Return whether a loop's values are listed one by one, unlike a count from zero."""
    match iterated:
        case ast.Call(func=ast.Name(id="range"), args=[_, _, *_] as ends):
            return all(isinstance(end, ast.Constant) for end in ends)
    return isinstance(iterated, ast.Name | ast.List | ast.Tuple | ast.Set)


def _unpacked(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    match target:
        case ast.Name(id=name):
            yield name, value
        case ast.Starred(value=inner):
            yield from _unpacked(inner, value)
        case ast.Tuple(elts=targets) | ast.List(elts=targets):
            alike = isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(targets)
            parts = value.elts if alike else [value] * len(targets)  # type: ignore[attr-defined]
            for part, inner in zip(targets, parts, strict=True):
                yield from _unpacked(part, inner)


def _fixed(parts: list[ast.AST]) -> set[int]:
    """Return the identities of names that stand for objects: `a` in `a.b` and in `a(b)`."""
    fixed: set[int] = set()
    for part in parts:
        if isinstance(part, ast.Call):
            fixed.add(id(part.func))
        elif isinstance(part, ast.Attribute):
            fixed.add(id(part.value))
    return fixed


def argument_of(call: ast.Call, name: str, parameter: Parameter) -> ast.expr | None:
    """Return the argument of a call for a parameter of a plain function, or None."""
    for keyword in call.keywords:
        if keyword.arg == name:
            return keyword.value
    place = parameter.place
    if place is None or place >= len(call.args) or not isinstance(call.func, ast.Name):
        return None
    unpacked = any(isinstance(argument, ast.Starred) for argument in call.args[: place + 1])
    return None if unpacked else call.args[place]


def _joined(values: list[ast.expr]) -> ast.expr:
    """Return several values as one, without order and duplicates."""
    by_text = {normalised(value): value for value in values}
    if len(by_text) == 1:
        return values[0]
    return ast.Tuple(elts=[by_text[text] for text in sorted(by_text)], ctx=ast.Load())


def _put(node: ast.expr, values: dict[int, ast.expr]) -> ast.expr:
    """Return a copy of the expression with some of its parts replaced."""
    copy = _copied(node, values)
    assert isinstance(copy, ast.expr)
    return copy


def _copied(node: object, values: dict[int, ast.expr]) -> object:
    if id(node) in values:
        return values[id(node)]
    if isinstance(node, list):
        return [_copied(item, values) for item in node]
    if isinstance(node, ast.AST):
        fields = {name: _copied(part, values) for name, part in ast.iter_fields(node)}
        return type(node)(**fields)
    return node
