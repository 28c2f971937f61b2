"""The code method: a language model reads the brief, the source and the ledger, and proposes typed edits."""

from agent.llm.model import Model, Reply, Request
from agent.propose.context import Context, Unreadable
from agent.propose.prompt import fenced, ledger_text, source_text, system_text
from agent.propose.reply import propose_tool, read_reply
from agent.records import Proposal, Provenance, Refused

MAX_REPLY_CHARACTERS = 2_000


class Code:
    """Asks `model` once a proposal. A reply that is no proposal is Unreadable; API trouble raises ModelFault."""

    name = "code"
    looks_ahead = True

    def __init__(self, model: Model) -> None:
        self._model = model

    def propose(self, context: Context) -> Proposal | Unreadable:
        """What the model makes of the context."""
        reply = self._model.complete(request_of(context))
        by = self._provenance(reply)
        draft = read_reply(reply, context.source)
        if isinstance(draft, Refused):
            return Unreadable(by=by, reply=_excerpt(reply), reason=draft)
        return Proposal(hypothesis=draft.hypothesis, rationale=draft.rationale, edits=draft.edits, by=by)

    def _provenance(self, reply: Reply) -> Provenance:
        return Provenance(
            method=self.name,
            origin=self._model.origin,
            model=reply.model,
            input_tokens=reply.input_tokens,
            output_tokens=reply.output_tokens,
            cost=reply.cost,
            seconds=reply.seconds,
        )


def request_of(context: Context) -> Request:
    """The question for the next proposal."""
    return Request(
        system=system_text(context),
        blocks=(source_text(context), ledger_text(context)),
        tool=propose_tool(),
        index=_asked_before(context),
    )


def _asked_before(context: Context) -> int:
    """How many questions this run has put to a model: each answer is a trial or pending."""
    proposals = [*(trial.proposal for trial in context.trials), *context.pending]
    return sum(proposal.by.origin in ("llm", "scripted") for proposal in proposals)


def _excerpt(reply: Reply) -> str:
    text = reply.text or str(reply.arguments or "(an empty reply)")
    return fenced(text, "", MAX_REPLY_CHARACTERS)
