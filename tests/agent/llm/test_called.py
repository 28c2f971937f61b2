"""Calls of tools as servers send them: in pieces, numbered and named in every way, with slips."""

import json
from typing import Any

import pytest

from agent.llm.called import MAX_CALLS
from agent.llm.model import Reply, Request, Tool, Turn
from agent.llm.slips import first_value, object_of
from agent.llm.written_calls import call_in
from tests.agent.llm.test_dialects import GOOD, IDEA, REQUEST, asked, chunk, whole
from tests.loopback.wire import Events, Nonsense, Status, Step

LOOK = Tool(name="trial", description="Show a trial.", parameters={"type": "object"})
LOOKS = REQUEST.model_copy(update={"tools": (LOOK,)})
ARGUMENTS = json.dumps(IDEA)
HALF = len(ARGUMENTS) // 2


def reply_to(*steps: Step, request: Request = REQUEST) -> Reply:
    (reply,), _ = asked(steps, request=request)
    return reply


def stream(*pieces: dict[str, Any]) -> Events:
    """Return a stream with a piece of a call in each chunk."""
    chunks = [chunk(tool_calls=[piece]) for piece in pieces]
    return Events((*chunks, chunk("tool_calls"), "[DONE]"))


def piece(arguments: str, name: str = "", **more: Any) -> dict[str, Any]:
    function = {"arguments": arguments} | ({"name": name} if name else {})
    return {"function": function, **more}


@pytest.mark.parametrize(
    "more",
    [
        ({"index": 1, "id": "a"}, {"index": 1}),
        ({"index": 0, "id": "a"}, {"index": 0, "id": "b"}),
        ({"index": 0, "id": "a"}, {"index": 0, "id": ""}),
        ({"id": "a"}, {}),
        ({}, {}),
        ({"index": 0, "id": "a"}, {"index": 0, "id": "a"}),
        ({"index": True, "id": "a"}, {"index": None}),
        ({"index": -1}, {"index": -1}),
    ],
    ids=["gap", "an-id-a-piece", "empty-id", "no-index", "nothing", "same-id", "bool", "negative"],
)
def test_a_call_in_pieces_is_put_together(more: tuple[dict[str, Any], ...]) -> None:
    first, second = more
    pieces = (piece(ARGUMENTS[:HALF], "propose", **first), piece(ARGUMENTS[HALF:], **second))
    assert reply_to(stream(*pieces)).arguments == IDEA


@pytest.mark.parametrize(
    "more",
    [
        ({"index": 0, "id": "a"}, {"index": 1, "id": "b"}),
        ({"index": 0, "id": "a"}, {"index": 0, "id": "b"}),
        ({"index": 0}, {"index": 0}),
        ({}, {}),
        ({"index": 3, "id": "a"}, {"index": 7, "id": "b"}),
    ],
    ids=["usual", "one-index", "one-index-no-id", "nothing", "gaps"],
)
def test_several_calls_stay_apart(more: tuple[dict[str, Any], ...]) -> None:
    first, second = more
    pieces = (piece('{"number": 1}', "trial", **first), piece('{"number": 2}', "trial", **second))
    reply = reply_to(stream(*pieces), request=LOOKS)
    assert [call.arguments for call in reply.calls] == [{"number": 1}, {"number": 2}]
    assert len({call.id for call in reply.calls}) == 2 and reply.text == ""


def test_pieces_of_two_calls_may_alternate() -> None:
    pieces = (
        piece('{"num', "trial", index=0, id="a"),
        piece('{"num', "trial", index=1, id="b"),
        piece('ber": 1}', index=0, id="a"),
        piece('ber": 2}', index=1, id="b"),
    )
    reply = reply_to(stream(*pieces), request=LOOKS)
    assert [call.arguments for call in reply.calls] == [{"number": 1}, {"number": 2}]


def test_calls_without_number_beside_a_broken_one_are_read() -> None:
    calls = [piece('{"number": ', "trial"), piece('{"number": 2}', "trial")]
    reply = reply_to(whole({"content": None, "tool_calls": calls}), request=LOOKS)
    assert [call.arguments for call in reply.calls] == [{}, {"number": 2}]


def test_a_flood_of_calls_is_bounded() -> None:
    calls = [piece("{}", "trial", id=f"c{number}") for number in range(10 * MAX_CALLS)]
    reply = reply_to(whole({"content": None, "tool_calls": calls}), request=LOOKS)
    assert len(reply.calls) == MAX_CALLS


