"""LLAMBO as in Optuna's hub, the port that autoresearch-automl (arXiv 2603.24647) measures.

Candidates, then the probability that each is good. The surrogate has binary labels, the best 20 %
being good. Choices are drawn at random, the model names only numbers, and failures are not shown:
what the port leaves out is left out here too; llambo_paper.py has it.
"""

import numpy as np

from agent.llm.model import Model
from agent.propose.advise.advice import Advice, configurations_of, read_numbers
from agent.propose.advise.llambo_paper import CANDIDATES, SHOWN, WARM_UP, candidates_text
from agent.propose.context import Context, Unreadable
from agent.propose.search import random
from agent.propose.search.observe import values_of
from agent.propose.search.scale import draw_one, generator
from agent.propose.search.search import proposal_of
from agent.propose.views.tables import number_tool, propose_tool, trials_text
from agent.records.edits import Refused
from agent.records.objective import Sense, score_text
from agent.records.proposals import Configuration, Proposal, Provenance
from agent.space import Space

GOOD_SHARE = 0.2


class Llambo:
    """Asks `model` twice a proposal: for candidates, and for the probability of each to be good."""

    name = "llambo"
    looks_ahead = True

    def __init__(self, model: Model) -> None:
        self._model = model

    def propose(self, context: Context) -> Proposal | Unreadable:
        """Return the candidate that the model finds most likely to be among the best fifth."""
        advice = Advice(self.name, self._model, context)
        advice.history = [trial for trial in advice.history if trial.failure is None]
        values = values_of(advice.history)
        if len(values) < WARM_UP:
            drawn = random.suggest(advice.space, advice.history, context.seed)
            return proposal_of(context, drawn, Provenance(method=self.name, origin="search"))
        candidates = _candidates(advice, generator(context.seed, len(advice.history)))
        if isinstance(candidates, Refused):
            return advice.unreadable(candidates)
        threshold = float(np.quantile(values, GOOD_SHARE))
        task = (
            f"Good is {score_text(advice.sense.value(threshold))} or {_side(advice.sense)}. "
            "The probability (0 to 1) that a candidate is good, for each in order:"
        )
        question = f"{candidates_text(advice, candidates)}\n{task}"
        reply = advice.ask(question, number_tool("probabilities", len(candidates)))
        chances = read_numbers(reply, "probabilities", len(candidates))
        if isinstance(chances, Refused):
            return advice.unreadable(chances)
        chosen = int(np.argmax(chances))
        return advice.proposal(candidates[chosen], f"good with probability {chances[chosen]:.2f}")


def _side(sense: Sense) -> str:
    """Return on which side of a threshold scores are better: `less` or `more`."""
    return "less" if sense.direction == "minimize" else "more"


def _candidates(advice: Advice, rng: np.random.Generator) -> list[Configuration] | Refused:
    """Return the model's numbers, choices drawn at random; a refusal if none is new."""
    space = advice.space
    choices = [parameter for parameter in space.parameters if parameter.kind == "categorical"]
    numbers = Space(
        parameters=tuple(p for p in space.parameters if p.kind != "categorical"),
        constraints=space.constraints,
    )
    trials = trials_text(advice.history, space, advice.sense, 1, SHOWN)
    text = f"{trials}\nName {CANDIDATES} promising configurations."
    reply = advice.ask(text, propose_tool(numbers, advice.sense, many=True), numbers)
    named = configurations_of(reply, numbers)
    if isinstance(named, Refused):
        return named
    candidates: list[Configuration | Refused] = []
    for configuration in named:
        if isinstance(configuration, Refused):
            candidates.append(configuration)
            continue
        drawn = {parameter.name: draw_one(parameter, rng) for parameter in choices}
        candidates.append(space.repair({**configuration, **drawn}))
    return advice.new_among(candidates)
