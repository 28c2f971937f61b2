"""One place where a Python file keeps a constant, and what the forms of places have in common."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal as OneOf

from agent.edit.called import last_name
from agent.edit.literal import Literal, evaluate
from agent.edit.places.limits import NO_LIMITS, Limits

Form = OneOf[
    "module",
    "local",
    "field",
    "argument",
    "parameter",
    "dictionary",
    "keyword",
    "attribute",
    "call",
]
MOMENTS = 2  # of an optimizer
MAX_DEPTH = 8  # of dictionaries within dictionaries
MAX_ENTRIES = 200  # of a dictionary; a longer one is data

# Functions that make an object of a dictionary or of keywords, by their last name.
NAMESPACES = frozenset(
    {
        *("dict", "SimpleNamespace", "Namespace", "Box", "ConfigDict", "FrozenConfigDict", "edict"),
        *("EasyDict", "AttrDict", "Munch", "DotMap", "CN", "CfgNode", "DictConfig", "create"),
        *("defaultdict", "OrderedDict", "addict", "Dict"),
    }
)
_MOMENTS = re.compile(r"(^|[._(])betas\)?$", re.IGNORECASE)
_CLASS = re.compile(r"_?[A-Z][A-Za-z0-9]*+$")
# Functions that make what classes make elsewhere: optax's optimizers and schedules.
_MAKERS = frozenset(
    {
        *("adam", "adamw", "sgd", "rmsprop", "lion", "lamb", "lars", "adafactor", "adagrad"),
        *("radam", "nadam", "nadamw", "adabelief", "yogi", "muon", "novograd", "adamax"),
        *("warmup_cosine_decay_schedule", "cosine_decay_schedule", "linear_schedule"),
        *("exponential_decay", "polynomial_schedule", "linear_onecycle_schedule"),
        *("cosine_onecycle_schedule", "warmup_exponential_decay_schedule"),
    }
)
_SETTINGS = re.compile(
    r"(^|_)(config|configs|cfg|cfgs|conf|hparams?|hyper\w*|hps?|args?|opts?|options?|params?"
    r"|settings?|flags)$|^c$",
    re.IGNORECASE,
)


@dataclass(frozen=True, eq=False)
class Place:
    """An expression that gives a constant its value."""

    name: str
    """`LR`, `lr`, `Config.lr`, `--lr`, `CONFIG.optim.lr`, `main.lr`, `AdamW(lr)`."""
    form: Form
    value: ast.expr
    statement: ast.stmt
    """The statement that holds it."""
    item: ast.expr | ast.stmt
    """The part of the statement whose comments are the constant's own."""
    help: str = ""
    """Its help text or docstring."""
    stated_type: str = ""
    """The annotation or the option's type, such as `float`."""
    choices: tuple[Literal, ...] = ()
    """The values that the option or annotation allows; () if it names none."""
    limits: Limits = NO_LIMITS
    """What the field, option or annotation allows of a number."""
    is_live: bool = True
    """Whether the file reads this value: another one may take its place before that."""


def dotted(node: ast.expr) -> str | None:
    """Return `cfg.optim.lr` for attributes and items of a name: `cfg["optim"].lr`; else None."""
    parts: list[str] = []
    for _ in range(MAX_DEPTH):
        match node:
            case ast.Name(id=name):
                return ".".join([name, *reversed(parts)])
            case ast.Attribute(value=inner, attr=name):
                parts.append(name)
            case ast.Subscript(value=inner, slice=ast.Constant(value=str() as name)):
                parts.append(name)
            case _:
                return None
        node = inner
    return None


def keyword_of(call: ast.Call, *names: str) -> ast.expr | None:
    """Return the value of the first of these keyword arguments that a call has."""
    for name in names:
        for keyword in call.keywords:
            if keyword.arg == name:
                return keyword.value
    return None


