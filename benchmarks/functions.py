"""The synthetic tasks of agent/benchmark/tasks/ as bare functions."""

from collections.abc import Callable

from agent.benchmark.tasks import bowl, rugged, scaling
from agent.benchmark.tasks.fourteen import Objective

FUNCTIONS: dict[str, tuple[Callable[[int], Objective], float]] = {
    "valley": (bowl.valley, bowl.NOISE),
    "scaling": (scaling.scaling, scaling.NOISE),
    "rugged": (rugged.rugged, rugged.NOISE),
}
"""By name: the function of a seed, and the standard deviation of its scores' noise."""
