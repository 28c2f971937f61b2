"""Finds imports between the files of a project that a change would break."""

import ast
import sys
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import PurePosixPath
from typing import NamedTuple

from agent.edit.files import Sources
from agent.edit.files.apply import located
from agent.edit.files.one import KEPT_FILES, is_python
from agent.edit.source import file_tree, refuse
from agent.errors import near_names
from agent.records.edits import Refused
from agent.records.newest import kept_for_newest

# A module that holds one of these may define names that its statements do not show.
_TRICKS = (
    "__getattr__",
    "__dict__",
    "globals",
    "locals",
    "vars(",
    "setattr",
    "exec",
    "sys.modules",
)
KEPT_STATES = 2
"""States of a project that are cached: the tip, and the tip after the newest proposal."""
_MODULES = (".py", ".pyw", ".pyc", ".so", ".pyd")


class _Import(NamedTuple):
    """`from MODULE import NAME`, or `import MODULE` with an empty name."""

    level: int
    """The dots of a relative import."""
    module: str
    name: str


def lost_import(old: Sources, new: Sources) -> Refused | None:
    """Return the refusal for an import of the project's own that fails only in `new`, or None.

    Only imports that a run of train.py is sure to execute are checked: those at the top of the
    modules that it imports. Not checked are imports in functions, conditions and `try`, names of
    modules that define names dynamically, and modules that another folder may provide.
    """
    changed = [path for path in {**old.files, **new.files} if _differs(old, new, path)]
    if not any(map(is_python, changed)):
        return None
    before = _modules_of(old)
    after = _modules_of(new)
    met = {new.main}
    waiting = [new.main]
    while waiting:
        path = waiting.pop()
        for wanted, line in after.imports_of(path).items():
            refused = _failing(before, after, path, wanted, line)
            if refused:
                return refused if path == new.main else located(path, refused)
            homes = set(after.run_by(path, wanted)) - met
            met |= homes
            waiting += [home for home in homes if home in new.files]
    return None


def _differs(old: Sources, new: Sources, path: str) -> bool:
    return old.files.get(path) != new.files.get(path)


def _failing(
    old: "_Modules", new: "_Modules", path: str, wanted: _Import, line: int
) -> Refused | None:
    """Return why an import of the file at `path` fails; None if it works or failed before."""
    if new.allow(path, wanted) is not False:
        return None
    base = new.base_of(path, wanted)
    if base is None or (wanted in old.imports_of(path) and old.allow(path, wanted) is False):
        return None
    where = f"line {line} imports {wanted.name or wanted.module}"
    home = new.file_of(base)
    if home:
        near = near_names(wanted.name, _bound_in(new.sources.files[home]) or (), most=3)
        hint = f"did you mean {' or '.join(near)}?" if near else "change the import, too"
        return refuse("undefined-name", f"{where}, which {home} would lack", hint)
    gone = old.file_of(base) or old.file_of(f"{base}/{wanted.name}")
    if gone is None and not wanted.level:
        return None  # perhaps it is installed
    what = f"{gone} is gone" if gone else f"there is no {base}.py"
    return refuse("undefined-name", f"{where}, and {what}", "change the import, too")


