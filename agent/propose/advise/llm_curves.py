"""neuropt's method: a model reads the training curves and what can be computed from them, and proposes a batch.

It sees the space, the best, a table of the last 20, curves of the last 8 and signals. What of a batch is new is proposed one by
one: the first proposal carries the others in its `then`, so that the ledger alone says what is left. Duplicates are refused.
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
from agent.records.proposals import Configuration, Proposal
from agent.space import Space

NEWEST, CURVES = 20, 8
BATCH = 4
ASKED = f"Propose {BATCH} configurations that differ from each other and from all above."
# Of the loss's whole way down: less than this in the last quarter is a plateau, more than that is under way.
PLATEAU, UNDER_WAY = 0.01, 0.08
JUMP = 0.1
LAST_QUARTER = 0.75


class LlmCurves:
    """Asks `model` for a batch whenever the last one is used up."""

    name = "llm-curves"
    looks_ahead = True

    def __init__(self, model: Model) -> None:
        self._model = model

    def propose(self, context: Context) -> Proposal | Unreadable:
        """The next of the last batch, or the first of a new one."""
        advice = Advice(self.name, self._model, context)
        for configuration in _last_batch(context):
            if key_of(configuration) not in advice.tried:
                return advice.proposal(configuration, "of the last batch")
        parts = (
            trials_text(advice.seen, advice.space, 1, NEWEST),
            curves_text(advice.seen, advice.space),
            ASKED,
        )
        batch = advice.read_many(
            advice.ask("\n".join(filter(None, parts)), propose_tool(advice.space, many=True))
        )
        if isinstance(batch, Refused):
            return advice.unreadable(batch)
        proposal = advice.answer(batch[0])
        return proposal.model_copy(update={"then": tuple(batch[1:])})


def _last_batch(context: Context) -> list[Configuration]:
    """What the newest batch held besides its first, as it runs in the space of the tip."""
    proposals = [*(trial.proposal for trial in context.trials), *context.pending]
    batches = [proposal.then for proposal in proposals if proposal.then]
    return [
        context.space.repair(configuration) for configuration in (batches[-1] if batches else ())
    ]


def curves_text(seen: Sequence[Observation], space: Space) -> str:
    """The last curves, each with its signals."""
    curved = [observation for observation in seen if observation.curve][-CURVES:]
    best = next(iter(best_of(seen, 1)), None)
    blocks = []
    for observation in curved:
        points = " ".join(f"{at:.2f}:{loss:.3f}" for at, loss in observation.curve)
        blocks += [
            observation_line(observation, space),
            f"  loss {points}",
            f"  {', '.join(signals(observation, best))}",
        ]
    return (
        "Curves (fraction of the budget: training loss), newest last:\n"
        + fenced("\n".join(blocks), "text")
        if blocks
        else ""
    )


def signals(seen: Observation, best: Observation | None) -> list[str]:
    """What the curve shows."""
    losses = [loss for _, loss in seen.curve]
    way, last = max(losses) - min(losses), _last_quarter(seen.curve)
    ended = way > 0 and seen.curve[-1][0] > LAST_QUARTER
    found = {
        "unstable: the loss jumps": any(
            after > before + JUMP * way for before, after in pairwise(losses)
        ),
        "plateau: no progress in the last quarter": ended and last < PLATEAU * way,
        "underfitting: still falling fast at the end": ended and last > UNDER_WAY * way,
        "overfitting: a lower training loss than the best's, and a worse score": best is not None
        and _overfits(seen, best),
    }
    return [name for name, is_so in found.items() if is_so] or ["nothing unusual"]


def _last_quarter(curve: Curve) -> float:
    """How far the loss fell in the last quarter of the budget."""
    before = [loss for at, loss in curve if at <= LAST_QUARTER] or [curve[0][1]]
    return before[-1] - curve[-1][1]


def _overfits(seen: Observation, best: Observation) -> bool:
    if seen.value is None or best.value is None or not best.curve:
        return False
    return seen.value > best.value and seen.curve[-1][1] < best.curve[-1][1]
