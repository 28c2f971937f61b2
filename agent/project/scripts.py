"""Reads what a Python file would print and what it imports, without running it."""

import ast
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import PurePosixPath

from agent.project.numbers import as_json, words_of
from agent.records.edits import Refused
from sandbox.ground.text import is_plain

SOME = "0.5"
"""Stands for a number that is only known when the file runs."""
LOGGERS = words_of("debug info warning error critical log write echo secho")
FRAMEWORKS = words_of(
    """torch jax flax optax tensorflow keras sklearn xgboost lightgbm catboost transformers
    lightning pytorch_lightning mlx paddle statsmodels numpy scipy"""
)
TRAINS = words_of("fit backward grad value_and_grad partial_fit train_on_batch boost")
"""Names of calls that train."""
STARTS = TRAINS | {"train", "main"}
MAX_DEPTH = 200
"""Of a syntax tree: much of what reads one recurses."""
MAX_PART = 255
"""Bytes of a file's name."""
MAX_PATH = 500
"""Characters of a path that is joined of constants."""
_PERCENT = re.compile(r"%[-+ #0]*+[0-9.*]*+[a-zA-Z]")
_BRACES = re.compile(r"\{[^{}]*\}")
_STREAM = re.compile(r"(?i)stdout|stderr|tqdm|bar\b|console|progress")
"""What `write` prints to; another target is a file."""
_MAIN = re.compile(r"__name__")
_WORK = (ast.For, ast.While, ast.With, ast.Try)


def tree_of(text: str) -> ast.Module | None:
    """Return the syntax tree of a file, or None if it does not parse, or is nested too deeply."""
    from agent.edit.source import parse_tree  # libcst takes long to load

    tree = parse_tree(text.removeprefix("\ufeff"))
    return None if isinstance(tree, Refused) or _is_too_deep(tree) else tree


def _is_too_deep(tree: ast.Module) -> bool:
    level: list[ast.AST] = [tree]
    for _ in range(MAX_DEPTH):
        level = list(chain.from_iterable(map(ast.iter_child_nodes, level)))
    return bool(level)


def is_script(tree: ast.Module) -> bool:
    """Return whether a file does something when it is run, besides defining names."""
    for node in tree.body:
        if isinstance(node, ast.If) and _MAIN.search(ast.unparse(node.test)):
            return True
        if isinstance(node, _WORK):
            return True
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            return True
        if isinstance(node, ast.Assign) and _called(node.value) in STARTS:
            return True
    return False


def imports_of(tree: ast.Module) -> tuple[str, ...]:
    """Return the dotted names of modules that a file imports, anywhere in it."""
    names: dict[str, None] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(dict.fromkeys(alias.name for alias in node.names))
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            names[base] = None
            dot = "" if base.endswith(".") else "."
            names.update(dict.fromkeys(f"{base}{dot}{alias.name}" for alias in node.names))
    return tuple(names)


def frameworks_of(tree: ast.Module) -> tuple[str, ...]:
    """Return which libraries of machine learning a file imports."""
    tops = dict.fromkeys(name.split(".")[0] for name in imports_of(tree))
    return tuple(name for name in tops if name in FRAMEWORKS)


