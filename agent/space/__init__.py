"""The search space of a train.py: literal UPPERCASE constants, their ranges and their edits."""

from agent.space.constants import changes, constant_edits, read_constants
from agent.space.read import read_space
from agent.space.space import Multiple, Parameter, Space

__all__ = [
    "Multiple",
    "Parameter",
    "Space",
    "changes",
    "constant_edits",
    "read_constants",
    "read_space",
]
