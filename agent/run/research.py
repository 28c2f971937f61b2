"""What a session adds to the context of a model that looks: its tools, the machine, its memory."""

from dataclasses import dataclass, replace

from agent.propose.context import Context
from agent.propose.looking import Awaited, Look
from agent.run.probing import Probing


@dataclass(frozen=True)
class Research:
    """What a model may look at, and is told."""

    look: Look | None = None
    """Begins the looks of a proposal; None where nothing is looked at."""
    probing: Probing | None = None
    """The probes that it may ask for."""
    machine: str = ""
    """What trials run on, in words."""
    remembers: bool = True
    """Whether rationales and alternatives of earlier answers come back."""

    def told(self, context: Context, awaited: Awaited) -> Context:
        """Return a context with all that. awaited: how long a free slot has waited."""
        return replace(
            context,
            look=self.look,
            machine=self.machine,
            remembers=self.remembers,
            awaited=awaited,
        )


NO_RESEARCH = Research()
