"""Ranges for constants without one, by name, type and size; and what is not searched, with why."""

import math
import re
from dataclasses import dataclass

from agent.edit.literal import Literal
from agent.edit.seeds import is_seed_name
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


@dataclass(frozen=True)
class Inferred:
    """What is made of a constant without a stated range."""

    range: Range | None
    """None: it is not searched."""
    reason: str
    """Why, in a few words."""


def _words(*names: str) -> re.Pattern[str]:
    """Return a pattern for names that hold one of these, as a whole part between underscores."""
    return re.compile(rf"(^|_)({'|'.join(names)})(_|$)")


# What decides the task, the data, the evaluation, the budget or the machine: the first that fits.
_FIXED: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        _words(
            *(
                "EVAL",
                "EVALS",
                "VAL",
                "VALID",
                "VALIDATION",
                "TEST",
                "HOLDOUT",
                "DEV",
                "TARGET",
                "METRIC",
                "BASELINE",
                "SMOKE_TEST",
            )
        ),
        "it belongs to the evaluation",
    ),
    (
        _words(
            "N?_?FOLDS?", "K_?FOLDS?", "CV", "SPLITS?", "TRAIN_(FRAC|FRACTION|RATIO|SIZE|SPLIT)"
        ),
        "it decides how the data is split",
    ),
    (
        re.compile(
            r"(^|_)(SEQ(UENCE)?_?(LEN|LENGTH)|MAX_(SEQ_)?(LEN|LENGTH)|(CTX|CONTEXT)(_(LEN|LENGTH"
            r"|SIZE|WINDOW))?|BLOCK_SIZE|WINDOW_LEN(GTH)?|HORIZON|LOOKBACK)$|^T$"
        ),
        "the length of a sequence defines the task",
    ),
    (
        _words(*("VOCAB", "VOCAB_SIZE", "TOKEN_?IDS?", "PAD", "BOS", "EOS", "UNK", "IGNORE_INDEX")),
        "it belongs to the tokens",
    ),
    (re.compile(r"(^|_)(TOKEN|ID|IDS|IDX|INDEX)$"), "it identifies something"),
    (
        re.compile(
            r"(^|_)(CLASSES|LABELS|CATEGORIES|CIRCLES|CITIES|POINTS|NODES|ITEMS|FEATURES|SAMPLES"
            r"|EXAMPLES|ROWS|COLS|COLUMNS|IMAGES|ASSETS|TARGETS|OBJECTS|STATES|ACTIONS|PLAYERS)$"
        ),
        "it is the size of the problem",
    ),
    (
        re.compile(
            r"(^|_)((IMG|IMAGE|INPUT|OUTPUT|IN|OUT|TARGET)_(SIZE|DIM|DIMS|SHAPE|CHANNELS|FEATURES"
            r"|HEIGHT|WIDTH)|DATASET_SIZE|N_?(TRAIN|TEST|DATA)|NUM_(TRAIN|TEST|DATA)|RESOLUTION)$"
        ),
        "it is the shape of the data",
    ),
    (
        re.compile(
            r"(^|_)(COMMISSIONS?|FEES?|SLIPPAGE|BID_ASK|TRADING_DAYS|CAPITAL|CASH|BALANCE|PRICE"
            r"|TAX|COST_BPS|BPS|RISK_FREE(_RATE)?)(_|$)"
        ),
        "it is part of the cost model",
    ),
    (
        re.compile(r"(^|_)(EPOCHS?|ITERS?|ITERATIONS|ROUNDS|EPISODES|GENERATIONS)$"),
        "it decides how long a training takes",
    ),
    (
        re.compile(
            r"(^|_)(BUDGET|TIMEOUT|DEADLINE|TIME(_LIMIT)?|HOURS?|MINUTES?|SECONDS?|SECS?|DAYS?"
            r"|DURATION|PATIENCE)(_|$)"
        ),
        "it is a time or a budget",
    ),
    (
        _words(
            *("LOG", "LOGGING", "DEBUG", "VERBOSE", "INTERVAL", "EVERY", "FREQ", "PRINT", "WANDB")
        ),
        "it decides what is shown",
    ),
    (
        _words(*("PATH", "DIR", "FILE", "FOLDER", "URL", "NAME", "VERSION", "PREFIX", "SUFFIX")),
        "it names something",
    ),
    (
        _words(
            *(
                "PORT",
                "(LOCAL|GLOBAL|NODE)_RANK",
                "WORLD_SIZE",
                "GPUS?",
                "CPUS?",
                "CUDA",
                "DEVICES?",
                "WORKERS",
                "JOBS",
            ),
            *("THREADS", "PREFETCH", "PIN_MEMORY", "COMPILE", "DTYPE", "NODES", "DDP", "AMP"),
            *("DISTRIBUTED", "CACHE", "PROCS"),
        ),
        "it belongs to the machine",
    ),
    (
        _words(
            *("DRY_RUN", "SMOKE", "RESUME", "PUSH", "PLOT", "DETERMINISTIC", "CHECKPOINT", "SAVE"),
            *("PROFILE", "UPLOAD", "DOWNLOAD", "SHOW", "EXPORT", "OVERWRITE", "OFFLINE", "TRACE"),
            *("BENCHMARK", "REPRODUCIBLE"),
        ),
        "it is a switch of the run",
    ),
    (_words("FLOPS", "TFLOPS", "PEAK", "FLOP"), "it is a figure of the hardware"),
    (
        re.compile(r"(^|_)([KMGT]I?B|BYTES|PI|TAU|LN2|SQRT2|INF|INFINITY|NAN)(_PER_|$)"),
        "it is a unit or a constant",
    ),
)
# Of the steps only these decide how a training learns and not how long it takes.
_STEPS = re.compile(r"(^|_)STEPS?$")
_SCHEDULE = _words("WARM_?UP", "WARM_?DOWN", "COOL_?DOWN", "DECAY", "ACCUM", "ACCUMULATION", "RAMP")
# Of what is counted (`NUM_…`) only these are parts of a model or of a method.
_COUNT = re.compile(r"^(NUM|N)_(?P<what>.+)$")
_PARTS = re.compile(
    r"(^|_)(LAYERS?|HEADS?|BLOCKS?|EXPERTS?|UNITS?|FILTERS?|CHANNELS?|HIDDEN|EMBD?|EMBED|GROUPS?"
    r"|STAGES?|ESTIMATORS?|TREES?|LEAVES|NEIGHBOU?RS|COMPONENTS?|RESTARTS?|KERNELS?|BINS?|STEPS"
    r"|CANDIDATES|PARTICLES|POPULATION|DIMS?|KV|REGISTERS?|MIXTURES?|BEAMS?|LOOPS?|REPEATS?)$"
)
_CONSTANTS = (math.pi, math.tau, math.e, math.log(2), math.sqrt(2), math.log(10))
_HUGE = 1e9
_BINARY_UNITS = tuple(2 ** (10 * power) for power in range(2, 6))

