"""The code method: a language model reads brief, source and ledger, and proposes typed edits.

What the ledger would refuse goes back to the model within the same proposal, with the reason. A
failed trial goes back to it once, at the start of the next question. Both are read from the
context: no state is kept.
"""

import json
from collections.abc import Sequence

from agent.edit.files import Sources, apply_edits, fingerprint_of
from agent.errors import MoneySpent
from agent.llm.model import Model, Reply, Request
from agent.propose.code.policy import asked_now
from agent.propose.code.reply import Draft, read_reply
from agent.propose.code.tool import propose_tool
from agent.propose.context import Context, Unreadable
from agent.propose.questions import provenance_of, questions_asked
from agent.propose.views.prompt import (
    Refusal,
    again_text,
    explore_text,
    ledger_text,
    mend_text,
    past_text,
    source_text,
    system_text,
)
from agent.propose.views.text import fenced
from agent.records.edits import Refused
from agent.records.proposals import Asked, Proposal, Provenance
from agent.records.results import Trial
from sandbox.ground.text import shortened

MAX_REPLY_CHARACTERS = 2_000
MAX_HYPOTHESIS_CHARACTERS = 200
# How often one proposal may go back to the model: after two corrections it is better to show it the
# next ledger.
MAX_SENT_BACK = 2
# Failures whose traceback or reason is enough to correct them, a training that did not end in time
# among them; out of memory is the price of the idea.
MENDABLE = frozenset({"crash", "invalid"})
# After so many further trials a failure is no longer worth correcting.
MEND_WITHIN = 5
# The least that an answer needs, if there is not enough money for a long one.
SHORT_OUTPUT_TOKENS = 4_000


class Code:
    """Asks `model` up to 1 + MAX_SENT_BACK times a proposal.

    What is unreadable or refused even then is returned for the ledger to record. Raise ModelFault
    if the model cannot be used, MoneySpent if the next question might exceed the bound on dollars.
    """

    name = "code"
    looks_ahead = True

    def __init__(self, model: Model) -> None:
        self._model = model

    def propose(self, context: Context) -> Proposal | Unreadable:
        """Return the model's first draft that the ledger would accept."""
        first = request_of(context)
        request = first
        replies: list[Reply] = []
        refused = 0
        while True:
            reply = self._ask(request, context, replies)
            replies.append(reply)
            drafts = read_reply(reply, context.sources, context.objective.sense)
            last = len(replies) > MAX_SENT_BACK
            if isinstance(drafts, Refused):
                if last:
                    by = self._provenance(replies, refused, context)
                    return _unreadable(reply, drafts, by)
                refusals = [Refusal(reason=str(drafts), draft=_text_of(reply), language="text")]
            else:
                reasons = [_reason(draft, context) for draft in drafts]
                if None in reasons:
                    chosen = reasons.index(None)
                    by = self._provenance(replies, refused + chosen, context)
                    return _proposal(drafts[chosen], by)
                if last:
                    by = self._provenance(replies, refused, context)
                    return _proposal(drafts[0], by)
                refusals = _refusals(drafts, reasons)
            refused += len(refusals)
            request = _again(first, refusals, len(replies))

    def _ask(self, request: Request, context: Context, before: Sequence[Reply]) -> Reply:
        """Return the answer, a shorter one if money is short; raise MoneySpent without enough."""
        if context.dollars is None:
            return self._model.complete(request)
        left = context.dollars - sum(reply.cost or 0.0 for reply in before)
        tokens = min(SHORT_OUTPUT_TOKENS, request.max_output_tokens)
        shorter = request.model_copy(update={"max_output_tokens": tokens})
        cost = None
        for affordable in (request, shorter):
            cost = self._model.estimate(affordable)
            if cost is None or cost <= left:
                return self._model.complete(affordable)
        raise MoneySpent(
            f"the next question may cost ${cost:.2f}, "
            f"and ${max(left, 0.0):.2f} of --max-cost is left",
            "autoresearch resume --max-cost DOLLARS",
        )

    def _provenance(self, replies: Sequence[Reply], refused: int, context: Context) -> Provenance:
        seconds = sum(reply.seconds for reply in replies)
        by = provenance_of(self.name, self._model, replies, seconds)
        failed = to_mend(context)
        return by.model_copy(
            update={
                "refused": refused,
                "repairs": failed.number if failed else None,
                "asked": to_explore(context),
            }
        )


def request_of(context: Context) -> Request:
    """Return the question for the next proposal; what stays the same for longest comes first."""
    failed = to_mend(context)
    asked = to_explore(context)
    last = ledger_text(context)
    if failed:
        last += f"\n\n{mend_text(failed)}"
    elif asked:
        last += f"\n\n{explore_text(asked, context)}"
    return Request(
        system=system_text(context),
        blocks=(*filter(None, (source_text(context), past_text(context))), last),
        tool=propose_tool(context.sources.is_project, context.sources.main, context.objective),
        index=questions_asked(context),
    )


def to_mend(context: Context) -> Trial | None:
    """Return the newest failed trial of this method that nothing was proposed to correct.

    One that was better and failed a check is worth a correction, too. A correction that failed is
    not corrected again.
    """
    corrected = {proposal.by.repairs for proposal in context.proposals}
    for trial in reversed(context.trials[-MEND_WITHIN:]):
        by = trial.proposal.by
        first_try = by.method == Code.name and by.repairs is None
        broken_check = trial.result is not None and trial.result.failed_check is not None
        mendable = trial.status in MENDABLE or broken_check
        if mendable and first_try and trial.number not in corrected:
            return trial
    return None


def to_explore(context: Context) -> Asked | None:
    """Return what to ask for instead of the next experiment; correcting a failure comes first."""
    if to_mend(context):
        return None
    return asked_now(context.trials, context.pending, context.policy, context.objective.sense)


def _again(first: Request, refusals: Sequence[Refusal], asked: int) -> Request:
    """Return the first question of a proposal with the last refusals after it.

    asked: how often it was asked. The prefix stays, and is read from the provider's cache.
    """
    text = again_text(refusals, last=asked == MAX_SENT_BACK)
    return first.model_copy(update={"blocks": (*first.blocks, text), "index": first.index + asked})


def _refusals(drafts: Sequence[Draft], reasons: Sequence[str | None]) -> list[Refusal]:
    return [
        Refusal(reason=str(reason), draft=_json(draft), language="json")
        for draft, reason in zip(drafts, reasons, strict=True)
    ]


def _reason(draft: Draft, context: Context) -> str | None:
    """Return why the ledger would refuse a draft, with the result if it was tried before."""
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
