"""The code agent end to end: Anthropic and OpenAI-compatible servers on loopback, real SDKs."""

import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.researcher import git, in_flight, ledger, miniature, type_in
from tests.loopback import anthropic_server, openai_server
from tests.loopback.anthropic_server import AnthropicServer
from tests.loopback.openai_server import OpenAIServer
from tests.loopback.wire import Loopback, Status, Step, Text, ToolCall, Truncated

KEY = "sk-a-key-that-must-never-be-written-anywhere"
OPUSES = [
    anthropic_server.model("claude-opus-4-1", "2025-08-05T00:00:00Z"),
    anthropic_server.model("claude-opus-4-7", "2026-06-01T00:00:00Z"),
]
GPTS = [openai_server.model("gpt-5.5", 1_780_000_000)]
CODE = ("--method", "code", "--model")


def propose(hypothesis: str, *edits: dict[str, Any]) -> ToolCall:
    return ToolCall({"hypothesis": hypothesis, "rationale": "because", "edits": list(edits)})


def constant(name: str, value: str) -> dict[str, Any]:
    return {"kind": "set_constant", "name": name, "value": value}


NIGHT: list[Step] = [
    propose("a larger rate learns faster", constant("LR", "0.3")),
    propose("a much larger rate is better still", constant("LR", "0.9")),
    propose("there is no such constant", constant("LEARNING_RATE", "0.3")),
    Status(529, "overloaded", "overloaded_error"),
    propose(
        "fail loudly",
        {
            "kind": "replace_statements",
            "old": "time.sleep(pause)",
            "new": "raise RuntimeError('on purpose')",
        },
    ),
    Text("I would rather talk about the weather."),
    propose("deeper", constant("DEPTH", "8")),
]


def anthropic(steps: list[Step]) -> tuple[Loopback, list[str], Callable[[str], dict[str, str]]]:
    return (
        AnthropicServer(steps, OPUSES),
        [*CODE, "opus"],
        lambda url: {"ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": url},
    )


