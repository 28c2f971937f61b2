"""Answers that are called off in the middle: what had come of them is not free, and on record."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent.errors import ModelUnavailable
from agent.history.history import History
from agent.llm.anthropic import Anthropic
from agent.llm.model import CalledOff, Model, Reply, Request, Tool
from agent.llm.openai import OpenAI
from agent.llm.patience import Patience
from agent.llm.recorded import Recorded
from agent.llm.resolve import open_model
from agent.propose.code.code import Code
from agent.records.events import Event, Judged
from agent.records.proposals import Provenance
from agent.records.spending import spending_of
from agent.run.bounds import Bounds
from agent.run.drafting import Staff
from agent.run.loop import Loop
from tests.agent.study import ListProposer, loop_of, study
from tests.loopback.anthropic_server import AnthropicServer
from tests.loopback.openai_server import OpenAIServer
from tests.loopback.responses_server import ResponsesServer
from tests.loopback.wire import Hang, Loopback, Status, ToolCall, Truncated

OPUS = "claude-opus-4-6"
IN = 5e-6
"""Its list price in dollars of an input token."""
OUT = 25e-6
"""Its list price in dollars of an output token."""
REQUEST = Request(
    system="the rules",
    blocks=("the ledger",),
    tool=Tool(name="propose", description="Propose.", parameters={"type": "object"}),
)
POLLS = 5
LONG = 60.0
WANTED = Status(404, "This model is only supported in v1/responses.", "invalid_request_error")


class Late(threading.Event):
    """Set when `event` is, and a question has looked a few times since: it has read by then."""

    def __init__(self, event: threading.Event) -> None:
        super().__init__()
        self._event = event
        self._polls = 0

    def is_set(self) -> bool:
        self._polls += self._event.is_set()
        return self._polls > POLLS


def called_off(model: Model) -> Reply:
    with pytest.raises(CalledOff, match="cancelled") as caught:
        model.complete(REQUEST)
    return caught.value.reply


def test_claude_counts_the_question_at_the_beginning_and_the_text_by_its_length() -> None:
    begun = Truncated(then=LONG)
    with AnthropicServer([begun]) as server:
        patience = Patience(LONG, Late(begun.sent))
        reply = called_off(Anthropic(OPUS, "key", patience, server.url))
    written = len("It begins well, and then") // 8
    assert (reply.model, reply.input_tokens, reply.output_tokens) == (OPUS, 1_000, written)
    assert reply.cost == pytest.approx(1_000 * IN + written * OUT)


@pytest.mark.parametrize(("serve", "first"), [(OpenAIServer, ()), (ResponsesServer, (WANTED,))])
def test_of_openai_nothing_is_known_but_that_it_was_asked(
    serve: type[Loopback], first: tuple[Status, ...]
) -> None:
    begun = Truncated(then=LONG)
    with serve([*first, begun]) as server:
        patience = Patience(LONG, Late(begun.sent))
        reply = called_off(OpenAI("gpt-5", "key", patience, f"{server.url}/v1"))
    assert (reply.model, reply.input_tokens, reply.cost) == ("gpt-5", 0, None)


def test_a_command_was_asked_too(tmp_path: Path) -> None:
    began = tmp_path / "began"
    command = tmp_path / "codex"
    command.write_text(f"#!/bin/sh\ntouch {began}\nexec sleep 60\n")
    command.chmod(0o755)

    class Began(threading.Event):
        def is_set(self) -> bool:
            return began.exists()

    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "HOME": str(tmp_path)}
    reply = called_off(open_model("codex", environment, LONG, Began()))
    assert (reply.model, reply.cost) == ("codex", None)


def test_a_question_whose_answer_has_not_begun_says_nothing() -> None:
    asked = threading.Event()

    def hear(_: dict[str, Any]) -> Hang:
        asked.set()
        return Hang(LONG)

    with AnthropicServer([hear]) as server:
        model = Anthropic(OPUS, "key", Patience(LONG, Late(asked)), server.url)
        with pytest.raises(ModelUnavailable) as caught:
            model.complete(REQUEST)
    assert not isinstance(caught.value, CalledOff)


# ---------------------------------------------------------------- at the end of a session


def loop_asking(history: History, model: Model, cancel: threading.Event) -> Loop:
    like = loop_of(history, ListProposer([]))
    bench = like._workers._bench
    return Loop(like._ledger, bench, Code(model), Bounds(), cancel, staff=Staff(writers=1))


def worked(
    folder: Path, begun: Truncated, end: Callable[[Loop], None]
) -> tuple[tuple[Provenance, ...], list[Event], History]:
    """What was proposed by a model whose second answer is called off in its second turn."""
    edit = {"kind": "set_constant", "name": "LR", "value": "0.3"}
    good = ToolCall({"hypothesis": "h", "edits": [edit]})
    refused = ToolCall({"hypothesis": "h", "edits": [{**edit, "name": "NOPE"}]})
    cancel = threading.Event()
    events: list[Event] = []
    with AnthropicServer([good, refused, begun]) as server, study(folder) as history:
        model = Recorded(Anthropic(OPUS, "k", Patience(LONG, Late(cancel)), server.url), folder)
        loop = loop_asking(history, model, cancel)

        def ending() -> None:
            begun.sent.wait()
            end(loop)

        threading.Thread(target=ending, daemon=True).start()
        events.extend(loop.events())
        return tuple(trial.proposal.by for trial in history.trials), events, history


@pytest.mark.parametrize("end", [Loop.stop, Loop.abort])
def test_what_a_session_calls_off_is_in_the_cost_of_its_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: Any
) -> None:
    monkeypatch.setattr("agent.run.loop.LOOK_SECONDS", 0.02)
    (_, _, last), events, history = worked(tmp_path, Truncated(then=LONG), end)
    assert (last.called_off, last.calls, len(last.exchanges)) == (True, 2, 2)
    one = 1_000 * IN + 100 * OUT
    assert last.cost == pytest.approx(one + 1_000 * IN + 3 * OUT)
    trial = history.trials[-1]
    assert trial.status == "refused" and "cancelled" in trial.reason
    assert trial in [event.trial for event in events if isinstance(event, Judged)]
    spent = spending_of(trial.proposal for trial in History.read(history.project, "t").trials)
    assert spent.unpriced == 1 and spent.dollars == pytest.approx(one + last.cost)
