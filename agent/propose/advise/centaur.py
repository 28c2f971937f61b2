"""Centaur (autoresearch-automl, arXiv 2603.24647): CMA-ES proposes, a model may overrule it.

After 10 trials the model is asked on 30 % of the proposals. It sees the mean, the step size, the
covariance, the proposal itself, the top 5, the last 20 and the bounds. CMA-ES is told every result;
a point that it would hardly have drawn itself is told as far out as a draw may lie (Hansen 2011,
"Injecting external solutions into CMA-ES"; see cmaes_axes.py).
"""

from collections.abc import Mapping

import numpy as np

from agent.llm.model import Model
from agent.propose.advise.advice import Advice, reason_of
from agent.propose.context import Context, Unreadable
from agent.propose.search import cmaes
from agent.propose.search.cmaes_axes import State
from agent.propose.search.observe import ended_in
from agent.propose.search.scale import generator
from agent.propose.search.search import proposal_of
from agent.propose.views.tables import keys_of, propose_tool, trials_text
from agent.propose.views.text import fenced
from agent.records.proposals import Configuration, Proposal, Provenance

WARM_UP = 10
SHARE = 0.3
TOP = 5
NEWEST = 20
ASK = "Keep CMA-ES's proposal (`keep`), or give the configuration to try instead."


class Centaur:
    """Asks `model` on SHARE of the proposals, and leaves the others to CMA-ES."""

    name = "centaur"
    looks_ahead = True

    def __init__(self, model: Model) -> None:
        self._model = model

    def propose(self, context: Context) -> Proposal | Unreadable:
        """Return CMA-ES's next point, or the model's instead."""
        advice = Advice(self.name, self._model, context)
        space = advice.space
        history = advice.history
        own = cmaes.suggest(space, history, context.seed)
        warm = ended_in(history) >= WARM_UP
        if not warm or generator(context.seed, len(history)).random() >= SHARE:
            return proposal_of(context, own, Provenance(method=self.name, origin="search"))
        trials = trials_text(history, space, advice.sense, TOP, NEWEST)
        state = state_text(cmaes.state_of(space, history), own, keys_of(space))
        reply = advice.ask(
            f"{trials}\n{state}\n{ASK}", propose_tool(space, advice.sense, keep=True)
        )
        if not reply.cut_off and (reply.arguments or {}).get("keep") is True:
            return advice.proposal(own, reason_of(reply), by_model=False)
        return advice.answer(advice.read_one(reply))


def state_text(state: State, own: Configuration, keys: Mapping[str, str]) -> str:
    """Return the state of CMA-ES and its own proposal as text. keys: names of constants."""
    mean = ", ".join(f"{keys[name]}={state.centre[name]!r}" for name in state.names)
    places = ", ".join(f"{place:.3f}" for place in state.mean)
    deviations = state.step * np.sqrt(np.diag(state.covariance))
    lines = [
        f"mean: {mean}",
        f"mean on the unit interval of each constant: {places}",
        f"step size: {state.step:.4f} of a range",
        f"standard deviations: {', '.join(f'{deviation:.4f}' for deviation in deviations)}",
        "covariance, rows and columns in this order, to be multiplied by the step size squared:",
    ]
    for name, row in zip(state.names, state.covariance, strict=True):
        lines.append(f"{keys[name]}: " + " ".join(f"{value:.3f}" for value in row))
    if state.chances:
        lines.append("probabilities of the choices:")
    for name, chances in state.chances.items():
        lines.append(
            f"{keys[name]}: " + ", ".join(f"{value!r} {chance:.2f}" for value, chance in chances)
        )
    lines.append(
        f"its proposal: {', '.join(f'{keys[name]}={value!r}' for name, value in own.items())}"
    )
    return "CMA-ES's state after all results so far:\n" + fenced("\n".join(lines), "text")