def openai(steps: list[Step]) -> tuple[Loopback, list[str], Callable[[str], dict[str, str]]]:
    return (
        OpenAIServer(steps, GPTS),
        [*CODE, "gpt"],
        lambda url: {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": f"{url}/v1"},
    )


@pytest.mark.parametrize(
    ("provider", "name"), [(anthropic, "claude-opus-4-7"), (openai, "gpt-5.5")]
)
def test_a_night_with_a_model(tmp_path: Path, provider: Callable[..., Any], name: str) -> None:
    home = miniature(tmp_path)
    server, options, environment = provider(NIGHT)
    with server:
        run = type_in(
            home,
            "start",
            *options,
            *("--writers", "1", "--fill", "none"),  # the answers are meant in this order
            "--budget",
            "1steps",
            "--trials",
            "4",
            "--tag",
            "t",
            **environment(server.url),
        )
    assert run.returncode == 0, run.stderr
    trials = ledger(home, "t")
    became = {
        trial["proposal"]["hypothesis"]: trial for trial in trials
    }  # a refusal overtakes what trains meanwhile
    assert {hypothesis: trial["status"] for hypothesis, trial in became.items()} == {
        "train.py as it is": "baseline",
        "a larger rate learns faster": "keep",
        "a much larger rate is better still": "discard",
        "fail loudly": "crash",
        "deeper": "keep",
    }
    models = [trial["proposal"]["by"] for trial in trials if trial["status"] != "baseline"]
    assert {by["origin"] for by in models} == {"llm"}
    assert {by["model"] for by in models} == {name}
    assert all(by["input_tokens"] > 0 for by in models)
    sent_back = {
        hypothesis: trial["proposal"]["by"]["refused"] for hypothesis, trial in became.items()
    }
    assert (sent_back["fail loudly"], sent_back["deeper"]) == (1, 1), (
        "a wrong name and small talk were mended within a proposal"
    )
    assert (
        "on purpose" in became["fail loudly"]["reason"]
        and "on purpose" in became["fail loudly"]["result"]["tail"]
    )
    assert "DEPTH = 8" in git(home, "show", "autoresearch/t:train.py")
    the_model_was_told(server)
    the_key_is_nowhere(home)


def the_model_was_told(server: Loopback) -> None:
    """The last question held program.md, the incumbent and earlier trials; refusals went back."""
    asked = [json.dumps(request.body) for request in server.requests if request.method == "POST"]
    for part in ("Lower val_bpb", "def loss", "a larger rate learns faster"):
        assert part in asked[-1], part
    for refusal in ("unknown-name: constant LEARNING_RATE", "no call of the tool"):
        assert any(refusal in question for question in asked), refusal


def the_key_is_nowhere(home: Path) -> None:
    for path in (home / ".autoresearch").rglob("*"):
        if path.is_file():
            assert KEY not in path.read_text(errors="replace"), path
    for commit in git(home, "rev-list", "--all").split():
        assert KEY not in git(home, "show", "--format=%B", commit)


def test_a_model_that_cannot_be_used_says_why_and_leaves_a_run_to_resume(tmp_path: Path) -> None:
    home = miniature(tmp_path)
    steps = [
        propose("a larger rate", constant("LR", "0.3")),
        Status(401, "invalid x-api-key", "authentication_error"),
    ]
    server, options, environment = anthropic(steps)
    with server:
        run = type_in(
            home, "start", *options, "--budget", "1steps", "--tag", "t", **environment(server.url)
        )
    assert run.returncode == 5, run.stdout
    assert "Traceback" not in run.stderr
    assert KEY not in run.stdout + run.stderr
    server, options, environment = anthropic([propose("deeper", constant("DEPTH", "8"))])
    with server:
        left = str(1 + len(in_flight(home)))  # the first proposal, where it found no time to train
        resumed = type_in(home, "resume", "t", "--trials", left, **environment(server.url))
    assert resumed.returncode == 0, resumed.stderr
    assert [trial["status"] for trial in ledger(home, "t")] == ["baseline", "keep", "keep"]


def test_spending_survives_a_resume(tmp_path: Path) -> None:
    home = miniature(tmp_path)
    answers = [
        {"hypothesis": f"rate {rate}", "edits": [constant("LR", rate)], "cost": 0.6}
        for rate in ("0.2", "0.3", "0.35")
    ]
    script = home / "replies.jsonl"
    script.write_text("".join(json.dumps(answer) + "\n" for answer in answers))
    start = (
        "start",
        *CODE,
        f"scripted:{script}",
        "--tag",
        "t",
        "--budget",
        "1steps",
        "--max-cost",
        "1",
    )
    assert type_in(home, *start).returncode == 0
    spent = [
        trial["proposal"]["by"]["cost"]
        for trial in ledger(home, "t")
        if trial["proposal"]["by"]["cost"]
    ]
    assert sum(spent) == pytest.approx(0.6), "the question that would pass the bound is not asked"
    again = type_in(home, "resume", "t")
    assert again.returncode == 0
    assert "may cost $0.60, and $0.40 of --max-cost is left" in again.stdout
    assert len(ledger(home, "t")) == 1 + len(spent)


def test_front_matter_sets_what_no_flag_does_and_a_run_is_replayed_from_its_branch(
    tmp_path: Path,
) -> None:
    home = miniature(tmp_path)
    (home / "program.md").write_text("---\nprotected: [DEPTH]\ntrials: 2\n---\nLower val_bpb.\n")
    git(home, "commit", "-qam", "say what is protected")
    edits = [constant("LR", "0.2"), constant("DEPTH", "5"), constant("LR", "0.3")]
    answers = [{"hypothesis": f"idea {n}", "edits": [edit]} for n, edit in enumerate(edits)]
    script = home / "replies.jsonl"
    script.write_text("".join(json.dumps(answer) + "\n" for answer in answers))
    done = type_in(home, "start", *CODE, f"scripted:{script}", "--tag", "t", "--budget", "1steps")
    assert done.returncode == 0, done.stderr
    first = ledger(home, "t")
    assert [trial["status"] for trial in first] == ["baseline", "keep", "keep"], (
        "DEPTH went back, and two trials are enough"
    )
    assert first[2]["proposal"]["by"]["refused"] == 1
    script.unlink()
    again = type_in(home, "start", "--model", "replay:t", "--tag", "again", "--budget", "1steps")
    assert again.returncode == 0, again.stderr
    trees = [
        git(home, "rev-list", "--first-parent", "--format=%T", f"autoresearch/{tag}").splitlines()
        for tag in ("t", "again")
    ]
    same = [[line for line in lines if not line.startswith("commit")] for lines in trees]
    assert same[0] == same[1] and len(same[0]) >= 4


class Adviser(AnthropicServer):
    """Answers with an edit of code or with constants, as the tool asks."""

    def answer(
        self,
        request: BaseHTTPRequestHandler,
        body: dict[str, Any],
        step: ToolCall | Text | Truncated,
    ) -> None:
        asked = body["tools"][0]["input_schema"]["properties"]
        edit = {"hypothesis": "deeper", "rationale": "because", "edits": [constant("DEPTH", "8")]}
        advice = {"reason": "a larger rate", "configuration": {"LR": 0.3, "DEPTH": 4}}
        super().answer(request, body, ToolCall(edit if "edits" in asked else advice))


def test_with_a_model_and_no_method_an_optimiser_advice_and_edits_take_turns(
    tmp_path: Path,
) -> None:
    home = miniature(tmp_path)
    with Adviser([Text("in place of a step")] * 20, OPUSES) as server:
        environment = {"ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": server.url}
        run = type_in(
            home,
            "start",
            "--model",
            "opus",
            "--budget",
            "1steps",
            "--trials",
            "3",
            "--tag",
            "t",
            **environment,
        )
    assert run.returncode == 0, run.stderr
    by = {
        trial["proposal"]["by"]["method"]: trial["proposal"]["by"]
        for trial in ledger(home, "t")[1:]
    }
    assert set(by) == {"trust", "llm-hps", "code"}, "each has its turn before any has a second one"
    assert {method: told["model"] for method, told in by.items()} == {
        "trust": None,
        "llm-hps": "claude-opus-4-7",
        "code": "claude-opus-4-7",
    }
