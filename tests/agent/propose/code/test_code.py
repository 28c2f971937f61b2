"""The code method: from the prompt through both providers' wire formats to typed edits."""

import difflib
import json
import threading
from typing import Any

import pytest

from agent.edit import Applied, apply, fingerprint
from agent.errors import ModelAway, ModelFault
from agent.llm.model import Reply
from agent.llm.resolve import open_model
from agent.llm.scripted import Scripted
from agent.propose import METHODS, Unreadable
from agent.propose.code.code import (
    MAX_SENT_BACK,
    Code,
    request_of,
)
from agent.propose.code.reply import read_reply
from agent.propose.code.tool import propose_tool
from agent.records.edits import Edit, Refused, RewriteFile, SetConstant
from agent.records.proposals import Proposal
from agent.records.sources import Sources
from tests.agent.propose.code.drafts import BASELINE, DEEPER, Asked, constant, draft, judging
from tests.agent.propose.example import SOURCE, context, pending, trial
from tests.loopback.anthropic_server import AnthropicServer
from tests.loopback.openai_server import OpenAIServer
from tests.loopback.wire import Status, Step, Text, ToolCall

GOOD = {"hypothesis": "Deeper is better", "rationale": "#1 was wider.", "edits": [DEEPER]}
REWRITTEN = SOURCE.replace("DEPTH = 8", "DEPTH = 9").replace(
    "return DEPTH * HEAD_DIM", "return 2 * DEPTH * HEAD_DIM"
)


def answer(provider: str, step: Step, seconds: float = 5.0) -> Proposal | Unreadable:
    """Return what `code` proposes if the provider's server always answers with `step`."""
    steps = [step] * (1 + MAX_SENT_BACK)  # it asks again after an answer without a proposal
    with AnthropicServer(steps) as claude, OpenAIServer(steps) as gpt:
        environment = {
            "ANTHROPIC_API_KEY": "k",
            "ANTHROPIC_BASE_URL": claude.url,
            "OPENAI_API_KEY": "k",
            "OPENAI_BASE_URL": f"{gpt.url}/v1",
        }
        name = {"anthropic": "claude-opus-4-6", "openai": "gpt-5"}[provider]
        model = open_model(name, environment, seconds, threading.Event())
        return METHODS["code"].build(model).propose(context(trial(0, 1.0)))


def proposed(arguments: dict[str, Any]) -> Proposal | Unreadable:
    """Return what `code` proposes if a scripted model always gives this answer."""
    return METHODS["code"].build(Scripted([arguments] * (1 + MAX_SENT_BACK))).propose(context())


@pytest.mark.parametrize("provider", ["anthropic", "openai"])
class TestOnTheWire:
    def test_a_tool_call_is_a_proposal_with_its_price(self, provider: str) -> None:
        proposal = answer(provider, ToolCall(GOOD, input_tokens=2000, output_tokens=50))
        assert isinstance(proposal, Proposal)
        assert proposal.edits == (SetConstant(name="DEPTH", value="12"),)
        assert (proposal.hypothesis, proposal.rationale) == ("Deeper is better", "#1 was wider.")
        assert (proposal.by.method, proposal.by.origin) == ("code", "llm")
        assert (proposal.by.input_tokens, proposal.by.output_tokens) == (2000, 50)
        assert (proposal.by.cost is not None) == (provider == "anthropic"), (
            "a server of one's own has no list price"
        )
        assert proposal.by.seconds > 0 and proposal.by.model in ("claude-opus-4-6", "gpt-5")

    def test_a_refusal_in_prose_is_unreadable_and_still_paid_for(self, provider: str) -> None:
        reply = answer(provider, Text("I can't help with that."))
        assert isinstance(reply, Unreadable)
        assert reply.reason.reason == "unreadable" and "can't help" in reply.reply
        assert (reply.by.output_tokens, reply.by.calls, reply.by.refused) == (300, 3, 2)

    def test_json_or_a_whole_file_in_prose_will_do(self, provider: str) -> None:
        proposal = answer(provider, Text(f"Here you are:\n```json\n{json.dumps(GOOD)}\n```\n"))
        assert isinstance(proposal, Proposal) and proposal.edits == (
            SetConstant(name="DEPTH", value="12"),
        )
        proposal = answer(provider, Text(f"Twice as wide and deeper.\n```python\n{REWRITTEN}```\n"))
        assert isinstance(proposal, Proposal)
        assert proposal.hypothesis == "Twice as wide and deeper."
        assert {edit.kind for edit in proposal.edits} != {"rewrite_file"}, (
            "it is expressed by smaller edits"
        )
        applied = apply(SOURCE, proposal.edits)
        assert isinstance(applied, Applied) and applied.source == REWRITTEN

    def test_a_reply_that_was_cut_off_is_unreadable(self, provider: str) -> None:
        reply = answer(provider, Text(json.dumps(GOOD), cut_off=True))
        assert isinstance(reply, Unreadable) and "cut off" in reply.reason.where

    def test_api_trouble_is_raised_and_never_a_proposal(self, provider: str) -> None:
        with pytest.raises(ModelFault):
            answer(provider, Status(401))
        with pytest.raises(ModelAway):
            answer(provider, Status(500), seconds=0.2)


