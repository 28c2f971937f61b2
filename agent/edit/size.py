"""How long a file is when nothing counts but code: comments, blank lines, layout and docstrings do not."""

import ast

from agent.edit.source import parse_tree
from agent.records.edits import Refused


def code_lines(source: str) -> int:
    """Lines of the code as Python itself would print it; 0 for a file that does not parse."""
    tree = parse_tree(source.removeprefix("\ufeff"))
    if isinstance(tree, Refused):
        return 0
    homes = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    texts = [
        ast.get_docstring(node, clean=False) or ""
        for node in ast.walk(tree)
        if isinstance(node, homes)
    ]
    docstrings = sum(len(text.splitlines()) for text in texts)
    try:
        lines = ast.unparse(tree).splitlines()
    except (RecursionError, ValueError):  # nested too deeply, or a number too long to be written
        lines = [line for line in source.splitlines() if line.strip()]
    return len(lines) - docstrings
