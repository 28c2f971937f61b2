"""neuropt's method: a model reads training curves and what they show, and proposes a batch.

It sees the space, the best, a table of the last 20, curves of the last 8 and signals. The new
configurations of a batch are proposed one by one: the first proposal carries the others in its
`then`, so the ledger alone says what is left. Duplicates are refused.
"""

from collections.abc import Sequence
from itertools import pairwise

from agent.llm.model import Model
from agent.propose.advise.advice import Advice
from agent.propose.context import Context, Unreadable
from agent.propose.search.observe import Curve, Observation, key_of
from agent.propose.views.tables import best_of, observation_line, propose_tool, trials_text
from agent.propose.views.text import fenced
from agent.records.edits import Refused
from agent.records.objective import Sense
from agent.records.proposals import Configuration, Proposal
from agent.space import Space

NEWEST = 20
CURVES = 8
BATCH = 4
ASK = f"Propose {BATCH} configurations that differ from each other and from all above."
# Shares of the loss's whole range: a fall of less than PLATEAU in the last quarter is a plateau,
# more than UNDER_WAY is still falling fast; a rise of JUMP between two points is a jump.
PLATEAU = 0.01
UNDER_WAY = 0.08
JUMP = 0.1
LAST_QUARTER = 0.75


class LlmCurves:
    """Asks `model` for a new batch when the last one is used up."""

    name = "llm-curves"
    looks_ahead = True

    def __init__(self, model: Model) -> None:
        self._model = model

    def propose(self, context: Context) -> Proposal | Unreadable:
        """Return the next configuration of the last batch, or the first of a new one."""
        advice = Advice(self.name, self._model, context)
        for configuration in _last_batch(context):
            if key_of(configuration) not in advice.tried:
                return advice.proposal(configuration, "of the last batch")
        trials = trials_text(advice.history, advice.space, advice.sense, 1, NEWEST)
        curves = curves_text(advice.history, advice.space, advice.sense)
        text = "\n".join(part for part in (trials, curves, ASK) if part)
        tool = propose_tool(advice.space, advice.sense, many=True)
        batch = advice.read_many(advice.ask(text, tool))
        if isinstance(batch, Refused):
            return advice.unreadable(batch)
        proposal = advice.answer(batch[0])
        return proposal.model_copy(update={"then": tuple(batch[1:])})


def _last_batch(context: Context) -> list[Configuration]:
    """Return the rest of the newest batch, repaired to the space of the tip."""
    batches = [proposal.then for proposal in context.proposals if proposal.then]
    if not batches:
        return []
    return [context.space.repair(configuration) for configuration in batches[-1]]


def curves_text(history: Sequence[Observation], space: Space, sense: Sense) -> str:
    """Return the last curves, each with its signals; "" without any."""
    curved = [trial for trial in history if trial.curve][-CURVES:]
    if not curved:
        return ""
    best = next(iter(best_of(history, 1)), None)
    lines = []
    for trial in curved:
        points = " ".join(f"{fraction:.2f}:{loss:.3f}" for fraction, loss in trial.curve)
        lines.append(observation_line(trial, space, sense))
        lines.append(f"  loss {points}")
        lines.append(f"  {', '.join(signals(trial, best))}")
    title = "Curves (share of the training: training loss), newest last:\n"
    return title + fenced("\n".join(lines), "text")


def signals(trial: Observation, best: Observation | None) -> list[str]:
    """Return remarks on the curve of a trial, compared with the best one."""
    losses = [loss for _, loss in trial.curve]
    size = max(losses) - min(losses)
    fall = _last_fall(trial.curve)
    ended = size > 0 and trial.curve[-1][0] > LAST_QUARTER
    remarks = []
    if any(after > before + JUMP * size for before, after in pairwise(losses)):
        remarks.append("unstable: the loss jumps")
    if ended and fall < PLATEAU * size:
        remarks.append("plateau: no progress in the last quarter")
    if ended and fall > UNDER_WAY * size:
        remarks.append("underfitting: still falling fast at the end")
    if best is not None and _overfits(trial, best):
        remarks.append("overfitting: a lower training loss than the best's, and a worse score")
    return remarks or ["nothing unusual"]


def _last_fall(curve: Curve) -> float:
    """Return how far the loss fell in the last quarter of the budget."""
    before = curve[0][1]
    for fraction, loss in curve:
        if fraction <= LAST_QUARTER:
            before = loss
    return before - curve[-1][1]


def _overfits(trial: Observation, best: Observation) -> bool:
    if trial.value is None or best.value is None or not best.curve:
        return False
    return trial.value > best.value and trial.curve[-1][1] < best.curve[-1][1]