_SHARE = re.compile(
    r"(^|_)(RATIO|FRAC|FRACTION|DROPOUT|DROP|DROP_?PATH|PROB|PROBABILITY|P_DROP|BETA_?\d?|BETAS?|MU"
    r"|RHO|MOMENTUM|SMOOTHING|EMA|DECAY_RATE|SUBSAMPLE|COLSAMPLE\w*|BAGGING|KEEP|PERCENT|QUANTILE"
    r"|SPARSITY|TOP_P|MASK_RATE|DISCOUNT|GAMMA|LAMBDA|POLYAK)(_?\d)?($|_)"
)
_BELOW_ONE = re.compile(
    r"(^|_)(DROPOUT|DROP|DROP_?PATH|P_DROP|BETA_?\d?|BETAS?|MU|RHO|MOMENTUM|EMA|DECAY_RATE|DISCOUNT"
    r"|GAMMA|POLYAK|SPARSITY)(_?\d)?($|_)"
)
# A number a little below one is a share, unless its name says that it is a size.
_SIZES = _words(
    "LR", "RATE", "SCALE", "STD", "MULT", "GAIN", "TEMP", "TEMPERATURE", "WEIGHT", "CLIP"
)
_NEAR_ONE = 0.8
_ALMOST_ONE = 0.9999
_POWERS_FROM = 16
_LOG_FROM = 16
# The range of a float that is 0.
_ZERO_UP_TO = 0.3
_LARGEST = 1e300


def infer(name: str, value: Literal) -> Inferred:
    """Return a sane range around `value`, or why the constant is not searched."""
    known = KNOWN.get(name)
    if known and _fits(known, value):
        return Inferred(known, "a well-known constant of this family")
    reason = None if known else _why_fixed(name, value)
    if reason:
        return Inferred(None, reason)
    if isinstance(value, bool):
        return Inferred(Range(choices=(False, True)), "a switch")
    if isinstance(value, str):
        return Inferred(None, "a text: state its choices to search it")
    return _around_int(name, value) if isinstance(value, int) else _around_float(name, value)


def _why_fixed(name: str, value: Literal) -> str | None:
    """Return why a constant is not searched, or None."""
    upper = name.upper()
    if is_seed_name(name):
        return "it is a seed"
    for pattern, reason in _FIXED:
        if pattern.search(upper):
            return reason
    if _STEPS.search(upper) and not _SCHEDULE.search(upper):
        return "it decides how long a training takes"
    counted = _COUNT.match(upper)
    if counted and not _PARTS.search(counted["what"]):
        return "it counts something of the task"
    if isinstance(value, bool | str):
        return None
    if abs(value) >= _HUGE or value in _BINARY_UNITS:
        return "its size says that it is a unit or stands for never"
    if isinstance(value, float) and any(abs(value - exact) < 1e-4 for exact in _CONSTANTS):
        return "it is a mathematical constant"
    return None


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


def _around_int(name: str, value: int) -> Inferred:
    """Return a quarter to four times; 0 and -1 mostly switch something off."""
    if value <= 0:
        return Inferred(None, "0 or less mostly means off: state a range to search it")
    known_power = name in KNOWN and KNOWN[name].power_of_two
    power = is_power_of_two(value) and (value >= _POWERS_FROM or known_power)
    found = Range(max(1, value // 4), value * 4, log=value >= _LOG_FROM, power_of_two=power)
    return Inferred(found, "a whole number: a quarter to four times its value")


def _around_float(name: str, value: float) -> Inferred:
    upper = name.upper()
    near_one = _NEAR_ONE <= value < 1 and not _SIZES.search(upper)
    if 0 <= value <= 1 and (_SHARE.search(upper) or near_one):
        below_one = value <= _ALMOST_ONE and (near_one or _BELOW_ONE.search(upper))
        return Inferred(
            Range(0.0, _ALMOST_ONE if below_one else 1.0), "a share, by its name or size"
        )
    if value == 0:
        return Inferred(Range(0.0, _ZERO_UP_TO), "0 now")
    if value > 0 and value * 10 < float("inf") and value / 10 > 0:
        low = float(f"{value / 10:.12g}")
        high = float(f"{value * 10:.12g}")
        return Inferred(Range(low, high, log=True), "a tenth to ten times its value")
    if -_LARGEST < value < 0:
        return Inferred(Range(value * 4, value / 4), "negative: a quarter to four times its value")
    return Inferred(None, "too large or too small a number")
