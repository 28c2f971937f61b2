"""Constraints that a file's own divisions state: a width is a multiple of its heads."""

from collections.abc import Iterable

from agent.space.knobs.evidence import words_of
from agent.space.space import Multiple, Parameter
from agent.space.uses import DIVIDES, Uses

MOST = 4  # constraints that are read from divisions


def divisions(parameters: Iterable[Parameter], uses: Uses) -> tuple[Multiple, ...]:
    """Return a constraint for each searched whole number that another one is divided by.

    Only if the values of today keep to it, and if the names are no others' too.
    """
    whole = [parameter for parameter in parameters if parameter.kind == "int"]
    constraints = []
    for divisor in whole:
        for use in sorted(uses.get(words_of(divisor.name), ())):
            if not use.startswith(DIVIDES):
                continue
            divided = [each for each in whole if words_of(each.name) == use.removeprefix(DIVIDES)]
            if len(divided) == 1 and _is_multiple(divided[0], divisor):
                constraints.append(Multiple(name=divided[0].name, of=(divisor.name,)))
    return tuple(constraints[:MOST])


def _is_multiple(divided: Parameter, divisor: Parameter) -> bool:
    large = divided.default
    small = divisor.default
    assert isinstance(large, int) and isinstance(small, int)
    return divided.name != divisor.name and small > 1 and large % small == 0
