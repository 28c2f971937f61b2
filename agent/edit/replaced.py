"""Finds what an edit replaces of a module that measures, which no edit may touch: prepare.py.

A printed score is the training's own word. Code that assigns `TIME_BUDGET`, defines its own
`evaluate_bpb` or puts another `math.log` in its place reports something else under the same name.
This finds what is written plainly, not what hides.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain
from pathlib import PurePosixPath

from agent.edit.files.one import is_python
from agent.edit.fingerprint import normalised
from agent.edit.named_paths import (
    CALLED,
    OWN,
    NamedPaths,
    called,
    is_namespace,
    path_in,
    text_of,
)
from agent.edit.source import KEPT_TREES, file_tree, parse_tree
from agent.edit.told import CHOOSING, told_otherwise
from agent.records.edits import Refused
from agent.records.sources import Sources

_MEASURES = re.compile(r"eval|score|metric|valid", re.IGNORECASE)
_SETTING = ("setattr", "delattr", "object")
"""With a thing and a name; `object` is that of `mock.patch.object`."""
_SETTING_ITSELF = ("__setattr__", "__delattr__")
_FILLING = ("update", "setdefault", "__setitem__", "__delitem__", "pop", "setitem")
_RUNNING = ("exec", "eval")
_SCOPES = (
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
    ast.Lambda,
    ast.ListComp,
    ast.SetComp,
    ast.DictComp,
    ast.GeneratorExp,
)


def replaced_in(before: Sources, after: Sources, path: str, text: str, every: bool = True) -> str:
    """Return why an edit changes how a score comes about; "" if it plainly does not.

    path, text: of the module's file, `prepare.py`. every: whether all that it has counts; else what
    speaks of measuring, by its own name or the file's. Six things count: the edit gives another
    meaning to a name that is imported from it; it changes the module at run time; it changes a
    function of another module that this one uses; it puts a new file in the place of a module; it
    names the module's file, as code does that writes it; or it no longer uses a name of it that
    speaks of measuring.
    """
    file = PurePosixPath(path)
    if file.name == "__init__.py":
        file = file.parent.with_suffix(".py")
    every = every or _MEASURES.search(file.stem) is not None
    changed = [name for name, code in after.files.items() if before.files.get(name) != code]
    old = _uses_of(before, [*changed, *(before.files.keys() - after.files.keys())], file.stem)
    new = _uses_of(after, changed, file.stem)
    needs = _needs(text, file.stem)
    for name in changed:
        is_new = every and name not in before.files
        if is_new and _shadows(PurePosixPath(name), file, needs):
            return f"its new file {name} takes the place of another module"
    for name, uses in new.items():
        reason = _changed_in(old.get(name, _Uses()), uses, file.name, needs, every)
        if reason:
            return reason
    if not every:
        return ""
    lost = set(filter(_MEASURES.search, _used_by(old) - _used_by(new)))
    if lost:
        others = [name for name in after.files if name not in changed]
        lost -= _used_by(_uses_of(after, others, file.stem))
    return f"it no longer uses {min(lost)} of {file.name}" if lost else ""


def _changed_in(earlier: "_Uses", uses: "_Uses", name: str, needs: "_Needs", every: bool) -> str:
    """Return why a file changes how a score comes about, beside what it did before."""
    has_star = earlier.has_star or uses.has_star
    starred = {each: each for each in needs.defined} if has_star else {}
    imported = {**starred, **earlier.imported, **uses.imported}
    for local in sorted(uses.bound.keys() & imported.keys()):
        if not every and not _MEASURES.search(imported[local]):
            continue
        if uses.bound[local] - earlier.bound.get(local, set()):
            return f"it binds {imported[local]} of {name} anew"
    for attribute in sorted(uses.altered.keys()):
        if uses.altered[attribute] - earlier.altered.get(attribute, set()):
            return f"it alters what {attribute} of {name} returns"
    if every and uses.named - earlier.named:
        return f"it names the file {name}, so it could write it"
    for path in sorted(uses.patched - earlier.patched):
        module, _, attribute = path.partition(".")
        if CALLED in path and path.rpartition(".")[2] not in needs.methods:
            continue  # of a thing that the module made, and no function of it
        if module == uses.module:
            what = attribute.partition(".")[0].removesuffix(CALLED) or "an attribute"
            if every or _MEASURES.search(what):
                return f"it changes {what} of {name} while it runs"
        elif every and needs.uses(path):
            return f"it changes {path}, which {name} uses"
    return ""


def _shadows(new: PurePosixPath, file: PurePosixPath, needs: "_Needs") -> bool:
    """Return whether a new file is imported instead of a module: those beside come first."""
    package = new.name == "__init__.py"
    folder = new.parent.parent if package else new.parent
    module = new.parent.name if package else new.stem
    beside = is_python(str(new)) and folder == file.parent
    return beside and module in (file.stem, *needs.modules)


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
    """What one file does with the names of a module, and with those of others."""

    module: str = ""
    imported: dict[str, str] = field(default_factory=dict)
    """The module's own names by those in the file."""
    has_star: bool = False
    bound: dict[str, set[str]] = field(default_factory=dict)
    """Names that the file binds, other than by an import from the module, with what binds them."""
    patched: set[str] = field(default_factory=set)
    """Paths of what the file sets in modules."""
    altered: dict[str, set[str]] = field(default_factory=dict)
    """Functions of the module's that measure, with statements that make of their results others."""
    used: set[str] = field(default_factory=set)
    """The module's own names that the file reads."""
    named: set[str] = field(default_factory=set)
    """The expressions by which the file names the module's file: code that writes it needs one."""


