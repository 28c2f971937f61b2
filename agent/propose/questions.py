"""What the questions behind a proposal cost, and how many questions a run has asked."""

from collections.abc import Sequence

from agent.errors import ModelFault
from agent.llm.model import CalledOff, Model, Reply
from agent.propose.context import Context, Unfinished
from agent.records.proposals import Provenance


def provenance_of(
    method: str, model: Model, replies: Sequence[Reply], seconds: float
) -> Provenance:
    """Return the provenance of a proposal with the sums of its replies.

    The cost is None if there is no reply or the price of one is unknown.
    """
    costs = [reply.cost for reply in replies if reply.cost is not None]
    priced = bool(replies) and len(costs) == len(replies)
    return Provenance(
        method=method,
        origin=model.origin,
        model=replies[-1].model if replies else model.name,
        input_tokens=sum(reply.input_tokens for reply in replies),
        cached_tokens=sum(reply.cached_tokens for reply in replies),
        output_tokens=sum(reply.output_tokens for reply in replies),
        cost=sum(costs) if priced else None,
        seconds=seconds,
        calls=len(replies),
        exchanges=tuple(reply.exchange for reply in replies if reply.exchange),
    )


def unfinished(fault: ModelFault, replies: Sequence[Reply], by: Provenance) -> ModelFault:
    """Return the fault that ended a proposal; as Unfinished if replies came before.

    by: the provenance of these replies, with their cost.
    """
    last = fault.reply if isinstance(fault, CalledOff) else None
    if not replies and last is None:
        return fault
    if last is None:
        return Unfinished(fault, by)
    every = [*replies, last]
    costs = [reply.cost for reply in every if reply.cost is not None]
    changed = {
        "model": last.model,
        "input_tokens": by.input_tokens + last.input_tokens,
        "cached_tokens": by.cached_tokens + last.cached_tokens,
        "output_tokens": by.output_tokens + last.output_tokens,
        "cost": sum(costs) if costs else None,
        "called_off": True,
        "calls": len(every),
        "exchanges": tuple(reply.exchange for reply in every if reply.exchange),
    }
    return Unfinished(fault, by.model_copy(update=changed))


def questions_asked(context: Context) -> int:
    """Return the number of questions that this run has asked a model."""
    return sum(proposal.by.calls for proposal in context.proposals)
