"""When a limit lifts: the words and headers that providers and their clients really send."""

import json
import socket
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agent.errors import ModelAway, ModelFault, ModelLimited, ModelUnavailable
from agent.llm import patience as patience_module
from agent.llm.anthropic import Anthropic
from agent.llm.claude_code import CLAUDE_CODE
from agent.llm.codex import CODEX
from agent.llm.lifting import lifts_at, lifts_by_words
from agent.llm.model import Model, Request, Tool
from agent.llm.openai import OpenAI
from agent.llm.patience import LONGEST_PAUSE_SECONDS, Patience, Transient
from tests.loopback.anthropic_server import AnthropicServer
from tests.loopback.openai_server import OpenAIServer
from tests.loopback.wire import Hang, Loopback, Status, ToolCall

NOW = datetime(2026, 11, 29, 17, 7, tzinfo=UTC)
REQUEST = Request(
    system="the rules",
    blocks=("the ledger",),
    tool=Tool(name="propose", description="Propose.", parameters={"type": "object"}),
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("words", "moment"),
    [
        ("You've hit your session limit · resets 7:06pm (UTC)", "2026-11-29T19:06"),
        ("You've hit your session limit · resets 5:05pm (UTC)", "2026-11-29T17:07"),
        ("5-hour limit reached ∙ resets 3am (UTC)", "2026-11-30T03:00"),
        ("weekly limit · resets Dec 3 at 5pm (America/New_York)", "2026-12-03T22:00"),
        ("limit · resets Dec 3, 5pm (UTC)", "2026-12-03T17:00"),
        ("Claude AI usage limit reached|1796000000", "2026-11-30T00:53:20"),
        ("usage limits. You will regain access on 2026-12-01 at 00:00 UTC.", "2026-12-01T00:00"),
        ("usage limit. try again in 3 days 4 hours 12 minutes.", "2026-12-02T21:19"),
        ("Rate limit reached. Please try again in 6m0s.", "2026-11-29T17:13"),
        ("You exceeded your current quota. Please retry in 34.5s.", "2026-11-29T17:07:34.500000"),
        ("Rate limit exceeded. Limit resets at: 2026-11-30 06:00:46 UTC", "2026-11-30T06:00"),
        ("rate limit, Retry-After: 90", "2026-11-29T17:08:30"),
        ('{"limit": 3, "retry_after": 90}', "2026-11-29T17:08:30"),
        ("usage limit; retry after: 2h", "2026-11-29T19:07"),
    ],
)
def test_the_words_of_providers_say_when(words: str, moment: str) -> None:
    assert lifts_by_words(words, NOW) == at(moment)


@pytest.mark.parametrize(
    "words",
    [
        "You exceeded your current quota, please check your plan and billing details.",
        "limited to 3 requests in 1 minute",
        "the limit of 4096 tokens",
        "limit · resets Feb 31 at 5pm (UTC)",
        "limit · resets 45:99pm (UTC)",
        "usage limit reached|9999999999",
        "try again in 900000000 days; limit",
        "resets 3 limit",
    ],
)
def test_other_words_say_nothing(words: str) -> None:
    assert lifts_by_words(words, NOW) is None


@pytest.mark.parametrize(
    ("headers", "moment"),
    [
        ({"retry-after": "3600"}, "2026-11-29T18:07"),
        ({"retry-after": "Sun, 29 Nov 2026 19:07:00 GMT"}, "2026-11-29T19:07"),
        ({"retry-after-ms": "60000", "retry-after": "90"}, "2026-11-29T17:08"),
        ({"x-ratelimit-reset": "1796000000000"}, "2026-11-30T00:53:20"),
        (
            {
                "x-ratelimit-reset-requests": "6m0s",
                "x-ratelimit-remaining-requests": "0",
                "x-ratelimit-reset-tokens": "9h",
                "x-ratelimit-remaining-tokens": "30000",
            },
            "2026-11-29T17:13",
        ),
        (
            {
                "anthropic-ratelimit-unified-5h-reset": "1796000000",
                "anthropic-ratelimit-unified-5h-status": "rejected",
                "anthropic-ratelimit-unified-7d-reset": "1796300000",
                "anthropic-ratelimit-unified-7d-status": "allowed",
            },
            "2026-11-30T00:53:20",
        ),
        ({"anthropic-ratelimit-requests-reset": "2026-11-29T18:00:00Z"}, "2026-11-29T18:00"),
    ],
)
def test_headers_say_when(headers: dict[str, str], moment: str) -> None:
    assert lifts_at("slow down", headers, NOW) == at(moment)


@pytest.mark.parametrize("value", ["", "nan", "inf", "-5", "soon", "1e400", "9" * 400])
def test_nonsense_in_a_header_says_nothing(value: str) -> None:
    assert lifts_at("slow down", {"retry-after": value}, NOW) is None
    assert lifts_at("slow down", {"x-ratelimit-reset": value}, NOW) in (None, NOW)


# ---------------------------------------------------------------- on the wire


def anthropic(url: str, patience: Patience) -> Model:
    return Anthropic("claude-opus-4-6", "key", patience, url)


def openai(url: str, patience: Patience) -> Model:
    return OpenAI("gpt-5", "key", patience, f"{url}/v1")


BOTH = pytest.mark.parametrize(
    ("serve", "model"), [(AnthropicServer, anthropic), (OpenAIServer, openai)]
)


