"""Chooses which constants `autoresearch init` writes below [ranges]."""

import re
from collections.abc import Sequence

from agent.cli.constants import line_of, range_line
from agent.project.numbers import is_speed
from agent.records.bounded import is_number
from agent.space.knobs.fixed import DATA, LENGTH, MACHINE, SEQUENCE, WORLD
from agent.space.read import Choice

_NO_KNOB = re.compile(r"(?i)seed|epochs?|steps|iters|iterations|version|port|workers|year")
_FOR_SPEED = re.compile(
    r"(?i)block|tile|chunk|unroll|buffer|stride|lanes?|simd|threads|workers|queue|cache|batch|"
    r"prefetch|cut_?off|threshold|leaf|bucket"
)
"""Names of constants that change how fast something is computed, and not what."""
_TASK = "it "
"""How every reason begins for which a constant is no knob: it is a seed, it counts the task."""


def ranges_of(choices: Sequence[Choice], metric: str) -> tuple[tuple[str, ...], bool]:
    """Return lines for [ranges], and whether they change anything; else they are only comments.

    They do if no constant would be searched without them, and if the metric is a speed. Then
    constants of the machine, such as a tile or a chunk, are searched, and none that change what is
    computed.
    """
    inferred = [choice for choice in choices if choice.parameter]
    if is_speed(metric):
        changed = [line_of(choice) for choice in choices if _changes_for_speed(choice)]
        if changed:
            return tuple(changed), True
    if inferred:
        return tuple(_as_it_is(choice) for choice in inferred), False
    may_be = [choice for choice in choices if _may_be_searched(choice)]
    # Of a simulation's numbers some may be the method's, by no name that is known.
    last = may_be or [choice for choice in choices if choice.reason == WORLD]
    lines = [line_of(choice) for choice in last if _is_number(choice)]
    return tuple(lines), bool(lines)


def _as_it_is(choice: Choice) -> str:
    assert choice.parameter is not None
    return range_line(choice.constant.name, str(choice.parameter))


def _changes_for_speed(choice: Choice) -> bool:
    """Return whether a speed as the metric changes if a constant is searched."""
    by_name = bool(_FOR_SPEED.search(choice.constant.local))
    if choice.parameter:
        return not by_name
    is_size = by_name and choice.reason.startswith(DATA)
    return _is_number(choice) and (choice.reason == MACHINE or is_size)


def _may_be_searched(choice: Choice) -> bool:
    """Return whether a fixed constant could be searched: a number that is no seed or count."""
    stated = choice.origin == "settings"
    if stated or not _is_number(choice) or _NO_KNOB.search(choice.constant.local):
        return False
    # What decides a training's length by its name may be the size of a step by its value.
    is_step = choice.reason == LENGTH and isinstance(choice.constant.value, float)
    return is_step or not (choice.reason.startswith(_TASK) or choice.reason == SEQUENCE)


def _is_number(choice: Choice) -> bool:
    return is_number(choice.constant.value)
