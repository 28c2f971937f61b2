"""What --model means: families, full names, scripts, and the errors where something is missing."""

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from agent.errors import ModelFault, ModelUnavailable
from agent.llm.model import Model, Reply, Request, Tool
from agent.llm.recorded import Recorded, read_exchanges
from agent.llm.resolve import default_model, open_model
from agent.llm.scripted import Scripted
from agent.records.bounded import MAX_PARTS
from tests.loopback import anthropic_server, openai_server
from tests.loopback.anthropic_server import AnthropicServer
from tests.loopback.openai_server import OpenAIServer
from tests.loopback.wire import Status, ToolCall

CLAUDES = [
    anthropic_server.model("claude-haiku-4-5-20251001", "2025-10-01T00:00:00Z"),
    anthropic_server.model("claude-opus-4-6", "2026-02-05T00:00:00Z"),
    anthropic_server.model("claude-opus-4-5-20251101", "2025-11-24T00:00:00Z"),
    anthropic_server.model("claude-sonnet-4-6", "2026-02-17T00:00:00Z"),
    anthropic_server.model("claude-opus-3-20240229", "2026-03-01T00:00:00Z", "retired"),
]
GPTS = [
    openai_server.model("gpt-5", 100),
    openai_server.model("gpt-5.2", 200),
    openai_server.model("gpt-5.2-2025-12-11", 200),
    openai_server.model("gpt-5.3-mini", 300),
    openai_server.model("gpt-5.3-chat-latest", 300),
    openai_server.model("gpt-image-2", 400),
    openai_server.model("text-embedding-4", 500),
    openai_server.model("o4-mini", 500),
]
TOOL = Tool(name="propose", description="", parameters={"type": "object"})


def opened(name: str, seconds: float = 5.0, **environment: str) -> str:
    return open_model(name, environment, seconds, threading.Event()).name


@pytest.mark.parametrize(
    ("family", "newest"),
    [
        ("opus", "claude-opus-4-6"),
        ("sonnet", "claude-sonnet-4-6"),
        ("haiku", "claude-haiku-4-5-20251001"),
    ],
)
def test_a_family_is_its_newest_active_model_on_any_page_of_the_list(
    family: str, newest: str
) -> None:
    with AnthropicServer(models=CLAUDES) as server:
        assert opened(family, ANTHROPIC_API_KEY="k", ANTHROPIC_BASE_URL=server.url) == newest
        assert len(server.requests) == 3, "five models in pages of two"


@pytest.mark.parametrize(
    ("listed", "strongest"),
    [
        (GPTS, "gpt-5.2"),
        (
            [
                openai_server.model("gpt-5.6-sol", 500),
                openai_server.model("gpt-6-astra", 600),
                openai_server.model("gpt-6.1-sol", 700),
                openai_server.model("gpt-6.2-astra", 800),
                openai_server.model("gpt-6.2-astra-pro", 800),
                openai_server.model("gpt-6.3-luna", 900),
            ],
            "gpt-6.2-astra",
        ),
    ],
)
def test_gpt_is_the_strongest_general_one(listed: list[dict[str, Any]], strongest: str) -> None:
    with OpenAIServer(models=listed) as server:
        assert opened("gpt", OPENAI_API_KEY="k", OPENAI_BASE_URL=f"{server.url}/v1") == strongest


def test_full_names_are_taken_as_they_are_and_ask_nobody() -> None:
    assert opened("claude-opus-4-1-20250805", ANTHROPIC_API_KEY="k") == "claude-opus-4-1-20250805"
    assert opened("anthropic:claude-next", ANTHROPIC_API_KEY="k") == "claude-next"
    assert opened("gpt-4.1", OPENAI_API_KEY="k") == "gpt-4.1"
    assert opened("openai:o3", OPENAI_API_KEY="k") == "o3"


def test_a_server_of_ones_own_needs_no_key() -> None:
    with OpenAIServer([ToolCall({"hypothesis": "h"})]) as server:
        model = open_model(
            "llama3.1", {"OPENAI_BASE_URL": f"{server.url}/v1"}, 5.0, threading.Event()
        )
        reply = model.complete(Request(system="s", blocks=("b",), tool=TOOL))
    assert reply.arguments == {"hypothesis": "h"}
    assert (reply.model, reply.cost) == ("llama3.1", None)


def test_local_is_the_first_model_of_a_server_of_ones_own() -> None:
    with OpenAIServer(
        models=[openai_server.model("qwen3:32b", 9), openai_server.model("gemma3", 8)]
    ) as server:
        assert opened("local", OPENAI_BASE_URL=f"{server.url}/v1") == "qwen3:32b"


@pytest.mark.parametrize(
    ("name", "variable"),
    [
        ("opus", "ANTHROPIC_API_KEY"),
        ("claude-opus-4-6", "ANTHROPIC_API_KEY"),
        ("gpt", "OPENAI_API_KEY"),
        ("openai:x", "OPENAI_API_KEY"),
    ],
)
def test_without_a_key_the_message_names_the_variable_and_how_to_do_without(
    name: str, variable: str
) -> None:
    with pytest.raises(ModelFault, match=variable) as caught:
        opened(name)
    assert "--model none" in caught.value.message
    assert caught.value.next_command and variable in caught.value.next_command


