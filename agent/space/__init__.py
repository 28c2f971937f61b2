"""The search space of a project: its literal constants, their ranges and their edits."""

from agent.space.found import (
    changes,
    constant_edits,
    find_all,
    literal_of,
    read_constants,
    under_names_of,
    unread_files,
)
from agent.space.read import read_choices, read_space
from agent.space.space import Multiple, Parameter, Space

__all__ = [
    "Multiple",
    "Parameter",
    "Space",
    "changes",
    "constant_edits",
    "find_all",
    "literal_of",
    "read_choices",
    "read_constants",
    "read_space",
    "under_names_of",
    "unread_files",
]