def quick(seconds: float = 600.0) -> Patience:
    return Patience(seconds, threading.Event(), first_wait=0.01)


@BOTH
@pytest.mark.parametrize(
    "limit",
    [
        Status(429, "slow down", "rate_limit_error", {"retry-after": "7200"}),
        Status(429, "try again in 2h0m0s", "rate_limit_error"),
        Status(503, "maintenance", "api_error", {"retry-after": "7200"}),
        Status(400, "usage limits: please retry in 7200s", "invalid_request_error"),
    ],
)
def test_a_limit_of_hours_is_told_at_once_with_its_end(
    serve: type[Loopback], model: Any, limit: Status
) -> None:
    with serve([limit]) as server, pytest.raises(ModelLimited) as caught:
        model(server.url, quick()).complete(REQUEST)
    assert len(server.questions) == 1
    left = caught.value.until - datetime.now(UTC)
    assert timedelta(hours=1.9) < left <= timedelta(hours=2)
    assert limit.message in caught.value.message and "{" not in caught.value.message


@BOTH
def test_a_limit_without_a_time_is_asked_about_until_the_deadline(
    serve: type[Loopback], model: Any
) -> None:
    with serve([Status(429, "slow down", "rate_limit_error")] * 500) as server:
        with pytest.raises(ModelLimited, match="slow down") as caught:
            model(server.url, quick(1.0)).complete(REQUEST)
        assert len(server.questions) > 1
    assert caught.value.until > datetime.now(UTC)


@BOTH
def test_a_limit_that_lifts_soon_is_waited_for_within_the_question(
    serve: type[Loopback], model: Any
) -> None:
    limit = Status(429, "slow down", "rate_limit_error", {"retry-after": "1"})
    with serve([limit, ToolCall({"hypothesis": "h"})]) as server:
        assert model(server.url, quick()).complete(REQUEST).arguments == {"hypothesis": "h"}


@BOTH
def test_an_account_without_money_is_no_limit(serve: type[Loopback], model: Any) -> None:
    broke = Status(429, "You exceeded your current quota, check your billing", "insufficient_quota")
    with serve([broke]) as server, pytest.raises(ModelFault) as caught:
        model(server.url, quick()).complete(REQUEST)
    assert type(caught.value) is ModelFault


@BOTH
def test_a_dead_address_is_given_up_in_seconds(
    serve: type[Loopback], model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience_module, "DEAD_SECONDS", 0.2)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        with pytest.raises(ModelUnavailable, match="no server has answered there"):
            model(f"http://127.0.0.1:{port}", quick()).complete(REQUEST)


@BOTH
def test_a_server_that_answered_before_is_waited_for(
    serve: type[Loopback], model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience_module, "DEAD_SECONDS", 0.2)
    with serve([ToolCall({"hypothesis": "h"})]) as server:
        opened = model(server.url, quick(1.0))
        opened.complete(REQUEST)
    with pytest.raises(ModelAway, match="no answer within 1 s") as caught:
        opened.complete(REQUEST)
    assert type(caught.value) is ModelAway and caught.value.until > datetime.now(UTC)


@BOTH
def test_an_outage_is_waited_for_also_where_nothing_was_ever_answered_but_errors(
    serve: type[Loopback], model: Any
) -> None:
    down = Status(500, "internal error")
    with serve([down] * 500) as server, pytest.raises(ModelAway, match="internal error") as caught:
        model(server.url, quick(1.0)).complete(REQUEST)
    assert not isinstance(caught.value, ModelLimited)
    assert caught.value.next_command.startswith("autoresearch resume")


@BOTH
def test_a_server_that_never_said_a_word_is_not_waited_for(
    serve: type[Loopback], model: Any
) -> None:
    with serve([Hang(5.0)] * 10) as server, pytest.raises(ModelUnavailable, match="was silent"):
        model(server.url, quick(1.0)).complete(REQUEST)


# ---------------------------------------------------------------- the clients' output

CLAUDE_LIMIT = {
    "type": "result",
    "subtype": "success",
    "is_error": True,
    "api_error_status": 429,
    "result": "You've hit your session limit · resets 7:06pm (UTC)",
}
CODEX_SAYS = (
    "You’ve hit your usage limit. Upgrade to Pro (https://chatgpt.com/explore/pro), visit "
    "https://chatgpt.com/settings/usage to purchase more credits or try again at 7:06 PM."
)
CODEX_LIMIT = [
    {"type": "turn.started"},
    {"type": "error", "message": CODEX_SAYS},
    {"type": "turn.failed", "error": {"message": CODEX_SAYS}},
]


def test_what_claude_code_and_codex_print_is_a_limit_with_its_time() -> None:
    """The very output of Claude Code 2.1 and Codex 0.171 at the end of a subscription's window."""
    with pytest.raises(Transient, match="resets 7:06pm") as claude:
        CLAUDE_CODE.read(json.dumps(CLAUDE_LIMIT))
    with pytest.raises(Transient, match="usage limit") as codex:
        CODEX.read("\n".join(map(json.dumps, CODEX_LIMIT)))
    for caught in (claude, codex):
        assert caught.value.limited and caught.value.retry_after is not None
        assert 0 <= caught.value.retry_after <= 24 * 3600 + LONGEST_PAUSE_SECONDS
