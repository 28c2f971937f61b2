"""The search space of a file: each constant's range from settings, its comment, or inferred."""

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from agent.edit.files import Code, Sources, as_sources
from agent.edit.files.one import is_python
from agent.edit.places.limits import NO_LIMITS
from agent.edit.values import language_of
from agent.errors import UsageFault
from agent.records.newest import kept_for_newest
from agent.records.proposals import Configuration, Value
from agent.space.constants import Constant, differ
from agent.space.divisions import divisions
from agent.space.found import KEPT_STATES, Found, find_all
from agent.space.infer import SEQUENCE_LENGTHS, Inferred, infer
from agent.space.knobs.evidence import Evidence, words_of
from agent.space.ranges import Range, parse_range, range_in_comment
from agent.space.space import Multiple, Parameter, Space
from agent.space.uses import Uses, uses_of

LARGEST_INTEGER = 1e300
KEPT_CONSTANTS = 10_000
"""What is inferred of so many constants is kept for the next trial."""
MAX_INFERRED = 2_000
"""Constants of a project for which a range is inferred; what comes after them is data."""
TOTAL_BATCH = "TOTAL_BATCH_SIZE"
DEVICE_BATCH = "DEVICE_BATCH_SIZE"


@dataclass(frozen=True)
class Choice:
    """Whether a constant is searched, and why."""

    constant: Found
    parameter: Parameter | None
    """None if it is not searched."""
    origin: Literal["settings", "comment", "inferred"]
    """Who says so."""
    reason: str
    """In a few words."""
    guess: Parameter | None = None
    """What its value alone suggests, where nothing else says what the constant is."""


def read_space(
    code: Code, ranges: Mapping[str, str] = {}, constants: Mapping[str, Value] = {}
) -> Space:
    """Return the space of a project; an empty one if nothing parses or there are no constants.

    ranges, and what is raised: as in read_choices. constants: values that train.py imports from
    elsewhere (prepare.py's MAX_SEQ_LEN), which bound its own.
    """
    sources = as_sources(code)
    parameters = []
    guessed = set()
    values: Configuration = dict(constants)
    for choice in read_choices(sources, ranges):
        name = choice.constant.name
        values[name] = choice.constant.value
        if choice.parameter is None:
            continue
        parameters.append(choice.parameter)
        if choice.origin == "inferred":
            guessed.add(name)
    searched = {parameter.name for parameter in parameters}
    constraints = _constraints(guessed, searched, values)
    inferred = [parameter for parameter in parameters if parameter.name in guessed]
    divided = divisions(inferred, _uses_in(sources))
    return Space(parameters=tuple(parameters), constraints=(*constraints, *divided))


def read_choices(code: Code, ranges: Mapping[str, str] = {}) -> list[Choice]:
    """Return every constant of a project, with its range or why it has none.

    ranges: from autoresearch.toml, in the syntax of the comments, by the constant's whole name, or
    by what its file calls it where no other file has that name; raise UsageFault if one is
    malformed. A default outside its stated range widens the range: the files as they are always lie
    in their own space. Where no name says what its constant is, their values alone do.
    """
    given = {name: _from_settings(name, text) for name, text in ranges.items()}
    sources = as_sources(code)
    constants = find_all(sources)
    uses = _uses_in(sources)
    beside = _names_beside(constants.values())
    counts = Counter(constant.local for constant in constants.values())
    scripts = _options_of_scripts(constants.values())
    choices = []
    for number, constant in enumerate(constants.values()):
        stated = given.get(constant.name, given.get(f"{constant.file}:{constant.local}"))
        if stated is None and counts[constant.local] == 1:
            stated = given.get(constant.local)
        near = beside[constant.name.rpartition(".")[0]]
        choice = _choice(constant, stated, uses, near, is_read=number < MAX_INFERRED)
        script = scripts.get(_option(constant.local)) if is_python(constant.file) else None
        if script and choice.origin == "inferred":
            choice = Choice(constant, None, "inferred", f"{script} gives it a value")
        choices.append(choice)
    return _guessed(choices)


def _options_of_scripts(constants: Iterable[Found]) -> Mapping[str, str]:
    """Return the options that shell scripts of the project give values, each with its script.

    The default of such an option in Python sets nothing.
    """
    return {
        _option(constant.local): constant.file
        for constant in constants
        if constant.local.startswith("-") and language_of(constant.file) == "shell"
    }


def _option(name: str) -> str:
    """Return an option as Python's parsers tell them apart, `--max_lr` as `--max-lr`."""
    return name.replace("_", "-")


def _choice(
    constant: Found, stated: Range | None, uses: Uses, near: frozenset[str], *, is_read: bool
) -> Choice:
    """Return whether a constant is searched, and why.

    stated: its range in autoresearch.toml. near: the names in its section. is_read: whether a range
    is inferred for it.
    """
    if stated is not None:
        why = "as autoresearch.toml says"
        return Choice(constant, _parameter(constant, stated), "settings", why)
    beside = range_in_comment(constant.place.comment)
    if beside is not None:
        return Choice(constant, _parameter(constant, beside), "comment", "as its comment says")
    if not is_read:
        return Choice(constant, None, "inferred", f"not among the first {MAX_INFERRED} constants")
    evidence = _evidence(constant, uses, near)
    inferred = _infer(evidence, type(evidence.value).__name__)
    parameter = _parameter(constant, inferred.range)
    guess = _parameter(constant, inferred.guess)
    return Choice(constant, parameter, "inferred", inferred.reason, guess)


