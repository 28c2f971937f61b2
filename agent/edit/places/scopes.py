"""Which names each scope of a file binds and reads, and what it calls and stores, in one walk."""

import ast
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from agent.edit.places.place import dotted, text_in

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
# Calls that can read every name of the module.
_READ_ALL = frozenset({"globals", "locals", "vars", "exec"})
# Arguments that are called without any: `field(default_factory=Optim)`.
_FACTORIES = frozenset({"default_factory", "factory"})


@dataclass(eq=False)
class Scope:
    """What binds and what reads names in one module, function, class or comprehension."""

    node: ast.AST
    parent: "Scope | None"
    bindings: Counter[str] = field(default_factory=Counter)
    reads: set[str] = field(default_factory=set)
    """Also the names that inner functions read here."""
    elsewhere: set[str] = field(default_factory=set)
    """Names that `global` or `nonlocal` says are another scope's."""

    @property
    def is_class(self) -> bool:
        """Whether inner functions do not see the names."""
        return isinstance(self.node, ast.ClassDef)


@dataclass(frozen=True, eq=False)
class Store:
    """One statement that gives an attribute or an item a value: `cfg.lr = 1`, `cfg["lr"] *= 2`."""

    target: ast.Attribute | ast.Subscript
    statement: ast.stmt
    scope: Scope

    @property
    def forgets(self) -> bool:
        """Whether it forgets the old value, or counts; `cfg.lr *= 2` does neither."""
        statement = self.statement
        if isinstance(statement, ast.AugAssign):
            return isinstance(statement.op, ast.Add | ast.Sub)
        value = getattr(statement, "value", None)
        if not isinstance(value, ast.expr):
            return True
        path = dotted(self.target)
        parts = [part for part in ast.walk(value) if isinstance(part, type(self.target))]
        return not any(dotted(part) == path for part in parts)

    @property
    def owner(self) -> ast.AST | None:
        """The class that sets the attribute of its own object; None for other objects."""
        target = self.target.value
        if not isinstance(target, ast.Name) or target.id != "self":
            return None
        scope: Scope | None = self.scope
        while scope is not None and not scope.is_class:
            scope = scope.parent
        return scope.node if scope else None


