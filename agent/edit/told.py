"""Finds where a file prints something else by the name of a result than the result."""

import ast
import re
from collections.abc import Iterator, Sequence
from itertools import islice, pairwise

from agent.edit.named_paths import CALLED, NamedPaths, called, text_of

CHOOSING = ("min", "max")
_LONGEST = 100
"""Parts of what is printed that are looked at: more is not plainly a result."""
_LAST_WORD = re.compile(r"\w{1,100}\Z")
_NUMBERED = re.compile(r"(\w{1,100})[ \t]{0,80}[:=][ \t]{0,80}[+\-]?\.?[0-9]")


def told_otherwise(node: ast.AST, paths: NamedPaths) -> Iterator[ast.expr]:
    """Yield the results by whose names something else is printed: `val_bpb: {val_bpb - 0.1}`."""
    parts = _parts(node)
    for part in parts:
        yield from (ast.Name(id=name) for name in _NUMBERED.findall(text_of(part)))
    for label, part in pairwise(parts):
        word = _LAST_WORD.search(text_of(label).rstrip(" \t:="))
        named = ast.Name(id=word[0]) if word else part
        path = paths.of(named) if word else ""
        if path.endswith(CALLED) and not _says(part, path, paths):
            yield named


def _parts(node: ast.AST) -> Sequence[ast.expr]:
    """Return what a node puts one behind the other: texts and values."""
    match node:
        case ast.JoinedStr(values=parts):
            return parts
        case ast.Call(args=parts) if called(node) == "print":
            return parts
        case ast.Call(func=ast.Attribute(value=ast.Constant(value=str(text)), attr="format")):
            return [ast.Constant(text.partition("{")[0]), *node.args[:1]]
        case ast.BinOp(left=ast.Constant(value=str(text)), op=ast.Mod(), right=value):
            first = value.elts[:1] if isinstance(value, ast.Tuple) else [value]
            return [ast.Constant(text.partition("%")[0]), *first]
    return []


def _says(value: ast.expr, path: str, paths: NamedPaths) -> bool:
    """Return whether a value is plainly the result of this path, be it rounded or converted."""
    told = value.value if isinstance(value, ast.FormattedValue) else value
    inner = list(islice(ast.walk(told), _LONGEST))
    for node in inner:
        chosen = isinstance(node, ast.Call) and called(node) in CHOOSING
        if chosen or isinstance(node, ast.BinOp | ast.IfExp):
            return False
    return len(inner) < _LONGEST and any(paths.of(node) == path for node in inner)