@pytest.mark.parametrize(
    ("arguments", "where"),
    [
        ({"hypothesis": "h"}, "edits"),
        ({"hypothesis": "h", "edits": []}, "edits"),
        ({"hypothesis": "", "edits": [DEEPER]}, "hypothesis"),
        ({"edits": [DEEPER]}, "hypothesis"),
        ({"hypothesis": 3, "edits": [DEEPER]}, "hypothesis"),
        ({"hypothesis": "h", "edits": [{"kind": "run_shell", "code": "rm -rf /"}]}, "edits"),
        (
            {"hypothesis": "h", "edits": [{"kind": "set_constant", "name": "DEPTH"}]},
            "edits.0.set_constant.value",
        ),
        ({"hypothesis": "h", "edits": "not json"}, "edits"),
        ({"hypothesis": "h", "edits": ["DEPTH = 9"]}, "edits"),
        ({"text": "```python\nDEPTH = 9\n```"}, "not the whole file"),
        ({"text": "```python\ndef broken(:\n```"}, "not Python"),
        ({"text": ""}, "no call"),
    ],
)
def test_nonsense_is_unreadable_with_its_place(arguments: dict[str, Any], where: str) -> None:
    reply = proposed(arguments)
    assert isinstance(reply, Unreadable), reply
    assert where in reply.reason.where and reply.reason.reason == "unreadable"


@pytest.mark.parametrize("edits", [DEEPER, json.dumps([DEEPER]), [{**DEEPER, "value": 12}]])
def test_slips_that_cannot_be_misread_are_corrected(edits: Any) -> None:
    proposal = proposed({"hypothesis": "two\nlines\x1b[31m", "edits": edits})
    assert isinstance(proposal, Proposal)
    assert proposal.edits == (SetConstant(name="DEPTH", value="12"),)
    assert proposal.hypothesis == "two lines\\x1b[31m"


def test_a_rewrite_becomes_typed_edits_and_a_broken_one_is_left_for_the_ledger() -> None:
    proposal = proposed({"hypothesis": "h", "edits": [{"kind": "rewrite_file", "code": REWRITTEN}]})
    assert isinstance(proposal, Proposal) and not any(
        isinstance(edit, RewriteFile) for edit in proposal.edits
    )
    broken = proposed({"hypothesis": "h", "edits": [{"kind": "rewrite_file", "code": "def f(:\n"}]})
    assert isinstance(broken, Proposal) and broken.edits == (RewriteFile(code="def f(:\n"),)


def test_both_providers_accept_the_schema() -> None:
    text = json.dumps(propose_tool().parameters)
    assert not any(
        word in text for word in ('"$ref"', '"$defs"', '"const"', '"discriminator"', '"oneOf"')
    )
    kinds = [
        item["properties"]["kind"]["enum"][0]
        for item in propose_tool().parameters["properties"]["edits"]["items"]["anyOf"]
    ]
    assert kinds[0] == "set_constant" and len(kinds) == 8


def test_the_prompt_begins_with_what_stays_the_same() -> None:
    first = request_of(context(trial(0, 1.0), program="Be bold."))
    later = request_of(
        context(
            trial(0, 1.0), trial(1, 1.1, DEPTH=10), pending=(pending(DEPTH=9),), program="Be bold."
        )
    )
    assert (first.system, first.blocks[0]) == (later.system, later.blocks[0])
    assert first.blocks[1] != later.blocks[1]
    assert (
        "Be bold." in first.system and "300 s" in first.system and SOURCE.strip() in first.blocks[0]
    )


def test_a_scripted_model_continues_where_the_history_ends() -> None:
    script = [{"hypothesis": f"idea {n}", "edits": [DEEPER]} for n in range(4)]
    proposer = METHODS["code"].build(Scripted(script))
    assert proposer.looks_ahead
    answered = trial(1, 1.1, DEPTH=9)
    answered = answered.model_copy(update={"proposal": asked_once(answered.proposal)})
    waiting = (asked_once(pending(DEPTH=9)), asked_once(pending(DEPTH=7)))
    for history, expected in (
        (context(BASELINE), 0),
        (context(BASELINE, answered), 1),
        (context(BASELINE, answered, pending=waiting), 3),
    ):
        proposal = proposer.propose(history)
        assert isinstance(proposal, Proposal)
        assert (proposal.hypothesis, proposal.by.origin) == (f"idea {expected}", "scripted")


def asked_once(proposal: Proposal) -> Proposal:
    """Return a proposal that took one question."""
    by = proposal.by.model_copy(update={"calls": 1})
    return proposal.model_copy(update={"by": by})


# ---------------------------------------------------------------- sent back within a proposal


