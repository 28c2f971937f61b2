"""Finds failures without a run: undefined names, lost imports, sizes that do not divide."""

import ast
from collections.abc import Iterator, Sequence
from functools import lru_cache

from pyflakes.checker import Checker
from pyflakes.messages import UndefinedLocal, UndefinedName

from agent.edit.files import Sources
from agent.edit.files.apply import located
from agent.edit.files.one import KEPT_FILES, is_python
from agent.edit.source import file_tree, refuse
from agent.errors import near_names
from agent.records.edits import Edit, Refused, SetConstant
from agent.run.imports import lost_import
from agent.space import Space, read_constants


def foresee(old: Sources, new: Sources, edits: Sequence[Edit], space: Space) -> Refused | None:
    """Return why `new`, which is `old` after `edits`, would fail at once, or None. Never raises.

    pyflakes finds undefined names; those that `old` lacks as well are ignored, since that code
    runs. Divisibility is checked only if all edits set constants: new code may have lifted the
    constraint.
    """
    for path, text in new.files.items():
        before = old.files.get(path, "")
        if text != before and is_python(path):
            refused = _undefined(before, text)
            if refused:
                return refused if path == new.main else located(path, refused)
    refused = lost_import(old, new)
    if refused:
        return refused
    only_constants = all(isinstance(edit, SetConstant) for edit in edits)
    return _indivisible(new, space) if only_constants else None


def _undefined(old: str, new: str) -> Refused | None:
    before = {name for name, _ in _lacking(old)}
    for name, line in _lacking(new):
        if name not in before:
            where = f"{name} on line {line} of the new file"
            return refuse("undefined-name", where, _instead(name, _bound(new)))
    return None


def _instead(name: str, bound: Sequence[str]) -> str:
    """Return a hint about an undefined name. bound: the names that the file defines."""
    if name in bound:
        return "it is defined in another scope, or only later"
    near = near_names(name, bound, most=3)
    if near:
        return f"did you mean {' or '.join(near)}?"
    return "define it or import it in the same proposal"


@lru_cache(maxsize=KEPT_FILES)
def _lacking(source: str) -> tuple[tuple[str, int], ...]:
    """Return the undefined names of a file, with their line numbers."""
    tree = file_tree(source.removeprefix("\ufeff"))
    if isinstance(tree, Refused):
        return ()
    try:
        messages = Checker(tree, withDoctest=False).messages
    except Exception:
        # A file nested too deeply for pyflakes, or a bug in it, must not end a night.
        return ()
    lacking = [each for each in messages if isinstance(each, UndefinedName | UndefinedLocal)]
    if not lacking or any(map(_makes_names, ast.walk(tree))):
        return ()
    try:
        never_read = _unevaluated(tree)
    except RecursionError:
        return ()
    return tuple(
        (str(message.message_args[0]), message.lineno)
        for message in lacking
        if (message.lineno, message.col) not in never_read
    )


def _makes_names(node: ast.AST) -> bool:
    """Return whether a node may define names that no linter sees: exec, globals()["x"] = 1."""
    match node:
        case ast.Call(func=ast.Name(id="exec")):
            return True
        case ast.Subscript(value=ast.Call(func=ast.Name(id="globals")), ctx=ast.Store()):
            return True
        case ast.Call(func=ast.Attribute(value=ast.Call(func=ast.Name(id="globals")), attr=name)):
            return name in ("update", "setdefault", "__setitem__")
        case ast.Attribute(value=ast.Name(id="builtins" | "__builtins__"), ctx=ast.Store()):
            return True
    return False


def _unevaluated(tree: ast.Module) -> set[tuple[int, int]]:
    """Return the places (line, column) of names that Python does not evaluate.

    They are in strings that only a type checker reads (`"Foo"`, `cast("Foo", x)`), in blocks under
    TYPE_CHECKING, in annotations of local variables, and in every annotation of a file with
    `from __future__ import annotations`.
    """
    postponed = any(map(_postpones, tree.body))
    places = set(_texts(tree))
    for root in _never_run(tree, postponed, in_function=False):
        for node in ast.walk(root):
            if isinstance(node, ast.Name):
                places.add((node.lineno, node.col_offset))
    return places


def _postpones(node: ast.stmt) -> bool:
    """Return whether a statement is `from __future__ import annotations`."""
    if not isinstance(node, ast.ImportFrom) or node.module != "__future__":
        return False
    return any(alias.name == "annotations" for alias in node.names)


def _texts(tree: ast.Module) -> Iterator[tuple[int, int]]:
    """Yield the places of the file's strings: pyflakes reports names inside them there."""
    parts: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts.update(map(id, node.values))
    for node in ast.walk(tree):
        is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
        if isinstance(node, ast.Constant) and is_text and id(node) not in parts:
            yield node.lineno, node.col_offset


def _never_run(node: ast.AST, postponed: bool, in_function: bool) -> Iterator[ast.AST]:
    """Yield the annotations and blocks in `node` that Python does not evaluate."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            in_function = True
            if postponed and node.returns:
                yield node.returns
            yield from getattr(node, "type_params", ())
        case ast.ClassDef():
            in_function = False
            yield from getattr(node, "type_params", ())
        case ast.arg(annotation=ast.expr() as annotation) if postponed:
            yield annotation
        case ast.AnnAssign(annotation=annotation) if postponed or in_function:
            yield annotation
        case ast.If(test=test) if _is_type_checking(test):
            yield from node.body
    if type(node).__name__ == "TypeAlias":  # `type Row = list[Foo]`, from Python 3.12 on
        yield node
    for child in ast.iter_child_nodes(node):
        yield from _never_run(child, postponed, in_function)


def _is_type_checking(test: ast.expr) -> bool:
    match test:
        case ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING"):
            return True
    return False


def _bound(source: str) -> list[str]:
    """Return the names that a file defines in any scope."""
    tree = file_tree(source.removeprefix("\ufeff"))
    return [] if isinstance(tree, Refused) else sorted(set(_binding(tree)))


def _binding(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
                yield name
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.alias(name=name, asname=other):
                yield (other or name).split(".")[0]


def _indivisible(new: Sources, space: Space) -> Refused | None:
    """Return the refusal for the first constraint of `space` that `new` breaks, or None."""
    constants = read_constants(new)
    for constraint in space.constraints:
        if constraint.holds(constants):
            continue
        name = constraint.name
        factors = " * ".join(map(str, constraint.of))
        step = constraint.step(constants)
        where = f"{name} = {constants[name]} is no multiple of {factors} = {step}"
        searched = {name: constants[name] for name in space.names if name in constants}
        nearest = space.repair(searched)
        hint = f"{name} = {nearest[name]} would do" if name in nearest else ""
        return refuse("indivisible", where, hint)
    return None
