"""Command lines as models, with stand-in executables that answer in the documented form."""

import json
import os
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from agent.errors import ModelFault
from agent.llm.command import Command, passed_on_of
from agent.llm.model import CalledOff, Reply, Request
from agent.llm.patience import Patience
from agent.llm.resolve import open_model
from agent.propose.code.code import Code
from agent.propose.code.tool import propose_tool
from agent.records.edits import SetConstant
from agent.records.proposals import Proposal
from sandbox.walls import mask
from tests.agent.propose.example import context, trial

ANSWER = json.dumps(
    {"hypothesis": "deeper", "edits": [{"kind": "set_constant", "name": "DEPTH", "value": "12"}]}
)
CLAUDE = {
    "type": "result",
    "subtype": "success",
    "is_error": False,
    "result": f"```json\n{ANSWER}\n```",
    "total_cost_usd": 0.25,
    "modelUsage": {"claude-opus-4-8": {}},
    "usage": {
        "input_tokens": 10,
        "cache_read_input_tokens": 400,
        "cache_creation_input_tokens": 90,
        "output_tokens": 50,
    },
}
CODEX = [
    {"type": "thread.started", "thread_id": "t"},
    {"type": "item.completed", "item": {"id": "i0", "type": "reasoning", "text": "hm"}},
    {"type": "item.completed", "item": {"id": "i1", "type": "agent_message", "text": ANSWER}},
    {
        "type": "turn.completed",
        "usage": {"input_tokens": 500, "cached_input_tokens": 400, "output_tokens": 50},
    },
]
EXECUTABLES = {"claude-code": "claude", "codex": "codex"}
OUTPUTS = {"claude-code": json.dumps(CLAUDE), "codex": "\n".join(map(json.dumps, CODEX))}
REQUEST = Request(system="the rules", blocks=("the source", "the ledger"), tool=propose_tool())


def stand_in(folder: Path, name: str, body: str) -> dict[str, str]:
    """Make an executable that records its call and runs `body`; return its environment."""
    path = folder / name
    recording = f"""#!{sys.executable}
import json, os, sys, time
call = {{"argv": sys.argv[1:], "stdin": sys.stdin.read(), "env": dict(os.environ)}}
call |= {{"cwd": os.getcwd(), "files": os.listdir()}}
for word in sys.argv:
    if word.startswith("model_instructions_file="):
        call["rules"] = open(json.loads(word.partition("=")[2])).read()
with open({str(folder / "calls.jsonl")!r}, "a") as file:
    file.write(json.dumps(call) + "\\n")
"""
    path.write_text(recording + body)
    path.chmod(0o755)
    keys = {"ANTHROPIC_API_KEY": "sk-secret", "OPENAI_API_KEY": "sk-secret", "MY_TOKEN": "secret"}
    return {"PATH": f"{folder}:{os.environ['PATH']}", "HOME": "/somewhere", **keys}


def calls(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "calls.jsonl").read_text().splitlines()]


def ask(name: str, environment: dict[str, str], seconds: float = 20.0) -> Reply:
    return Command(name, environment, Patience(seconds, threading.Event(), 0.01)).complete(REQUEST)


def test_claude_code_is_asked_in_print_mode_without_tools_or_keys(tmp_path: Path) -> None:
    environment = stand_in(tmp_path, "claude", f"print({json.dumps(CLAUDE)!r})")
    reply = ask("claude-code:opus", environment)
    assert (reply.model, reply.cost) == ("claude-opus-4-8", 0.25)
    assert (reply.input_tokens, reply.cached_tokens, reply.output_tokens) == (500, 400, 50)
    (call,) = calls(tmp_path)
    argv = call["argv"]
    assert argv[:3] == ["-p", "--output-format", "json"] and argv[argv.index("--tools") + 1] == ""
    assert argv[argv.index("--model") + 1] == "opus"
    rules = argv[argv.index("--system-prompt") + 1]
    assert rules.startswith("the rules")
    assert '"edits"' in argv[argv.index("--json-schema") + 1]
    assert call["stdin"] == "the source\n\nthe ledger"
    assert "secret" not in json.dumps(call["env"]) and call["env"]["HOME"] == "/somewhere"
    assert call["files"] == [] and not Path(call["cwd"]).exists(), (
        "a folder of its own, empty, and gone afterwards"
    )


def test_codex_is_asked_in_its_read_only_sandbox(tmp_path: Path) -> None:
    lines = "\n".join(map(json.dumps, CODEX))
    environment = stand_in(tmp_path, "codex", f"print({lines!r})")
    reply = ask("codex", environment)
    assert (reply.model, reply.text, reply.cost) == ("codex", ANSWER, None)
    assert (reply.input_tokens, reply.cached_tokens, reply.output_tokens) == (500, 400, 50)
    (call,) = calls(tmp_path)
    assert (
        call["argv"][:4] == ["exec", "--json", "--sandbox", "read-only"] and call["argv"][-1] == "-"
    )
    assert call["stdin"] == "the source\n\nthe ledger"
    assert call["rules"].startswith("the rules") and '"edits"' in call["rules"]


