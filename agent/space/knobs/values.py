"""Values that are no knob's, whatever their names: units, full scales, epsilons, never."""

import math

from agent.space.knobs.evidence import Evidence
from agent.space.knobs.fixed import EVALUATION, SAMPLING, SHAPE
from agent.space.knobs.kind import anywhere, whole

UNIT = "its size says that it is a unit or stands for never"
GUARD = "it only guards against a division by zero"
LETTER = "one letter does not say what it counts"
EPSILON = "a tolerance, a bound or a share of random actions: state a range to search it"
_EPSILONS = anywhere("eps(ilon)?s?")
_GUARDED_BELOW = 1e-3
_CONSTANTS = (math.pi, math.tau, math.e, math.log(2), math.sqrt(2), math.log(10), 9.81, 1.61803)
_CHANNELS = whole("(n|num)?_?(channels?|dims?)")
_IMAGE_CHANNELS = 4
# Names, the neighbours that tell what they are, and that.
_NEIGHBOURS = (
    (
        {"temperature", "temp"},
        {
            *("top_p", "top_k", "min_p", "max_new_tokens", "repetition_penalty", "num_beams"),
            *("beam_size", "do_sample", "num_return_sequences", "no_repeat_ngram_size"),
        },
        SAMPLING,
    ),
    ({"noise_scale", "noise_scale_w", "length_scale"}, {"noise_scale_w"}, SAMPLING),
    ({"knn_k"}, {"knn_t"}, EVALUATION),
    ({"width", "w"}, {"height", "h"}, SHAPE),
    (
        {"dirichlet_alpha"},
        {"num_clients", "n_clients", "clients", "num_users"},
        "it decides how the data are split",
    ),
    ({"nz"}, {"nx", "ny"}, SHAPE),
    ({"std", "sigma"}, {"mean", "mu"}, "it is how the data are scaled"),
)
# Beside them an alpha is no level of significance.
_RATES = {
    *("gamma", "lr", "learning_rate", "epsilon", "eps", "tau", "temperature", "beta", "dropout"),
    *("weight_decay", "mixup", "momentum"),
}
_LEVELS = (0.05, 0.01)
# Beside them C is the inverse of a penalty.
_PENALISED = {"kernel", "gamma", "penalty", "solver", "max_iter", "class_weight", "nu"}
_SHORT = ("alpha", "r", "c")
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
    if _CHANNELS.search(evidence.words) and (value <= _IMAGE_CHANNELS or value % 4):
        return SHAPE
    reason = _why_by_neighbours(evidence) or _why_by_lack(evidence, value)
    if reason:
        return reason
    if evidence.words == "jitter" and value < _GUARDED_BELOW:
        return GUARD
    if evidence.words == "discount_rate" and value < _LEAST_DISCOUNT:
        return "it is a rate of interest"
    if value in _FULL_SCALES and not isinstance(value, int):
        return "it is a full scale of data"
    if isinstance(value, float) and any(abs(value - exact) < 1e-4 for exact in _CONSTANTS):
        return "it is a mathematical constant"
    return None


def _why_by_neighbours(evidence: Evidence) -> str | None:
    """Return what the names beside a constant make of it, if that is no knob, or None."""
    for names, telling, reason in _NEIGHBOURS:
        if evidence.words in names and evidence.beside & telling:
            return reason
    return None


def _why_by_lack(evidence: Evidence, value: float) -> str | None:
    """Return why a short name is no knob, where no name beside it speaks for that, or None."""
    if evidence.words not in _SHORT:
        return None
    others = evidence.beside - {evidence.words}
    if not others:
        return None
    if evidence.words == "alpha" and value in _LEVELS and not others & _RATES:
        return "it may be a level of significance: state a range to search it"
    if evidence.words == "r" and not any("lora" in name for name in others):
        return LETTER
    if evidence.words == "c" and isinstance(value, int) and not others & _PENALISED:
        return LETTER
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
