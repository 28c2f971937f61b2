"""Says where a file needs a newer Python than the one that runs this program, whose ast reads it.

The training may run in another Python than the harness: `python = …`, a `.venv`.
"""

import re
import sys

from agent.records.edits import Refused

# Syntax by the version that brought it: the line at which an older parser stops, and its message.
_NEWER = (
    ((3, 12), re.compile(r"\s*type\s+\w+\s*(\[|=)")),
    ((3, 12), re.compile(r"\s*(async\s+def|def|class)\s+\w+\s*\[")),
    ((3, 12), re.compile(r"(?i:.*\b(?:f|rf|fr)['\"])")),
    ((3, 14), re.compile(r"(?i:.*\b(?:t|rt|tr)['\"])")),
    ((3, 14), re.compile(r"\s*except\*?\s+[\w.]+\s*,")),
    ((3, 15), re.compile(r"\s*lazy\s+(import|from)\s")),
)


def newer_than_this(line: str) -> str:
    """Return which Python may read a line at which this one's parser stops; "" if none is known."""
    for version, pattern in _NEWER:
        if sys.version_info < version and pattern.match(line):
            return f"Python {'.'.join(map(str, version))}"
    return ""


def hint_of_newer() -> str:
    """Return what to do about it, for a model and for a user."""
    return f"write it for {this_python()}, or run autoresearch in the Python of the trainings"


def needs_newer(refused: Refused) -> bool:
    """Return whether a file was refused for syntax that a newer Python may read."""
    return refused.reason == "syntax" and refused.hint == hint_of_newer()


def this_python() -> str:
    """Return such as `Python 3.11`."""
    return f"Python {sys.version_info.major}.{sys.version_info.minor}"
