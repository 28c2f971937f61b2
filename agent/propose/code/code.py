"""The code method: a language model reads the brief, the source and the ledger, and proposes typed edits.

What the ledger would refuse goes back to the model within the same proposal, with the reason; a trial that failed goes back to
it once, as the question that the next proposal begins with. Both can be seen in the context: no state is kept.
"""

import json
from collections.abc import Sequence

from agent.edit import apply, fingerprint
from agent.edit.apply import Applied
from agent.errors import MoneySpent
from agent.llm.model import Model, Reply, Request
from agent.propose.code.policy import asked_now
from agent.propose.code.prompt import (
    again_text,
    explore_text,
    ledger_text,
    mend_text,
    source_text,
    system_text,
)
from agent.propose.code.reply import Draft, propose_tool, read_reply
from agent.propose.context import Context, Unreadable
from agent.propose.views.text import fenced, one_line
from agent.records.edits import Refused
from agent.records.proposals import Asked, Proposal, Provenance
from agent.records.results import Trial

MAX_REPLY_CHARACTERS = 2_000
# How often one proposal may go back to the model: a model that cannot mend it in two goes is better shown the next ledger.
MAX_SENT_BACK = 2
# Failures that a traceback or a reason tells enough of to mend, a training that did not end in time among them; out of memory is
# what the idea costs.
MENDABLE = frozenset({"crash", "invalid"})
# Trials since a failure after which it is no longer worth going back to.
MEND_WITHIN = 5
# What an answer needs at the least, where money is too short for a long one.
SHORT_OUTPUT_TOKENS = 4_000
FIRST_BLOCKS = 2
ASKED = frozenset({"llm", "scripted"})


class Code:
    """Asks `model`, up to 1 + MAX_SENT_BACK times a proposal. What is unreadable or refused even then is returned as it is, for
    the ledger to record. API trouble raises ModelFault; MoneySpent where the next question would pass the bound on dollars."""

    name = "code"
    looks_ahead = True

    def __init__(self, model: Model) -> None:
        self._model = model

    def propose(self, context: Context) -> Proposal | Unreadable:
        """What the model makes of the context."""
        request, replies, refused = request_of(context), list[Reply](), 0
        while True:
            replies.append(self._ask(request, context, replies))
            found = read_reply(replies[-1], context.source)
            drafts = () if isinstance(found, Refused) else found
            reasons = [_reason(draft, context) for draft in drafts]
            passed = reasons.index(None) if None in reasons else None
            by = self._provenance(replies, refused + (passed or 0), context)
            if passed is not None:
                return _proposal(drafts[passed], by)
            if len(replies) > MAX_SENT_BACK:
                return (
                    _unreadable(replies[-1], found, by)
                    if isinstance(found, Refused)
                    else _proposal(drafts[0], by)
                )
            refusals = [
                (str(reason), _json(draft), "json")
                for draft, reason in zip(drafts, reasons, strict=True)
            ]
            refusals = refusals or [(str(found), _text_of(replies[-1]), "text")]
            refused += len(refusals)
            request = _again(request, refusals, len(replies))

    def _ask(self, request: Request, context: Context, before: Sequence[Reply]) -> Reply:
        """The answer, shorter where money is short; MoneySpent where even that may cost more than is left."""
        left = (
            None
            if context.dollars is None
            else context.dollars - sum(reply.cost or 0.0 for reply in before)
        )
        shorter = request.model_copy(
            update={"max_output_tokens": min(SHORT_OUTPUT_TOKENS, request.max_output_tokens)}
        )
        costs = [(self._model.estimate(asked), asked) for asked in (request, shorter)]
        affordable = next(
            (asked for cost, asked in costs if left is None or cost is None or cost <= left), None
        )
        if affordable is None:
            message = f"the next question may cost ${costs[-1][0]:.2f}, and ${max(left or 0.0, 0.0):.2f} of --max-cost is left"
            raise MoneySpent(message, "autoresearch resume --max-cost DOLLARS")
        return self._model.complete(affordable)

    def _provenance(self, replies: Sequence[Reply], refused: int, context: Context) -> Provenance:
        mended = to_mend(context)
        costs = [reply.cost for reply in replies]
        return Provenance(
            method=self.name,
            origin=self._model.origin,
            model=replies[-1].model,
            input_tokens=sum(reply.input_tokens for reply in replies),
            cached_tokens=sum(reply.cached_tokens for reply in replies),
            output_tokens=sum(reply.output_tokens for reply in replies),
            cost=None if None in costs else sum(cost or 0.0 for cost in costs),
            seconds=sum(reply.seconds for reply in replies),
            calls=len(replies),
            exchanges=tuple(reply.exchange for reply in replies if reply.exchange),
            refused=refused,
            repairs=mended.number if mended else None,
            asked=to_explore(context),
        )


