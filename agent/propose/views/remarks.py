"""Shows a model the remarks of the run's owner."""

from agent.propose.context import Context
from sandbox.ground.text import one_line

MAX_REMARKS = 20
MAX_CHARACTERS = 4_000
"""Of one remark."""


def told_lines(context: Context) -> list[str]:
    """Return the remarks in force, a line each with its sender, the newest last."""
    lines = []
    for remark in context.remarks[-MAX_REMARKS:]:
        sender = remark.admitted.input.sender
        who = f" ({one_line(sender)})" if sender else ""
        lines.append(f"{remark.number}{who}: {one_line(remark.tell.text, MAX_CHARACTERS)}")
    return lines