class Scopes:
    """The scopes of a file, its calls of plain names, and its stores to attributes and items."""

    def __init__(self, tree: ast.Module) -> None:
        self.module = Scope(tree, None)
        self.calls: defaultdict[str, list[ast.Call]] = defaultdict(list)
        """By the name that is called."""
        self.stores: list[Store] = []
        self.updates: list[ast.Call] = []
        """Calls such as `cfg.update(lr=0.1)`."""
        self.lookups: set[str] = set()
        """Names that are indexed by a value that is no literal: tables."""
        self.functions: set[str] = set()
        """The names of the module's own functions."""
        self._scopes: dict[ast.AST, Scope] = {tree: self.module}
        self._todo: list[tuple[ast.AST, Scope]] = [(node, self.module) for node in tree.body]
        while self._todo:
            self._visit(*self._todo.pop())
        self._resolve()
        self.reads_all = not _READ_ALL.isdisjoint(self.calls)
        """Whether the file may read its names through globals() or exec."""
        self.paths: Counter[str] = Counter()
        """How often the file gives each `cfg.lr` or `cfg["lr"]` a value of its own."""
        self.attributes: Counter[tuple[ast.AST | None, str]] = Counter()
        """How often it does so for each attribute, by the class whose object's it is."""
        for store in self.stores:
            if store.forgets:
                self._count(store)
        for call in self.updates:
            self._count_update(call)

    def _count_update(self, call: ast.Call) -> None:
        """Count what `cfg.update(lr=0.1)` and `cfg.update({"lr": 0.1})` give values."""
        owner = dotted(call.func.value) if isinstance(call.func, ast.Attribute) else None
        names = [keyword.arg for keyword in call.keywords if keyword.arg]
        for argument in call.args:
            keys = argument.keys if isinstance(argument, ast.Dict) else []
            names += [text_in(key) for key in keys if text_in(key)]
        for name in names if owner else ():
            self.paths[f"{owner}.{name}"] += 1

    def of(self, node: ast.AST) -> Scope:
        """Return the scope of a module, function or class of the file."""
        return self._scopes[node]

    def _count(self, store: Store) -> None:
        path = dotted(store.target)
        if path is not None:
            self.paths[path] += 1
        if isinstance(store.target, ast.Attribute):
            self.attributes[store.owner, store.target.attr] += 1

    def _visit(self, node: ast.AST, scope: Scope) -> None:
        if isinstance(node, ast.Name):
            if isinstance(node.ctx, ast.Load):
                scope.reads.add(node.id)
            else:
                scope.bindings[node.id] += 1
            return
        if isinstance(node, ast.Constant):
            return
        handle = _HANDLERS.get(type(node))
        if handle is None or handle(self, node, scope):
            self._add_children(node, scope)

    def _add_children(self, node: ast.AST, scope: Scope) -> None:
        for name in node._fields:
            value = getattr(node, name, None)
            if isinstance(value, list):
                self._add(value, scope)
            elif isinstance(value, ast.AST) and not isinstance(value, ast.expr_context):
                self._todo.append((value, scope))

    def _add(self, nodes: Sequence[ast.AST | None], scope: Scope) -> None:
        self._todo += [(node, scope) for node in nodes if isinstance(node, ast.AST)]

    def _inner(self, node: ast.AST, scope: Scope) -> Scope:
        inner = Scope(node, scope)
        self._scopes[node] = inner
        return inner

    # ------------------------------------------------------------ one handler a kind of node
    # Each returns whether the children are of the same scope and still to be visited.

    def _function(self, node: Function, scope: Scope) -> bool:
        inner = self._inner(node, scope)
        arguments = node.args
        named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        for argument in (*named, arguments.vararg, arguments.kwarg):
            if argument is not None:
                inner.bindings[argument.arg] += 1
                self._add_children(argument, scope)
        self._add([*arguments.defaults, *arguments.kw_defaults], scope)
        if isinstance(node, ast.Lambda):
            self._todo.append((node.body, inner))
            return False
        scope.bindings[node.name] += 1
        if scope is self.module:
            self.functions.add(node.name)
        self._add([*node.decorator_list, node.returns], scope)
        self._add(node.body, inner)
        return False

    def _class(self, node: ast.ClassDef, scope: Scope) -> bool:
        scope.bindings[node.name] += 1
        self._add([*node.decorator_list, *node.bases, *node.keywords], scope)
        self._add(node.body, self._inner(node, scope))
        return False

    def _comprehension(self, node: Comprehension, scope: Scope) -> bool:
        self._add_children(node, self._inner(node, scope))
        return False

    def _walrus(self, node: ast.NamedExpr, scope: Scope) -> bool:
        while scope.parent and isinstance(scope.node, _COMPREHENSIONS):
            scope = scope.parent
        scope.bindings[node.target.id] += 1
        return True

    def _import(self, node: ast.Import | ast.ImportFrom, scope: Scope) -> bool:
        for alias in node.names:
            scope.bindings[(alias.asname or alias.name).partition(".")[0]] += 1
        return False

    def _elsewhere(self, node: ast.Global | ast.Nonlocal, scope: Scope) -> bool:
        scope.elsewhere.update(node.names)
        return False

    def _named(self, node: ast.AST, scope: Scope) -> bool:
        name = getattr(node, "name", None) or getattr(node, "rest", None)
        if name:
            scope.bindings[name] += 1
        return True

    def _augmented(self, node: ast.AugAssign, scope: Scope) -> bool:
        if isinstance(node.target, ast.Name):
            scope.reads.add(node.target.id)
        return self._store([node.target], node, scope)

    def _assigned(self, node: ast.Assign, scope: Scope) -> bool:
        return self._store(node.targets, node, scope)

    def _annotated(self, node: ast.AnnAssign, scope: Scope) -> bool:
        if node.value is None and isinstance(node.target, ast.Name):
            return False  # only a type
        return self._store([node.target], node, scope)

    def _store(self, targets: list[ast.expr], node: ast.stmt, scope: Scope) -> bool:
        for target in targets:
            parts = target.elts if isinstance(target, ast.Tuple | ast.List) else [target]
            for part in parts:
                if isinstance(part, ast.Attribute | ast.Subscript):
                    self.stores.append(Store(part, node, scope))
        return True

    def _called(self, node: ast.Call, _scope: Scope) -> bool:
        function = node.func
        if isinstance(function, ast.Name):
            self.calls[function.id].append(node)
        elif isinstance(function, ast.Attribute) and function.attr == "get" and node.args:
            self._lookup(function.value, node.args[0])
        elif isinstance(function, ast.Attribute) and function.attr == "update":
            self.updates.append(node)
        for keyword in node.keywords:
            if keyword.arg in _FACTORIES and isinstance(keyword.value, ast.Name):
                self.calls[keyword.value.id].append(ast.Call(keyword.value, [], []))
        return True

    def _subscript(self, node: ast.Subscript, _scope: Scope) -> bool:
        if isinstance(node.ctx, ast.Load):
            self._lookup(node.value, node.slice)
        return True

    def _lookup(self, table: ast.expr, key: ast.expr) -> None:
        if isinstance(table, ast.Name) and not isinstance(key, ast.Constant):
            self.lookups.add(table.id)

    # ------------------------------------------------------------ what inner scopes do to outer

    def _resolve(self) -> None:
        for scope in reversed(self._scopes.values()):
            if scope.parent is None:
                continue
            for name in scope.elsewhere:
                self._owner(scope, name).bindings[name] += scope.bindings.pop(name, 0)
            outer = scope.parent
            while outer.parent and outer.is_class and not scope.is_class:
                outer = outer.parent
            outer.reads |= scope.reads - scope.bindings.keys()

    def _owner(self, scope: Scope, name: str) -> Scope:
        """Return the scope that a `global` or `nonlocal` name belongs to."""
        outer = scope.parent
        while outer and outer.parent and name not in outer.bindings:
            outer = outer.parent
        return outer or self.module


_HANDLERS: dict[type[ast.AST], Callable[[Scopes, Any, Scope], bool]] = {
    ast.FunctionDef: Scopes._function,
    ast.AsyncFunctionDef: Scopes._function,
    ast.Lambda: Scopes._function,
    ast.ClassDef: Scopes._class,
    ast.ListComp: Scopes._comprehension,
    ast.SetComp: Scopes._comprehension,
    ast.DictComp: Scopes._comprehension,
    ast.GeneratorExp: Scopes._comprehension,
    ast.NamedExpr: Scopes._walrus,
    ast.Import: Scopes._import,
    ast.ImportFrom: Scopes._import,
    ast.Global: Scopes._elsewhere,
    ast.Nonlocal: Scopes._elsewhere,
    ast.ExceptHandler: Scopes._named,
    ast.MatchAs: Scopes._named,
    ast.MatchStar: Scopes._named,
    ast.MatchMapping: Scopes._named,
    ast.AugAssign: Scopes._augmented,
    ast.Assign: Scopes._assigned,
    ast.AnnAssign: Scopes._annotated,
    ast.Call: Scopes._called,
    ast.Subscript: Scopes._subscript,
}
