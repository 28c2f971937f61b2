"""Karpathy's agent on the constants alone, as autoresearch-automl (arXiv 2603.24647) runs it.

One question gives one configuration. The model sees the bounds, the incumbent and the last 20
trials. A reply without a configuration, or with one that was tried before, is recorded as refused;
it is never replaced by a random one.
"""

from agent.llm.model import Model
from agent.propose.advise.advice import Advice
from agent.propose.context import Context, Unreadable
from agent.propose.views.tables import propose_tool, trials_text
from agent.records.proposals import Proposal

NEWEST = 20


class LlmHps:
    """Asks `model` once a proposal."""

    name = "llm-hps"
    looks_ahead = True

    def __init__(self, model: Model) -> None:
        self._model = model

    def propose(self, context: Context) -> Proposal | Unreadable:
        """Return the model's configuration."""
        advice = Advice(self.name, self._model, context)
        text = trials_text(advice.history, advice.space, advice.sense, best=1, newest=NEWEST)
        reply = advice.ask(text, propose_tool(advice.space, advice.sense))
        return advice.answer(advice.read_one(reply))