def test_an_unknown_name_lists_what_is_accepted() -> None:
    with pytest.raises(ModelFault, match="opus, sonnet, haiku"):
        opened("gemini", ANTHROPIC_API_KEY="k")


def test_a_list_without_the_family_or_out_of_reach_is_a_fault() -> None:
    with (
        AnthropicServer(models=CLAUDES[:1]) as server,
        pytest.raises(ModelFault, match="lists no opus"),
    ):
        opened("opus", ANTHROPIC_API_KEY="k", ANTHROPIC_BASE_URL=server.url)
    with pytest.raises(ModelUnavailable):
        opened("opus", 0.5, ANTHROPIC_API_KEY="k", ANTHROPIC_BASE_URL=server.url)


def test_the_default_model_is_that_of_the_present_key() -> None:
    assert default_model({}) is None
    assert default_model({"OPENAI_BASE_URL": "http://127.0.0.1:11434/v1"}) == "local"
    assert default_model({"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": "u"}) == "gpt"
    assert default_model({"OPENAI_API_KEY": "k", "ANTHROPIC_API_KEY": "k"}) == "opus"


def script(folder: Path, *lines: object) -> Path:
    path = folder / "answers.jsonl"
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_text("\n".join(texts))
    return path


def ask(model: Model, index: int) -> Reply:
    return model.complete(Request(system="s", blocks=("b",), tool=TOOL, index=index))


def test_a_script_answers_by_the_number_of_the_question(tmp_path: Path) -> None:
    path = script(
        tmp_path,
        {"hypothesis": "one", "edits": [], "cost": 0.5},
        "",
        {"text": "no", "output_tokens": 7},
    )
    model = open_model(f"scripted:{path}", {}, 5.0, threading.Event())
    second = ask(model, 1)
    first = ask(model, 0)
    assert (first.arguments, first.cost) == ({"hypothesis": "one", "edits": []}, 0.5)
    assert (second.arguments, second.text, second.output_tokens) == (None, "no", 7)
    with pytest.raises(ModelFault, match="all are given"):
        ask(Scripted([]), 0)


def test_a_bad_script_is_refused_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(ModelFault, match="line 2"):
        Scripted.read(script(tmp_path, {"text": "a"}, "[1]"))
    with pytest.raises(ModelFault, match="cannot read"):
        Scripted.read(tmp_path / "missing.jsonl")


def test_a_slow_script_can_be_cancelled() -> None:
    cancel = threading.Event()
    threading.Timer(0.1, cancel.set).start()
    with pytest.raises(ModelUnavailable):
        ask(Scripted([{"text": "late", "seconds": 60}], cancel), 0)


def test_transcripts_hold_requests_replies_and_faults_and_no_key(tmp_path: Path) -> None:
    with AnthropicServer(
        [ToolCall({"hypothesis": "h"}), Status(401, "wrong key: sk-secret")]
    ) as server:
        environment = {"ANTHROPIC_API_KEY": "sk-secret", "ANTHROPIC_BASE_URL": server.url}
        model = Recorded(
            open_model("claude-x", environment, 5.0, threading.Event()), tmp_path / "a" / "b"
        )
        request = Request(system="the rules", blocks=("b",), tool=TOOL)
        reply = model.complete(request)
        with pytest.raises(ModelFault):
            model.complete(request)
    text = (tmp_path / "a" / "b" / "transcript.jsonl").read_text()
    entries = [json.loads(line) for line in text.splitlines()]
    parts = [(set(entry) - {"at", "id"}).pop() for entry in entries]
    assert parts == ["request", "reply", "request", "fault"]
    assert "the rules" in text and "sk-secret" not in text
    assert [entry["id"] for entry in entries[:2]] == [reply.exchange] * 2
    [exchange] = read_exchanges(
        tmp_path / "a" / "b", (reply.exchange, entries[-1]["id"], "0123456789ab")
    )
    assert (exchange.request, exchange.reply.arguments) == (request, {"hypothesis": "h"})


def test_a_torn_or_missing_transcript_has_no_exchanges(tmp_path: Path) -> None:
    assert read_exchanges(tmp_path / "nowhere", ("0123456789ab",)) == ()
    (tmp_path / "transcript.jsonl").write_text(
        '{"at": "x", "id": "0123456789ab", "request": {"sys\n'
    )
    assert read_exchanges(tmp_path, ("0123456789ab",)) == ()
    with (tmp_path / "transcript.jsonl").open("a") as file:
        file.write('["\\"id\\": ", 1, {"id": "0123456789ab"}]\n')
        file.write('{"id": "0123456789ab", "reply": ' + "[" * 100_000 + "\n")
        file.write('{"id": "0123456789ab", "reply": [' + "[]," * MAX_PARTS + "[]]}\n")
    assert read_exchanges(tmp_path, ("0123456789ab",)) == ()


def test_a_transcript_that_cannot_be_written_costs_no_answer(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    model = Recorded(Scripted([{"text": "fine"}]), tmp_path / "file" / "folder")
    assert model.complete(Request(system="s", blocks=("b",), tool=TOOL)).text == "fine"
