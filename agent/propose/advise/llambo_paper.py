"""LLAMBO (Liu et al. 2024, arXiv 2402.03921): a model names candidates for a target score, predicts each, and the best is taken.

The target is the best score less ALPHA of the range seen. A second question, put PREDICTIONS times, predicts every candidate's
score; expected improvement under their mean and spread picks one. Failures and choices are shown. Before WARM_UP trials were
scored, random configurations are tried, whose origin says that they are none of the model's.
"""

from collections.abc import Sequence

import numpy as np
from scipy.stats import norm

from agent.llm.model import Model
from agent.propose.advise.advice import Advice, read_numbers, unreadable
from agent.propose.context import Context, Unreadable
from agent.propose.search import random
from agent.propose.search.observe import Observation
from agent.propose.search.search import proposal_of
from agent.propose.views.tables import number_tool, observation_line, propose_tool, trials_text
from agent.propose.views.text import fenced
from agent.records.edits import Refused
from agent.records.proposals import Configuration, Proposal, Provenance
from agent.space import Space

WARM_UP = 5
ALPHA = 0.1
CANDIDATES, PREDICTIONS = 10, 10
SHOWN = 50


class LlamboPaper:
    """Asks `model` 1 + PREDICTIONS times a proposal."""

    name = "llambo-paper"
    looks_ahead = True

    def __init__(self, model: Model) -> None:
        self._model = model

    def propose(self, context: Context) -> Proposal | Unreadable:
        """The candidate with the highest expected improvement under the model's own predictions."""
        advice = Advice(self.name, self._model, context)
        values = [o.value for o in advice.seen if o.value is not None]
        if len(values) < WARM_UP:
            drawn = random.suggest(advice.space, advice.seen, context.seed)
            return proposal_of(context, drawn, Provenance(method=self.name, origin="search"))
        candidates = self._candidates(advice, min(values), max(values))
        if isinstance(candidates, Refused):
            return advice.unreadable(candidates)
        rows = self._predictions(advice, candidates)
        if not rows:
            return advice.unreadable(unreadable("scores", f"a list of {len(candidates)} numbers"))
        chosen = int(np.argmax(expected_improvement(np.array(rows), min(values))))
        return advice.proposal(
            candidates[chosen], f"predicted {np.mean([row[chosen] for row in rows]):.6f}"
        )

    def _candidates(
        self, advice: Advice, best: float, worst: float
    ) -> list[Configuration] | Refused:
        target = best - ALPHA * (worst - best)
        wanted = f"Name {CANDIDATES} configurations that should score {target:.6f}."
        text = f"{trials_text(advice.seen, advice.space, 1, SHOWN)}\n{wanted}"
        return advice.read_many(advice.ask(text, propose_tool(advice.space, many=True)))

    def _predictions(self, advice: Advice, candidates: list[Configuration]) -> list[list[float]]:
        """One row for each reply that holds a number for every candidate."""
        text = (
            candidates_text(advice.seen, candidates, advice.space)
            + "\nPredict the score of each candidate, in order."
        )
        replies = [
            advice.ask(text, number_tool("scores", len(candidates))) for _ in range(PREDICTIONS)
        ]
        rows = [read_numbers(reply, "scores", len(candidates)) for reply in replies]
        return [row for row in rows if not isinstance(row, Refused)]


def candidates_text(
    seen: Sequence[Observation], candidates: Sequence[Configuration], space: Space
) -> str:
    """The trials, and the candidates under their numbers."""
    lines = [
        observation_line(Observation(c), space).replace("in training", f"{n}:", 1)
        for n, c in enumerate(candidates, 1)
    ]
    return f"{trials_text(seen, space, 1, SHOWN)}\nCandidates:\n" + fenced("\n".join(lines), "text")


def expected_improvement(predictions: np.ndarray, best: float) -> np.ndarray:
    """What each of the candidates (columns) is expected to gain on `best` under repeated predictions (rows)."""
    mean, spread = predictions.mean(0), np.maximum(predictions.std(0), 1e-12)
    z = (best - mean) / spread
    return np.asarray((best - mean) * norm.cdf(z) + spread * norm.pdf(z))
