"""The words about looking: what may be looked at, and that it is time to propose."""

from agent.propose.views.prompt import rendered
from agent.records.looks import LookBounds


def look_text(bounds: LookBounds) -> str:
    """Return the rules of looking: the same for a whole run."""
    return rendered("look", bounds=bounds)


def now_text(over: str) -> str:
    """Return the word that it is time to propose. over: why."""
    return rendered("now", over=over)
