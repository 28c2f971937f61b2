"""What comments and help texts say of a constant: leave it, a unit, what it is instead."""

import re
from collections.abc import Iterator

from agent.space.knobs.evidence import Evidence, lower_words
from agent.space.knobs.fixed import (
    EVALUATION,
    FIRST,
    LENGTH,
    RUN,
    SEQUENCE,
    SHAPE,
    why_fixed,
)
from agent.space.knobs.kind import Rules, anywhere, at_end, whole

STAYS = "its comment says that it stays as it is"
QUANTITY = "its comment gives it a unit: state a range to search it"
OTHER = "its comment says that it is something else"
TRAINED = "it belongs to a model that is trained already"
MAX_PHRASE = 60  # characters of a phrase that says what a constant is
# Who may prescribe a constant.
_AUTHORITY = (
    r"(?:\w+_)?(?:benchmarks?|competition|contest|challenge|evaluat\w+|tasks?|rules?|protocol"
    r"|spec\w*|data|dataset|hardware|simulat\w+|env\w*|game|exchange|broker|regulat\w+|server"
    r"|organi[sz]ers?|law|client|customer|checkpoint|teacher|api|leaderboard|judges?|standard)"
)
# Where an owner says that a constant is not for a search.
_OWNERS = re.compile(
    r"(?:do_not|don_?t|never|must_not|should_not|cannot|may_not)_(?:be_)?(?:ever_)?"
    r"(?:change|touch|tune|edit|modif|alter|search|vary|optimi[sz]e)"
    r"|not_(?:to_be|for)_(?:change|touch|tun|edit|modif|alter|search)|no_tuning"
    r"|(?:must|should|has_to|have_to|needs?_to)_(?:be_)?(?:match|equal|stay|agree|remain)"
    r"|(?:must|should|has_to|have_to|needs?_to)_be_(?:kept|(?:the_)?same|fixed|constant|identical)"
    r"|(?:^|_)(?:fixed|constant|frozen|locked)_(?:by|for|in|across)(?:_|$)|hard_coded"
    r"|keep_(?:\w+_)?(?:fixed|constant|unchanged|in_sync|as_is|identical)|(?:in_)?sync_with"
    r"|same_as_in_\w+_(?:py|ya?ml|json|toml|sh)|leave_(?:\w+_)?(?:alone|unchanged|untouched|as)"
    r"|leave_(?:this|it|these|them)$|hands_off|immutable|read_only"
    rf"|(?:given|set|dictated|prescribed|required|defined|imposed|specified|mandated)_by_(?:the_)?"
    rf"{_AUTHORITY}(?:_|$)|(?:part_of|belongs_to)_(?:the_)?{_AUTHORITY}(?:_|$)"
)
_OWNERS_ALONE = frozenset({"fixed", "frozen", "constant", "locked", "final", "untouchable"})
_UNITS = (
    r"(?:s|secs?|seconds?|ms|msec|us|usec|milliseconds?|microseconds?|minutes?|mins|hours?|hrs?"
    r"|days?|weeks?|months?|years?|m|mm|cm|km|nm|um|met(?:re|er)s?|inch(?:es)?|feet|miles?|px"
    r"|pixels?|kg|grams?|lbs?|tons?|newtons?|joules?|kj|[km]?ev|gev|[km]?watts?|kw|mw|k?wh|mwh"
    r"|mv|kv|volts?|ma|amps?|amperes?|ohms?|[kmg]?hz|hertz|db|dbm|kelvin|celsius|fahrenheit"
    r"|degrees?|deg|radians?|k?pa|bar|atm|psi|mol|moles?|ppm|angstroms?|usd|eur|gbp|dollars?"
    r"|euros?|cents?|bps?|basis_points?|bytes?|[kmgt]i?b|megabytes?|gigabytes?|bits?|kmh|mph|rpm"
    r"|fps|characters?|chars|people|persons?|inhabitants)"
)
_IN_UNITS = re.compile(rf"(?:(?:\w+_)?in_)?{_UNITS}(?:_(?:per_)?{_UNITS})*|in_[kcf]")
# Of what is measured beside the training.
_BESIDE = re.compile(
    r"^(?:only_)?(?:(?:used|only)_)?(?:of|for|at|during|in|on|by|when|while|before)_(?:the_)?"
    r"(?:validation|evaluation|val|test(?:ing|s)?|eval(?:uating)?|evaluator|inference|scoring"
    r"|plots?|plotting|reports?|reporting|logging|timing|benchmarking|generation|decoding|display"
    r"|metrics?|leaderboard)(?:_|$)|^(?:validation|evaluation|eval|test|timing)_"
    r"(?:batch|set|data|only|loop|loader|time|warm|runs?)|^(?:validation|evaluation)$"
)
# What a comment says that a constant is.
_SAID: Rules = (
    (re.compile(r"random_seed|(?:^|_)seed(?:_|$)"), "it is a seed"),
    (
        re.compile(
            r"(?:number|num|count)_of_(?:\w+_)?(?:classes|labels|categories|tokens|actions|folds)"
            r"|vocab(?:ulary)?_size|size_of_(?:the_)?vocab"
        ),
        "it is the size of the problem",
    ),
    (re.compile(r"(?:sequence|context)_(?:length|len|window)"), SEQUENCE),
    (
        re.compile(r"(?:number|num|amount|total)_(?:of_)?(?:\w+_)?(?:epochs|iterations|episodes)"),
        LENGTH,
    ),
)
_OF_THINGS = re.compile(
    r"(?:image|input|frame|screen|plot|picture|video|map|grid|board|camera)s?_(?:width|height|size)"
    r"|(?:width|height|size|depth)_of_(?:the_|an?_|each_)?"
    r"(?:image|input|frame|screen|plot|picture|video|map|grid|board|camera)"
)
# Names that mean a knob in one script and something else in the next: a comment may tell.
_DOUBLE = whole(
    """alpha beta gamma tau sigma rho delta lam lambda k c n noise temperature temp margin weights?
    clip discount decay capacity rate momentum scale std warm_?up(_iters)?"""
)
_DOUBLE_SIZES = whole(
    """width depth channels? units layers population groups filters blocks stages? heads rank
    dims? size"""
)
# Words of a phrase that is about learning, whatever else it says.
_LEARNING = anywhere(
    """weight\\w* discount\\w* smooth\\w* regulari\\w+ penalt\\w+ loss\\w* learn\\w* optimi\\w+
    networks? policy critic train\\w* models? explor\\w+ softmax logits? attention kernel priors?
    gradients? dropout momentum soft sgd adamw? rmsprop muon relu lora adapters? layers? hidden
    distill\\w* annealing sampl\\w+"""
)
_SIZE_WORDS = anywhere(
    """layers? hidden embed\\w* networks? models? neurons encoder decoder conv\\w* stem mlp
    ffn attention transformers? lstm gru rnn generator discriminator adapters? lora backbone trunk
    trees? residual"""
)
_IN_STEPS = re.compile(r"(?:\w+_)?(?:steps?|iters?|iterations|updates|epochs?|batches)")
_OF_SOMETHING = re.compile(r"^of_(?:the_|an?_|each_|every_|all_)?\w+")
_IS_TRAINED = re.compile(r"pre_?trained|bert_(?:base|large)|(?:of|in|from)_(?:the_)?checkpoint")
_MODEL_SIZES = at_end(
    """hidden hidden_size width depth layers? heads? dims? channels n_embd d_model embed\\w*
    embedding_size"""
)
_BETWEEN_PHRASES = re.compile(r"[,;:!?()|]|\.(?=\s|$)|\s[-–—]+\s")


