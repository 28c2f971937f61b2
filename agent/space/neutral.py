"""Neutral perturbations: the same code with its searched floats moved by a millionth."""

import random
from collections.abc import Mapping

from agent.edit.files import Sources
from agent.edit.files.apply import apply_edits
from agent.records.edits import Refused
from agent.records.proposals import Configuration
from agent.space.found import constant_edits
from agent.space.read import read_space
from agent.space.space import Parameter, Space

RELATIVE = 1e-6
"""Far above the rounding of single precision (1.2e-7), far below what anybody tunes."""


def perturbed(sources: Sources, ranges: Mapping[str, str], seed: int) -> dict[str, str]:
    """Return the files that a neutral perturbation changes, with their new text; {} for none.

    ranges: as in read_space, which may raise for them. Each seed moves every float another way.
    """
    moved = moved_floats(read_space(sources, ranges), seed)
    after = apply_edits(sources, constant_edits(sources, moved))
    if isinstance(after, Refused):
        return {}
    return {path: text for path, text in after.files.items() if text != sources.files.get(path)}


def moved_floats(space: Space, seed: int) -> Configuration:
    """Return the floats of a space, moved: by half a millionth to a whole one."""
    moved: Configuration = {}
    for parameter in space.parameters:
        value = parameter.default
        if parameter.kind == "float" and isinstance(value, float) and value != 0:
            share = random.Random(f"{seed} {parameter.name}").uniform(0.5, 1.0)
            moved[parameter.name] = _moved(parameter, value, RELATIVE * share)
    return moved


def _moved(parameter: Parameter, value: float, share: float) -> float:
    """Return a value moved away from 0, or towards it where it would leave its range or 1.

    Away from 0 a product that is cut to an integer stays what it was.
    """
    away = value * (1 + share)
    crosses_one = abs(value) <= 1 < abs(away)
    low = parameter.low if parameter.low is not None else away
    high = parameter.high if parameter.high is not None else away
    if crosses_one or not low <= away <= high:
        return value * (1 - share)
    return away
