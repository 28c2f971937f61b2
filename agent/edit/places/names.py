"""Names, objects and calls at the top of a module, or of a function that runs a training."""

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from agent.edit.literal import evaluate
from agent.edit.places.place import (
    Place,
    dotted,
    entries_of,
    is_class_call,
    is_namespace,
    is_settings_name,
    keyword_of,
    last_name,
    type_in,
)
from agent.edit.places.scopes import Scope, Scopes, Store

# Functions and methods whose keyword arguments set a training up.
_TRAINING = frozenset({"fit", "train", "compile"})


@dataclass(frozen=True)
class Top:
    """The statements that a module or a function executes once, from top to bottom."""

    scopes: Scopes
    scope: Scope
    body: list[ast.stmt]
    prefix: str
    """What names begin with: "" or `main.`."""
    uppercase: bool
    """Whether UPPERCASE names are listed here too; those of a module are listed apart."""

    def places(self) -> Iterator[Place]:
        """Yield every place of these statements."""
        for statement in _statements(self.body):
            match statement:
                case ast.Assign(targets=[ast.Name() as target], value=value):
                    yield from self._bound(statement, target, value)
                case ast.AnnAssign(target=ast.Name() as target, value=ast.expr() as value):
                    yield from self._bound(statement, target, value)
                case ast.Assign(targets=[ast.Attribute() | ast.Subscript() as target]):
                    yield from self._stored(statement, target)
                case ast.Assign(targets=targets, value=value):
                    for name in targets:
                        yield from self._named(statement, name, value)
            yield from self._calls(statement)

    def _bound(
        self, statement: ast.Assign | ast.AnnAssign, target: ast.Name, value: ast.expr
    ) -> Iterator[Place]:
        """Yield what `name = value` gives: the name, or the entries of an object of settings."""
        if is_class_call(value):
            yield from self._object(statement, target.id, value)
        elif not is_namespace(value):
            yield from self._named(statement, target, value)
        elif self.scope.bindings[target.id] == 1 and not self._is_table(target.id, value):
            yield from self._object(statement, target.id, value)

    def _object(
        self, statement: ast.Assign | ast.AnnAssign, name: str, value: ast.expr
    ) -> Iterator[Place]:
        for place in entries_of(Place(name, "keyword", value, statement, statement)):
            if place.value is not value and not self.written[place.name]:
                yield replace(place, name=self.prefix + place.name)

    def _stored(
        self, statement: ast.Assign, target: ast.Attribute | ast.Subscript
    ) -> Iterator[Place]:
        """Yield what `cfg.lr = value` gives, if nothing else overwrites it."""
        path = dotted(target)
        root = path.partition(".")[0] if path else ""
        if path is None or not (is_settings_name(root) or root in self._namespaces):
            return
        if self.written[path] > 1:
            return
        top = Place(path, "attribute", statement.value, statement, statement)
        for place in entries_of(top):
            if place.value is statement.value or not self.written[place.name]:
                yield replace(place, name=self.prefix + place.name)

    @cached_property
    def written(self) -> Counter[str]:
        """How often the file gives each `cfg.lr` or `cfg["lr"]` a value of its own."""
        return written_paths(self.scopes)

    def _is_table(self, name: str, value: ast.expr) -> bool:
        """Return whether a dictionary is looked up by computed keys, or numbers its keys."""
        return name in self.scopes.lookups or _numbers(value)

    @cached_property
    def _namespaces(self) -> set[str]:
        """Return the names that these statements bind to dictionaries and the like."""
        names = set()
        for statement in _statements(self.body):
            match statement:
                case ast.Assign(targets=[ast.Name(id=name)], value=value) if is_namespace(value):
                    names.add(name)
        return names

    def _named(
        self, statement: ast.Assign | ast.AnnAssign, target: ast.expr, value: ast.expr
    ) -> Iterator[Place]:
        """Yield the name, if it is a setting: bound once, and read."""
        if not isinstance(target, ast.Name) or target.id.startswith("_"):
            return
        name = target.id
        if name.isupper() and not self.uppercase:
            return
        if self.scope.bindings[name] != 1 or evaluate(value) is None or not self._is_read(name):
            return
        annotation = statement.annotation if isinstance(statement, ast.AnnAssign) else None
        yield Place(
            self.prefix + name,
            "local" if self.prefix else "module",
            value,
            statement,
            statement,
            stated_type=type_in(annotation),
        )

    def _is_read(self, name: str) -> bool:
        if self.scopes.reads_all or name in self.scope.reads:
            return True
        return not self.prefix and all(_only_sets(statement) for statement in self.body)

    def _calls(self, statement: ast.stmt) -> Iterator[Place]:
        """Yield the keyword arguments of calls that no name holds: `model.fit(batch_size)`."""
        match statement:
            case ast.Expr(value=top) | ast.Assign(value=top) | ast.Return(value=ast.expr() as top):
                pass
            case _:
                return
        held = isinstance(statement, ast.Assign) and (is_class_call(top) or is_namespace(top))
        for call in _calls_in(top):
            yield from _configuration(statement, call)
            if call is top:
                is_listed = not held and self._sets_up(call)
            else:
                is_listed = is_class_call(call)
            if is_listed:
                yield from _keywords(statement, call)

    def _sets_up(self, call: ast.Call) -> bool:
        """Return whether a statement's own call sets a training up."""
        if is_class_call(call) or last_name(call.func) in _TRAINING:
            return True
        return isinstance(call.func, ast.Name) and call.func.id in self.scopes.functions


