"""Refuses new files that Python or a test runner loads by their names, unasked."""

import sys
from pathlib import PurePosixPath

from agent.edit.files.one import is_python
from agent.edit.source import refuse
from agent.records.edits import Refused
from agent.records.sources import Sources

_LOADED = (
    "conftest.py",
    "sitecustomize.py",
    "usercustomize.py",
    "pytest.ini",
    "tox.ini",
    "setup.cfg",
    "pyproject.toml",
)
_TOP_FOLDERS = (".", "src")
"""Where Python looks for modules before its own, besides the folder of train.py."""
_RUNNERS = ("pytest", "_pytest", "pluggy")


def planted(old: Sources, new: Sources) -> Refused | None:
    """Return the refusal of the first new file that would run or configure what it should not.

    A `conftest.py` decides which tests pass; a `random.py` beside train.py is imported in place of
    Python's own. Files that were there before may change.
    """
    for name in sorted(new.files.keys() - old.files.keys()):
        path = PurePosixPath(name)
        if path.name in _LOADED:
            hint = "it is loaded unasked; only a commit by hand on the run's branch adds it"
            return refuse("protected", f"{name} would be new", hint)
        module = _module(path, str(PurePosixPath(new.main).parent))
        if module in sys.stdlib_module_names or module in _RUNNERS:
            hint = f"import {module} would find it first; give it another name"
            return refuse("protected", f"{name} would stand in place of {module}", hint)
    return None


def _module(path: PurePosixPath, main: str) -> str:
    """Return the name by which any file of the project can import a file; "" for none."""
    if not is_python(str(path)):
        return ""
    package = path.name == "__init__.py"
    module = path.parent.name if package else path.stem
    folder = path.parent.parent if package else path.parent
    return module if str(folder) in (*_TOP_FOLDERS, main) else ""
