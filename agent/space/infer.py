"""Ranges for constants without one, by name, value, comment and use; or why none is searched."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from agent.space.constants import is_power_of_two
from agent.space.knobs.early import EARLY
from agent.space.knobs.evidence import Evidence
from agent.space.knobs.fixed import USES, seed_or_first, why_by_use, why_fixed
from agent.space.knobs.kind import Kind, at_end, whole
from agent.space.knobs.learning import FORMS, LEARNING
from agent.space.knobs.limits import limited
from agent.space.knobs.other import EARLY_OTHERS, OTHERS
from agent.space.knobs.said import (
    QUANTITY,
    why_beside,
    why_by_comment,
    why_by_owner,
    why_double,
    why_trained,
)
from agent.space.knobs.shapes import LARGEST, Number, factor, near_one, rounded
from agent.space.knobs.sizes import SIZES
from agent.space.knobs.switches import why_no_switch
from agent.space.knobs.values import GUARD, LETTER, UNIT, is_binary_unit, why_by_value, why_epsilon
from agent.space.knobs.vocabulary import is_common, is_of_learning
from agent.space.ranges import Range
from agent.space.uses import PROBABILITY

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
MAX_SAID = 100  # characters of a comment that are read as a name
MAX_NAME = 100  # characters of a name that are read
# Names that mean one thing here and another there: what they are passed as says more.
_AMBIGUOUS = whole(
    """gamma alpha beta p eps epsilon rho tau lam lambda eta rate decay factor k c step_size
    (n|num)?_?steps nsteps patience"""
)
# Texts that name a part of a model or of its training.
_PARTS = at_end(
    """optimi[sz]er optim(_name)? opt scheduler (lr_)?sched(_name)? activation act nonlinearity norm
    (norm|rnn|cell|pool|gnn|conv|attention|act|optimizer|scheduler)_(type|layer|name|kind) pooling
    graph_pooling init(iali[sz]ation)? lr_schedule aggr(egation)?"""
)
# Of these, which may be a rollout's or a schedule's, the section or comment tells.
_TOLD = whole("(n|num)?_?steps nsteps patience step_size")
_FIRST_KINDS = (*EARLY_OTHERS, *EARLY)
_KINDS = (*OTHERS, *LEARNING, *SIZES, *FORMS)
_NO_SIZES = (*OTHERS, *LEARNING, *FORMS)
_SHARE = at_end("decays? drop_?outs? drops? drop_?path")
"""What a name ends in that is a share of its layers, heads or widths, and no count of them."""
_POWERS_FROM = 16
_LOG_FROM = 16
_LEAST = 1e-7  # a smaller number of no known kind only guards
_SENTINEL = 100.0
_OF_STRATEGY = "of a strategy"
_LETTERS = whole("h w n m s p q k v x y z j i g r")


UNKNOWN = "nothing says what it is: state a range to search it"


@dataclass(frozen=True)
class Inferred:
    """What is made of a constant without a stated range."""

    range: Range | None
    """None: it is not searched."""
    reason: str
    """Why, in a few words."""
    guess: Range | None = None
    """Without a range: the one that its value alone suggests, where no name says anything."""


def infer(evidence: Evidence) -> Inferred:
    """Return a sane range around the value, or why the constant is not searched."""
    if len(evidence.name) > MAX_NAME:
        return Inferred(None, "its name is too long to be read")
    reason = why_by_owner(evidence)
    if reason:
        return Inferred(None, reason)
    inferred = _inferred(evidence)
    if inferred.range is None and inferred.guess is None:
        return inferred
    inferred = _unless_of_another_field(inferred, evidence)
    reason = _why_by_said(evidence, inferred)
    return Inferred(None, reason) if reason else _within_limits(inferred, evidence)


def _unless_of_another_field(inferred: Inferred, evidence: Evidence) -> Inferred:
    """Return a guess for a weight, a probability and the like that nothing says are a model's."""
    if inferred.range is None or not is_common(inferred.reason):
        return inferred
    if is_of_learning(evidence, _passed_as(evidence)):
        return inferred
    return Inferred(None, UNKNOWN, inferred.range)


def _why_by_said(evidence: Evidence, inferred: Inferred) -> str | None:
    """Return why what is said of a constant is against the range that its name has, or None."""
    reason = why_beside(evidence)
    if reason == QUANTITY and _OF_STRATEGY in inferred.reason:
        reason = None  # a period in days is a knob there
    return reason or why_double(evidence) or why_trained(evidence)


def _within_limits(inferred: Inferred, evidence: Evidence) -> Inferred:
    """Return what is left of a range within the limits that a file states."""
    wanted = inferred.range or inferred.guess
    assert wanted
    kept = limited(wanted, evidence)
    if kept == wanted:
        return inferred
    if kept is None:
        return Inferred(None, "what is allowed leaves nothing to search")
    if inferred.range is None:
        return replace(inferred, guess=kept)
    what = inferred.reason.partition(":")[0]
    return Inferred(kept, f"{what}: as far as it is allowed")


def _inferred(evidence: Evidence) -> Inferred:
    """Return what name, value, type, use and comment make of a constant."""
    usual = KNOWN.get(evidence.name)
    if usual and _fits(usual, evidence.value):
        return Inferred(usual, "a well-known constant of this family")
    reason = seed_or_first(evidence)
    if reason:
        return Inferred(None, reason)
    if isinstance(evidence.value, bool):
        return _of_switch(evidence)
    if isinstance(evidence.value, str):
        return _of_text(evidence)
    reason = why_by_value(evidence)
    if reason:
        return Inferred(None, reason)
    inferred = _of_number(evidence, evidence.value)
    if inferred.range and evidence.stated_type == "int" and not _is_whole(inferred.range):
        return Inferred(None, "a whole number by its type: state a range to search it")
    return inferred