@pytest.mark.parametrize(
    "written",
    [
        json.dumps(ARGUMENTS),
        json.dumps(json.dumps(ARGUMENTS)),
        '{"hypothesis": "a larger rate",}',
        f"```json\n{ARGUMENTS}\n```",
        f"{ARGUMENTS}{ARGUMENTS}",
        f"{ARGUMENTS}</tool_call>",
        f"\n {ARGUMENTS}",
    ],
    ids=["twice", "three-times", "comma", "fence", "doubled", "closing-tag", "blanks"],
)
def test_arguments_with_slips_are_read(written: str) -> None:
    assert reply_to(stream(piece(written, "propose", index=0, id="a"))).arguments == IDEA


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": "x\ny"}', {"a": "x\ny"}),
        ('{"a": [1, 2, ], }', {"a": [1, 2]}),
        ('{"a": ", ]", }', {"a": ", ]"}),
        ('{"a": "\\",}"}', {"a": '",}'}),
        ("[1]", None),
        ('"text"', None),
        ("", None),
        ("{" * 50_000, None),
        ('"' * 50_000, None),
    ],
)
def test_slips_of_json(text: str, value: Any) -> None:
    assert object_of(text) == value


@pytest.mark.parametrize("name", ["functions.propose", "propose<|channel|>commentary", " propose "])
def test_what_a_template_leaves_around_a_name_is_cut_off(name: str) -> None:
    reply = reply_to(stream(piece(ARGUMENTS, name, index=0, id="a")), request=LOOKS)
    assert reply.arguments == IDEA


NAMED = f'{{"name": "propose", "arguments": {ARGUMENTS}}}'
PYTHON = "propose(hypothesis='a larger rate')"
TAGS = '<invoke name="propose"><parameter name="hypothesis">a larger rate</parameter></invoke>'
QWEN = "<function=propose>\n<parameter=hypothesis>\na larger rate\n</parameter>\n</function>"


@pytest.mark.parametrize(
    "text",
    [
        f"<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>propose\n```json\n{ARGUMENTS}\n```",
        f"<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>propose<｜tool▁sep｜>{ARGUMENTS}<｜tool▁call▁end｜>",
        f"<|tool_call_begin|>functions.propose:0<|tool_call_argument_begin|>{ARGUMENTS}",
        f"[TOOL_CALLS]propose[ARGS]{ARGUMENTS}",
        f"[TOOL_CALLS]propose[CALL_ID]abc123456[ARGS]{ARGUMENTS}",
        f"<|channel|>commentary to=functions.propose <|constrain|>json<|message|>{ARGUMENTS}",
        f"<|start|>assistant<|channel|>commentary to=propose code<|message|>{ARGUMENTS}",
        f"<tool_call>\n{QWEN}\n</tool_call>",
        f"<seed:tool_call>\n{QWEN}\n</seed:tool_call>",
        TAGS,
        f"<minimax:tool_call>\n{TAGS}\n</minimax:tool_call>",
        TAGS.replace("invoke", "steptml:invoke").replace("parameter", "steptml:parameter"),
        "<tool_call>propose\n<arg_key>hypothesis</arg_key>\n<arg_value>a larger rate</arg_value>",
        f"functools[{NAMED}]",
        f'<|START_ACTION|>[{{"tool_name": "propose", "parameters": {ARGUMENTS}}}]<|END_ACTION|>',
        f"<|action_start|><|plugin|>\n{NAMED}<|action_end|>",
        f"<TOOLCALL>[{NAMED}]</TOOLCALL>",
        f"<longcat_tool_call>{NAMED}</longcat_tool_call>",
        f'<|tools_prefix|>[{{"propose": {ARGUMENTS}}}]<|tools_suffix|>',
        "call:propose{hypothesis:<escape>a larger rate<escape>}<end_function_call>",
        '<|tool_call>call:propose{hypothesis:<|"|>a larger rate<|"|>}<tool_call|>',
        f"<tool_call>{{'name': 'propose', 'arguments': {IDEA}}}</tool_call>",
        f'<function name="propose">{ARGUMENTS}</function>',
        f"Here it is {{a}}:\n```json\n{NAMED}\n```\nDone.",
        f'{{"tool_calls": [{{"type": "function", "function": {NAMED}}}]}}',
        f'{{"type": "function", "function": "propose", "parameters": {ARGUMENTS}}}',
        f'{{"name": "trial", "arguments": {{"number": 3}}}}\n{NAMED}',
        f"<|python_tag|>{PYTHON.replace('propose', 'propose.call')}<|eom_id|>",
        f"<|python_start|>[{PYTHON}]<|python_end|>",
        f"<|tool_call_start|>[trial(number=3), {PYTHON}]<|tool_call_end|>",
        f"<function_calls>\n{PYTHON}\n</function_calls>",
        f"I try that.\n```tool_code\nprint(default_api.{PYTHON})\n```",
    ],
)
def test_a_call_that_no_server_read_is_a_call(text: str) -> None:
    assert call_in(text, "propose") == IDEA


def test_a_call_in_python_behind_thoughts_is_read_on_the_wire() -> None:
    text = "<think>propose(hypothesis='no')</think>[propose(hypothesis='a larger rate')]"
    assert reply_to(whole({"content": text})).arguments == IDEA


def test_a_call_in_python_has_values_of_python_and_of_json() -> None:
    text = "[propose(edits=[{'old': 'f(\\'a)\\')', 'new': \"]\"}], a=true, b=None, c=-1.5)]"
    edits = [{"old": "f('a)')", "new": "]"}]
    assert call_in(text, "propose") == {"edits": edits, "a": True, "b": None, "c": -1.5}


