"""Maps each constant to the unit interval on its own scale, and back to a value short to read."""

import math

import numpy as np

from agent.records.proposals import Configuration, Value
from agent.space import Parameter, Space

# Three significant digits: finer than any run can tell apart, and easy to read in a diff.
DIGITS = 3
# An integer with more values than this is searched like a float and rounded.
MAX_LEVELS = 64


def levels(parameter: Parameter) -> tuple[Value, ...]:
    """Return all values of a choice, a power of two or a small integer; () for the others."""
    if parameter.kind == "categorical":
        return parameter.choices
    if parameter.power_of_two:
        return tuple(parameter.powers())
    low, high = _bounds(parameter)
    if parameter.kind == "int" and high - low < MAX_LEVELS:
        return tuple(range(math.ceil(low), math.floor(high) + 1))
    return ()


def nearest_level(parameter: Parameter, value: Value) -> int:
    """Return the index of the level nearest to `value`."""
    values = levels(parameter)
    if value in values:
        return values.index(value)
    place = to_unit(parameter, value)
    distances = [abs(to_unit(parameter, level) - place) for level in values]
    return distances.index(min(distances))


def is_fixed(parameter: Parameter) -> bool:
    """Return whether the parameter has no more than one value."""
    if parameter.kind == "categorical" or levels(parameter):
        return len(levels(parameter)) < 2
    low, high = _bounds(parameter)
    return low >= high


def to_unit(parameter: Parameter, value: Value) -> float:
    """Return where `value` lies between the bounds, 0 to 1, on the parameter's own scale."""
    low, high = _scaled_bounds(parameter)
    place = (_scaled(parameter, float(value)) - low) / (high - low)
    return min(max(place, 0.0), 1.0)


def unit_levels(parameter: Parameter) -> list[float]:
    """Return where the levels of `parameter` lie between its bounds; empty without levels."""
    return [to_unit(parameter, level) for level in levels(parameter)]


def from_unit(parameter: Parameter, place: float) -> Value:
    """Return the value at `place` (clipped to 0..1), as an integer or with DIGITS digits."""
    low, high = _scaled_bounds(parameter)
    scaled = low + min(max(place, 0.0), 1.0) * (high - low)
    value = math.exp(scaled) if _is_log(parameter) else scaled
    return round(value) if parameter.kind == "int" else float(f"{value:.{DIGITS}g}")


def draw(space: Space, rng: np.random.Generator) -> Configuration:
    """Return a random configuration, uniform on every parameter's own scale."""
    return {parameter.name: draw_one(parameter, rng) for parameter in space.parameters}


def draw_one(parameter: Parameter, rng: np.random.Generator) -> Value:
    """Return a random value, uniform on the parameter's own scale; a fixed one's default."""
    if is_fixed(parameter):
        return parameter.default
    values = levels(parameter)
    if values:
        return values[int(rng.integers(len(values)))]
    return from_unit(parameter, float(rng.random()))


def generator(seed: int, count: int) -> np.random.Generator:
    """Return the random stream of the proposal that follows `count` others under `seed`."""
    return np.random.default_rng([seed & 0xFFFF_FFFF, seed >> 32 & 0xFFFF_FFFF, count])


def _bounds(parameter: Parameter) -> tuple[float, float]:
    low = parameter.low
    high = parameter.high
    assert low is not None and high is not None, f"{parameter.name} has no bounds"
    return float(low), float(high)


def _scaled_bounds(parameter: Parameter) -> tuple[float, float]:
    low, high = _bounds(parameter)
    return _scaled(parameter, low), _scaled(parameter, high)


def _is_log(parameter: Parameter) -> bool:
    return (parameter.log or parameter.power_of_two) and _bounds(parameter)[0] > 0


def _scaled(parameter: Parameter, value: float) -> float:
    return math.log(max(value, 1e-300)) if _is_log(parameter) else value
