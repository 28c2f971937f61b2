"""Values that are no knob's, whatever their names: units, full scales, epsilons, never."""

import math

from agent.space.knobs.evidence import Evidence
from agent.space.knobs.fixed import SHAPE
from agent.space.knobs.kind import anywhere, whole

UNIT = "its size says that it is a unit or stands for never"
GUARD = "it only guards against a division by zero"
EPSILON = "a tolerance, a bound or a share of random actions: state a range to search it"
_EPSILONS = anywhere("eps(ilon)?s?")
_GUARDED_BELOW = 1e-3
_CONSTANTS = (math.pi, math.tau, math.e, math.log(2), math.sqrt(2), math.log(10), 9.81, 1.61803)
_CHANNELS = whole("(n|num)?_?(channels?|dims?)")
_IMAGE_CHANNELS = 4
_CLIENTS = {"num_clients", "n_clients", "clients", "num_users"}
_LEAST_DISCOUNT = 0.5  # of rewards: smaller ones are of money
_FULL_SCALES = (127.5, 255, 32767, 32768, 65535, 65536.0)
_HUGE = 1e9
_BINARY_UNITS = tuple(2 ** (10 * power) for power in range(2, 6))


def why_by_value(evidence: Evidence) -> str | None:
    """Return why a constant of this value is not searched, or None."""
    value = evidence.value
    if isinstance(value, bool | str):
        return None
    if abs(value) >= _HUGE:
        return UNIT
    if _CHANNELS.search(evidence.words) and value <= _IMAGE_CHANNELS:
        return SHAPE
    if evidence.words in ("width", "w") and evidence.beside & {"height", "h"}:
        return SHAPE
    if evidence.words == "dirichlet_alpha" and evidence.beside & _CLIENTS:
        return "it decides how the data are split"
    if evidence.words == "nz" and evidence.beside & {"nx", "ny"}:
        return SHAPE
    if evidence.words in ("std", "sigma") and evidence.beside & {"mean", "mu"}:
        return "it is how the data are scaled"
    if evidence.words == "discount_rate" and value < _LEAST_DISCOUNT:
        return "it is a rate of interest"
    if value in _FULL_SCALES and not isinstance(value, int):
        return "it is a full scale of data"
    if isinstance(value, float) and any(abs(value - exact) < 1e-4 for exact in _CONSTANTS):
        return "it is a mathematical constant"
    return None


def is_binary_unit(value: float) -> bool:
    """Return whether a value is a mebibyte, a gibibyte or a larger power of 1024."""
    return value in _BINARY_UNITS


def is_epsilon(words: str) -> bool:
    """Return whether the name is an epsilon, which may be any of three things."""
    return bool(_EPSILONS.search(words))


def why_epsilon(words: str, value: float) -> str | None:
    """Return why an epsilon is not searched, or None if the name is of another kind."""
    if not is_epsilon(words):
        return None
    return GUARD if abs(value) < _GUARDED_BELOW else EPSILON