@dataclass(frozen=True)
class _Needs:
    """What the module itself has, and uses of others."""

    defined: frozenset[str] = frozenset()
    paths: frozenset[str] = frozenset()
    methods: frozenset[str] = frozenset()
    """Its functions, and attributes of what no import gives: `item` of `loss.item()`."""
    modules: frozenset[str] = frozenset()
    texts: frozenset[str] = frozenset()

    def uses(self, path: str) -> bool:
        """Return whether the module uses what this path leads to, or something in it."""
        if path.startswith("os.environ"):
            return path.rpartition(".")[2] in self.texts
        is_of_class = path.count(".") > 1 and path.partition(".")[0] in self.modules
        if is_of_class and path.rpartition(".")[2] in self.methods:
            return True
        return any(used == path or used.startswith(f"{path}.") for used in self.paths)


def _nodes(text: str) -> list[ast.AST]:
    """Return the nodes of a file, with those of texts that it plainly runs."""
    tree = file_tree(text.removeprefix("\ufeff"))
    nodes = [] if isinstance(tree, Refused) else list(ast.walk(tree))
    for node in list(nodes):
        match node:
            case ast.Call(args=[ast.Constant(value=str(code)), *_]) if called(node) in _RUNNING:
                inner = parse_tree(code)
                nodes += [] if isinstance(inner, Refused) else ast.walk(inner)
    return nodes


@lru_cache(maxsize=KEPT_TREES)
def _uses(text: str, module: str) -> _Uses:
    nodes = _nodes(text)
    paths = NamedPaths(nodes, module)
    uses = _Uses(module, paths.imported, paths.has_star)
    methods: set[int] = set()
    written: set[int] = set()
    for node in nodes:
        methods.update(map(id, node.body) if isinstance(node, ast.ClassDef) else ())
        for name, meaning in _binds(node, paths) if id(node) not in methods else ():
            uses.bound.setdefault(name, set()).add(meaning)
        uses.patched.update(filter(None, _sets(node, paths)))
        uses.named.update(filter(None, [_file_of(node, paths)]))
        if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Load):
            uses.used |= set(filter(None, [paths.of_module(node)]))
        altered = list(filter(_MEASURES.search, _alters(node, paths)))
        if altered and id(node) not in written:  # what is inside of another is written with it
            written.update(map(id, ast.walk(node)))
            for attribute in altered:
                uses.altered.setdefault(attribute, set()).add(normalised(node))
    for path in [path for path in uses.patched if path.startswith(f"{OWN}.")]:
        uses.bound.setdefault(path.partition(".")[2], set()).add("")
    return uses  # cached, so callers must not change it


def _binds(node: ast.AST, paths: NamedPaths) -> Iterator[tuple[str, str]]:
    """Yield the names that a node binds, and by what; not those of imports from the module."""
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            matters = name in paths.imported or paths.has_star
            yield name, normalised(node) if matters else ""
        case ast.Assign(targets=targets, value=value):
            named = {target.id for target in targets if isinstance(target, ast.Name)}
            known = named & paths.imported.keys()
            if known:
                yield from dict.fromkeys(known, normalised(value)).items()
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()) | ast.arg(arg=name):
            yield name, ""
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
            yield name, ""
        case ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
            yield name, ""
        case ast.ImportFrom(module=source, names=names):
            if (source or "").rpartition(".")[2] != paths.module:
                yield from ((alias.asname or alias.name, source or "") for alias in names)
        case ast.Import(names=names):
            yield from ((alias.asname, alias.name) for alias in names if alias.asname)


def _file_of(node: ast.AST, paths: NamedPaths) -> str:
    """Return how a node names the module's file; "" if it does not."""
    path = paths.of(node) if isinstance(node, ast.Attribute) else ""
    if path == f"{paths.module}.__file__":
        return path
    text = text_of(node)
    return text if text == f"{paths.module}.py" or text.endswith(f"/{paths.module}.py") else ""


def _sets(node: ast.AST, paths: NamedPaths) -> Iterator[str]:
    """Yield the paths of what a node sets or deletes in a module; "" for others."""
    match node:
        case ast.Attribute(ctx=ast.Store() | ast.Del()):
            yield paths.of(node)
        case ast.Subscript(ctx=ast.Store() | ast.Del(), slice=key):
            path = paths.of(node)
            if path == "os.environ":
                yield f"{path}.{text_of(key)}"
            elif CALLED not in path:  # data may be changed in place
                yield path
        case ast.Call():
            yield from _sets_by_call(node, paths)


