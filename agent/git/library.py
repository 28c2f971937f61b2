"""Imports GitPython, which would run git at once and refuse to be imported where that fails.

Where git is missing, or a mistake in the user's ~/.gitconfig ends each of its commands, the command
that needs it says so, and `autoresearch --help` works.
"""

import os

_AT_ONCE = {"GIT_PYTHON_REFRESH": "quiet", "GIT_PYTHON_GIT_EXECUTABLE": os.devnull}
_before = {name: os.environ.get(name) for name in _AT_ONCE}
os.environ.update(_AT_ONCE)
try:
    import git
finally:
    for _name, _value in _before.items():
        if _value is None:
            del os.environ[_name]
        else:
            os.environ[_name] = _value

__all__ = ["git"]
