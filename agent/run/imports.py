"""Imports between the files of a project that a change would break."""

import ast
from collections.abc import Iterator
from functools import lru_cache
from pathlib import PurePosixPath
from typing import NamedTuple

from agent.edit.files import Sources
from agent.edit.files.apply import located
from agent.edit.files.one import KEPT_FILES, is_python
from agent.edit.source import file_tree, refuse
from agent.errors import near_names
from agent.records.edits import Refused


class _Import(NamedTuple):
    """`from MODULE import NAME`, or `import MODULE` with an empty name."""

    level: int
    """The dots of a relative import."""
    module: str
    name: str
    line: int


def lost_import(old: Sources, new: Sources) -> Refused | None:
    """Return the first import of one of the project's own names that only `old` has, or None.

    Imports inside try, and names of a module that binds them in odd ways, are left to the run.
    """
    changed = [path for path in old.files if old.files[path] != new.files.get(path)]
    lost = {path for path in changed if is_python(path)}
    if not lost:
        return None
    modules = {_module_of(path) for path in lost}
    for path, text in new.files.items():
        if not is_python(path):
            continue
        for wanted in _imports_of(text):
            if wanted.module.rpartition(".")[2] not in modules:
                continue
            refused = _lost(old, new, path, wanted, lost)
            if refused:
                return refused if path == new.main else located(path, refused)
    return None


def _module_of(path: str) -> str:
    """Return the last part of the name that a file has as a module."""
    parts = PurePosixPath(path).with_suffix("").parts
    return parts[-2] if parts[-1] == "__init__" and len(parts) > 1 else parts[-1]


def _lost(old: Sources, new: Sources, path: str, wanted: _Import, lost: set[str]) -> Refused | None:
    home = _home_of(old, path, wanted)
    if home is None or home not in lost or _home_of(new, path, wanted) not in (home, None):
        return None
    where = f"line {wanted.line} imports {wanted.name or wanted.module}"
    if home not in new.files:
        if _home_of(new, path, wanted):
            return None
        return refuse("undefined-name", f"{where}, and {home} is gone", "change the import, too")
    before = _bound_in(old.files[home])
    after = _bound_in(new.files[home])
    if before is None or after is None or not wanted.name:
        return None
    if wanted.name in before and wanted.name not in after:
        near = near_names(wanted.name, after, most=3)
        hint = f"did you mean {' or '.join(near)}?" if near else "change the import, too"
        return refuse("undefined-name", f"{where}, which {home} would lack", hint)
    return None


def _home_of(sources: Sources, path: str, wanted: _Import) -> str | None:
    """Return the file that an import of the file at `path` means, or None if it is not ours."""
    own = PurePosixPath(path).parent
    roots = [own, PurePosixPath(sources.main).parent, PurePosixPath()]
    if wanted.level:
        for _ in range(wanted.level - 1):
            own = own.parent
        roots = [own]
    module = wanted.module.replace(".", "/")
    for root in dict.fromkeys(roots):
        for name in (root / f"{module}.py", root / module / "__init__.py"):
            if module and str(name) in sources.files:
                return str(name)
    return None


@lru_cache(maxsize=KEPT_FILES)
def _imports_of(text: str) -> tuple[_Import, ...]:
    tree = file_tree(text.removeprefix("\ufeff"))
    return () if isinstance(tree, Refused) else tuple(_imports(tree))


def _imports(tree: ast.Module) -> Iterator[_Import]:
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        match node:
            case ast.Try() | ast.TryStar() | ast.expr():
                continue
            case ast.Import(names=names):
                for alias in names:
                    yield _Import(0, alias.name, "", node.lineno)
            case ast.ImportFrom(module=module, names=names, level=level):
                for alias in names:
                    yield _Import(level, module or "", alias.name, node.lineno)
        waiting += ast.iter_child_nodes(node)


@lru_cache(maxsize=KEPT_FILES)
def _bound_in(text: str) -> frozenset[str] | None:
    """Return the names that a module has, or None if they cannot be told."""
    tree = file_tree(text.removeprefix("\ufeff"))
    if isinstance(tree, Refused):
        return None
    names: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()):
                names.add(name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                names.add(name)
            case ast.ClassDef(name=name):
                names.add(name)
            case ast.alias(name="*"):
                return None
            case ast.alias(name=name, asname=other):
                names.add((other or name).split(".")[0])
    if "__getattr__" in names or "globals" in text:
        return None
    return frozenset(names)
