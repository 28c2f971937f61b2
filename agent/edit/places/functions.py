"""Functions that run a training or build its settings: their parameters' defaults and bodies."""

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from agent.edit.called import last_name
from agent.edit.places.arguments import Arguments, always_passed, arguments_of
from agent.edit.places.fields import is_learner
from agent.edit.places.limits import limits_in
from agent.edit.places.names import RUNS, Top, top_statements
from agent.edit.places.place import (
    Place,
    choices_in,
    entries_of,
    keyword_of,
    text_in,
    type_in,
)
from agent.edit.places.scopes import Scopes
from agent.edit.source import Place as Definition
from agent.edit.source import Source

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_SETTINGS = re.compile(
    r"^_?((get|make|create|build|default|load)_)?((default|base|train|training|model)_?)?"
    r"(configs?|cfg|conf|hparams|hyper_?params|hyper_?parameters|params|settings|defaults)$"
    r"|^\w+_(defaults|hparams|config)$|^(create|get|make)_(arg_?)?parser$",
    re.IGNORECASE,
)
# Functions called at the top of a script that show or store things and train nothing.
_ASIDE = re.compile(
    r"^_?(print|log|show|plot|draw|display|report|save|write|dump|download|clean|check|assert|debug"
    r"|test|eval|init|seed|set_seed)",
)
# Decorators that make a command of a function, and calls that make one of their argument.
_COMMANDS = frozenset({"command", "main", "callback", "record", "cli", "capture", "automain"})
# Decorators of functions whose local names all are settings.
_CONFIGS = frozenset({"config"})
_CALLERS = frozenset({"Fire", "run", "cli", "CLI", "auto_cli", "defopt", "ArgsHandler"})
# Functions that wrap an option's default: typer's and the like.
_WRAPPERS = frozenset({"Option", "Argument", "Parameter", "arg", "Arg", "Flag"})


def function_places(source: Source, scopes: Scopes) -> Iterator[Place]:
    """Yield the places of every function that runs a training or builds its settings."""
    called = _called_at_the_top(source)
    for definition in source.definitions:
        node = definition.node
        if not isinstance(node, _Function):
            continue
        is_config = _is_marked(node, _CONFIGS)
        if _makes_learner(definition, node):
            yield from _parameters_of_class(scopes, definition, node)
        if is_config or _is_entry(definition, node, called):
            yield from _parameters(scopes, definition.name, node)
            prefix = f"{definition.name}."
            yield from Top(scopes, scopes.of(node), node.body, prefix, True, is_config).places()


def _is_entry(definition: Definition, node: _Function, called: set[str]) -> bool:
    owner = definition.block.owner
    if isinstance(owner, ast.FunctionDef | ast.AsyncFunctionDef):
        return False
    if _SETTINGS.match(node.name):
        return True
    if definition.block.scope:
        is_private = node.name.startswith("_") and node.name != "__init__"
        return definition.block.scope in called and not is_private
    return bool(RUNS.match(node.name)) or node.name in called or _is_marked(node, _COMMANDS)


def _is_marked(node: _Function, marks: frozenset[str]) -> bool:
    """Return whether one of the function's decorators has such a name."""
    for decorator in node.decorator_list:
        function = decorator.func if isinstance(decorator, ast.Call) else decorator
        if last_name(function) in marks:
            return True
    return False


def _called_at_the_top(source: Source) -> set[str]:
    """Return the functions that the module calls at the top, or passes on: fire.Fire(main).

    A class that is given away has its methods called.
    """
    names = set()
    for statement in top_statements(source.tree.body):
        match statement:
            case ast.Expr(value=ast.Call(func=ast.Name(id=name))) if not _ASIDE.match(name):
                names.add(name)
    for block in source.blocks:
        for statement in block.body:
            match statement:
                case ast.Expr(value=ast.Call(func=function, args=[given, *_])):
                    if last_name(function) in _CALLERS:
                        names.update(_names_in(given))
    return names


def _names_in(given: ast.expr) -> list[str]:
    """Return the names in `Fire(main)`, `Fire([train, test])` and `Fire({"train": train})`."""
    parts = [given]
    if isinstance(given, ast.Dict):
        parts = given.values
    elif isinstance(given, ast.List | ast.Tuple):
        parts = given.elts
    return [part.id for part in parts if isinstance(part, ast.Name)]


def _makes_learner(definition: Definition, node: _Function) -> bool:
    """Return whether a function is the __init__ of a model, an agent or a training."""
    return node.name == "__init__" and is_learner(definition.block.owner)


def _parameters_of_class(
    scopes: Scopes, definition: Definition, node: _Function
) -> Iterator[Place]:
    """Yield the defaults of `def __init__(self, lr=0.1)` that a call in this file leaves alone."""
    name = definition.block.scope
    calls = arguments_of(scopes, name.rpartition(".")[2])
    if calls:
        yield from _with_defaults(calls, name, node, 1)


def _parameters(scopes: Scopes, name: str, node: _Function) -> Iterator[Place]:
    yield from _with_defaults(arguments_of(scopes, name), name, node, 0)


def _with_defaults(
    calls: Sequence[Arguments], name: str, node: _Function, bound: int
) -> Iterator[Place]:
    """Yield the defaults that not all calls replace. bound: parameters that no call passes."""
    for index, (argument, value) in enumerate(_defaults(node.args)[bound:]):
        if value is None or argument.arg.startswith("_"):
            continue
        if always_passed(calls, argument.arg, index):
            continue
        place = Place(
            f"{name}.{argument.arg}",
            "parameter",
            value,
            node,
            value,
            stated_type=type_in(argument.annotation),
            choices=choices_in(argument.annotation),
            limits=limits_in(argument.annotation, value),
        )
        unwrapped = _unwrapped(place)
        if unwrapped is not None:
            yield from entries_of(unwrapped)


def _defaults(arguments: ast.arguments) -> list[tuple[ast.arg, ast.expr | None]]:
    """Return the parameters, positional ones first, each with its default."""
    positional = [*arguments.posonlyargs, *arguments.args]
    missing = [None] * (len(positional) - len(arguments.defaults))
    defaults: list[ast.expr | None] = [*missing, *arguments.defaults, *arguments.kw_defaults]
    return list(zip([*positional, *arguments.kwonlyargs], defaults, strict=True))


def _unwrapped(place: Place) -> Place | None:
    """Return the place of the default inside typer.Option(0.1, help=…); None if it has none."""
    call = place.value
    if not isinstance(call, ast.Call) or last_name(call.func) not in _WRAPPERS:
        return place
    value = call.args[0] if call.args else keyword_of(call, "default")
    if value is None:
        return None
    return replace(place, value=value, help=text_in(keyword_of(call, "help")))
