"""What can be foreseen of a train.py without running it: names that nothing defines, and sizes that do not divide."""

import ast
import difflib
from collections.abc import Iterator, Sequence
from functools import lru_cache

from pyflakes.checker import Checker
from pyflakes.messages import UndefinedLocal, UndefinedName

from agent.edit.source import parse_tree, refuse
from agent.records.edits import Edit, Refused, SetConstant
from agent.space import Space, read_constants

# No name that is compared with others is longer.
MAX_NAME = 200


def foresee(old: str, new: str, edits: Sequence[Edit], space: Space) -> Refused | None:
    """Why `new`, made of `old` by `edits`, would fail at once; None where nothing speaks against a run. Never raises.

    Names are judged by pyflakes, against those that `old` lacks too: a train.py that runs has a right to its tricks.
    Divisibility is only asked of edits that set nothing but constants: new code may have lifted the constraint.
    """
    return _undefined(old, new) or (_indivisible(new, space) if _only_constants(edits) else None)


def _undefined(old: str, new: str) -> Refused | None:
    before = {name for name, _ in _lacking(old)}
    for name, line in _lacking(new):
        if name not in before:
            return refuse(
                "undefined-name",
                f"{name} on line {line} of the new file",
                _instead(name, _bound(new)),
            )
    return None


def _instead(name: str, bound: Sequence[str]) -> str:
    if name in bound:
        return "it is defined in another scope, or only later"
    near = difflib.get_close_matches(
        name[:MAX_NAME], [other for other in bound if len(other) <= MAX_NAME], n=3, cutoff=0.6
    )
    return (
        f"did you mean {' or '.join(near)}?"
        if near
        else "define it or import it in the same proposal"
    )


@lru_cache(maxsize=4)
def _lacking(source: str) -> tuple[tuple[str, int], ...]:
    """The names that a file uses and nothing in it defines, with their lines."""
    tree = parse_tree(source.removeprefix("\ufeff"))
    if isinstance(tree, Refused):
        return ()
    try:
        found = Checker(tree, withDoctest=False).messages
    except (
        Exception
    ):  # a file too deep for the linter, or a bug of it, must not end a night: the run will tell
        return ()
    return tuple(
        (str(m.message_args[0]), m.lineno)
        for m in found
        if isinstance(m, UndefinedName | UndefinedLocal)
    )


def _bound(source: str) -> list[str]:
    """The names that a file gives a meaning to, anywhere in it."""
    tree = parse_tree(source.removeprefix("\ufeff"))
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


def _only_constants(edits: Sequence[Edit]) -> bool:
    return all(isinstance(edit, SetConstant) for edit in edits)


def _indivisible(new: str, space: Space) -> Refused | None:
    constants = read_constants(new)
    for constraint in space.constraints:
        if not constraint.holds(constants):
            factors = " * ".join(map(str, constraint.of))
            nearest = space.repair(
                {name: constants[name] for name in space.names if name in constants}
            )
            hint = (
                f"{constraint.name} = {nearest[constraint.name]} would do"
                if constraint.name in nearest
                else ""
            )
            where = f"{constraint.name} = {constants[constraint.name]} is no multiple of {factors} = {constraint.step(constants)}"
            return refuse("indivisible", where, hint)
    return None
