"""Finds the folders that a script's own packages lie in, where nothing installs them."""

import sys
from pathlib import Path, PurePosixPath

from agent.project.interpreter import Interpreter
from agent.project.scripts import imports_of, tree_of
from sandbox.ground.plain_files import is_file, is_folder

ROOTS = ("src", "lib", "python", ".")
"""Where projects keep their packages; the last is the project's own folder."""
OWN_PATH = "sys.path"
"""What a script mentions that sees to its imports itself."""


def import_roots(script: str, text: str, checkout: Path, python: Interpreter) -> tuple[str, ...]:
    """Return the folders of a checkout that a training imports its own packages from.

    Those where an installation of the project as editable leads to, and those with a package that
    the script imports and that neither lies beside it nor is installed: an installation would lead
    there. script: its path in the checkout.
    """
    roots = dict.fromkeys(python.inside(checkout))
    tree = None if OWN_PATH in text else tree_of(text)
    tops = {name.split(".")[0] for name in imports_of(tree)} if tree else set()
    for top in sorted(tops - set(sys.stdlib_module_names) - {""}):
        beside = checkout / PurePosixPath(script).parent
        if _has(beside, top) or python.has(top) or any(_has(Path(s), top) for s in python.sources):
            continue
        root = next((name for name in ROOTS if _has(checkout / name, top)), None)
        if root is not None:
            roots[root] = None
    return tuple(roots)


def _has(folder: Path, module: str) -> bool:
    """Return whether a folder has a module, or a package with Python files."""
    package = folder / module
    return is_file(folder / f"{module}.py") or (
        is_folder(package) and any(path.suffix == ".py" for path in package.iterdir())
    )
