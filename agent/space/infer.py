"""Ranges for constants that nobody gave one: those of the well-known H100 script by name, the rest by kind and size."""

import re

from agent.edit.literal import Literal
from agent.space.ranges import Range

# The 14 constants of karpathy's train.py with the ranges that autoresearch-automl (arXiv 2603.24647) searches.
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

# What decides how a trial is measured, run or shown, and not how well it learns.
_NOT_SEARCHED = re.compile(
    r"(^|_)(SEEDS?|EVAL|VAL|LOG|LOGGING|DEBUG|VERBOSE|PATH|DIR|FILE|FOLDER|URL|NAME|VERSION|PORT|INTERVAL|EVERY|BUDGET|TIMEOUT"
    r"|WORKERS|THREADS|COMPILE|DTYPE|FLOPS|VOCAB|VOCAB_SIZE|SECONDS|CACHE|CHECKPOINT|SAVE|WANDB|PROFILE)(_|$)"
)
_FRACTION = re.compile(
    r"(^|_)(RATIO|FRAC|FRACTION|DROPOUT|PROB|P_DROP|BETA\d?|BETAS?|MOMENTUM|SMOOTHING|EMA|DECAY_RATE)(_?\d)?($|_)"
)
_BELOW_ONE = re.compile(r"(^|_)(DROPOUT|P_DROP|BETA\d?|BETAS?|MOMENTUM|EMA|DECAY_RATE)(_?\d)?($|_)")
_ALMOST_ONE = 0.9999
_POWERS_FROM = 16
_LOG_FROM = 16
_ZERO_UP_TO = 0.3


def infer(name: str, value: Literal) -> Range | None:
    """A sane range around `value`, or None: not searched."""
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
    """A default far from the known range belongs to another machine's script: its own size says more than an H100's."""
    if known.choices:
        return isinstance(value, str)
    whole = isinstance(known.low, int)
    if isinstance(value, bool | str) or (whole and not isinstance(value, int)):
        return False
    power = not known.power_of_two or (
        isinstance(value, int) and value > 0 and value & (value - 1) == 0
    )
    return known.low <= value <= known.high and power


def _around_int(name: str, value: int) -> Range | None:
    """A quarter to four times; nothing around 0 and -1, which mostly switch something off."""
    if value <= 0:
        return None
    tied = name in KNOWN and KNOWN[name].power_of_two
    power = (value >= _POWERS_FROM or tied) and value & (value - 1) == 0
    return Range(max(1, value // 4), value * 4, log=value >= _LOG_FROM, power_of_two=power)


def _around_float(name: str, value: float) -> Range | None:
    if 0 <= value <= 1 and _FRACTION.search(name):
        return Range(0.0, _ALMOST_ONE if _BELOW_ONE.search(name) and value <= _ALMOST_ONE else 1.0)
    if value == 0:
        return Range(0.0, _ZERO_UP_TO)
    if value > 0 and value * 10 < float("inf") and value / 10 > 0:
        return Range(value / 10, value * 10, log=True)
    return Range(value * 4, value / 4) if -1e300 < value < 0 else None
