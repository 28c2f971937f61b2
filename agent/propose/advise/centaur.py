"""Centaur (autoresearch-automl, arXiv 2603.24647): CMA-ES proposes; on some trials a model sees its state and may overrule it.

After 10 trials the model is asked on 30 % of the proposals. It is shown the mean, the step size, the covariance, the proposal
itself, the top 5, the last 20 and the bounds. CMA-ES is told every result; a point that it would hardly have drawn itself, as the
model's may be, is told as far out as a draw may lie (Hansen 2011, "Injecting external solutions into CMA-ES"; see cmaes.py).
"""

import numpy as np

from agent.llm.model import Model
from agent.propose.advise.advice import Advice, reason_of
from agent.propose.context import Context, Unreadable
from agent.propose.search import cmaes
from agent.propose.search.scale import generator
from agent.propose.search.search import proposal_of
from agent.propose.views.tables import propose_tool, trials_text
from agent.propose.views.text import fenced
from agent.records.proposals import Configuration, Proposal, Provenance

WARM_UP = 10
SHARE = 0.3
TOP, NEWEST = 5, 20


class Centaur:
    """Asks `model` on SHARE of the proposals; the others are CMA-ES's and say so."""

    name = "centaur"
    looks_ahead = True

    def __init__(self, model: Model) -> None:
        self._model = model

    def propose(self, context: Context) -> Proposal | Unreadable:
        """CMA-ES's next point, or the model's in its place."""
        advice = Advice(self.name, self._model, context)
        space, seen = advice.space, advice.seen
        own = cmaes.suggest(space, seen, context.seed)
        warm = sum(not observation.pending for observation in seen) >= WARM_UP
        if not warm or generator(context.seed, len(seen)).random() >= SHARE:
            return proposal_of(context, own, Provenance(method=self.name, origin="search"))
        text = f"{trials_text(seen, space, TOP, NEWEST)}\n{state_text(cmaes.state_of(space, seen), own)}\n{ASKED}"
        reply = advice.ask(text, propose_tool(space, keep=True))
        if not reply.cut_off and (reply.arguments or {}).get("keep") is True:
            return advice.proposal(own, reason_of(reply), by_model=False)
        return advice.answer(advice.read_one(reply))


ASKED = "Let CMA-ES's proposal stand (`keep`), or give the configuration to train in its place."


def state_text(state: cmaes.State, own: Configuration) -> str:
    """What CMA-ES believes: its mean as constants and as places, its step size, its covariance, and its own proposal."""
    names = list(state.names)
    mean = ", ".join(f"{name}={state.centre[name]!r}" for name in names)
    places = ", ".join(f"{place:.3f}" for place in state.mean)
    rows = [
        f"{name}: " + " ".join(f"{value:.3f}" for value in row)
        for name, row in zip(names, state.covariance, strict=True)
    ]
    chances = [
        f"{name}: " + ", ".join(f"{value!r} {chance:.2f}" for value, chance in row)
        for name, row in state.chances.items()
    ]
    lines = [
        f"mean: {mean}",
        f"mean on the unit interval of each constant: {places}",
        f"step size: {state.step:.4f} of a range",
        f"standard deviations: {', '.join(f'{s:.4f}' for s in state.step * np.sqrt(np.diag(state.covariance)))}",
        "covariance, rows and columns in this order, to be multiplied by the step size squared:",
        *rows,
        *(["chances of the choices:", *chances] if chances else []),
        f"its proposal: {', '.join(f'{name}={value!r}' for name, value in own.items())}",
    ]
    return "CMA-ES's state after all results so far:\n" + fenced("\n".join(lines), "text")
