"""The length of a file in code: comments, blank lines, layout and docstrings do not count."""

import ast

from agent.edit.source import file_tree
from agent.records.edits import Refused

_HOMES = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def code_lines(source: str) -> int:
    """Return the lines of the code as Python itself would print it; 0 if it does not parse."""
    tree = file_tree(source.removeprefix("\ufeff"))
    if isinstance(tree, Refused):
        return 0
    docstrings = 0
    for node in ast.walk(tree):
        if isinstance(node, _HOMES):
            text = ast.get_docstring(node, clean=False)
            docstrings += 0 if text is None else 1 + text.count("\n")
    try:
        lines = ast.unparse(tree).splitlines()
    except (RecursionError, ValueError):  # nested too deeply, or a number too long to be written
        lines = [line for line in source.splitlines() if line.strip()]
    return len(lines) - docstrings