@pytest.mark.parametrize("name", ["claude-code", "codex"])
def test_its_answer_is_a_proposal(tmp_path: Path, name: str) -> None:
    environment = stand_in(tmp_path, EXECUTABLES[name], f"print({OUTPUTS[name]!r})")
    model = open_model(name, environment, 20.0, threading.Event())
    proposal = Code(model).propose(context(trial(0, 1.0)))
    assert isinstance(proposal, Proposal) and proposal.edits == (
        SetConstant(name="DEPTH", value="12"),
    )
    assert proposal.by.origin == "llm"


def test_a_command_that_is_not_there_or_not_logged_in_is_a_fault_at_once(tmp_path: Path) -> None:
    with pytest.raises(ModelFault, match="not on the PATH"):
        ask("codex", {"PATH": str(tmp_path)})
    refused = {**CLAUDE, "is_error": True, "result": "Invalid API key · Please run /login"}
    with pytest.raises(ModelFault, match="logged in") as caught:
        ask("claude-code", stand_in(tmp_path, "claude", f"print({json.dumps(refused)!r})"))
    assert type(caught.value) is ModelFault and caught.value.next_command == "claude"
    with pytest.raises(ModelFault, match="up to date"):
        ask(
            "claude-code",
            stand_in(tmp_path, "claude", "sys.exit(\"error: unknown option '--tools'\")"),
        )


def test_what_may_pass_is_tried_again(tmp_path: Path) -> None:
    body = f"""
count = len(open({str(tmp_path / "calls.jsonl")!r}).readlines())
if count == 1:
    sys.exit("usage limit reached")
print("<html>" if count == 2 else {json.dumps(CLAUDE)!r})
"""
    assert ask("claude-code", stand_in(tmp_path, "claude", body)).output_tokens == 50
    assert len(calls(tmp_path)) == 3


def test_one_that_hangs_is_killed_with_its_children_when_cancelled(tmp_path: Path) -> None:
    # The child is found by this argument: inside a namespace it has another process id.
    seconds = f"600.{os.getpid()}"
    body = f"""
import subprocess
child = subprocess.Popen(["sleep", "{seconds}"])
with open({str(tmp_path / "pid")!r}, "w") as file:
    file.write(str(child.pid))
time.sleep(600)
"""
    cancel = threading.Event()
    model = Command("claude-code", stand_in(tmp_path, "claude", body), Patience(120.0, cancel))

    def cancel_when_started() -> None:
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text().strip():
            time.sleep(0.05)
        cancel.set()

    threading.Thread(target=cancel_when_started, daemon=True).start()
    with pytest.raises(CalledOff, match="cancelled"):
        model.complete(REQUEST)
    for _ in range(100):
        if not any(seconds in line for line in command_lines()):
            return
        time.sleep(0.05)
    pytest.fail("a child of the command outlived it")


def command_lines() -> Iterator[str]:
    """Yield the command line of every live process of this machine."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            yield path.read_text(errors="replace")


READ = """
import glob
contents = {}
for path in hidden:
    try:
        contents[path] = open(path).read()
    except OSError as error:
        contents[path] = type(error).__name__
for root in glob.glob("/proc/[0-9]*/root"):
    for path in hidden:
        try:
            contents[root + path] = open(root + path).read()
        except OSError:
            pass
with open(mark, "w") as file:
    json.dump(contents, file)
