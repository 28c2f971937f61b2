"""The mutants of a Python file: its text with one small change each, for tests/mutate.py.

Changed are comparisons, conditions, operators, numbers, short texts, the order of two arguments,
the parts of `and` and `or`; left out are statements, what a function returns, and whole loops.
Annotations and docstrings stay, and what lies in an f-string.
"""

import ast
from collections.abc import Iterator
from typing import Any

OTHER: dict[type[ast.AST], Any] = {
    ast.Eq: ast.NotEq(),
    ast.NotEq: ast.Eq(),
    ast.Lt: ast.LtE(),
    ast.LtE: ast.Lt(),
    ast.Gt: ast.GtE(),
    ast.GtE: ast.Gt(),
    ast.Is: ast.IsNot(),
    ast.IsNot: ast.Is(),
    ast.In: ast.NotIn(),
    ast.NotIn: ast.In(),
    ast.And: ast.Or(),
    ast.Or: ast.And(),
    ast.Add: ast.Sub(),
    ast.Sub: ast.Add(),
    ast.Mult: ast.Div(),
    ast.Div: ast.Mult(),
    ast.FloorDiv: ast.Mult(),
    ast.Mod: ast.Mult(),
    ast.Pow: ast.Mult(),
    ast.BitOr: ast.BitAnd(),
    ast.BitAnd: ast.BitOr(),
    ast.Break: ast.Continue(),
    ast.Continue: ast.Break(),
}
MAX_TEXT = 24
"""Characters of a text that is changed; a longer one, or one of several words, is a message."""

Change = tuple[ast.AST, ast.AST]
"""A node, and what stands in its place."""


def mutants_of(source: str) -> Iterator[str]:
    """Yield the text of each mutant."""
    lines = source.encode().splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    whole = b"".join(lines)
    for node, new in _changes(ast.parse(source)):
        assert isinstance(node, ast.expr | ast.stmt)
        start = starts[node.lineno - 1] + node.col_offset
        end = starts[(node.end_lineno or node.lineno) - 1] + (node.end_col_offset or 0)
        text = ast.unparse(ast.fix_missing_locations(new))
        text = f"({text})" if isinstance(new, ast.expr) else text
        yield (whole[:start] + text.encode() + whole[end:]).decode()


def _changes(node: ast.AST) -> Iterator[Change]:
    """Yield the changes of a node and of all below it."""
    if isinstance(node, ast.JoinedStr):
        return
    for new in _others(node):
        yield node, new
    yield from _turned(node)
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "ops", "op", "ctx"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _changes(child)


def _others(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what may stand in the place of a node."""
    match node:
        case ast.Compare(left=left, ops=[op], comparators=others):
            yield ast.Compare(left, [OTHER[type(op)]], others)
        case ast.BoolOp(op=op, values=values):
            yield ast.BoolOp(OTHER[type(op)], values)
            for place in range(len(values)):
                rest = values[:place] + values[place + 1 :]
                yield ast.BoolOp(op, rest) if len(rest) > 1 else rest[0]
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield operand
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OTHER:
            yield ast.BinOp(left, OTHER[type(op)], right)
        case ast.IfExp(body=body, orelse=orelse):
            yield from (body, orelse)
        case ast.Constant(value=value):
            yield from _other_values(value)
        case ast.Call(func=function, args=[first, second, *rest], keywords=keywords):
            if not any(isinstance(part, ast.Starred) for part in (first, second)):
                yield ast.Call(function, [second, first, *rest], keywords)
        case ast.Return(value=ast.expr() as value) if not isinstance(value, ast.Constant):
            yield ast.Return(ast.Constant(None))
        case ast.Raise() | ast.AugAssign() | ast.Delete():
            yield ast.Pass()
        case ast.Expr(value=ast.Call() | ast.Yield() | ast.YieldFrom()):
            yield ast.Pass()
        case ast.Break() | ast.Continue():
            yield OTHER[type(node)]


def _other_values(value: object) -> Iterator[ast.AST]:
    if isinstance(value, bool):
        yield ast.Constant(not value)
    elif isinstance(value, int | float):
        yield ast.Constant(value + 1)
    elif isinstance(value, str) and 0 < len(value) <= MAX_TEXT and not set(value) & set(" \n"):
        yield ast.Constant(f"XX{value}")


def _turned(node: ast.AST) -> Iterator[Change]:
    """Yield the changes of a condition to its opposite, and of what a loop goes through."""
    match node:
        case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test):
            yield test, ast.UnaryOp(ast.Not(), test)
        case ast.For(iter=values):
            yield values, ast.Tuple([], ast.Load())
        case ast.comprehension(ifs=conditions):
            for condition in conditions:
                yield condition, ast.UnaryOp(ast.Not(), condition)
