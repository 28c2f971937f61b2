"""A configuration as a hypothesis that people read: `embedding rate ×4.2, 17 others a little`."""

import re

from agent.display.names import short_names
from agent.propose.search.scale import is_fixed, to_unit
from agent.records.proposals import Configuration, Value
from agent.space import Parameter, Space

# A subject line has room for so many changes.
SHOWN = 4
# Where there are more, the largest so many are named, and of those only what moves at least this
# share of its range.
NAMED = 3
LARGE = 0.1
_WORDS = {"LR": "rate", "WD": "weight decay", "FRAC": "fraction"}
_ALONE = {"LR": "learning rate"}
_UPPERCASE = re.compile(r"[A-Z][A-Z0-9]{2,}(_[A-Z0-9]+)*|LR|WD")


def hypothesis_of(space: Space, configuration: Configuration) -> str:
    """Return the changes of a configuration in a line, the largest step first."""
    default = space.default
    moved = _moved(space, configuration)
    shown = moved
    if len(moved) > SHOWN:
        large = [p for p in moved if _step(p, default, configuration) >= LARGE]
        shown = large[:NAMED] or moved[:1]
    names = short_names(space.names)
    texts = [_change_text(p, names[p.name], configuration[p.name]) for p in shown]
    rest = moved[len(shown) :]
    if rest:
        little = _step(rest[0], default, configuration) < LARGE
        texts.append(f"{len(rest)} other {_constants(rest)}{' a little' if little else ''}")
    return ", ".join(texts) or "nothing changed"


def exact_changes(space: Space, configuration: Configuration) -> str:
    """Return `MATRIX_LR 0.02 → 0.031, …`, the largest step first."""
    default = space.default
    changes = [
        f"{parameter.name} {default[parameter.name]} → {configuration[parameter.name]}"
        for parameter in _moved(space, configuration)
    ]
    return ", ".join(changes)


def plain_name(name: str) -> str:
    """Return `embedding rate` for EMBEDDING_LR; other names unchanged."""
    if name in _ALONE:
        return _ALONE[name]
    if not _UPPERCASE.fullmatch(name):
        return name
    return " ".join(_WORDS.get(word, word.lower()) for word in name.split("_"))


def _constants(parameters: list[Parameter]) -> str:
    return "constant" if len(parameters) == 1 else "constants"


def _change_text(parameter: Parameter, short: str, after: Value) -> str:
    """Return a change as a factor on a log scale, else as the two values."""
    name = plain_name(short)
    before = parameter.default
    factors = parameter.log or parameter.power_of_two
    if factors and not isinstance(before, str) and not isinstance(after, str) and before > 0:
        return f"{name} ×{_digits(after / before)}"
    return f"{name} {before} → {after}"


def _digits(factor: float) -> str:
    """Return a factor with two digits, or whole; near 1 with as many as show the difference."""
    if factor >= 10:
        return f"{factor:.0f}"
    if f"{factor:.2g}" == "1":
        return f"{1 + float(f'{factor - 1:.1g}'):.6g}"
    return f"{factor:.2g}"


def _moved(space: Space, configuration: Configuration) -> list[Parameter]:
    """Return the parameters that change, the largest step first."""
    default = space.default
    moved = [p for p in space.parameters if configuration[p.name] != default[p.name]]
    return sorted(moved, key=lambda p: _step(p, default, configuration), reverse=True)


def _step(parameter: Parameter, default: Configuration, configuration: Configuration) -> float:
    """Return how far a value moves, as a share of the range."""
    if parameter.kind == "categorical" or is_fixed(parameter):
        return 1.0
    before = to_unit(parameter, default[parameter.name])
    return abs(to_unit(parameter, configuration[parameter.name]) - before)