def written_paths(scopes: Scopes) -> Counter[str]:
    """Return how often the file gives each `cfg.lr` or `cfg["lr"]` a value that it has not yet."""
    counts: Counter[str] = Counter()
    for store in scopes.stores:
        path = dotted(store.target)
        if path and overwrites(store):
            counts[path] += 1
    return counts


def overwrites(store: Store) -> bool:
    """Return whether a store forgets the old value, or counts; `cfg.lr *= 2` does neither."""
    statement = store.statement
    if isinstance(statement, ast.AugAssign):
        return isinstance(statement.op, ast.Add | ast.Sub)
    value = getattr(statement, "value", None)
    if not isinstance(value, ast.expr):
        return True
    path = dotted(store.target)
    parts = [part for part in ast.walk(value) if isinstance(part, ast.Attribute | ast.Subscript)]
    return not any(dotted(part) == path for part in parts)


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements that are executed once: also in `with` and behind `__main__`."""
    for statement in body:
        match statement:
            case ast.With(body=inner):
                yield from _statements(inner)
            case ast.If(test=test, body=inner) if is_main_guard(test):
                yield from _statements(inner)
            case _:
                yield statement


def is_main_guard(test: ast.expr) -> bool:
    """Return whether a condition is `__name__ == "__main__"`."""
    match test:
        case ast.Compare(left=ast.Name(id="__name__"), ops=[ast.Eq()]):
            return True
    return False


def _only_sets(statement: ast.stmt) -> bool:
    """Return whether a statement belongs into a file that only holds settings."""
    if isinstance(statement, ast.Assign | ast.AnnAssign | ast.Import | ast.ImportFrom):
        return True
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _numbers(value: ast.expr) -> bool:
    """Return whether a dictionary numbers its keys: {"cat": 0, "dog": 1}."""
    if not isinstance(value, ast.Dict) or len(value.values) < 2:
        return False
    numbers = [part.value for part in value.values if isinstance(part, ast.Constant)]
    return numbers in (list(range(len(value.values))), list(range(1, len(value.values) + 1)))


def _configuration(statement: ast.stmt, call: ast.Call) -> Iterator[Place]:
    """Yield the entries of wandb.init(config={…})."""
    config = keyword_of(call, "config") if last_name(call.func) == "init" else None
    if config is not None and is_namespace(config):
        yield from entries_of(Place("wandb.config", "call", config, statement, config))


def _keywords(statement: ast.stmt, call: ast.Call) -> Iterator[Place]:
    callee = dotted(call.func)
    for keyword in call.keywords:
        if callee and keyword.arg is not None and evaluate(keyword.value) is not None:
            name = f"{callee}({keyword.arg})"
            yield Place(name, "call", keyword.value, statement, keyword.value)


def _calls_in(node: ast.expr) -> Iterator[ast.Call]:
    """Yield the calls in an expression that are made when it is evaluated."""
    todo: list[ast.AST] = [node]
    while todo:
        part = todo.pop()
        if isinstance(part, ast.Lambda):
            continue
        if isinstance(part, ast.Call):
            yield part
        todo += ast.iter_child_nodes(part)
