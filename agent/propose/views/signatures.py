"""The signatures of a Python file: what a program that imports it can use, without its code."""

import ast
from collections.abc import Iterator, Mapping

from agent.edit.source import file_tree
from agent.records.edits import Refused
from sandbox.ground.text import one_line, shortened

MAX_LINE = 200
"""Characters of one line."""
MAX_LINES = 200
"""Of one file."""


def outlines_of(files: Mapping[str, str], limit: int) -> list[str]:
    """Return the signatures of each file below its path, as many as find room in `limit`."""
    outlines: list[str] = []
    for path in sorted(files):
        lines = list(signatures(files[path]))
        if len(lines) > MAX_LINES:
            lines = [*lines[:MAX_LINES], f"# and {len(lines) - MAX_LINES} more"]
        outline = "\n".join([f"# {one_line(path, MAX_LINE)}", *lines])
        limit -= len(outline) + 2
        if limit < 0:
            outlines.append(f"# {one_line(path, MAX_LINE)}: too long to be shown")
            return outlines
        outlines.append(outline)
    return outlines


def signatures(text: str) -> Iterator[str]:
    """Yield the constants, functions and classes at the top of a Python file, a line each."""
    tree = file_tree(text.removeprefix("\ufeff"))
    if isinstance(tree, Refused):
        return
    for node in tree.body:
        yield from _lines_of(node, "")


def _lines_of(node: ast.stmt, indent: str) -> Iterator[str]:
    match node:
        case ast.Assign(targets=[ast.Name()]) | ast.AnnAssign(target=ast.Name()):
            yield indent + shortened(ast.unparse(node), MAX_LINE)
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            yield indent + _function_line(node)
        case ast.ClassDef(name=name, bases=bases):
            parents = f"({', '.join(map(ast.unparse, bases))})" if bases else ""
            yield indent + shortened(f"class {name}{parents}:", MAX_LINE) + _purpose(node)
            for inner in node.body:
                yield from _lines_of(inner, f"{indent}    ")


def _function_line(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    """Return `def f(x: int) -> float: ...  # The first line of its docstring.`"""
    start = "async def" if isinstance(node, ast.AsyncFunctionDef) else "def"
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    line = f"{start} {node.name}({ast.unparse(node.args)}){returns}: ..."
    return shortened(line, MAX_LINE) + _purpose(node)


def _purpose(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> str:
    """Return the first line of a docstring as a comment; "" without one."""
    first, _, _ = (ast.get_docstring(node) or "").partition("\n")
    return f"  # {shortened(one_line(first, MAX_LINE), MAX_LINE)}" if first else ""
