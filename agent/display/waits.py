"""What is said of a run whose model is not asked until a limit of its provider lifts."""

from datetime import UTC, datetime

from agent.llm.lifting import clock_text


def wait_words(until: str, reason: str) -> str:
    """Return `waiting for the model until 15:00: You've hit your session limit`.

    until: ISO 8601; empty once the model is asked again.
    """
    if not until:
        return "the limit should have lifted: the model is asked again"
    moment = datetime.fromisoformat(until)
    return f"waiting for the model until {clock_text(moment, datetime.now(UTC))}: {reason}"
