"""Shortens the constants in a verdict's record to the differences from an earlier trial."""

from collections.abc import Mapping
from typing import Any

from agent.records.proposals import Configuration
from agent.records.results import Trial

LEAST = 50
"""Up to this number, all constants are recorded, so that the record can be read alone."""
LIKE = "like"
"""The field that names the earlier trial."""
WITHOUT = "without"
"""The field that lists the constants of that trial which this one lacks."""


def base_of(trials: list[Trial]) -> Trial | None:
    """Return the trial that later records refer to: the first one with constants."""
    return next((trial for trial in trials if trial.configuration), None)


def shortened(configuration: Configuration, base: Trial | None) -> dict[str, Any]:
    """Return the fields of a record for these constants.

    base: the trial to refer to, if any. The order of the constants is not preserved.
    """
    if base is None or len(configuration) <= LEAST:
        return {"configuration": configuration}
    before = base.configuration
    different = {
        name: value
        for name, value in configuration.items()
        if name not in before or not _same(before[name], value)
    }
    gone = [name for name in before if name not in configuration]
    if 2 * (len(different) + len(gone)) > len(configuration):
        return {"configuration": configuration}
    return {"configuration": different, LIKE: base.number, WITHOUT: gone}


def restored(fields: Mapping[str, Any], base: Trial | None) -> dict[str, Any]:
    """Return the fields of a record with all constants filled in.

    Raise ValueError if the record refers to another trial than `base`.
    """
    if LIKE not in fields:
        return dict(fields)
    like = fields[LIKE]
    without = fields.get(WITHOUT, [])
    different = fields.get("configuration", {})
    if base is None or like != base.number or isinstance(like, bool):
        raise ValueError(f"{LIKE}: not the number of the run's first trial with constants")
    if not isinstance(without, list) or not isinstance(different, dict):
        raise ValueError(f"{WITHOUT}: not a list of names")
    gone = {name for name in without if isinstance(name, str)}
    same = {name: value for name, value in base.configuration.items() if name not in gone}
    others = {name: value for name, value in fields.items() if name not in (LIKE, WITHOUT)}
    return {**others, "configuration": {**same, **different}}


def _same(value: object, other: object) -> bool:
    """Return whether two values are written in the same way; 1, 1.0 and True are not."""
    return type(value) is type(other) and repr(value) == repr(other)
