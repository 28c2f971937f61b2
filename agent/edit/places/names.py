"""Names, objects and calls at the top of a module, or of a function that runs a training."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from agent.edit.called import last_name
from agent.edit.literal import evaluate
from agent.edit.places.environment import default_in
from agent.edit.places.place import (
    Place,
    are_moments,
    dotted,
    entries_of,
    is_class_call,
    is_namespace,
    is_settings_name,
    keyword_of,
    type_in,
)
from agent.edit.places.scopes import Scope, Scopes

# Functions that run a training, and methods whose keyword arguments set one up.
RUNS = re.compile(
    r"^_?(main|main_worker|train|training|train_model|training_function|pretrain|finetune|fit|run"
    r"|run_training|run_experiment|experiment|setup|cli|objective)$"
)
_METHODS = frozenset({"fit", "train", "compile"})
# Classes whose objects read, show or order things and learn nothing.
_PLUMBING = re.compile(
    r"(Parser|Dataset|Callback|Logger|Writer|Handler|Path|Figure|Timer|Event|Thread|Process|Pool"
    r"|Queue|Lock|Progress|Console|Formatter|Meter|Window|Profiler)$"
)
_TABLE = re.compile(
    r"label|class|map|index|idx|(^|_)ids?$|code|vocab|table|lookup|colou?r|to_|[a-z]2[a-z]|enum|categor|names"
    r"|stats|history|results?$|metrics|scores|urls?$|log",
    re.IGNORECASE,
)
_LOADER = re.compile(r"(Loader|Sampler|Buffer)$")
_SIZES = re.compile(r"size|capacity")


@dataclass(frozen=True)
class Top:
    """The statements that a module or a function executes once, from top to bottom."""

    scopes: Scopes
    scope: Scope
    body: list[ast.stmt]
    prefix: str
    """What names begin with: "" or `main.`."""
    uppercase: bool
    """Whether UPPERCASE names are listed too: those that a module simply assigns are not."""
    all_read: bool = False
    """Whether something outside the file reads every name."""

    def places(self) -> Iterator[Place]:
        """Yield every place of these statements."""
        for statement in top_statements(self.body):
            match statement:
                case ast.Assign(targets=[ast.Name() as target], value=value):
                    yield from self._bound(statement, target, value)
                case ast.AnnAssign(target=ast.Name() as target, value=ast.expr() as value):
                    yield from self._bound(statement, target, value)
                case ast.Assign(targets=[ast.Attribute() | ast.Subscript() as target]):
                    yield from self._stored(statement, target)
                case ast.Return(value=ast.expr() as value) if self._makes_settings(value):
                    top = Place(self.prefix[:-1], "keyword", value, statement, statement)
                    yield from entries_of(top)
                case ast.Assign(targets=[ast.Tuple(elts=names)], value=ast.Tuple(elts=values)):
                    yield from self._unpacked(statement, names, values)
                case ast.Assign(targets=targets, value=value):
                    for name in targets:
                        yield from self._named(statement, name, value, statement)
            yield from self._calls(statement)

    def _bound(
        self, statement: ast.Assign | ast.AnnAssign, target: ast.Name, value: ast.expr
    ) -> Iterator[Place]:
        """Yield the places in `name = value`: the name, or the entries of an object of settings."""
        if is_class_call(value):
            yield from self._object(statement, target.id, value)
        elif not is_namespace(value):
            yield from self._named(statement, target, value, statement)
        elif self.scope.bindings[target.id] == 1 and not self._is_table(target.id):
            yield from self._object(statement, target.id, value)

    def _makes_settings(self, value: ast.expr) -> bool:
        """Return whether a function returns settings: `return dict(lr=0.1)`."""
        if not self.prefix or RUNS.match(self.prefix[:-1]):
            return False
        return is_namespace(value) or is_class_call(value)

    def _object(
        self, statement: ast.Assign | ast.AnnAssign, name: str, value: ast.expr
    ) -> Iterator[Place]:
        if _PLUMBING.search(_callee(value)):
            return
        for place in entries_of(Place(name, "keyword", value, statement, statement)):
            if _LOADER.search(_callee(value)) and not _SIZES.search(place.name):
                continue
            if place.value is not value:
                is_live = not self.scopes.paths[place.name]
                yield replace(place, name=self.prefix + place.name, is_live=is_live)

    def _stored(
        self, statement: ast.Assign, target: ast.Attribute | ast.Subscript
    ) -> Iterator[Place]:
        """Yield the place in `cfg.lr = value`, if nothing else overwrites it."""
        path = dotted(target)
        root = path.partition(".")[0] if path else ""
        if path is None or not (
            is_settings_name(root) or root in self._namespaces or path.startswith("wandb.config.")
        ):
            return
        if self.scopes.paths[path] > 1:
            return
        top = Place(path, "attribute", statement.value, statement, statement)
        for place in entries_of(top):
            if place.value is statement.value or not self.scopes.paths[place.name]:
                yield replace(place, name=self.prefix + place.name)

    def _is_table(self, name: str) -> bool:
        """Return whether a dictionary is looked up by computed keys, or its name says so."""
        return name in self.scopes.lookups or bool(_TABLE.search(name))

    @cached_property
    def _namespaces(self) -> set[str]:
        """Return the names that these statements bind to dictionaries and the like.

        Also to parts of settings: `optim = config.optim`.
        """
        names: set[str] = set()
        for statement in top_statements(self.body):
            if isinstance(statement, ast.Assign) and self._holds(statement.value, names):
                names |= {target.id for target in statement.targets if isinstance(target, ast.Name)}
        return names

    def _holds(self, value: ast.expr, names: set[str]) -> bool:
        """Return whether a value is a dictionary and the like, or a part of settings."""
        if is_namespace(value):
            return True
        path = dotted(value) if isinstance(value, ast.Attribute) else None
        root = path.partition(".")[0] if path else ""
        return root in names or (bool(root) and is_settings_name(root))

    def _unpacked(
        self, statement: ast.Assign, names: list[ast.expr], values: list[ast.expr]
    ) -> Iterator[Place]:
        """Yield the names of `epochs, lr = 10, 0.1`."""
        if len(names) != len(values) or any(isinstance(part, ast.Starred) for part in values):
            return
        for name, value in zip(names, values, strict=True):
            yield from self._named(statement, name, value, value)

    def _named(
        self,
        statement: ast.Assign | ast.AnnAssign,
        target: ast.expr,
        value: ast.expr,
        item: ast.expr | ast.stmt,
    ) -> Iterator[Place]:
        """Yield the name, if it is a setting: bound once, and read."""
        if not isinstance(target, ast.Name) or target.id.startswith("_"):
            return
        name = target.id
        if are_moments(name, value):
            if self.scope.bindings[name] == 1 and self._is_read(name):
                top = Place(self.prefix + name, "module", value, statement, statement)
                yield from entries_of(top)
            return
        default = default_in(value)
        is_simple = default is value and item is statement
        if name.isupper() and not self.uppercase and is_simple:
            return
        if self.scope.bindings[name] != 1 or evaluate(default) is None or not self._is_read(name):
            return
        annotation = statement.annotation if isinstance(statement, ast.AnnAssign) else None
        yield Place(
            self.prefix + name,
            "local" if self.prefix else "module",
            value,
            statement,
            item,
            stated_type=type_in(annotation),
        )

    def _is_read(self, name: str) -> bool:
        if self.all_read or self.scopes.reads_all or name in self.scope.reads:
            return True
        return self._only_sets

    @cached_property
    def _only_sets(self) -> bool:
        """Whether a module only holds settings: others read them."""
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
                is_listed = is_class_call(call) and not _PLUMBING.search(_callee(call))
            if is_listed:
                yield from _keywords(statement, call)

    def _sets_up(self, call: ast.Call) -> bool:
        """Return whether a statement's own call sets a training up."""
        name = last_name(call.func)
        if is_class_call(call):
            return not _PLUMBING.search(name)
        return name in _METHODS or (name in self.scopes.functions and bool(RUNS.match(name)))


