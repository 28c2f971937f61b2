"""The code method: a language model reads brief, source and ledger, and proposes typed edits.

A draft that the ledger would refuse is sent back to the model with the reason, within the same
proposal. A failed trial is sent back once, in the next question. Everything is read from the
context; no state is kept.
"""

import json
from collections.abc import Sequence

from agent.edit.files import Sources, apply_edits, fingerprint_of
from agent.errors import ModelFault
from agent.llm.model import Model, Reply, Request
from agent.propose.code.looking import Looking
from agent.propose.code.mending import mends, to_mend
from agent.propose.code.policy import asked_now
from agent.propose.code.reply import Draft, read_reply
from agent.propose.code.tool import propose_tool
from agent.propose.context import Context, Unreadable
from agent.propose.questions import ask_within, provenance_of, questions_asked, unfinished
from agent.propose.views.memory import memory_text
from agent.propose.views.prompt import (
    Refusal,
    again_text,
    assignment_text,
    explore_text,
    ledger_text,
    mend_text,
    past_text,
    source_text,
    system_text,
)
from agent.propose.views.text import fenced
from agent.records.edits import Refused
from agent.records.proposals import Asked, Assignment, Proposal, Provenance
from agent.records.results import Trial
from sandbox.ground.redaction import redacted
from sandbox.ground.text import shortened

MAX_REPLY_CHARACTERS = 2_000
MAX_HYPOTHESIS_CHARACTERS = 200
# How often one proposal may go back to the model: after two corrections it is better to show it the
# next ledger.
MAX_SENT_BACK = 2


class Code:
    """Asks `model` up to 1 + MAX_SENT_BACK times for a proposal.

    A last draft that is still unreadable or refused is returned for the ledger to record. Raise
    ModelFault if the model cannot be used, MoneySpent if the next question might exceed the bound
    on dollars.
    """

    name = "code"
    looks_ahead = True

    def __init__(self, model: Model) -> None:
        self._model = model

    def propose(self, context: Context) -> Proposal | Unreadable:
        """Return the first draft that the ledger would accept, or the last one."""
        looking = Looking(context, self._model)
        replies: list[Reply] = []
        try:
            with looking.offered(request_of(context)) as first:
                return self._converse(first, context, looking, replies)
        except ModelFault as fault:
            by = self._provenance(replies, 0, context, looking)
            raise unfinished(fault, replies, by) from None

    def _converse(
        self, first: Request, context: Context, looking: Looking, replies: list[Reply]
    ) -> Proposal | Unreadable:
        """Ask until there is a proposal; append each answer to `replies`."""
        request = first
        refused = 0
        sent_back = 0
        while True:
            reply = ask_within(self._model, request, context.dollars, replies)
            replies.append(reply)
            if looking.wants(reply):
                request = looking.answered(request, reply)
                continue
            drafts = read_reply(reply, context.sources, context.objective.sense)
            last = sent_back >= MAX_SENT_BACK
            if isinstance(drafts, Refused):
                if last:
                    by = self._provenance(replies, refused, context, looking)
                    return _unreadable(reply, drafts, by)
                refusals = [Refusal(reason=str(drafts), draft=_text_of(reply), language="text")]
            else:
                reasons = [_reason(draft, context) for draft in drafts]
                if last or None in reasons:
                    chosen = reasons.index(None) if None in reasons else 0
                    by = self._provenance(replies, refused + chosen, context, looking)
                    return _proposal(drafts, chosen, by, context)
                refusals = _refusals(drafts, reasons)
            refused += len(refusals)
            sent_back += 1
            request = _again(first, request, refusals, len(replies), sent_back)

    def _provenance(
        self, replies: Sequence[Reply], refused: int, context: Context, looking: Looking
    ) -> Provenance:
        seconds = sum(reply.seconds for reply in replies)
        by = provenance_of(self.name, self._model, replies, seconds)
        failed = to_mend(context)
        return by.model_copy(
            update={
                "refused": refused,
                "mend_asked": failed.number if failed else None,
                "asked": to_explore(context),
                "assigned": assigned_now(context),
                "looked": looking.looked,
            }
        )


