"""LLAMBO as Optuna's hub has it, the port that autoresearch-automl (arXiv 2603.24647) measures: candidates, then good or not.

Its discriminative surrogate has binary labels, the best 20 % being good. Choices are drawn at random, the model names only
numbers, and failures are not shown: what the port leaves out is left out here too; llambo_paper.py has it.
"""

import numpy as np

from agent.llm.model import Model
from agent.propose.advise.advice import Advice, configurations_of, read_numbers
from agent.propose.advise.llambo_paper import CANDIDATES, SHOWN, WARM_UP, candidates_text
from agent.propose.context import Context, Unreadable
from agent.propose.search import random
from agent.propose.search.scale import draw_one, generator
from agent.propose.search.search import proposal_of
from agent.propose.views.tables import number_tool, propose_tool, trials_text
from agent.records.edits import Refused
from agent.records.proposals import Configuration, Proposal, Provenance
from agent.space import Space

GOOD_SHARE = 0.2


class Llambo:
    """Asks `model` twice a proposal: for candidates, and for the chance of each to be good."""

    name = "llambo"
    looks_ahead = True

    def __init__(self, model: Model) -> None:
        self._model = model

    def propose(self, context: Context) -> Proposal | Unreadable:
        """The candidate that the model holds most likely to be among the best fifth."""
        advice = Advice(self.name, self._model, context)
        advice.seen = [o for o in advice.seen if o.failure is None]
        values = [o.value for o in advice.seen if o.value is not None]
        if len(values) < WARM_UP:
            drawn = random.suggest(advice.space, advice.seen, context.seed)
            return proposal_of(context, drawn, Provenance(method=self.name, origin="search"))
        candidates = _candidates(advice, generator(context.seed, len(advice.seen)))
        if isinstance(candidates, Refused):
            return advice.unreadable(candidates)
        threshold = float(np.quantile(values, GOOD_SHARE))
        task = f"Good is {threshold:.6f} or less. The probability (0 to 1) that a candidate is good, for each in order:"
        question = f"{candidates_text(advice.seen, candidates, advice.space)}\n{task}"
        reply = advice.ask(question, number_tool("probabilities", len(candidates)))
        chances = read_numbers(reply, "probabilities", len(candidates))
        if isinstance(chances, Refused):
            return advice.unreadable(chances)
        chosen = int(np.argmax(chances))
        return advice.proposal(candidates[chosen], f"good with probability {chances[chosen]:.2f}")


def _candidates(advice: Advice, rng: np.random.Generator) -> list[Configuration] | Refused:
    """The model's numbers with choices drawn at random; Refused where none of them is new."""
    space = advice.space
    numbers = Space(
        parameters=tuple(p for p in space.parameters if p.kind != "categorical"),
        constraints=space.constraints,
    )
    text = (
        f"{trials_text(advice.seen, space, 1, SHOWN)}\nName {CANDIDATES} promising configurations."
    )
    named = configurations_of(advice.ask(text, propose_tool(numbers, many=True), numbers), numbers)
    if isinstance(named, Refused):
        return named
    choices = [p for p in space.parameters if p.kind == "categorical"]
    read = [
        c
        if isinstance(c, Refused)
        else space.repair({**c, **{p.name: draw_one(p, rng) for p in choices}})
        for c in named
    ]
    return advice.new_among(read)
