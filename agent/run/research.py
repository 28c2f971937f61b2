"""What a session gives a model besides the run's record: tools, the machine, earlier answers."""

from dataclasses import dataclass, replace

from agent.propose.context import Context
from agent.propose.looking import Awaited, Look
from agent.run.probing import Probing


@dataclass(frozen=True)
class Research:
    """The tools of a model, and what it learns about the session."""

    look: Look | None = None
    """Begins the tool calls of one proposal; None for a model without tools."""
    probing: Probing | None = None
    """The short runs that it may ask for; None for none."""
    machine: str = ""
    """The hardware of the trials, in words."""
    remembers: bool = True
    """Whether prompts hold the rationales and alternatives of earlier answers."""

    def equip(self, context: Context, awaited: Awaited) -> Context:
        """Return `context` with all of this.

        awaited: returns for how many seconds a free slot has waited for the model.
        """
        return replace(
            context,
            look=self.look,
            machine=self.machine,
            remembers=self.remembers,
            awaited=awaited,
        )


NO_RESEARCH = Research()