def request_of(context: Context) -> Request:
    """Return the question for the next proposal, its most stable parts first, for caching."""
    failed = to_mend(context)
    asked = to_explore(context)
    last = "\n\n".join(filter(None, (context.machine, memory_text(context), ledger_text(context))))
    if failed:
        last += f"\n\n{mend_text(failed)}"
    elif asked:
        last += f"\n\n{explore_text(asked, context)}"
    last += assignment_text(context, assigned_now(context))
    return Request(
        system=system_text(context),
        blocks=(*filter(None, (source_text(context), past_text(context))), last),
        tool=propose_tool(context.sources.is_project, context.sources.main, context.objective),
        index=questions_asked(context) + len(context.in_hand),
    )


def to_explore(context: Context) -> Asked | None:
    """Return the kind of change to ask for during a plateau; None to ask for any.

    A failure is corrected first.
    """
    if to_mend(context):
        return None
    return asked_now(
        context.trials,
        context.pending,
        context.policy,
        context.objective.sense,
        len(context.in_hand),
    )


def assigned_now(context: Context) -> Assignment | None:
    """Return the assignment of a writer; None if it is asked for something else."""
    if to_mend(context) or to_explore(context):
        return None
    return context.assignment


def _again(
    first: Request, newest: Request, refusals: Sequence[Refusal], asked: int, sent_back: int
) -> Request:
    """Return the question with the last refusals appended.

    asked: how often it was asked. The prefix and the results of tools stay the same, for the
    provider's cache.
    """
    text = again_text(refusals, last=sent_back == MAX_SENT_BACK)
    index = first.index + asked
    if newest.turns:
        return newest.model_copy(update={"closing": text, "index": index})
    return first.model_copy(update={"blocks": (*first.blocks, text), "index": index})


def _refusals(drafts: Sequence[Draft], reasons: Sequence[str | None]) -> list[Refusal]:
    return [
        Refusal(reason=str(reason), draft=_json(draft), language="json")
        for draft, reason in zip(drafts, reasons, strict=True)
    ]


def _reason(draft: Draft, context: Context) -> str | None:
    """Return why the ledger would refuse a draft; for a repeat, with the earlier result."""
    refused = context.check(draft.edits)
    if refused is None:
        return None
    if refused.reason != "already-tried":
        return str(refused)
    same = _same_trial(draft, context)
    if same is None:
        return f"{refused}. It is in training now"
    return f"{refused}. It was #{same.number}: {same.status}, {same.reason}"


def _same_trial(draft: Draft, context: Context) -> Trial | None:
    applied = apply_edits(context.sources, draft.edits)
    mark = fingerprint_of(applied) if isinstance(applied, Sources) else ""
    return next((trial for trial in context.trials if trial.fingerprint == mark), None)


def _proposal(drafts: Sequence[Draft], chosen: int, by: Provenance, context: Context) -> Proposal:
    draft = drafts[chosen]
    failed = to_mend(context)
    if failed and mends(draft.edits, failed, context.sources.main):
        by = by.model_copy(update={"repairs": failed.number})
    others = [other.hypothesis for other in drafts if other is not draft]
    return Proposal(
        hypothesis=draft.hypothesis,
        rationale=draft.rationale,
        expected=draft.expected,
        edits=draft.edits,
        by=by,
        alternatives=tuple(others),
    )


def _unreadable(reply: Reply, reason: Refused, by: Provenance) -> Unreadable:
    text = fenced(redacted(_text_of(reply)), "", MAX_REPLY_CHARACTERS)
    return Unreadable(by=by, reply=text, reason=reason)


def _json(draft: Draft) -> str:
    shown = {
        "hypothesis": shortened(draft.hypothesis, MAX_HYPOTHESIS_CHARACTERS),
        "edits": [edit.model_dump(exclude_none=True) for edit in draft.edits],
    }
    return json.dumps(shown, indent=1, ensure_ascii=False)


def _text_of(reply: Reply) -> str:
    if reply.text:
        return reply.text
    return json.dumps(reply.arguments) if reply.arguments else "(an empty reply)"
