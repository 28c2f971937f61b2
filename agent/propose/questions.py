"""Counts questions to models, what they may cost and what they did cost."""

from collections.abc import Sequence

from agent.errors import ModelFault, MoneySpent
from agent.llm.model import CalledOff, Model, Reply, Request
from agent.propose.context import Context, Unfinished
from agent.records.proposals import Provenance

# The least that an answer needs, if there is not enough money for a long one.
SHORT_OUTPUT_TOKENS = 4_000


def ask_within(
    model: Model, request: Request, dollars: float | None, before: Sequence[Reply]
) -> Reply:
    """Return the answer to a question, a shorter one if money is short.

    dollars: what the answers of a proposal may cost; None without a bound. before: those that it
    has. Raise MoneySpent where the question might cost more than is left.
    """
    if dollars is None:
        return model.complete(request)
    left = dollars - sum(reply.cost or 0.0 for reply in before)
    tokens = min(SHORT_OUTPUT_TOKENS, request.max_output_tokens)
    shorter = request.model_copy(update={"max_output_tokens": tokens})
    cost = None
    for affordable in (request, shorter):
        cost = model.estimate(affordable)
        if cost is None or cost <= left:
            return model.complete(affordable)
    raise MoneySpent(
        f"the next question may cost ${cost:.2f}, and ${max(left, 0.0):.2f} of --max-cost is left",
        "autoresearch resume --max-cost DOLLARS",
    )


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
    if not isinstance(fault, CalledOff):
        return Unfinished(fault, by) if replies else fault
    last = fault.reply
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
    return Unfinished(fault.fault, by.model_copy(update=changed))


def questions_asked(context: Context) -> int:
    """Return the number of questions that this run has asked a model."""
    return sum(proposal.by.calls for proposal in context.proposals)
