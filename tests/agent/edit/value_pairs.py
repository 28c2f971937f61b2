"""Before, path, value, after: helpers for the tests of values in YAML, TOML and JSON files."""

from textwrap import dedent

from agent.edit.literal import Literal
from agent.edit.values import Entry, Language, entries, set_value
from agent.records.edits import Refused

TYPES = (bool, int, float, str)


def constants(language: Language, text: str) -> dict[str, Entry]:
    """Return the constants of a file that must be read."""
    result = entries(language, text)
    assert not isinstance(result, Refused), result
    return result


def plain(language: Language, text: str) -> dict[str, Literal]:
    """Return the values of a file by path."""
    return {path: entry.value for path, entry in constants(language, text).items()}


def typed(values: dict[str, Literal]) -> list[tuple[str, type, Literal]]:
    """Return values such that 1, 1.0 and True differ."""
    return [(path, type(value), value) for path, value in values.items()]


def changed(language: Language, before: str, path: str, value: str) -> str:
    """Return a file's text with a value that must be accepted."""
    result = set_value(language, before, path, value)
    assert isinstance(result, str), result
    return result


def pair(language: Language, before: str, path: str, value: str, after: str) -> None:
    """Assert one value set on dedented texts."""
    new = changed(language, dedent(before).lstrip("\n"), path, value)
    assert new == dedent(after).lstrip("\n")


def refused(language: Language, before: str, path: str, value: str) -> Refused:
    """Return the refusal of a value that must be refused."""
    result = set_value(language, before, path, value)
    assert isinstance(result, Refused), result
    return result


def other(value: Literal) -> Literal:
    """Return another value of the same type."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, str):
        return value + "x"
    return value + 1 if abs(value) < 1e9 else -(value // 2) - 1
