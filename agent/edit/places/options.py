"""Defaults of command line options: argparse, click, absl."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from agent.edit.called import last_name
from agent.edit.flow import Parameter, argument_of, parameters
from agent.edit.places.environment import number_in
from agent.edit.places.limits import limits_in
from agent.edit.places.place import (
    Place,
    choices_in,
    keyword_of,
    text_in,
    type_in,
)
from agent.edit.source import Source, is_definition

_DEFINE = "DEFINE_"
_ABSL_TYPES = {
    "DEFINE_float": "float",
    "DEFINE_integer": "int",
    "DEFINE_bool": "bool",
    "DEFINE_boolean": "bool",
    "DEFINE_string": "str",
    "DEFINE_enum": "str",
}


def option_places(source: Source) -> Iterator[Place]:
    """Yield the default of every option, wherever the file declares it."""
    helpers = dict(_helpers(source))
    for block in source.blocks:
        for statement in block.body:
            for call in _calls(statement):
                helper = helpers.get(last_name(call.func))
                if helper is None:
                    yield from _options(statement, call)
                else:
                    yield from helper.options(statement, call)


@dataclass(frozen=True)
class _Helper:
    """A function of the file that declares the option that it is given."""

    option: Parameter
    option_name: str
    default: Parameter
    default_name: str

    def options(self, statement: ast.stmt, call: ast.Call) -> Iterator[Place]:
        """Yield the default of `add(parser, "--lr", 0.1)`."""
        name = text_in(argument_of(call, self.option_name, self.option))
        value = argument_of(call, self.default_name, self.default)
        if name and value is not None and not is_definition(statement):
            option = name if name.startswith("-") else f"--{name}"
            yield Place(option, "argument", value, statement, value)


def _helpers(source: Source) -> Iterator[tuple[str, _Helper]]:
    """Yield the functions that pass their own parameters on to add_argument, by name."""
    for definition in source.definitions:
        node = definition.node
        if definition.block.scope or not isinstance(node, ast.FunctionDef):
            continue
        named = parameters(node)
        for statement in node.body:
            for call in _calls(statement):
                option = _only_name(call.args[0] if call.args else None)
                default = _only_name(keyword_of(call, "default"))
                is_one = last_name(call.func) == "add_argument"
                if is_one and option in named and default in named:
                    yield node.name, _Helper(named[option], option, named[default], default)


def _only_name(node: ast.expr | None) -> str:
    """Return the name in `name` and in f"--{name}", or ""."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.JoinedStr(values=[*_, ast.FormattedValue(value=ast.Name(id=name))]):
            return name
    return ""


def _calls(statement: ast.stmt) -> Iterator[ast.Call]:
    """Yield the calls that may declare an option: a statement's own, and decorators."""
    match statement:
        case ast.Expr(value=value) | ast.Assign(value=value):
            # add_argument(…).completer and group.add_argument(…) alike
            if isinstance(value, ast.Call):
                yield value
        case _ if is_definition(statement):
            for decorator in statement.decorator_list:
                if isinstance(decorator, ast.Call):
                    yield decorator


def _options(statement: ast.stmt, call: ast.Call) -> Iterator[Place]:
    item = call if is_definition(statement) else statement
    name = last_name(call.func)
    if name == "set_defaults":
        for keyword in call.keywords:
            if keyword.arg is not None:
                option = f"--{keyword.arg}"
                yield Place(option, "argument", keyword.value, statement, keyword.value)
        return
    if name.startswith(_DEFINE):
        yield from _absl(statement, call, name)
        return
    option = _option_name(call)
    value = keyword_of(call, "default")
    if not option or value is None:
        return
    type_node = keyword_of(call, "type")
    allowed = keyword_of(call, "choices")
    yield Place(
        option,
        "argument",
        number_in(value, type_in(type_node)),
        statement,
        item,
        text_in(keyword_of(call, "help")),
        type_in(type_node),
        choices_in(allowed) or choices_in(type_node),
        limits_in(type_node, allowed),
    )


def _option_name(call: ast.Call) -> str:
    """Return the first long option that a call declares, else the first short one, else ""."""
    names = [text_in(part) for part in call.args]
    options = [name for name in names if name.startswith("-") and len(name) > 1]
    options = [name.partition("/")[0] for name in options]  # click's --shout/--no-shout
    long = [name for name in options if name.startswith("--")]
    return next(iter([*long, *options]), "")


def _absl(statement: ast.stmt, call: ast.Call, name: str) -> Iterator[Place]:
    """Yield the default of flags.DEFINE_float("lr", 0.1, "help")."""
    option = text_in(call.args[0]) if call.args else text_in(keyword_of(call, "name"))
    value = call.args[1] if len(call.args) > 1 else keyword_of(call, "default")
    if not option or value is None:
        return
    is_enum = name == "DEFINE_enum"
    rest = call.args[2:]
    allowed = rest.pop(0) if is_enum and rest else keyword_of(call, "enum_values")
    yield Place(
        f"--{option}",
        "argument",
        value,
        statement,
        statement,
        text_in(rest[0]) if rest else text_in(keyword_of(call, "help")),
        _ABSL_TYPES.get(name, ""),
        choices_in(allowed) if is_enum else (),
        limits_in(call),
    )
