"""The public name of autoresearch: run a night and follow it, read a ledger, ask a search method.

Everything here belongs to the packages `agent` and `sandbox`, and these names stay as they are
when those change. Importing runs nothing. docs/library.md shows each in a few lines.
"""

from agent.propose import Observation, ask
from agent.space import Parameter, Space, read_space
from autoresearch.ledger import read
from autoresearch.night import resume, start
from sandbox.ground.fault import Fault

__all__ = [
    "Fault",
    "Observation",
    "Parameter",
    "Space",
    "ask",
    "read",
    "read_space",
    "resume",
    "start",
]
