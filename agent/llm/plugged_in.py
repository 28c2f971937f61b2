"""A model of an installed package: what its code raises or returns wrongly names the package."""

from agent.llm.model import LooksBy, Model, Reply, Request, looks_by
from agent.plugins import blaming

NEXT = "autoresearch log   # what ran until then is recorded; mend it, and resume"


class PluggedIn:
    """Wraps a package's model."""

    def __init__(self, model: Model, blame: str) -> None:
        self._model = model
        self._blame = blame
        self.origin = model.origin
        self.looks: LooksBy = looks_by(model)

    @property
    def name(self) -> str:
        """See Model."""
        return self._model.name

    def estimate(self, request: Request) -> float | None:
        """See Model."""
        with blaming(self._blame, NEXT):
            return self._model.estimate(request)

    def complete(self, request: Request) -> Reply:
        """Ask once; see Model."""
        with blaming(self._blame, NEXT):
            reply = self._model.complete(request)
            if not isinstance(reply, Reply):
                raise TypeError(f"complete() returned a {type(reply).__name__}, no Reply")
            return reply
