"""Progress of a long operation, such as a download."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Stage:
    """The present stage of the operation."""

    what: str
    """In a few words, whoever wrote them."""
    fraction: float | None = None
    """The done share of it, 0 to 1; None while it is unknown."""

    def __post_init__(self) -> None:
        if self.fraction is not None and not 0 <= self.fraction <= 1:
            raise ValueError(f"a fraction of {self.fraction}")
