"""Failures foreseen without a run: undefined names, lost imports, sizes that do not divide."""

import ast
from collections.abc import Iterator, Sequence
from functools import lru_cache

from pyflakes.checker import Checker
from pyflakes.messages import UndefinedLocal, UndefinedName

from agent.edit.files import Sources
from agent.edit.files.apply import located
from agent.edit.files.one import is_python
from agent.edit.source import file_tree, refuse
from agent.errors import near_names
from agent.records.edits import Edit, Refused, SetConstant
from agent.run.imports import lost_import
from agent.space import Space, read_constants

# No name that is compared with others is longer.
MAX_NAME = 200


def foresee(old: Sources, new: Sources, edits: Sequence[Edit], space: Space) -> Refused | None:
    """Return why `new`, made of `old` by `edits`, would fail at once, or None. Never raises.

    Names are judged by pyflakes, and only those that `old` does not lack too: code that runs has a
    right to its tricks. Divisibility is only asked of edits that set constants and nothing else:
    new code may have lifted the constraint.
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
    """Return what to do about an undefined name, where the file gives a meaning to `bound`."""
    if name in bound:
        return "it is defined in another scope, or only later"
    near = near_names(name, bound, most=3)
    if near:
        return f"did you mean {' or '.join(near)}?"
    return "define it or import it in the same proposal"


@lru_cache(maxsize=4)
def _lacking(source: str) -> tuple[tuple[str, int], ...]:
    """Return the names that a file uses and nothing in it defines, with their lines."""
    tree = file_tree(source.removeprefix("\ufeff"))
    if isinstance(tree, Refused):
        return ()
    try:
        messages = Checker(tree, withDoctest=False).messages
    except Exception:
        # A file too deep for the linter, or a bug of it, must not end a night: the run will tell.
        return ()
    never_read = _unevaluated(tree)
    return tuple(
        (str(message.message_args[0]), message.lineno)
        for message in messages
        if isinstance(message, UndefinedName | UndefinedLocal)
        and (message.lineno, message.col) not in never_read
    )


def _unevaluated(tree: ast.Module) -> set[tuple[int, int]]:
    """Return the places (line, column) of names in annotations that no run evaluates.

    With `from __future__ import annotations` that is every annotation; else those in quotes and
    those of a function's own variables.
    """
    postponed = any(
        isinstance(node, ast.ImportFrom)
        and node.module == "__future__"
        and any(alias.name == "annotations" for alias in node.names)
        for node in tree.body
    )
    local = _local_annotations(tree)
    places: set[tuple[int, int]] = set()
    for annotation in _annotations(tree):
        whole = postponed or id(annotation) in local
        for node in ast.walk(annotation):
            quoted = isinstance(node, ast.Constant) and isinstance(node.value, str)
            postponed_name = isinstance(node, ast.Name) and whole
            if isinstance(node, ast.expr) and (quoted or postponed_name):
                places.add((node.lineno, node.col_offset))
    return places


def _annotations(tree: ast.Module) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(returns=ast.expr() as annotation):
                yield annotation
            case ast.AsyncFunctionDef(returns=ast.expr() as annotation):
                yield annotation
            case ast.arg(annotation=ast.expr() as annotation):
                yield annotation
            case ast.AnnAssign(annotation=annotation):
                yield annotation


def _local_annotations(tree: ast.Module) -> set[int]:
    """Return the identities of the annotations of variables inside functions."""
    local = set()
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            inside = [node for node in ast.walk(function) if isinstance(node, ast.AnnAssign)]
            local |= {id(node.annotation) for node in inside if isinstance(node.target, ast.Name)}
    return local


def _bound(source: str) -> list[str]:
    """Return the names that a file gives a meaning to, anywhere in it."""
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
    """Return the first constraint of `space` that the constants of `new` break."""
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