def _callee(value: ast.expr) -> str:
    return last_name(value.func) if isinstance(value, ast.Call) else ""


def top_statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements that are executed once: also in `with` and behind `__main__`."""
    for statement in body:
        match statement:
            case ast.With(body=inner):
                yield from top_statements(inner)
            case ast.If(test=test, body=inner) if is_main_guard(test):
                yield from top_statements(inner)
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


def _configuration(statement: ast.stmt, call: ast.Call) -> Iterator[Place]:
    """Yield the entries of wandb.init(config={…})."""
    config = keyword_of(call, "config") if last_name(call.func) == "init" else None
    if config is not None and is_namespace(config):
        yield from entries_of(Place("wandb.config", "call", config, statement, config))


def _keywords(statement: ast.stmt, call: ast.Call) -> Iterator[Place]:
    callee = dotted(call.func)
    only_sizes = bool(_LOADER.search(_callee(call)))
    for keyword in call.keywords:
        if callee and keyword.arg == "betas":
            top = Place(f"{callee}(betas)", "call", keyword.value, statement, keyword.value)
            yield from entries_of(top)
        if only_sizes and not _SIZES.search(keyword.arg or ""):
            continue
        value = evaluate(keyword.value)
        if callee and keyword.arg and value is not None and not isinstance(value, bool):
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