"""


@pytest.mark.parametrize("tool", ["bwrap", "own"])
@pytest.mark.parametrize("name", ["claude-code", "codex"])
def test_it_runs_where_the_hidden_data_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, tool: str
) -> None:
    """The stand-in reads the tokens as a shell could: by path, and through any process."""
    if tool == "own":
        monkeypatch.setattr(mask, "_bubblewrap", mask._own)
    elif shutil.which("bwrap") is None:
        pytest.skip("bubblewrap is not installed")
    mask._proven.cache_clear()
    cache = tmp_path / "cache"
    project = tmp_path / "repository" / ".autoresearch"
    monkeypatch.setenv("AUTORESEARCH_CACHE", str(cache))
    secrets = [
        cache / "0123" / "val" / "tokens.bin",
        project / "runs" / "t" / "log",
        tmp_path / "evaluate.py",
    ]
    for secret in secrets:
        secret.parent.mkdir(parents=True, exist_ok=True)
        secret.write_text("tokens")
    paths = [str(secret) for secret in secrets]
    body = f"hidden, mark = {paths!r}, {str(tmp_path / 'mark')!r}\n{READ}\nprint({OUTPUTS[name]!r})"
    environment = stand_in(tmp_path, EXECUTABLES[name], body)
    model = open_model(name, environment, 20.0, threading.Event(), (project, secrets[2]))
    model.complete(REQUEST)
    contents = json.loads((tmp_path / "mark").read_text())
    assert "tokens" not in contents.values()
    assert set(paths) <= set(contents), "it tried every path"
    mask._proven.cache_clear()


def test_one_from_which_nothing_can_be_hidden_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mask.sys, "platform", "darwin")
    mask._proven.cache_clear()
    with pytest.raises(ModelFault, match="could read here what is kept from models") as caught:
        ask("codex", stand_in(tmp_path, "codex", "print(1)"))
    assert "autoresearch models" in str(caught.value.next_command)
    assert not (tmp_path / "calls.jsonl").exists(), "it was not started"
    mask._proven.cache_clear()


def test_codex_is_started_without_its_shell(tmp_path: Path) -> None:
    lines = "\n".join(map(json.dumps, CODEX))
    ask("codex", stand_in(tmp_path, "codex", f"print({lines!r})"))
    argv = calls(tmp_path)[0]["argv"]
    settings = [argv[i + 1] for i, word in enumerate(argv) if word == "-c"]
    off = {"features.shell_tool=false", "features.unified_exec=false", "features.view_image=false"}
    assert off <= set(settings)


def test_what_claude_code_holds_to_the_schema_is_the_answer(tmp_path: Path) -> None:
    answer = {**CLAUDE, "result": "Well.", "structured_output": json.loads(ANSWER)}
    reply = ask("claude-code", stand_in(tmp_path, "claude", f"print({json.dumps(answer)!r})"))
    assert reply.arguments == json.loads(ANSWER)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (404, "There's an issue with the selected model (opus). It may not exist"),
        (400, "Credit balance is too low"),
        (401, "Failed to authenticate. API Error: 401"),
    ],
)
def test_claudes_own_words_are_read_though_it_ends_with_an_error_code(
    tmp_path: Path, status: int, words: str
) -> None:
    refused = {**CLAUDE, "is_error": True, "api_error_status": status, "result": words}
    body = f"print({json.dumps(refused)!r}); sys.exit(1)"
    with pytest.raises(ModelFault) as caught:
        ask("claude-code", stand_in(tmp_path, "claude", body))
    assert type(caught.value) is ModelFault and words in caught.value.message
    assert "{" not in caught.value.message, "not the whole JSON"
    assert "not handed on to it: ANTHROPIC_API_KEY, OPENAI_API_KEY" in caught.value.message
    assert len(calls(tmp_path)) == 1


def test_an_answer_before_an_error_code_is_an_answer(tmp_path: Path) -> None:
    body = f"print({json.dumps(CLAUDE)!r}); sys.exit(1)"
    assert ask("claude-code", stand_in(tmp_path, "claude", body)).output_tokens == 50


def test_an_error_that_codex_recovered_from_is_no_failure(tmp_path: Path) -> None:
    retried = {"type": "error", "message": "Reconnecting... 1/5 (stream disconnected)"}
    remark = {"id": "i", "type": "error", "message": "Codex is ignoring 1 unrecognized setting"}
    events = [CODEX[0], {"type": "item.completed", "item": remark}, retried, *CODEX[1:]]
    lines = "\n".join(["WARNING: no JSON", *map(json.dumps, events)])
    assert ask("codex", stand_in(tmp_path, "codex", f"print({lines!r})")).text == ANSWER
    assert len(calls(tmp_path)) == 1, "a full answer, paid for once"


def test_a_turn_that_codex_gave_up_is_told_in_its_words(tmp_path: Path) -> None:
    message = "unexpected status 401 Unauthorized: bad key"
    failed = {"type": "turn.failed", "error": {"message": message}}
    body = f"print({json.dumps(failed)!r}); sys.exit(1)"
    with pytest.raises(ModelFault, match="401 Unauthorized: bad key") as caught:
        ask("codex", stand_in(tmp_path, "codex", body))
    assert type(caught.value) is ModelFault and len(calls(tmp_path)) == 1


def test_an_account_that_claude_code_is_told_to_use_is_handed_on() -> None:
    bedrock = {"CLAUDE_CODE_USE_BEDROCK": "1", "AWS_PROFILE": "lab", "ANTHROPIC_API_KEY": "k"}
    assert passed_on_of({**bedrock, "PATH": "/bin"}) == {
        "CLAUDE_CODE_USE_BEDROCK": "1",
        "AWS_PROFILE": "lab",
        "PATH": "/bin",
    }
    gateway = {"ANTHROPIC_BASE_URL": "https://gateway", "ANTHROPIC_AUTH_TOKEN": "t"}
    assert passed_on_of(gateway) == gateway
    assert passed_on_of({"AWS_PROFILE": "lab", "ANTHROPIC_BASE_URL": "https://other"}) == {}
