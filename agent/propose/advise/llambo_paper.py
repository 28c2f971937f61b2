"""LLAMBO (Liu et al. 2024, arXiv 2402.03921): a model names candidates and predicts their scores.

The candidates are for a target score: the best one less ALPHA of the range so far. A second
question, asked PREDICTIONS times, predicts every candidate's score; expected improvement under mean
and spread of the predictions picks one. Failures and choices are shown. Before WARM_UP trials were
scored, random configurations are tried; their origin says that they are not the model's.
"""

from collections.abc import Sequence

import numpy as np
from scipy.stats import norm

from agent.llm.model import Model
from agent.propose.advise.advice import Advice, read_numbers, unreadable
from agent.propose.context import Context, Unreadable
from agent.propose.search import random
from agent.propose.search.observe import values_of
from agent.propose.search.search import proposal_of
from agent.propose.views.tables import difference_text, number_tool, propose_tool, trials_text
from agent.propose.views.text import fenced
from agent.records.edits import Refused
from agent.records.objective import score_text
from agent.records.proposals import Configuration, Proposal, Provenance

WARM_UP = 5
ALPHA = 0.1
CANDIDATES = 10
PREDICTIONS = 10
SHOWN = 50


class LlamboPaper:
    """Asks `model` 1 + PREDICTIONS times a proposal."""

    name = "llambo-paper"
    looks_ahead = True

    def __init__(self, model: Model) -> None:
        self._model = model

    def propose(self, context: Context) -> Proposal | Unreadable:
        """Return the candidate with the highest expected improvement."""
        advice = Advice(self.name, self._model, context)
        values = values_of(advice.history)
        if len(values) < WARM_UP:
            drawn = random.suggest(advice.space, advice.history, context.seed)
            return proposal_of(context, drawn, Provenance(method=self.name, origin="search"))
        candidates = _candidates(advice, min(values), max(values))
        if isinstance(candidates, Refused):
            return advice.unreadable(candidates)
        rows = _predictions(advice, candidates)
        if not rows:
            return advice.unreadable(unreadable("scores", f"a list of {len(candidates)} numbers"))
        predictions = np.array(rows)
        chosen = int(np.argmax(expected_improvement(predictions, min(values))))
        predicted = advice.sense.value(float(np.mean(predictions[:, chosen])))
        reason = f"predicted {score_text(predicted)}"
        return advice.proposal(candidates[chosen], reason)


def _candidates(advice: Advice, best: float, worst: float) -> list[Configuration] | Refused:
    """Return the model's candidates for a target score. best, worst: losses."""
    target = advice.sense.value(best - ALPHA * (worst - best))
    wanted = f"Name {CANDIDATES} configurations that should score {score_text(target)}."
    text = f"{trials_text(advice.history, advice.space, advice.sense, 1, SHOWN)}\n{wanted}"
    tool = propose_tool(advice.space, advice.sense, many=True)
    return advice.read_many(advice.ask(text, tool))


def _predictions(advice: Advice, candidates: list[Configuration]) -> list[list[float]]:
    """Return a row of losses for each reply that has a score for every candidate."""
    listed = candidates_text(advice, candidates)
    text = f"{listed}\nPredict the score of each candidate, in order."
    rows = []
    for _ in range(PREDICTIONS):
        reply = advice.ask(text, number_tool("scores", len(candidates)))
        numbers = read_numbers(reply, "scores", len(candidates))
        if not isinstance(numbers, Refused) and all(map(advice.sense.has, numbers)):
            rows.append([advice.sense.loss(number) for number in numbers])
    return rows


def candidates_text(advice: Advice, candidates: Sequence[Configuration]) -> str:
    """Return the trials, and the candidates with their numbers."""
    lines = [
        f"{number}: {difference_text(candidate, advice.space)}"
        for number, candidate in enumerate(candidates, 1)
    ]
    trials = trials_text(advice.history, advice.space, advice.sense, 1, SHOWN)
    return f"{trials}\nCandidates:\n" + fenced("\n".join(lines), "text")


def expected_improvement(predictions: np.ndarray, best: float) -> np.ndarray:
    """Return the expected gain on `best` of each candidate (column) over predictions (rows)."""
    mean = predictions.mean(0)
    spread = np.maximum(predictions.std(0), 1e-12)
    z = (best - mean) / spread
    return np.asarray((best - mean) * norm.cdf(z) + spread * norm.pdf(z))