class _Modules:
    """The modules of a project, as Python finds them for a run of train.py."""

    def __init__(self, sources: Sources) -> None:
        self.sources = sources
        self._paths = {*sources.files, *sources.others}
        self._folders: set[str] = {"."}
        self._stems: set[str] = set()
        for path in self._paths:
            folder, slash, name = path.rpartition("/")
            if path.endswith(_MODULES):
                self._stems.add(folder + slash + name.partition(".")[0])
            while folder and folder not in self._folders:
                self._folders.add(folder)
                folder = folder.rpartition("/")[0]
        self._has_search_path = any("sys.path" in text for text in sources.files.values())

    def imports_of(self, path: str) -> Mapping[_Import, int]:
        """Return the imports of a file, each with its line number."""
        return _imports_of(self.sources.files.get(path, ""), path == self.sources.main)

    def allow(self, path: str, wanted: _Import) -> bool | None:
        """Return whether an import of the file at `path` would succeed; None if unknown."""
        base = self.base_of(path, wanted)
        if base is None:
            return None
        home = self.file_of(base)
        if wanted.name and self._is_module(f"{base}/{wanted.name}"):
            return True
        if home is None:
            is_there = base in self._stems or (base in self._folders and not wanted.name)
            return None if is_there else False
        bound = _bound_in(self.sources.files[home]) if home in self.sources.files else None
        if not wanted.name:
            return True
        return None if bound is None else wanted.name in bound

    def base_of(self, path: str, wanted: _Import) -> str | None:
        """Return the path of a module without its suffix; None if it may be another's.

        Absolute imports are looked up beside train.py, after Python's own library.
        """
        inner = wanted.module.replace(".", "/")
        if not wanted.level:
            first = wanted.module.partition(".")[0]
            folder = PurePosixPath(self.sources.main).parent
            if first in sys.stdlib_module_names or self._has_other_home(folder, first):
                return None
            return str(folder / inner)
        folder = PurePosixPath(path).parent
        for _ in range(wanted.level - 1):
            folder = folder.parent
        return None if path == self.sources.main else str(folder / inner)

    def _has_other_home(self, folder: PurePosixPath, module: str) -> bool:
        """Return whether changes of sys.path may lead to a module of this name elsewhere."""
        if not self._has_search_path:
            return False
        own = str(folder / module)
        names = {own, f"{own}.py"}
        places = (*self._stems, *self._folders)
        return any(place not in names and f"/{place}".endswith(f"/{module}") for place in places)

    def file_of(self, base: str) -> str | None:
        """Return the file of a module; a package comes before a module of the same name."""
        for name in (f"{base}/__init__.py", f"{base}.py"):
            if name.removeprefix("./") in self._paths:
                return name.removeprefix("./")
        return None

    def _is_module(self, base: str) -> bool:
        plain = base.removeprefix("./")
        return plain in self._stems or plain in self._folders

    def run_by(self, path: str, wanted: _Import) -> Iterator[str]:
        """Yield the files that an import executes: module, parent packages, and submodule."""
        base = self.base_of(path, wanted)
        if base is None:
            return
        parents = [str(parent) for parent in PurePosixPath(base).parents]
        for place in (base, f"{base}/{wanted.name}", *parents):
            home = self.file_of(place)
            if home:
                yield home


@kept_for_newest(KEPT_STATES)
def _modules_of(sources: Sources) -> _Modules:
    return _Modules(sources)


@lru_cache(maxsize=KEPT_FILES)
def _imports_of(text: str, is_main: bool) -> Mapping[_Import, int]:
    tree = file_tree(text.removeprefix("\ufeff"))
    return {} if isinstance(tree, Refused) else dict(_imports(tree, is_main))


def _imports(tree: ast.Module, is_main: bool) -> Iterator[tuple[_Import, int]]:
    """Yield the imports that every import of the module executes, with their line numbers."""
    waiting: list[ast.stmt] = [*reversed(tree.body)]
    while waiting:
        node = waiting.pop()
        match node:
            case ast.ClassDef(body=body):
                waiting += reversed(body)
            case ast.If(body=body) if is_main and _asks_for_main(node.test):
                waiting += reversed(body)
            case ast.Import(names=names):
                for alias in names:
                    yield _Import(0, alias.name, ""), node.lineno
            case ast.ImportFrom(module=module, names=names, level=level):
                for alias in names:
                    name = "" if alias.name == "*" else alias.name
                    yield _Import(level, module or "", name), node.lineno


def _asks_for_main(test: ast.expr) -> bool:
    return ast.unparse(test) in ("__name__ == '__main__'", "'__main__' == __name__")


@lru_cache(maxsize=KEPT_FILES)
def _bound_in(text: str) -> frozenset[str] | None:
    """Return the names that a module defines; None if they cannot be known statically."""
    tree = file_tree(text.removeprefix("\ufeff"))
    if isinstance(tree, Refused) or any(trick in text for trick in _TRICKS):
        return None
    names = {"__name__", "__doc__", "__file__", "__path__", "__spec__", "__package__"}
    names |= {"__loader__", "__builtins__", "__annotations__", "__dict__"}
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
            case ast.MatchAs(name=str() as name) | ast.MatchStar(name=str() as name):
                names.add(name)
            case ast.MatchMapping(rest=str() as name):
                names.add(name)
    return frozenset(names)