def _guessed(choices: list[Choice]) -> list[Choice]:
    """Return the choices with guesses for all, if no inferred one rests on more than a guess.

    Beside names that tell what they are, one that does not may be anything: a price, a limit.
    """
    inferred = [choice for choice in choices if choice.origin == "inferred"]
    if not all(choice.guess for choice in inferred):
        return choices
    return [_by_guess(choice) if choice.guess else choice for choice in choices]


def _by_guess(choice: Choice) -> Choice:
    return replace(choice, parameter=choice.guess, reason="a guess around its value, by that alone")


@lru_cache(maxsize=KEPT_CONSTANTS)
def _infer(evidence: Evidence, _kind: str) -> Inferred:
    """Return the inferred range. _kind: the type of the value, since 1, 1.0 and True are equal."""
    return infer(evidence)


def _from_settings(name: str, text: str) -> Range:
    try:
        return parse_range(text)
    except ValueError as error:
        raise UsageFault(
            f"autoresearch.toml: the range of {name}: {error}",
            "$EDITOR autoresearch.toml   # [ranges]",
        ) from None


@kept_for_newest(KEPT_STATES)
def _uses_in(sources: Sources) -> Uses:
    """Return how the Python files use each name."""
    uses: dict[str, frozenset[str]] = {}
    for path, text in sources.files.items():
        if is_python(path):
            for words, own in uses_of(text.removeprefix("\ufeff")).items():
                uses[words] = uses[words] | own if words in uses else own
    return uses


def _names_beside(constants: Iterable[Found]) -> Mapping[str, frozenset[str]]:
    """Return the last parts of the names of each section, by the section's whole name."""
    beside: defaultdict[str, set[str]] = defaultdict(set)
    for constant in constants:
        beside[constant.name.rpartition(".")[0]].add(words_of(constant.local))
    return {section: frozenset(names) for section, names in beside.items()}


def _evidence(constant: Found, uses: Uses, near: frozenset[str]) -> Evidence:
    """Return the evidence of a project on a constant."""
    place = constant.place
    return Evidence(
        name=constant.local,
        value=constant.value,
        stated_type=place.stated_type if isinstance(place, Constant) else "",
        text=place.comment,
        above=place.above,
        beside=near,
        choices=place.choices if isinstance(place, Constant) else (),
        limits=place.limits if isinstance(place, Constant) else NO_LIMITS,
        uses=uses.get(words_of(constant.local), frozenset()),
    )


def _parameter(constant: Found, wanted: Range | None) -> Parameter | None:
    """Return the constant as a parameter.

    None if it is not searched, or if the range is of another kind than the value.
    """
    if wanted is None or wanted.fixed:
        return None
    if wanted.choices:
        return _categorical(constant, wanted)
    value = constant.value
    if isinstance(value, bool | str):
        return None
    if isinstance(value, int) and abs(value) > LARGEST_INTEGER:
        return None
    low = min(wanted.low, value)
    high = max(wanted.high, value)
    log = (wanted.log or wanted.power_of_two) and low > 0
    if isinstance(value, int) and _is_whole(wanted):
        return Parameter(
            name=constant.name,
            kind="int",
            low=math.ceil(low),
            high=math.floor(high),
            log=log,
            power_of_two=wanted.power_of_two,
            default=value,
        )
    return Parameter(
        name=constant.name,
        kind="float",
        low=float(low),
        high=float(high),
        log=log,
        default=float(value),
    )


def _categorical(constant: Found, wanted: Range) -> Parameter:
    choices = wanted.choices
    if all(differ(constant.value, choice) for choice in choices):
        choices = (constant.value, *choices)
    return Parameter(
        name=constant.name, kind="categorical", choices=choices, default=constant.value
    )


def _is_whole(wanted: Range) -> bool:
    return float(wanted.low).is_integer() and float(wanted.high).is_integer()


def _constraints(
    guessed: Collection[str], searched: Collection[str], values: Configuration
) -> tuple[Multiple, ...]:
    """Return the well-known script's constraint: a batch is a multiple of device batches.

    Only if the file itself keeps to it.
    """
    if TOTAL_BATCH not in searched or TOTAL_BATCH not in values or DEVICE_BATCH not in values:
        return ()
    if TOTAL_BATCH not in guessed and DEVICE_BATCH not in guessed:
        return ()
    factors = [_factor(DEVICE_BATCH, searched, values)]
    for name in SEQUENCE_LENGTHS:
        if isinstance(values.get(name), int):
            factors.append(_factor(name, searched, values))
            break
    constraint = Multiple(name=TOTAL_BATCH, of=tuple(factors))
    return (constraint,) if constraint.holds(values) else ()


def _factor(name: str, searched: Collection[str], values: Configuration) -> str | int:
    """Return a factor by its name if it is searched, else by its value."""
    if name in searched:
        return name
    value = values[name]
    return value if isinstance(value, int) else 0