def _is_whole(found: Range) -> bool:
    """Return whether a range has whole numbers only as its ends or choices."""
    if not found.choices and found.high <= 1:
        return False
    bounds = [found.low, found.high, *found.choices]
    return all(isinstance(bound, int) or float(bound).is_integer() for bound in bounds)


def _fits(known: Range, value: object) -> bool:
    """Return whether a known range is for this script.

    A value far from it belongs to another machine: its own size says more than an H100's.
    """
    if known.choices:
        return isinstance(value, str)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    if isinstance(known.low, int) and not isinstance(value, int):
        return False
    if known.power_of_two and not is_power_of_two(value):
        return False
    if known is KNOWN["WEIGHT_DECAY"] and value < known.high / 10:
        return False
    return known.low <= value <= known.high


def _of_switch(evidence: Evidence) -> Inferred:
    reason = why_fixed(evidence.words) or why_no_switch(evidence.words) or why_by_comment(evidence)
    if reason:
        return Inferred(None, reason)
    return Inferred(Range(choices=(False, True)), "a switch of the model or its training")


def _of_text(evidence: Evidence) -> Inferred:
    """Return the choices that an option states, if it is a part of the model or the training."""
    if _PARTS.search(evidence.words) and len(evidence.choices) > 1:
        return Inferred(Range(choices=evidence.choices), "the choices that it states")
    return Inferred(None, "a text: state its choices to search it")


def _of_number(evidence: Evidence, value: Number) -> Inferred:
    """Return what the name says, else the uses, else the comment, else the value alone."""
    inferred = _of_kinds(_FIRST_KINDS, evidence.words, value)
    if inferred is None and _TOLD.search(evidence.words):
        context = f"{evidence.parent}_{evidence.words}"
        inferred = _of_kinds(_FIRST_KINDS, evidence.said[:MAX_SAID], value)
        inferred = inferred or _of_kinds(_FIRST_KINDS, context, value)
    if inferred:
        return inferred
    reason = why_by_use(evidence) or why_by_comment(evidence)
    if reason:
        return Inferred(None, reason)
    own = evidence.words
    text = evidence.said[:MAX_SAID]
    passed = _passed_as(evidence)
    if not _AMBIGUOUS.search(own):
        return _by_names([own, *passed, text], value) or _by_value(own, value)
    telling = [use for use in passed if not _AMBIGUOUS.search(use)]
    inferred = _by_names(telling, value) or _of_kinds(_KINDS, text, value)
    if inferred and inferred.range:
        return inferred
    return _by_names([f"{evidence.parent}_{own}", own, text], value) or _by_value(own, value)


def _passed_as(evidence: Evidence) -> list[str]:
    """Return the names that a constant goes by where it is passed."""
    passed = sorted(use for use in evidence.uses if use not in USES and " " not in use)
    return [PROBABILITY] if PROBABILITY in passed else passed


def _by_names(names: Iterable[str], value: Number) -> Inferred | None:
    """Return what the first name says that is a knob's or a fixed one's, or None."""
    for words in names:
        inferred = (
            _of_kinds(_FIRST_KINDS, words, value)
            or _fixed(words, value)
            or _of_kinds(_NO_SIZES if _SHARE.search(words) else _KINDS, words, value)
        )
        if inferred:
            return inferred
    return None


def _of_kinds(kinds: Iterable[Kind], words: str, value: Number) -> Inferred | None:
    """Return the range of the first kind that fits, or that the value fits none, or None."""
    named = None
    for kind in kinds:
        if not kind.pattern.search(words):
            continue
        named = named or kind
        bounds = kind.shape(value)
        if bounds:
            return Inferred(bounds, kind.reason)
    return _unusual(named, value) if named and kinds is not _FIRST_KINDS else None


def _unusual(kind: Kind, value: Number) -> Inferred:
    if value <= 0:
        return Inferred(None, "0 or less mostly means off: state a range to search it")
    what = kind.reason.partition(":")[0]
    return Inferred(None, f"unusual for {what}: state a range to search it")


def _fixed(words: str, value: Number) -> Inferred | None:
    reason = why_fixed(words) or why_epsilon(words, value)
    return Inferred(None, reason) if reason else None


def _by_value(words: str, value: Number) -> Inferred:
    """Return a guess where nothing but the value says what the constant is."""
    if isinstance(value, int):
        return _around_int(words, value)
    if value == 0:
        return Inferred(None, "0 or less mostly means off: state a range to search it")
    if 0 < value < _LEAST:
        return Inferred(None, GUARD)
    if value <= -_SENTINEL:
        return Inferred(None, "it stands for never, nothing or a mask")
    if value < 0:
        return Inferred(None, UNKNOWN, Range(rounded(value * 4), value / 4))
    cap = 1.0 if value < 1 else LARGEST
    bounds = near_one(value) or factor(4, cap=cap)(value)
    if bounds is None:
        return Inferred(None, "too large or too small a number")
    return Inferred(None, UNKNOWN, bounds)


def _around_int(words: str, value: int) -> Inferred:
    """Return half to twice a whole number as a guess."""
    if _LETTERS.search(words):
        return Inferred(None, LETTER)
    if value <= 0:
        return Inferred(None, "0 or less mostly means off: state a range to search it")
    if is_binary_unit(value):
        return Inferred(None, UNIT)
    if value == 1:
        return Inferred(None, "1 alone may be a switch or a count: state a range to search it")
    power = is_power_of_two(value) and value >= _POWERS_FROM
    low = max(1, value // 2)
    bounds = Range(low, value * 2, log=value >= _LOG_FROM and not power, power_of_two=power)
    return Inferred(None, UNKNOWN, bounds)