@pytest.mark.parametrize(
    "text",
    [
        "We could try propose(hypothesis='x') later",
        "```python\npropose(hypothesis='x')\n```",
        "propose(hypothesis=open('x').read())",
        "propose(**{'hypothesis': 'x'})",
        "propose(hypothesis='x', hypothesis='y')",
        "propose(expected=1e400)",
        "propose(expected=" + "9" * 4_000 + ")",
        '{"kind": "set_constant", "name": "propose", "value": "1"}',
        "propose(" * 1_000,
    ],
)
def test_what_only_looks_like_a_call_is_none(text: str) -> None:
    assert call_in(text, "propose") is None


@pytest.mark.parametrize("text", ["I propose {a}", "<function=propose>", "<tool_call>propose\n"])
def test_prose_about_a_tool_is_none(text: str) -> None:
    assert call_in(text, "propose") is None


@pytest.mark.parametrize("before", ["", "call:propose {a: ", "propose(a=", "[TOOL_CALLS] [{'a': "])
@pytest.mark.parametrize("quote", ['"', "'"])
def test_a_text_without_an_end_is_read_in_linear_time(before: str, quote: str) -> None:
    """As a model writes that repeats itself; tried at each quote, it takes hours."""
    text = "propose\n" + before + quote + f"\\{quote}" * 400_000
    assert call_in(text, "propose") is None
    assert first_value('{"a": ' + text) is None


def test_a_look_that_no_server_read_is_a_look() -> None:
    written = '<tool_call>{"name": "trial", "arguments": {"number": 3}}</tool_call>'
    reply = reply_to(whole({"content": written}), request=LOOKS)
    assert [(call.name, call.arguments) for call in reply.calls] == [("trial", {"number": 3})]


LOOKED = {"id": "a", "type": "function", **piece('{"number": 1}', "trial")}


def test_what_a_server_wants_back_goes_back() -> None:
    """Gemini signs the thoughts before a call, a router hands on those of what is behind it."""
    signed = {"google": {"thought_signature": "abc"}}
    detail = {"type": "reasoning.encrypted", "data": "xyz"}
    call = piece('{"number": 1}', "trial", index=0, id="a", type="function", extra_content=signed)
    first = Events(
        (chunk(reasoning_details=[detail]), chunk(tool_calls=[call]), chunk("stop"), "[DONE]")
    )
    reply = reply_to(first, request=LOOKS)
    turn = Turn(calls=reply.calls, results=("the log",), native=reply.native)
    _, questions = asked([GOOD], request=LOOKS.model_copy(update={"turns": (turn,)}))
    said = questions[0].body["messages"][2]
    assert said["tool_calls"][0]["extra_content"] == signed
    assert said["reasoning_details"] == [detail]


@pytest.mark.parametrize(
    "words",
    [
        "property 'reasoning_content' is unsupported",
        "The reasoning_content is not allowed in the input messages",
        "Unknown name reasoning_details at 'messages[2]'",
    ],
)
def test_what_a_server_does_not_want_back_stays_here(words: str) -> None:
    thoughtful = whole({"content": "", "reasoning_content": "hm", "tool_calls": [LOOKED]})
    reply = reply_to(thoughtful, request=LOOKS)
    turn = Turn(calls=reply.calls, results=("the log",), native=reply.native)
    again = LOOKS.model_copy(update={"turns": (turn,)})
    (answer,), questions = asked([Status(400, words), GOOD], request=again)
    said = [question.body["messages"][2] for question in questions]
    assert answer.arguments == IDEA
    assert said[0].pop("reasoning_content") == "hm" and said[0] == said[1]


def test_a_call_in_the_old_form_is_read() -> None:
    old = {"content": None, "function_call": {"name": "propose", "arguments": ARGUMENTS}}
    assert reply_to(whole(old, "function_call")).arguments == IDEA
    pieces = [{"name": "propose", "arguments": ARGUMENTS[:HALF]}, {"arguments": ARGUMENTS[HALF:]}]
    chunks = [chunk(function_call=each) for each in pieces]
    assert reply_to(Events((*chunks, chunk("function_call"), "[DONE]"))).arguments == IDEA


@pytest.mark.parametrize(
    "body",
    [
        '{"choices": [{"message": {"tool_calls": [1, null, {"function": 3}]}}]}',
        '{"choices": [{"message": {"tool_calls": "none", "content": 3}, "finish_reason": 1}]}',
        '{"choices": [{"delta": {"tool_calls": [{"function": {"name": 1, "arguments": [1]}}]}},'
        ' {}], "object": "chat.completion"}',
    ],
)
def test_nonsense_in_the_place_of_calls_is_an_answer_without_one(body: str) -> None:
    reply = reply_to(Nonsense(body))
    assert reply.arguments is None and reply.calls == ()
