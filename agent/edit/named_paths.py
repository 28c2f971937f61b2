"""Says what expressions of a Python file stand for: `F.relu` is torch.nn.functional.relu.

It reads the imports and plain assignments of all scopes of the file, and executes nothing.
"""

import ast
from collections.abc import Sequence

OWN = "<this file>"
"""Stands for the file's own module: globals() is `<this file>.__dict__`."""
CALLED = "()"
"""Stands behind the path of a function of the module's for what it returns."""
_LONGEST = 60
"""Parts of an expression that are looked at."""
_LONGEST_PATH = 1_000
"""Characters of a path; one that grows from line to line would take quadratic time."""
_NAMESPACES = ("__dict__", "__globals__")
_READING = ("get", "__getitem__", "setdefault", "pop")


class NamedPaths:
    """The dotted paths of one file's expressions; "" for what has none.

    module: the last part of a module's name, by which it is called here wherever it lies.
    """

    def __init__(self, nodes: Sequence[ast.AST], module: str) -> None:
        self.module = module
        self.names: dict[str, str] = {"__builtins__": "builtins"}
        """What a name stands for: of imports, and of assignments of what has a path."""
        self.imported: dict[str, str] = {}
        """The module's own names by those in the file."""
        self.has_star = False
        """Whether all names of the module are imported."""
        self._packages: set[str] = set()
        """The module with the packages above it: `pkg.prepare`."""
        for node in nodes:
            self._import(node)
        for node in nodes:
            self._assign(node)

    def of(self, node: ast.AST, depth: int = 0) -> str:
        """Return the path of an expression; of an item, that of what holds it."""
        if depth > _LONGEST:
            return ""
        path = ""
        match node:
            case ast.Name(id=name):
                path = self.names.get(name, "")
            case ast.Attribute(value=value, attr=name):
                path = _joined(self.of(value, depth + 1), name)
            case ast.Subscript(value=value, slice=key):
                path = _item(self.of(value, depth + 1), text_of(key))
            case ast.NamedExpr(value=value):
                path = self.of(value, depth + 1)
            case ast.Call():
                path = self._of_call(node, depth + 1)
        return self._without_packages(path) if len(path) <= _LONGEST_PATH else ""

    def of_module(self, node: ast.AST) -> str:
        """Return the name of the module's that an expression begins with; "" for none."""
        path = self.of(node)
        is_of_it = path.startswith(f"{self.module}.")
        return path.split(".")[1].removesuffix(CALLED) if is_of_it else ""

    def _of_call(self, node: ast.Call, depth: int) -> str:
        name = called(node)
        first = node.args[0] if node.args else node
        text = text_of(first)
        match name:
            case "import_module" | "__import__" if text:
                return self._known(text)
            case "globals" | "locals":
                return f"{OWN}.__dict__"
            case "vars":
                inner = self.of(first, depth) if node.args else OWN
                return _joined(inner, "__dict__")
            case "getattr" if len(node.args) > 1:
                return _joined(self.of(first, depth), text_of(node.args[1]))
            case "getmodule" if node.args:
                return self.of(first, depth).partition(".")[0]
        # What a method is of is looked at once: twice each would be without end in a long chain.
        held = self.of(node.func.value, depth) if isinstance(node.func, ast.Attribute) else ""
        if name in _READING and text and is_namespace(held):
            return _item(held, text)
        is_method = isinstance(node.func, ast.Attribute)
        path = _joined(held, name) if is_method else self.of(node.func, depth)
        return f"{path}{CALLED}" if path.startswith(f"{self.module}.") else ""

    def _without_packages(self, path: str) -> str:
        """Return a path that begins with the module, where that is in a package."""
        tail = f".{self.module}"
        end = 0
        while self._packages and (start := path.find(tail, end)) >= 0:
            end = start + len(tail)
            if path[:end] in self._packages and path[end : end + 1] in ("", "."):
                return self.module + path[end:]
        return path

    def _known(self, name: str) -> str:
        return self.module if name.rpartition(".")[2] == self.module else name

    def _import(self, node: ast.AST) -> None:
        match node:
            case ast.Import(names=names):
                for alias in names:
                    if alias.asname:
                        self.names[alias.asname] = self._known(alias.name)
                        continue
                    first = alias.name.partition(".")[0]
                    self.names[first] = first
                    if self._known(alias.name) != alias.name:
                        self._packages.add(alias.name)
            case ast.ImportFrom(module=source, names=names):
                home = self._known(source or "")
                for alias in names:
                    self._import_name(home, alias)

    def _import_name(self, home: str, alias: ast.alias) -> None:
        name = alias.asname or alias.name
        if home == self.module and alias.name == "*":
            self.has_star = True
        elif home == self.module:
            self.imported[name] = alias.name
            self.names[name] = f"{home}.{alias.name}"
        elif alias.name == self.module:
            self.names[name] = self.module
        elif name not in self.imported:
            self.names[name] = _joined(home, alias.name)

    def _assign(self, node: ast.AST) -> None:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                pass
            case ast.NamedExpr(target=ast.Name(id=name), value=value):
                pass
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                pass
            case _:
                return
        path = self.of(value)
        if path and name not in self.names:
            self.names[name] = path


def called(node: ast.Call) -> str:
    """Return the last part of the name of what is called."""
    match node.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def path_in(namespace: str, name: str) -> str:
    """Return the path of what a namespace has by a name; "" for what is no namespace."""
    return _item(namespace, name or "an attribute") if is_namespace(namespace) else ""


def text_of(node: ast.AST) -> str:
    """Return the text of a constant; "" for anything else."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path and name else ""


def _item(path: str, key: str) -> str:
    """Return the path of what a key of a thing holds; without a key, the thing's."""
    if path == "sys.modules":
        return key
    if not is_namespace(path) or not key:
        return path
    above, _, kind = path.rpartition(".")
    home = above.partition(".")[0] if kind == "__globals__" else above
    return _joined(home, key)


def is_namespace(path: str) -> bool:
    """Return whether a path is that of a dictionary with a module's or a class's names."""
    return path == "sys.modules" or path.rpartition(".")[2] in _NAMESPACES
