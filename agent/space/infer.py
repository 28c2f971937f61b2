"""Ranges for constants without one: by name for the well-known H100 script, else by size."""

import re

from agent.edit.literal import Literal
from agent.space.constants import is_power_of_two
from agent.space.ranges import Range

# The 14 constants of karpathy's train.py with the ranges that autoresearch-automl (arXiv
# 2603.24647) searches.
KNOWN = {
    "DEPTH": Range(4, 24),
    "ASPECT_RATIO": Range(32, 128),
    "HEAD_DIM": Range(64, 256, log=True, power_of_two=True),
    "DEVICE_BATCH_SIZE": Range(32, 256, log=True, power_of_two=True),
    "TOTAL_BATCH_SIZE": Range(2**16, 2**21, log=True, power_of_two=True),
    "EMBEDDING_LR": Range(0.01, 2.0, log=True),
    "UNEMBEDDING_LR": Range(0.0005, 0.05, log=True),
    "MATRIX_LR": Range(0.005, 0.2, log=True),
    "SCALAR_LR": Range(0.05, 2.0, log=True),
    "WEIGHT_DECAY": Range(0.0, 0.5),
    "WARMUP_RATIO": Range(0.0, 0.3),
    "WARMDOWN_RATIO": Range(0.1, 0.8),
    "FINAL_LR_FRAC": Range(0.0, 0.2),
    "WINDOW_PATTERN": Range(choices=("SSSL", "SSLL", "SLSL", "LLLL", "SSSS", "LSSL")),
}
SEQUENCE_LENGTHS = ("MAX_SEQ_LEN", "SEQUENCE_LENGTH", "SEQ_LEN", "BLOCK_SIZE", "CONTEXT_LENGTH")

# Names of what decides how a trial is measured, run or shown, and not how well it learns.
_NOT_SEARCHED = re.compile(
    r"(^|_)(SEEDS?|EVAL|VAL|LOG|LOGGING|DEBUG|VERBOSE|PATH|DIR|FILE|FOLDER|URL|NAME|VERSION|PORT"
    r"|INTERVAL|EVERY|BUDGET|TIMEOUT|WORKERS|THREADS|COMPILE|DTYPE|FLOPS|VOCAB|VOCAB_SIZE|SECONDS"
    r"|CACHE|CHECKPOINT|SAVE|WANDB|PROFILE)(_|$)"
)
_FRACTION = re.compile(
    r"(^|_)(RATIO|FRAC|FRACTION|DROPOUT|PROB|P_DROP|BETA\d?|BETAS?|MOMENTUM|SMOOTHING|EMA"
    r"|DECAY_RATE)(_?\d)?($|_)"
)
_BELOW_ONE = re.compile(r"(^|_)(DROPOUT|P_DROP|BETA\d?|BETAS?|MOMENTUM|EMA|DECAY_RATE)(_?\d)?($|_)")
_ALMOST_ONE = 0.9999
_POWERS_FROM = 16
_LOG_FROM = 16
# The range of a float that is 0.
_ZERO_UP_TO = 0.3
_LARGEST = 1e300


def infer(name: str, value: Literal) -> Range | None:
    """Return a sane range around `value`, or None if it is not searched."""
    if _NOT_SEARCHED.search(name) or name in SEQUENCE_LENGTHS:
        return None
    known = KNOWN.get(name)
    if known and _fits(known, value):
        return known
    if isinstance(value, bool):
        return Range(choices=(False, True))
    if isinstance(value, str):
        return None
    return _around_int(name, value) if isinstance(value, int) else _around_float(name, value)


def _fits(known: Range, value: Literal) -> bool:
    """Return whether a known range is for this script.

    A value far from it belongs to another machine: its own size says more than an H100's.
    """
    if known.choices:
        return isinstance(value, str)
    if isinstance(value, bool | str):
        return False
    if isinstance(known.low, int) and not isinstance(value, int):
        return False
    if known.power_of_two and not is_power_of_two(value):
        return False
    return known.low <= value <= known.high


def _around_int(name: str, value: int) -> Range | None:
    """Return a quarter to four times; None for 0 and -1, which mostly switch something off."""
    if value <= 0:
        return None
    known_power = name in KNOWN and KNOWN[name].power_of_two
    power = is_power_of_two(value) and (value >= _POWERS_FROM or known_power)
    return Range(max(1, value // 4), value * 4, log=value >= _LOG_FROM, power_of_two=power)


def _around_float(name: str, value: float) -> Range | None:
    if 0 <= value <= 1 and _FRACTION.search(name):
        below_one = _BELOW_ONE.search(name) and value <= _ALMOST_ONE
        return Range(0.0, _ALMOST_ONE if below_one else 1.0)
    if value == 0:
        return Range(0.0, _ZERO_UP_TO)
    if value > 0 and value * 10 < float("inf") and value / 10 > 0:
        return Range(value / 10, value * 10, log=True)
    return Range(value * 4, value / 4) if -_LARGEST < value < 0 else None
