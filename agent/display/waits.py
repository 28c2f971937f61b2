"""Describes a run whose model is not asked for a while, because of a limit or an outage."""

from datetime import UTC, datetime

from agent.llm.lifting import clock_text


def wait_words(until: str, reason: str) -> str:
    """Return `waiting for the model until 15:00: You've hit your session limit`.

    until: ISO 8601; empty once the model is asked again.
    """
    if not until:
        return "the model is asked again"
    moment = datetime.fromisoformat(until)
    return f"waiting for the model until {clock_text(moment, datetime.now(UTC))}: {reason}"
