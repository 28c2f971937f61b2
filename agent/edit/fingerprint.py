"""What a file does, as a hash: comments, layout and docstrings do not count, and equal numbers are equal however written."""

import ast
import hashlib
from collections.abc import Callable

from agent.edit.literal import evaluate
from agent.edit.source import parse_tree
from agent.records.edits import Refused

Mask = Callable[[ast.AST], bool]


def fingerprint(source: str) -> str:
    """64 hexadecimal digits: of the normalised tree, or of the bytes where the file does not parse."""
    tree = parse_tree(source.removeprefix("\ufeff"))
    said = source if isinstance(tree, Refused) else normalised(tree)
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()


def normalised(tree: ast.AST, mask: Mask = lambda _: False) -> str:
    """The tree as text in which only what matters is left; a node that `mask` is true of reads `?`."""
    out: list[str] = []
    try:
        _write(tree, mask, out)
    except RecursionError:
        return _flat(tree)
    return "".join(out)


def _write(node: object, mask: Mask, out: list[str]) -> None:
    if isinstance(node, list):
        out.append("[")
        for item in node:
            _write(item, mask, out)
            out.append(",")
        out.append("]")
    elif not isinstance(node, ast.AST):
        out.append(_literal(node))
    elif mask(node):
        out.append("?")
    elif isinstance(node, ast.Constant):
        out.append("Constant(" + _literal(node.value) + ")")
    elif isinstance(node, ast.BinOp | ast.UnaryOp) and (value := evaluate(node)) is not None:
        out.append("Constant(" + _literal(value) + ")")
    else:
        out.append(type(node).__name__ + "(")
        for field in node._fields:
            if field not in ("kind", "type_comment", "type_ignores", "ctx"):
                _write(_body(node) if field == "body" else getattr(node, field, None), mask, out)
                out.append(",")
        out.append(")")


def _literal(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:x}"  # decimal digits of a huge number are refused by Python
    return repr(value)


def _body(node: ast.AST) -> object:
    """The statements without the docstring."""
    body: object = getattr(node, "body", None)
    if (
        isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and isinstance(body, list)
        and body
    ):
        first = body[0]
        if (
            isinstance(first, ast.Expr)
            and isinstance(first.value, ast.Constant)
            and isinstance(first.value.value, str)
        ):
            return body[1:]
    return body


def _flat(tree: ast.AST) -> str:
    """For a tree too deep to recurse into: its nodes in ast's own order, level by level."""
    return "".join(
        type(n).__name__ + repr([v for v in vars(n).values() if isinstance(v, str | int | float)])
        for n in ast.walk(tree)
    )
