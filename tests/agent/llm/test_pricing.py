"""What a request costs by the installed price list; an unknown model has no price."""

import threading

import pytest

from agent.llm.anthropic import Anthropic
from agent.llm.model import Request, Tool
from agent.llm.patience import Patience
from agent.llm.pricing import cost_of, dollars_in


def test_cached_tokens_have_a_price_of_their_own() -> None:
    cost = cost_of("claude-opus-4-6", "anthropic", fresh=600, read=400, write=100, output=100)
    assert cost == pytest.approx((600 * 5 + 400 * 0.5 + 100 * 6.25 + 100 * 25) / 1e6)
    assert cost_of("gpt-5-2025-08-07", "openai", fresh=600, read=400, output=100) == pytest.approx(
        (600 * 1.25 + 400 * 0.125 + 100 * 10) / 1e6
    )


def test_a_compatible_server_is_known_by_its_address_and_ones_own_has_no_price() -> None:
    assert cost_of(
        "anthropic/claude-opus-4.6",
        "openai",
        fresh=1000,
        output=100,
        url="https://openrouter.ai/api/v1",
    )
    assert (
        cost_of("gpt-5", "openai", fresh=1000, output=100, url="http://127.0.0.1:8000/v1") is None
    )
    assert cost_of("a-model-of-tomorrow", "anthropic", fresh=1000, output=100) is None


def test_dollars_that_nobody_can_pay_are_none() -> None:
    assert dollars_in(0.25) == 0.25
    for reported in (-1, True, "1", float("nan"), float("inf"), 1e300, 10**4_000):
        assert dollars_in(reported) is None


def test_an_estimate_is_the_most_that_a_question_may_cost() -> None:
    model = Anthropic("claude-opus-4-6", "k", Patience(1.0, threading.Event()))
    tool = Tool(name="propose", description="", parameters={})
    request = Request(system="s" * 3_000, blocks=("b" * 3_000,), tool=tool, max_output_tokens=1_000)
    assert model.estimate(request) == pytest.approx((2_000 * 6.25 + 1_000 * 25) / 1e6, rel=0.01)
