"""Writes docs/api.md again from the signatures and docstrings of the program.

python docs/api.py
"""

import ast
import inspect
import re
from collections.abc import Callable, Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from textwrap import dedent
from typing import Any, get_args

import autoresearch
from agent.llm.model import Model, Reply, Request, Tool
from agent.propose.context import Context, Proposer
from agent.records.edits import Edit
from agent.records.events import RunStarted
from agent.records.proposals import Proposal, Provenance
from agent.records.results import Trial
from agent.trackers.tracker import Tracker

PAGE = Path(__file__).parent / "api.md"
HEAD = """# Python API

What `import autoresearch` offers, and the types that a plug-in meets, from their signatures and
docstrings. This page is written by `python docs/api.py`. How to use them: [library.md](library.md),
[extend.md](extend.md).
"""
CLASSES: dict[str, tuple[type, ...]] = {
    "For a method": (Proposer, Context, Proposal, Provenance, Trial),
    "For a provider": (Model, Request, Tool, Reply),
    "For a tracker": (Tracker, RunStarted),
}
EDITS: tuple[type, ...] = get_args(get_args(Edit)[0])
EVALUATOR = PAGE.parent.parent / "sandbox/score/evaluator/inside/autoresearch_evaluate.py"
MAX_TYPE = 90


def page() -> str:
    """Return the text of docs/api.md."""
    parts = [HEAD, "## import autoresearch\n"]
    for name in sorted(autoresearch.__all__):
        parts.append(_section(f"autoresearch.{name}", getattr(autoresearch, name)))
    for heading, classes in {**CLASSES, "Edits": EDITS}.items():
        parts.append(f"## {heading}\n")
        parts += [_section(kind.__name__, kind, kind.__module__) for kind in classes]
    parts += ["## For an evaluator\n", *evaluator()]
    return "\n".join(parts)


def evaluator() -> Iterator[str]:
    """Yield what an evaluator's script imports; that module runs in a sandbox, and is only read."""
    tree = ast.parse(EVALUATOR.read_text(encoding="utf-8"))
    names = next(_names_in(tree))
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name in names:
            said = _text(ast.get_docstring(node))
            yield "\n".join([f"### {node.name}", "", "```python", _call(node), "```", "", said, ""])
        if isinstance(node, ast.ClassDef) and node.name in names:
            said = _text(ast.get_docstring(node))
            yield "\n".join([f"### {node.name}", "", said, "", *_methods_in(node)])


def _names_in(tree: ast.Module) -> Iterator[list[str]]:
    """Yield the value of `__all__`."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            yield ast.literal_eval(node.value)


def _section(name: str, thing: type | Callable[..., Any], module: str = "") -> str:
    """Return what the page says about a function or a class."""
    lines = [f"### {name}", ""]
    if module:
        lines += [f"`from {module} import {name}`", ""]
    if isinstance(thing, type):
        lines += [_text(thing.__doc__), "", *_fields(thing), *_methods(thing)]
    else:
        function = tree_of(thing)
        assert isinstance(function, ast.FunctionDef)
        lines += ["```python", _call(function), "```", "", _text(thing.__doc__), ""]
    return "\n".join(lines)


@cache
def tree_of(thing: type | Callable[..., Any]) -> ast.stmt:
    """Return the syntax tree of a function or class."""
    return ast.parse(dedent(inspect.getsource(thing))).body[0]


def _call(function: ast.FunctionDef) -> str:
    """Return a function's signature as the source has it."""
    returns = f" -> {ast.unparse(function.returns)}" if function.returns else ""
    return f"{function.name}({ast.unparse(function.args)}){returns}"


def _text(docstring: str | None) -> str:
    """Return a docstring, its line breaks within a paragraph taken out."""
    paragraphs = re.split(r"\n\s*\n", inspect.cleandoc(docstring or ""))
    return "\n\n".join(" ".join(part.split()) for part in paragraphs)


def _classes(kind: type) -> Iterator[ast.ClassDef]:
    """Yield the trees of a class and of those that it extends, the highest first."""
    for base in reversed(kind.__mro__):
        if base.__module__.startswith("agent."):
            tree = tree_of(base)
            assert isinstance(tree, ast.ClassDef)
            yield tree


def _fields(kind: type) -> list[str]:
    """Return the fields of a record as a table: each with its type and the note below it."""
    rows = {}
    for tree in _classes(kind):
        for node, following in pairwise([*tree.body, ast.Pass()]):
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                cells = (_type(node), _note(following))
                rows[node.target.id] = " | ".join(cell.replace("|", "\\|") for cell in cells)
    shown = [f"| `{name}` | {cells} |" for name, cells in rows.items() if not name.startswith("_")]
    return ["| field | type | meaning |", "|---|---|---|", *shown, ""] if shown else []


def _type(node: ast.AnnAssign) -> str:
    text = ast.unparse(node.annotation)
    return f"`{text}`" if len(text) <= MAX_TYPE else f"`{text[:MAX_TYPE]}…`"


def _note(node: ast.stmt) -> str:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return _text(str(node.value.value))
    return ""


def _methods(kind: type) -> list[str]:
    """Return the documented methods and properties that a class has of its own."""
    tree = tree_of(kind)
    assert isinstance(tree, ast.ClassDef)
    return _methods_in(tree)


def _methods_in(tree: ast.ClassDef) -> list[str]:
    lines = []
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef) or node.name.startswith("_"):
            continue
        marks = {ast.unparse(decorator) for decorator in node.decorator_list}
        said = _text(ast.get_docstring(node)).replace("\n\n", " ")
        if said:
            lines.append(f"- `{node.name if 'property' in marks else _call(node)}`: {said}")
    return [*lines, ""] if lines else []


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
