"""Prompts about the tools: their rules, and that it is time to propose."""

from agent.propose.views.prompt import rendered
from agent.records.looks import LookBounds


def look_text(bounds: LookBounds) -> str:
    """Return the rules of the tools, which are the same for a whole run."""
    return rendered("look", bounds=bounds)


def now_text(over: str) -> str:
    """Return the request to propose now. over: why no tool may be called any more."""
    return rendered("now", over=over)
