"""The value of an option, and where it came from."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

T = TypeVar("T")


class Origin(StrEnum):
    """Where the value of an option came from."""

    FLAG = "from the command line"
    FRONT_MATTER = "from the front matter of program.md"
    SETTINGS = "from autoresearch.toml"
    RECORD = "from the run's record"
    PARENT = "from the run that this one begins at"
    INFERRED = "inferred"
    DEFAULT = "default"


@dataclass(frozen=True)
class Option(Generic[T]):
    """The value of an option, and where it came from."""

    value: T
    origin: Origin


def first(*candidates: tuple[T | None, Origin]) -> Option[T | None]:
    """The first value that is set, zero included; None where none is."""
    for value, origin in candidates:
        if value is not None:
            return Option(value, origin)
    return Option(None, Origin.DEFAULT)
