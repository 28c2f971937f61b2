"""What a session adds to the context of a model that looks: its tools, the machine, its memory."""

from dataclasses import dataclass

from agent.propose.looking import Look


@dataclass(frozen=True)
class Research:
    """What a model may look at, and is told."""

    look: Look | None = None
    """Begins the looks of a proposal; None where nothing is looked at."""
    machine: str = ""
    """What trials run on, in words."""
    remembers: bool = True
    """Whether rationales and alternatives of earlier answers come back."""


NO_RESEARCH = Research()
