"""Arguments of `propose` with the slips of real models: encoded twice, wrapped, commas too many."""

import json
from typing import Any

import pytest

from agent.edit.files import Sources
from agent.llm.model import Reply
from agent.propose.code.reply import Draft, read_reply
from agent.records.edits import Refused, SetConstant

EDIT = {"kind": "set_constant", "name": "LR", "value": "2"}
IDEA = {"hypothesis": "faster", "edits": [EDIT]}
SOURCES = Sources.of("LR = 1\n")


def draft_of(reply: Reply) -> Draft:
    drafts = read_reply(reply, SOURCES)
    assert not isinstance(drafts, Refused), drafts
    return drafts[0]


@pytest.mark.parametrize(
    "arguments",
    [
        {**IDEA, "edits": json.dumps([EDIT])},
        {**IDEA, "edits": json.dumps(EDIT)},
        {**IDEA, "edits": [json.dumps(EDIT)]},
        {**IDEA, "edits": EDIT},
        {**IDEA, "edits": f"[{json.dumps(EDIT)},]"},
        {"arguments": IDEA},
        {"propose": json.dumps(IDEA)},
        {"function": {"name": "propose", "arguments": json.dumps(IDEA)}},
        {"name": "propose", "input": IDEA},
    ],
)
def test_what_cannot_be_misread_is_read(arguments: dict[str, Any]) -> None:
    assert draft_of(Reply(model="m", arguments=arguments)).edits == (
        SetConstant(name="LR", value="2"),
    )


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({**IDEA, "rationale": "one\ntwo"}).replace("\\n", "\n"),
        f"Here it is:\n```json\n{json.dumps(IDEA)[:-1]},}}\n```",
        f"I call it. {json.dumps({'arguments': json.dumps(IDEA)})}",
    ],
)
def test_the_same_in_a_text(text: str) -> None:
    assert draft_of(Reply(model="m", text=text)).hypothesis == "faster"


def test_alternatives_may_be_encoded_too() -> None:
    other = {"hypothesis": "slower", "edits": [{**EDIT, "value": "0.5"}]}
    for alternatives in (json.dumps([other]), [json.dumps(other)], other):
        drafts = read_reply(
            Reply(model="m", arguments={**IDEA, "alternatives": alternatives}), SOURCES
        )
        assert not isinstance(drafts, Refused)
        assert [draft.hypothesis for draft in drafts] == ["faster", "slower"]


@pytest.mark.parametrize(
    "arguments",
    [
        {**IDEA, "edits": "make it deeper"},
        {**IDEA, "edits": ["make it deeper"]},
        {**IDEA, "edits": "[" * 5_000},
        {"arguments": {"arguments": {"arguments": {"arguments": IDEA}}}},
        {"arguments": 3, "propose": None},
        {},
    ],
)
def test_nonsense_is_refused_with_its_place(arguments: dict[str, Any]) -> None:
    refused = read_reply(Reply(model="m", arguments=arguments), SOURCES)
    assert isinstance(refused, Refused) and refused.reason == "unreadable"


KEY = 'sk/aB+3==x7Qp"z'


@pytest.mark.parametrize(
    "edit",
    [
        {**EDIT, "value": repr(KEY)},
        {"kind": "rewrite_file", "code": f"LR = 1\n# {KEY}\n"},
        {"kind": "replace_text", "old": "LR", "new": f"KEY = {json.dumps(KEY)}\nLR"},
    ],
)
def test_an_edit_that_writes_a_key_of_this_process_is_refused(
    edit: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    reply = Reply(model="m", arguments={**IDEA, "edits": [edit]})
    refused = read_reply(reply, SOURCES)
    assert isinstance(refused, Refused)
    assert "holds the value of OPENAI_API_KEY" in str(refused) and KEY not in str(refused)


def test_what_a_file_holds_already_may_be_written_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_PASSWORD", "postgres-dev")
    sources = Sources.of("LR = 1\nDB = 'postgres-dev'\n")
    edit = {"kind": "rewrite_file", "code": "LR = 2\nDB = 'postgres-dev'\n"}
    assert not isinstance(
        read_reply(Reply(model="m", arguments={**IDEA, "edits": [edit]}), sources), Refused
    )


def test_more_edits_than_one_experiment_needs_are_refused() -> None:
    edits = [{"kind": "insert_definition", "code": f"def f{n}():\n    pass\n"} for n in range(999)]
    refused = read_reply(Reply(model="m", arguments={**IDEA, "edits": edits}), SOURCES)
    assert isinstance(refused, Refused) and "at most 100 items" in str(refused)


def test_so_are_more_files_of_a_diff() -> None:
    renamed = [f"diff --git a/f{n} b/g{n}" for n in range(150)]
    text = "\n".join(("Rename all.", "```diff", *renamed, "```"))
    refused = read_reply(Reply(model="m", text=text), Sources({"f0": "x\n"}, patterns=("**",)))
    assert isinstance(refused, Refused) and "at most 100" in str(refused)