def _sets_by_call(node: ast.Call, paths: NamedPaths) -> Iterator[str]:
    match node:
        case ast.Call(args=[first, *more]) if called(node) in _SETTING:
            name = text_of(more[0]) if more else ""
            yield _attribute_of(first, name, paths)
        case ast.Call(func=ast.Attribute(value=held)) if called(node) in _SETTING_ITSELF:
            of = [each for each in (held, *node.args) if not _is_object(each)]
            name = text_of(of[1]) if len(of) > 1 else ""
            yield from (_attribute_of(each, name, paths) for each in of[:1])
        case ast.Call(func=function) if called(node) in _FILLING:
            holder = [function.value] if isinstance(function, ast.Attribute) else []
            of = [*holder, *node.args]
            for number, each in enumerate(of):
                namespace = paths.of(each)
                if is_namespace(namespace):
                    yield from (path_in(namespace, name) for name in _keys(node, of[number + 1 :]))
        case ast.Call(args=[ast.Constant(value=str(name)), *_]) if called(node) == "patch":
            yield name


def _attribute_of(node: ast.AST, name: str, paths: NamedPaths) -> str:
    path = paths.of(node)
    return path_in(f"{path}.__dict__", name) if path else ""


def _is_object(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id in ("object", "type")


def _keys(node: ast.Call, arguments: list[ast.expr]) -> Iterator[str]:
    """Yield the names that `update(name=…)`, `update({"name": …})` or `pop("name")` sets."""
    yield from (keyword.arg or "" for keyword in node.keywords)
    for argument in arguments[:1]:
        keys = argument.keys if isinstance(argument, ast.Dict) else [argument]
        for key in keys:
            yield text_of(key) if key else ""


def _alters(node: ast.AST, paths: NamedPaths) -> Iterator[str]:
    """Yield the functions of the module whose results a node makes others of."""
    results: list[ast.expr] = []
    match node:
        case ast.BinOp(left=left, right=right) if not text_of(left):
            results = [each for each in (left, right) if isinstance(each, ast.Call)]
        case ast.AugAssign(target=target):
            results = [target]
        case ast.Assign(targets=targets, value=value) if not _is_plain(value, paths):
            single = chain.from_iterable(map(_items, targets))
            results = [target for target in single if isinstance(target, ast.Name)]
        case (
            ast.AnnAssign(target=target, value=ast.expr() as value)
            | ast.NamedExpr(target=target, value=value)
        ) if not _is_plain(value, paths):
            results = [target]
        case ast.For(target=target):
            results = [target]
        case ast.Call(args=arguments) if called(node) in CHOOSING:
            inner = chain.from_iterable(map(_items, arguments))
            results = [each for each in inner if isinstance(each, ast.Call)]
    for result in (*results, *told_otherwise(node, paths)):
        if paths.of(result).endswith(CALLED):
            yield paths.of_module(result)


def _items(node: ast.expr) -> list[ast.expr]:
    """Return what a list or a comprehension is made of; any other expression as it is."""
    match node:
        case ast.Tuple(elts=items) | ast.List(elts=items):
            return items
        case ast.GeneratorExp(elt=item) | ast.ListComp(elt=item):
            return [item]
    return [node]


def _is_plain(value: ast.expr, paths: NamedPaths) -> bool:
    """Return whether a value is a result as it is, or none at all."""
    nothing = isinstance(value, ast.Constant) and value.value is None
    return nothing or paths.of(value).endswith(CALLED)


def _in_scopes(nodes: Iterable[ast.AST]) -> set[int]:
    """Return the ids of the nodes in functions and classes, whose names are no module's."""
    inner: set[int] = set()
    for scope in nodes:
        if isinstance(scope, _SCOPES):
            inner.update(id(node) for node in ast.walk(scope) if node is not scope)
    return inner


@lru_cache(maxsize=1)
def _needs(text: str, module: str) -> _Needs:
    nodes = _nodes(text)
    paths = NamedPaths(nodes, module)
    inner = _in_scopes(nodes)
    defined: set[str] = set()
    used: set[str] = set()
    methods: set[str] = set()
    texts: set[str] = set()
    for node in nodes:
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                defined |= {name} if id(node) not in inner else set()
                methods.add(name)
            case ast.Name(id=name, ctx=ast.Store()):
                defined |= {name} if id(node) not in inner else set()
            case ast.Name(id=name):
                used.add(paths.of(node) or f"builtins.{name}")
            case ast.Attribute(attr=name):
                used.add(paths.of(node))
                methods |= set() if paths.of(node) else {name}
            case ast.Constant(value=str(constant)):
                texts.add(constant)
    modules = {path.partition(".")[0] for path in paths.names.values()}
    needed = frozenset(filter(None, used)), frozenset(methods), frozenset(modules)
    return _Needs(frozenset(defined), *needed, frozenset(texts))