def why_by_owner(evidence: Evidence) -> str | None:
    """Return why a constant stays as it is, if a comment beside or above it says so, or None."""
    said = [evidence.said, *_phrases(evidence.text)]
    if any(_OWNERS.search(text) or text in _OWNERS_ALONE for text in said):
        return STAYS
    above = lower_words(evidence.above)
    if above and (_OWNERS.search(above) or above in _OWNERS_ALONE):
        return "the comment above says that it stays as it is"
    return None


def why_beside(evidence: Evidence) -> str | None:
    """Return why a comment says that a constant belongs to no training, or is a quantity."""
    for phrase in _phrases(evidence.text):
        if _BESIDE.search(phrase):
            return EVALUATION
        if _IN_UNITS.fullmatch(phrase) and phrase != evidence.words:
            return QUANTITY
    return None


def why_trained(evidence: Evidence) -> str | None:
    """Return why a size is not searched, where a comment says that its model is trained."""
    is_size = _MODEL_SIZES.search(evidence.words) and isinstance(evidence.value, int)
    return TRAINED if is_size and _IS_TRAINED.search(evidence.said) else None


def why_by_comment(evidence: Evidence) -> str | None:
    """Return why the comment or help text speaks against a search, or None."""
    for pattern, reason in _SAID:
        if pattern.search(evidence.said):
            return reason
    return None


def why_double(evidence: Evidence) -> str | None:
    """Return why a name of two meanings has the one of no knob, by the comment, or None."""
    is_size = bool(_DOUBLE_SIZES.search(evidence.words))
    if not is_size and not _DOUBLE.search(evidence.words):
        return None
    phrase = next(_phrases(evidence.text), "")[:MAX_PHRASE]
    if not phrase or phrase == evidence.words:
        return None
    if "warm" in evidence.words and _IN_STEPS.fullmatch(phrase):
        return None
    if is_size and _OF_THINGS.search(phrase):
        return SHAPE
    telling = _SIZE_WORDS if is_size else _LEARNING
    if telling.search(phrase):
        return None
    reason = next((reason for pattern, reason in FIRST if pattern.search(phrase)), None)
    reason = reason or why_fixed(phrase)
    if reason == RUN or (reason is None and _OF_SOMETHING.search(phrase)):
        return OTHER
    return reason


def speaks_of_learning(evidence: Evidence) -> bool:
    """Return whether a comment or help text speaks of a model or its training."""
    said = evidence.said
    return bool(_LEARNING.search(said) or _SIZE_WORDS.search(said))


def _phrases(text: str) -> Iterator[str]:
    """Yield the phrases of a comment or help text as lower-case words."""
    for phrase in _BETWEEN_PHRASES.split(text[:300]):
        words = lower_words(phrase)
        if words:
            yield words
