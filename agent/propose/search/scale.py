"""Maps each constant to the unit interval, on its own scale, and back to a value short enough to read in source code."""

import math

import numpy as np

from agent.records.proposals import Configuration, Value
from agent.space import Parameter, Space

# Three significant digits: finer than any run can tell apart, and a diff that a human can read.
DIGITS = 3
# An integer with more values than this is searched like a float and rounded.
MAX_LEVELS = 64


def levels(parameter: Parameter) -> tuple[Value, ...]:
    """Every value of a categorical, a power of two or a small integer, in order; empty where the values are not counted."""
    if parameter.kind == "categorical":
        return parameter.choices
    if parameter.power_of_two:
        return tuple(parameter.powers())
    low, high = _bounds(parameter)
    return (
        tuple(range(math.ceil(low), math.floor(high) + 1))
        if parameter.kind == "int" and high - low < MAX_LEVELS
        else ()
    )


def nearest_level(parameter: Parameter, value: Value) -> int:
    """The index of `value` among the levels; of the nearest one where it is none itself."""
    known = levels(parameter)
    if value in known:
        return known.index(value)
    return min(
        range(len(known)),
        key=lambda i: abs(to_unit(parameter, known[i]) - to_unit(parameter, value)),
    )


def is_fixed(parameter: Parameter) -> bool:
    """True where there is nothing to choose."""
    if parameter.kind == "categorical" or levels(parameter):
        return len(levels(parameter)) < 2
    low, high = _bounds(parameter)
    return low >= high


def to_unit(parameter: Parameter, value: Value) -> float:
    """Where `value` lies between the bounds, 0 to 1, on a log scale where the parameter has one."""
    low, high = (_scaled(parameter, bound) for bound in _bounds(parameter))
    place = (_scaled(parameter, float(value)) - low) / (high - low)
    return min(max(place, 0.0), 1.0)


def from_unit(parameter: Parameter, place: float) -> Value:
    """The value at `place` (clipped to 0..1), rounded to an integer or to DIGITS significant digits."""
    low, high = (_scaled(parameter, bound) for bound in _bounds(parameter))
    scaled = low + min(max(place, 0.0), 1.0) * (high - low)
    value = math.exp(scaled) if _is_log(parameter) else scaled
    return round(value) if parameter.kind == "int" else float(f"{value:.{DIGITS}g}")


def draw(space: Space, rng: np.random.Generator) -> Configuration:
    """One configuration, uniform on every parameter's own scale; what is fixed stays at its default."""
    return {parameter.name: draw_one(parameter, rng) for parameter in space.parameters}


def draw_one(parameter: Parameter, rng: np.random.Generator) -> Value:
    """One value, uniform on the parameter's own scale."""
    if is_fixed(parameter):
        return parameter.default
    choices = levels(parameter)
    return (
        choices[int(rng.integers(len(choices)))]
        if choices
        else from_unit(parameter, float(rng.random()))
    )


def generator(seed: int, count: int) -> np.random.Generator:
    """The random stream of the proposal that follows `count` others in a run under `seed`."""
    return np.random.default_rng([seed & 0xFFFF_FFFF, seed >> 32 & 0xFFFF_FFFF, count])


def _bounds(parameter: Parameter) -> tuple[float, float]:
    assert parameter.low is not None and parameter.high is not None, (
        f"{parameter.name} has no bounds"
    )
    return float(parameter.low), float(parameter.high)


def _is_log(parameter: Parameter) -> bool:
    return (parameter.log or parameter.power_of_two) and _bounds(parameter)[0] > 0


def _scaled(parameter: Parameter, value: float) -> float:
    return math.log(max(value, 1e-300)) if _is_log(parameter) else value