def printed_lines(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield the lines that a file prints or logs, by line number, with 0.5 for each number."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _prints(node) and node.args:
            text = " ".join(text_of(argument) for argument in node.args)
            for line in text.splitlines():
                yield node.lineno, line


def paths_of(tree: ast.Module) -> Iterator[str]:
    """Yield the paths that a file names: its strings, and those that it joins of constants."""
    yield from filter(_may_be_path, texts_of(tree))
    paths = _paths(tree, _constants_of(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call | ast.BinOp | ast.JoinedStr) and node in paths:
            yield paths[node]


def calls_with_paths(tree: ast.Module) -> Iterator[tuple[str, str, str]]:
    """Yield each call that is given a path: its last name, its mode as of `open`, and the path."""
    paths = _paths(tree, _constants_of(tree))
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        given = [*node.args, *(word.value for word in node.keywords)]
        if isinstance(node.func, ast.Attribute):
            given.append(node.func.value)
        for part in given:
            if part in paths:
                yield _called(node), _mode(node), paths[part]


def path_patterns(tree: ast.Module, name: str) -> Iterator[str]:
    """Yield texts with `{}` where the one value that they are formatted with has this name."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.JoinedStr):
            continue
        inserted = [part for part in node.values if isinstance(part, ast.FormattedValue)]
        parts = [_braced(part) for part in node.values]
        if len(inserted) == 1 and name in ast.unparse(inserted[0].value):
            yield "".join(parts)


def _braced(part: ast.expr) -> str:
    if isinstance(part, ast.Constant):
        return str(part.value).replace("{", "{{").replace("}", "}}")
    return "{}"


def _mode(call: ast.Call) -> str:
    """Return the mode with which a call opens a file; "" for reading."""
    if _called(call) != "open":
        return ""
    place = 1 if isinstance(call.func, ast.Name) else 0
    words = [word.value for word in call.keywords if word.arg == "mode"]
    for node in (*call.args[place : place + 1], *words):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return node.value
    return ""


def _constants_of(tree: ast.Module) -> dict[str, str]:
    """Return the texts and paths that names stand for, of a module or a function."""
    assigned = [
        (node.targets[0].id, node.value)
        for node in sorted(_assignments(tree), key=lambda node: node.lineno)
        if isinstance(node.targets[0], ast.Name)
    ]
    counts = Counter(name for name, _ in assigned)
    constants: dict[str, str] = {}
    for name, value in assigned:
        paths = _paths(value, constants) if counts[name] == 1 else {}
        if value in paths:
            constants[name] = paths[value]
    return constants


def _assignments(tree: ast.Module) -> list[ast.Assign]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.Assign)]


def _paths(tree: ast.AST, constants: Mapping[str, str]) -> dict[ast.AST, str]:
    """Return the paths that expressions in a tree are, as far as they are known."""
    paths: dict[ast.AST, str] = {}
    for node in reversed(list(ast.walk(tree))):  # the parts of an expression before it
        text = _path(node, constants, paths)
        if text is not None and _may_be_path(text):
            paths[node] = text
    return paths


def _may_be_path(text: str) -> bool:
    """Return whether a system has files of such a name: the end of a long text may look like it."""
    if len(text) > MAX_PATH or not is_plain(text):
        return False
    return all(len(part.encode()) <= MAX_PART for part in text.split("/"))


def _path(node: ast.AST, constants: Mapping[str, str], paths: Mapping[ast.AST, str]) -> str | None:
    """Return the path that an expression is, or None where that is not known.

    paths: what its parts are.
    """
    parts: list[ast.expr] = []
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.Name(id=name):
            return constants.get(name)
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            parts = [left, right]
        case ast.Call(func=ast.Name(id="Path") | ast.Attribute(attr="Path"), args=args):
            parts = args
        case ast.FormattedValue(value=value):
            return paths.get(value)
        case ast.JoinedStr(values=parts):
            pass
        case ast.Call(func=ast.Attribute(attr="join", value=ast.Attribute(attr="path")), args=args):
            parts = args
    plain = [paths[part] for part in parts if part in paths]
    if len(plain) < len(parts):
        return None
    if isinstance(node, ast.JoinedStr):
        return "".join(plain)
    return str(PurePosixPath(*plain)) if plain else None


def texts_of(tree: ast.Module) -> Iterator[str]:
    """Yield the strings in a file."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def options_of(tree: ast.Module) -> tuple[str, ...]:
    """Return the options that a file declares: `--lr`, of argparse, click or typer."""
    names: dict[str, None] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _called(node) in ("add_argument", "option"):
            texts = [part.value for part in node.args if isinstance(part, ast.Constant)]
            long = [text for text in texts if isinstance(text, str) and text.startswith("--")]
            names.update(dict.fromkeys(long))
    return tuple(names)


def needs_arguments(tree: ast.Module) -> bool:
    """Return whether a file asks for an argument or a variable without which it does not run."""
    return any(map(_needs_one, ast.walk(tree))) and not _counts_arguments(tree)


def _needs_one(node: ast.AST) -> bool:
    """Return whether a part of a file needs an argument: an option, sys.argv[1], os.environ[…]."""
    match node:
        case ast.Subscript(value=ast.Attribute(attr="argv"), slice=ast.Constant(value=int(place))):
            return place != 0
        case ast.Subscript(value=ast.Attribute(attr="environ"), ctx=ast.Load()):
            return True
        case ast.Call() if _called(node) in ("add_argument", "argument"):
            return _is_required(node)
    return False


def _is_required(call: ast.Call) -> bool:
    """Return whether an option must be given: one of argparse, or an argument of click."""
    names = [part.value for part in call.args if isinstance(part, ast.Constant)]
    given = {word.arg: word.value for word in call.keywords}
    required = given.get("required")
    if isinstance(required, ast.Constant):
        return required.value is True
    optional = "default" in given or "nargs" in given
    return bool(names) and not str(names[0]).startswith("-") and not optional


def _counts_arguments(tree: ast.Module) -> bool:
    """Return whether a file runs without arguments, too: it looks how many there are."""
    return "len(sys.argv)" in ast.unparse(tree)


def calls_of(tree: ast.Module) -> frozenset[str]:
    """Return the last names of everything that a file calls."""
    return frozenset(_called(node) for node in ast.walk(tree) if isinstance(node, ast.Call))


def _called(call: ast.expr) -> str:
    function = call.func if isinstance(call, ast.Call) else None
    match function:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
    return ""


def _prints(call: ast.Call) -> bool:
    match call.func:
        case ast.Name(id="print"):
            return True
        case ast.Attribute(attr="write", value=target):
            return bool(_STREAM.search(ast.unparse(target)))
        case ast.Attribute(attr=name):
            return name in LOGGERS or name == "print"
    return False


def text_of(node: ast.expr) -> str:
    """Return what an expression is as text, with 0.5 for whatever is not known."""
    match node:
        case ast.Constant(value=str(text)):
            return _PERCENT.sub(SOME, text)
        case ast.JoinedStr(values=values):
            return "".join(text_of(value) for value in values)
        case ast.BinOp(left=left, op=ast.Mod()):
            return text_of(left)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return text_of(left) + text_of(right)
        case ast.Call(func=ast.Attribute(value=ast.Constant(value=str(text)), attr="format")):
            return _BRACES.sub(SOME, text)
        case ast.Call(func=ast.Attribute(attr="dumps"), args=[first, *_]):
            return text_of(first)
        case ast.Dict(keys=keys):
            names = [key.value for key in keys if isinstance(key, ast.Constant)]
            return as_json(name for name in names if isinstance(name, str))
    return SOME