def request_of(context: Context) -> Request:
    """The question for the next proposal: what stays the same for longest comes first."""
    failed, asked = to_mend(context), to_explore(context)
    wish = mend_text(failed) if failed else explore_text(asked, context) if asked else ""
    last = f"{ledger_text(context)}\n\n{wish}" if wish else ledger_text(context)
    return Request(
        system=system_text(context),
        blocks=(source_text(context), last),
        tool=propose_tool(),
        index=_asked_before(context),
    )


def to_mend(context: Context) -> Trial | None:
    """The newest trial of this method that failed, while nothing has been proposed to mend it; a mend is not mended again."""
    known = [*(trial.proposal for trial in context.trials), *context.pending]
    tried = {proposal.by.repairs for proposal in known}
    for trial in reversed(context.trials[-MEND_WITHIN:]):
        by = trial.proposal.by
        if (
            trial.status in MENDABLE
            and by.method == Code.name
            and by.repairs is None
            and trial.number not in tried
        ):
            return trial
    return None


def to_explore(context: Context) -> Asked | None:
    """What else than the next experiment to ask for; a failure is mended first."""
    return None if to_mend(context) else asked_now(context.trials, context.pending, context.policy)


def _again(request: Request, refusals: Sequence[tuple[str, str, str]], asked: int) -> Request:
    """The same question with what was refused last behind it: the prefix stays, and is read from the provider's cache."""
    blocks = (*request.blocks[:FIRST_BLOCKS], again_text(refusals, last=asked == MAX_SENT_BACK))
    return request.model_copy(update={"blocks": blocks, "index": request.index + 1})


def _reason(draft: Draft, context: Context) -> str | None:
    """Why the ledger would refuse a draft; what became of it, where it was tried before."""
    refused = context.check(draft.edits)
    if refused is None or refused.reason != "already-tried":
        return str(refused) if refused else None
    applied = apply(context.source, draft.edits)
    mark = fingerprint(applied.source) if isinstance(applied, Applied) else ""
    same = next((trial for trial in context.trials if trial.fingerprint == mark), None)
    return (
        f"{refused}. It was #{same.number}: {same.status}, {same.reason}"
        if same
        else f"{refused}. It is in training now"
    )


def _proposal(draft: Draft, by: Provenance) -> Proposal:
    return Proposal(
        hypothesis=draft.hypothesis,
        rationale=draft.rationale,
        expected=draft.expected,
        edits=draft.edits,
        by=by,
    )


def _unreadable(reply: Reply, reason: Refused, by: Provenance) -> Unreadable:
    return Unreadable(by=by, reply=fenced(_text_of(reply), "", MAX_REPLY_CHARACTERS), reason=reason)


def _asked_before(context: Context) -> int:
    """How many questions this run has put to a model."""
    proposals = [*(trial.proposal for trial in context.trials), *context.pending]
    return sum(max(proposal.by.calls, 1) for proposal in proposals if proposal.by.origin in ASKED)


def _json(draft: Draft) -> str:
    edits = [edit.model_dump(exclude_none=True) for edit in draft.edits]
    return json.dumps(
        {"hypothesis": one_line(draft.hypothesis, 200), "edits": edits},
        indent=1,
        ensure_ascii=False,
    )


def _text_of(reply: Reply) -> str:
    return reply.text or (json.dumps(reply.arguments) if reply.arguments else "(an empty reply)")
