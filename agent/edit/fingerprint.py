"""A hash of what a file does, without comments, layout, docstrings and spelling of numbers."""

import ast
import hashlib
from collections.abc import Callable

from agent.edit.literal import evaluate
from agent.edit.source import file_tree, is_docstring
from agent.records.edits import Refused

Mask = Callable[[ast.AST], bool]
_IGNORED_FIELDS = frozenset({"kind", "type_comment", "type_ignores", "ctx"})


def fingerprint(source: str) -> str:
    """Return 64 hexadecimal digits, of the normalised tree or of a file that does not parse."""
    tree = file_tree(source.removeprefix("\ufeff"))
    text = source if isinstance(tree, Refused) else normalised(tree)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def normalised(tree: ast.AST, mask: Mask = lambda _: False) -> str:
    """Return the tree as normalised text; a node for which `mask` is true becomes `?`."""
    writer = _Writer(mask)
    try:
        writer.write(tree)
    except RecursionError:
        return _flat(tree)
    return "".join(writer.parts)


class _Writer:
    """Writes a tree as text."""

    def __init__(self, mask: Mask) -> None:
        self.parts: list[str] = []
        self._mask = mask
        self._no_numbers: set[int] = set()
        """Identities of arithmetic that has more than numbers in it."""

    def write(self, node: object) -> None:
        """Write a node, or the value of a node's field."""
        if isinstance(node, list):
            self.parts.append("[")
            for item in node:
                self.write(item)
                self.parts.append(",")
            self.parts.append("]")
        elif not isinstance(node, ast.AST):
            self.parts.append(_literal(node))
        elif self._mask(node):
            self.parts.append("?")
        else:
            self._write_node(node)

    def _write_node(self, node: ast.AST) -> None:
        if isinstance(node, ast.Constant):
            self.parts.append(f"Constant({_literal(node.value)})")
            return
        if isinstance(node, ast.BinOp | ast.UnaryOp) and self._may_be_number(node):
            number = evaluate(node)
            if number is not None:
                self.parts.append(f"Constant({_literal(number)})")
                return
        self.parts.append(type(node).__name__ + "(")
        for field in node._fields:
            if field in _IGNORED_FIELDS:
                continue
            self.write(_body(node) if field == "body" else getattr(node, field, None))
            self.parts.append(",")
        self.parts.append(")")

    def _may_be_number(self, node: ast.expr) -> bool:
        """Return whether arithmetic has only literals in it; each part is looked at once."""
        if id(node) in self._no_numbers:
            return False
        match node:
            case ast.BinOp(left=left, right=right):
                may_be = self._may_be_number(left) and self._may_be_number(right)
            case ast.UnaryOp(operand=operand):
                may_be = self._may_be_number(operand)
            case _:
                return isinstance(node, ast.Constant)
        if not may_be:
            self._no_numbers.add(id(node))
        return may_be


def _literal(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:x}"  # Python refuses to write a huge number in decimal digits
    return repr(value)


def _body(node: ast.AST) -> object:
    """Return the statements without the docstring."""
    body: object = getattr(node, "body", None)
    home = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
    if home and isinstance(body, list) and body and is_docstring(body[0]):
        return body[1:]
    return body


def _flat(tree: ast.AST) -> str:
    """Return a tree that is too deep to recurse into as its nodes, level by level."""
    return "".join(_shallow(node) for node in ast.walk(tree))


def _shallow(node: ast.AST) -> str:
    values = []
    for name, value in vars(node).items():
        # pyflakes leaves names with an underscore on the trees that it has read.
        if isinstance(value, str | int | float) and not name.startswith("_"):
            values.append(value)
    return type(node).__name__ + repr(values)
