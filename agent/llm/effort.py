"""How hard a model is asked to think, and how much longer its answers may be."""

from collections.abc import Mapping
from typing import Literal

Effort = Literal["low", "medium", "high", "xhigh", "max"]
EFFORTS: tuple[Effort, ...] = ("low", "medium", "high", "xhigh", "max")
MOST_STRETCH = 4
STRETCH: Mapping[Effort | None, int] = {
    None: 1,
    "low": 1,
    "medium": 1,
    "high": 2,
    "xhigh": MOST_STRETCH,
    "max": MOST_STRETCH,
}
"""Factor on the output tokens of a question, in which thoughts count."""
THINKING_SHARE: Mapping[Effort | None, float] = {
    None: 0.5,
    "low": 0.25,
    "medium": 0.5,
    "high": 0.75,
    "xhigh": 0.75,
    "max": 0.75,
}
"""The share of output tokens for thoughts, where a provider wants that as a number."""
_EASIER: Mapping[Effort, Effort] = {"max": "xhigh", "xhigh": "high"}


def easier(effort: Effort) -> Effort | None:
    """Return the effort to ask for if a server refuses `effort`; None to ask for none."""
    return _EASIER.get(effort)