def test_a_refused_draft_goes_back_with_the_reason_and_the_nearest_name() -> None:
    model = Asked(draft(constant("MATRX_LR", "0.03")), draft(constant("MATRIX_LR", "0.03")))
    proposal = Code(model).propose(judging(BASELINE))
    assert isinstance(proposal, Proposal) and proposal.edits == (
        SetConstant(name="MATRIX_LR", value="0.03"),
    )
    by = proposal.by
    assert (by.calls, by.refused, by.input_tokens, by.cost) == (2, 1, 20, 1.0), (
        "both questions are counted and paid for"
    )
    first, second = model.requests
    assert (second.system, second.blocks[:2]) == (first.system, first.blocks), (
        "the first question is still the prefix"
    )
    assert (
        "unknown-name: constant MATRX_LR" in second.blocks[2]
        and "did you mean MATRIX_LR?" in second.blocks[2]
    )
    assert [request.index for request in model.requests] == [0, 1]


def test_a_name_that_nothing_defines_goes_back_before_any_budget() -> None:
    broken = {
        "kind": "replace_definition",
        "name": "width",
        "code": "def width():\n    return DETPH * HEAD_DIM\n",
    }
    fine = {**broken, "code": "def width():\n    return 2 * DEPTH * HEAD_DIM\n"}
    model = Asked(draft(broken), draft(fine))
    proposal = Code(model).propose(judging(BASELINE))
    assert isinstance(proposal, Proposal) and proposal.by.refused == 1
    assert (
        "undefined-name: DETPH" in model.requests[1].blocks[2]
        and "did you mean DEPTH" in model.requests[1].blocks[2]
    )


def test_a_model_that_repeats_a_trial_is_shown_its_result_and_stopped() -> None:
    source = SOURCE.replace("DEPTH = 8", "DEPTH = 12")
    old = trial(1, 1.1, DEPTH=12).model_copy(update={"fingerprint": fingerprint(source)})
    model = Asked(*[draft(DEEPER)] * 9)
    proposal = Code(model).propose(judging(BASELINE, old))
    assert isinstance(proposal, Proposal) and (proposal.by.calls, proposal.by.refused) == (
        1 + MAX_SENT_BACK,
        MAX_SENT_BACK,
    )
    assert (
        "already-tried" in model.requests[1].blocks[2]
        and "It was #1: discard, not better" in model.requests[1].blocks[2]
    )
    assert "your last attempt" in model.requests[-1].blocks[2]


def test_the_first_accepted_alternative_is_taken_without_another_question() -> None:
    others = [
        draft(constant("NOPE", "1")),
        {"hypothesis": 3},
        draft(constant("DEPTH", "9"), hypothesis="second best"),
        "junk",
    ]
    model = Asked(draft(constant("DEPTH", "8"), alternatives=others, expected="-0.004"))
    proposal = Code(model).propose(judging(BASELINE))
    assert isinstance(proposal, Proposal) and proposal.hypothesis == "second best"
    assert (proposal.by.calls, proposal.by.refused, proposal.expected) == (1, 2, None)
    assert proposed(draft(DEEPER, expected="-0.004")).expected == -0.004  # type: ignore[union-attr]
    assert proposed(draft(DEEPER, expected="some")).expected is None  # type: ignore[union-attr]


def test_a_diff_becomes_typed_edits_and_one_that_does_not_fit_goes_back() -> None:
    lines = SOURCE.splitlines(True), REWRITTEN.splitlines(True)
    patch = "".join(difflib.unified_diff(*lines, "train.py", "train.py", n=1))
    model = Asked(
        {"text": f"Wider.\n```diff\n{patch.replace('HEAD', 'HAND')}```"},
        {"text": f"Wider.\n```diff\n{patch}\n```"},
    )
    proposal = Code(model).propose(judging(BASELINE))
    assert isinstance(proposal, Proposal) and {edit.kind for edit in proposal.edits} == {
        "set_constant",
        "replace_definition",
    }
    applied = apply(SOURCE, proposal.edits)
    assert isinstance(applied, Applied) and applied.source == REWRITTEN
    nonsense = proposed({"text": "```diff\n@@ -1 +1 @@\n-nothing = 1\n+nothing = 2\n```"})
    assert isinstance(nonsense, Unreadable) and "does not fit" in nonsense.reason.where


def test_a_megabyte_and_unknown_fields_are_harmless() -> None:
    huge = proposed({"text": "x" * 2**20})
    assert isinstance(huge, Unreadable) and len(huge.reply) < 3_000
    assert isinstance(proposed(draft(DEEPER, mood="good", nested={"a": [1]})), Proposal)


def test_a_rewrite_is_stored_as_what_it_changes() -> None:
    base = Sources.of("DEPTH = 4\n\n\ndef net():\n    return DEPTH\n")
    deeper = SetConstant(name="DEPTH", value="8")

    def stored(*edits: Edit) -> tuple[Edit, ...]:
        arguments = {"hypothesis": "h", "edits": [edit.model_dump() for edit in edits]}
        drafts = read_reply(Reply(model="m", arguments=arguments), base)
        assert not isinstance(drafts, Refused)
        return drafts[0].edits

    rewritten = base.text.replace("DEPTH = 4", "DEPTH = 8")
    assert stored(RewriteFile(code=rewritten)) == (deeper,)
    assert stored(RewriteFile(code="(")) == (RewriteFile(code="("),)
    assert stored(deeper) == (deeper,)
