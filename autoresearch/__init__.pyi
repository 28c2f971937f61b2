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