def text_in(node: ast.expr | None) -> str:
    """Return the text of a string literal; "" for everything else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return ""


def type_in(node: ast.expr | None) -> str:
    """Return a short annotation or type as text; "" if it is none or long."""
    match node:
        case ast.Name(id=name) | ast.Constant(value=str() as name):
            return name
        case ast.Attribute(attr=name):
            return name
        case ast.Subscript(value=ast.Name(id="Annotated"), slice=ast.Tuple(elts=[inner, *_])):
            return type_in(inner)
        case ast.Subscript(value=outer, slice=inner):
            return f"{type_in(outer)}[{type_in(inner)}]"
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return f"{type_in(left)} | {type_in(right)}"
        case ast.Constant(value=None):
            return "None"
    return ""


def choices_in(node: ast.expr | None) -> tuple[Literal, ...]:
    """Return the values of a literal list, tuple or set, or of `Literal[…]` or `Choice([…])`."""
    match node:
        case ast.List(elts=parts) | ast.Tuple(elts=parts) | ast.Set(elts=parts):
            values = [evaluate(part) for part in parts]
            choices = tuple(value for value in values if value is not None)
            return choices if len(choices) == len(values) else ()
        case ast.Subscript(value=outer, slice=inner) if last_name(outer) == "Literal":
            return choices_in(inner if isinstance(inner, ast.Tuple) else ast.Tuple([inner]))
        case ast.Call(func=function, args=[first, *_]) if last_name(function) == "Choice":
            return choices_in(first)
    return ()


def is_settings_name(name: str) -> bool:
    """Return whether an object of this name holds settings: cfg, train_args."""
    return bool(_SETTINGS.search(name))


def is_class_call(node: ast.expr) -> bool:
    """Return whether a node makes an object of a class, by its name: `AdamW(…)`, `adamw(…)`."""
    if not isinstance(node, ast.Call):
        return False
    name = last_name(node.func)
    return name in _MAKERS or bool(_CLASS.match(name))


def is_namespace(node: ast.expr) -> bool:
    """Return whether a node makes a dictionary or an object that is one: `edict(lr=1)`."""
    if isinstance(node, ast.Dict):
        return True
    return isinstance(node, ast.Call) and last_name(node.func) in NAMESPACES


def entries_of(top: Place) -> Iterator[Place]:
    """Yield the settings inside a dictionary or a call's keywords, or the place itself if neither.

    `top`: its name is what the names of the entries begin with.
    """
    yield from _entries(top, MAX_DEPTH)


def _entries(top: Place, depth: int) -> Iterator[Place]:
    value = top.value
    if isinstance(value, ast.Tuple | ast.List) and are_moments(top.name, value):
        for number, inner in enumerate(value.elts):
            yield replace(top, name=f"{top.name}[{number}]", value=inner, item=inner)
        yield top
        return
    if depth == 0 or not (is_namespace(value) or is_class_call(value)):
        yield top
        return
    for name, inner in _pairs(value):
        form: Form = "dictionary" if is_namespace(value) else "keyword"
        part = replace(
            top,
            name=f"{top.name}.{name}",
            form=form,
            value=inner,
            item=inner,
            help="",
            stated_type="",
            choices=(),
            limits=NO_LIMITS,
        )
        yield from _entries(part, depth - 1)


def are_moments(name: str, value: ast.expr) -> bool:
    """Return whether a pair of numbers holds an optimizer's moments: `betas=(0.9, 0.999)`."""
    if not isinstance(value, ast.Tuple | ast.List) or len(value.elts) != MOMENTS:
        return False
    return bool(_MOMENTS.search(name))


def _pairs(node: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    """Yield the keys and values of a dictionary literal or of a call's keywords."""
    if isinstance(node, ast.Dict) and len(node.keys) <= MAX_ENTRIES:
        for key, value in zip(node.keys, node.values, strict=True):
            if text_in(key):
                yield text_in(key), value
    if not isinstance(node, ast.Call):
        return
    for keyword in node.keywords:
        if keyword.arg is not None:
            yield keyword.arg, keyword.value
        elif is_namespace(keyword.value):
            yield from _pairs(keyword.value)
    if len(node.args) == 1 and is_namespace(node) and is_namespace(node.args[0]):
        yield from _pairs(node.args[0])
