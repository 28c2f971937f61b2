"""Finds what an edit replaces of the module that measures: prepare.py, which no edit may touch.

A printed score is the training's own word. Code that assigns `TIME_BUDGET` or defines its own
`evaluate_bpb` reports something else under the same name. This finds what is written plainly, not
what hides.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import PurePosixPath

from agent.edit.files.one import is_python
from agent.edit.source import KEPT_TREES, file_tree
from agent.records.edits import Refused
from agent.records.sources import Sources

_MEASURES = re.compile(r"eval|score|metric|valid", re.IGNORECASE)
_IMPORTING = ("import_module", "__import__")
_SETTING = ("setattr", "delattr")
_LONGEST = 100
"""Parts of a dotted name that are looked at."""


def replaced_in(before: Sources, after: Sources, path: str) -> str:
    """Return why an edit changes how a score comes about; "" if it plainly does not.

    path: the module's file, `prepare.py`. Three things count: the edit gives another meaning to a
    name that is imported from it; it changes the module at run time; or it no longer uses a name
    of it that speaks of measuring.
    """
    file = PurePosixPath(path)
    changed = [name for name, text in after.files.items() if before.files.get(name) != text]
    old = _uses_of(before, [*changed, *(before.files.keys() - after.files.keys())], file.stem)
    new = _uses_of(after, changed, file.stem)
    for name, uses in new.items():
        earlier = old.get(name, _Uses())
        imported = {**earlier.names, **uses.names}
        for local in sorted((uses.bound - earlier.bound) & imported.keys()):
            return f"it binds {imported[local]} of {file.name} anew"
        for attribute in sorted(uses.patched - earlier.patched):
            return f"it changes {attribute} of {file.name} while it runs"
    lost = filter(_MEASURES.search, sorted(_used_by(old) - _used_by(new)))
    others = [name for name in after.files if name not in changed]
    for attribute in lost:
        if attribute not in _used_by(_uses_of(after, others, file.stem)):
            return f"it no longer uses {attribute} of {file.name}"
    return ""


def _uses_of(sources: Sources, names: Iterable[str], module: str) -> dict[str, "_Uses"]:
    """Return what each of these files does with the module, if it is written in Python."""
    texts = {name: sources.files[name] for name in names if name in sources.files}
    return {name: _uses(text, module) for name, text in texts.items() if is_python(name)}


def _used_by(files: dict[str, "_Uses"]) -> set[str]:
    """Return the names of the module that files use."""
    used: set[str] = set()
    return used.union(*(uses.used for uses in files.values()))


@dataclass
class _Uses:
    """What one file does with the names of a module."""

    names: dict[str, str] = field(default_factory=dict)
    """The module's own names by those in the file."""
    modules: set[str] = field(default_factory=set)
    """How the file calls the module itself, with dots."""
    bound: set[str] = field(default_factory=set)
    """Names that the file binds, other than by an import."""
    patched: set[str] = field(default_factory=set)
    """Attributes of the module that the file sets."""
    used: set[str] = field(default_factory=set)

    def attribute(self, node: ast.AST) -> str | None:
        """Return the module's name that an expression begins with; None for anything else."""
        dotted = _dotted(node)
        first, _, _ = dotted.partition(".")
        if first in self.names:
            return self.names[first]
        for module in self.modules:
            if dotted.startswith(f"{module}."):
                return dotted.removeprefix(f"{module}.").partition(".")[0]
        return None

    def is_of_module(self, node: ast.AST) -> bool:
        """Return whether an expression is the module, or begins with a name of it."""
        return _dotted(node) in self.modules or self.attribute(node) is not None


@lru_cache(maxsize=KEPT_TREES)
def _uses(text: str, module: str) -> _Uses:
    uses = _Uses()
    tree = file_tree(text.removeprefix("\ufeff"))
    if isinstance(tree, Refused):
        return uses
    nodes = list(ast.walk(tree))
    for node in nodes:
        _import(node, module, uses)
    for node in nodes:
        _look(node, module, uses)
    return uses  # cached, so callers must not change it


def _import(node: ast.AST, module: str, uses: _Uses) -> None:
    match node:
        case ast.Import(names=names):
            named = [alias for alias in names if alias.name.rpartition(".")[2] == module]
            uses.modules |= {alias.asname or alias.name for alias in named}
        case ast.ImportFrom(module=source, names=names):
            if (source or "").rpartition(".")[2] == module:
                uses.names |= {alias.asname or alias.name: alias.name for alias in names}
            else:
                own = [alias.asname or alias.name for alias in names if alias.name == module]
                uses.modules |= set(own)


def _look(node: ast.AST, module: str, uses: _Uses) -> None:
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            uses.bound.add(name)
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
            uses.bound.add(name)
        case (
            ast.Attribute(ctx=ast.Store() | ast.Del()) | ast.Subscript(ctx=ast.Store() | ast.Del())
        ):
            uses.patched |= set(filter(None, [uses.attribute(node)]))
        case ast.Name() | ast.Attribute():
            uses.used |= set(filter(None, [uses.attribute(node)]))
        case ast.Call(func=function, args=[first, *more]):
            called = _dotted(function).rpartition(".")[2]
            if called in _SETTING and uses.is_of_module(first):
                uses.patched.add(next(_constants(more), "an attribute"))
            if called in _IMPORTING and module in _constants([first]):
                uses.patched.add("an attribute")
        case ast.Subscript(value=value, slice=ast.Constant(value=key)):
            if key == module and _dotted(value).rpartition(".")[2] == "modules":
                uses.patched.add("an attribute")


def _constants(nodes: list[ast.expr]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def _dotted(node: ast.AST) -> str:
    """Return `a.b` for `a.b`, `a.b["c"].d` and the like; "" where no name begins it."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute | ast.Subscript) and len(parts) < _LONGEST:
        if isinstance(node, ast.Attribute):
            parts.append(node.attr)
        else:
            parts.clear()
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""
