"""A model that is away: limits that lift, outages, and a search method that fills in meanwhile."""

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from agent.errors import ModelAway, ModelLimited, ModelUnavailable, UsageFault
from agent.history.history import History
from agent.llm.model import Model, Reply, Request
from agent.llm.openai import OpenAI
from agent.llm.patience import Patience
from agent.propose import Context, find_method
from agent.propose.code.code import Code
from agent.records.events import ModelWaited, Note, Proposing, RunFinished
from agent.records.proposals import Proposal
from agent.run.drafting import Staff
from tests.agent.run.test_drafting import SECONDS, SET_RATE, Answers, at_once, filler, rate, run_of
from tests.agent.study import ListProposer, project_of, proposal, study
from tests.loopback.openai_server import OpenAIServer
from tests.loopback.wire import Status, Step, ToolCall

__all__ = ["at_once"]
LATER = datetime(2100, 1, 1, tzinfo=UTC)


def limit(seconds: float) -> ModelLimited:
    until = datetime.now(UTC) + timedelta(seconds=seconds)
    return ModelLimited("429: the session limit", "autoresearch resume", until)


def limited_once(seconds: float) -> Answers:
    def answer(number: int, _: Context) -> Proposal:
        if number == 1:
            raise limit(seconds)
        return proposal(LR=rate(number))

    return Answers(answer)


def test_a_limit_is_waited_for_while_the_optimizer_goes_on(tmp_path: Path, at_once: None) -> None:
    model = limited_once(1.5)
    with study(tmp_path) as history:
        work = run_of(history, model, Staff(None, filler()), hours=SECONDS / 3600)
        waits = []
        for event in work.events():
            if isinstance(event, ModelWaited):
                waits.append(event)
            if len(model.contexts) > 2:
                work.stop()
        methods = [trial.proposal.by.method for trial in history.trials[1:]]
    assert [bool(wait.until) for wait in waits] == [True, False]
    assert waits[0].reason == "429: the session limit"
    assert "random" in methods and methods[0] == "list"


def test_a_limit_on_the_wire_is_waited_for_and_the_model_asked_again(
    tmp_path: Path, at_once: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.llm.patience.LONGEST_PAUSE_SECONDS", 0.1)
    limited = Status(429, "the limit of your plan", "rate_limit_error", {"retry-after": "1"})
    ideas = [
        ToolCall({"hypothesis": "h", "edits": [{**SET_RATE, "value": str(rate(number))}]})
        for number in range(2)
    ]
    with OpenAIServer([ideas[0], limited, ideas[1]]) as server, study(tmp_path) as history:
        patience = Patience(SECONDS, threading.Event(), 0.01)
        model = OpenAI("gpt-5", "key", patience, f"{server.url}/v1")
        events = list(run_of(history, Code(model), Staff(1), trials=2).events())
        assert [trial.proposal.by.origin for trial in history.trials[1:]] == ["llm", "llm"]
        assert len(server.questions) == 3
    waits = [event for event in events if isinstance(event, ModelWaited)]
    assert [bool(wait.until) for wait in waits] == [True, False]
    assert "the limit of your plan" in waits[0].reason


def test_a_limit_is_waited_for_where_nothing_fills_in(tmp_path: Path, at_once: None) -> None:
    model = limited_once(0.3)
    with study(tmp_path) as history:
        events = list(run_of(history, model, Staff(1), trials=3).events())
        assert [trial.proposal.by.method for trial in history.trials[1:]] == ["list"] * 3
    assert isinstance(events[-1], RunFinished) and "3 trials" in events[-1].reason


def test_hours_go_on_counting_while_a_limit_is_waited_for(tmp_path: Path, at_once: None) -> None:
    model = limited_once(3600.0)
    with study(tmp_path) as history:
        events = list(run_of(history, model, Staff(1), hours=2 / 3600).events())
    assert isinstance(events[-1], RunFinished) and "hours used" in events[-1].reason


def test_a_stop_ends_the_wait_for_a_limit_and_a_resume_asks_again(
    tmp_path: Path, at_once: None
) -> None:
    with study(tmp_path) as history:
        work = run_of(history, limited_once(3600.0), Staff(1))
        for event in work.events():
            if isinstance(event, ModelWaited):
                work.stop()
    model = Answers(lambda number, _: proposal(LR=rate(number + 50)))
    with History.open(project_of(tmp_path), "t") as history:
        list(run_of(history, model, Staff(1), trials=1).events())
    assert model.contexts, "it was asked at once"


def test_an_outage_is_waited_for_and_the_optimizer_goes_on(
    tmp_path: Path, at_once: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A provider that answers with errors until its question is given up, and then again."""
    monkeypatch.setattr("agent.llm.patience.AGAIN_AFTER", timedelta(seconds=0.5))
    over = threading.Event()
    edits = [{**SET_RATE, "value": str(rate(number))} for number in range(9)]
    good = [ToolCall({"hypothesis": "h", "edits": [edit]}) for edit in edits]

    def down(_: dict[str, Any]) -> Step:
        return good[1] if over.is_set() else Status(503, "down for maintenance")

    with OpenAIServer([good[0], *[down] * 500]) as server, study(tmp_path) as history:
        model = OpenAI("gpt-5", "key", Patience(1.5, threading.Event(), 0.05), f"{server.url}/v1")
        work = run_of(history, Code(model), Staff(1, filler()), trials=400)
        waits = []
        for event in work.events():
            if isinstance(event, ModelWaited) and event.until:
                waits.append(event.reason)
            origins = [trial.proposal.by.origin for trial in history.trials]
            if waits and origins[-1] == "search":
                over.set()
            if origins.count("llm") == 2:
                work.stop()
    assert "down for maintenance" in waits[0]
    methods = [trial.proposal.by.method for trial in history.trials[1:]]
    before, after, *_ = [place for place, method in enumerate(methods) if method == "code"]
    assert "random" in methods[before:after]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["hybrid", "centaur", "llm-hps", "llambo"])
def test_every_method_with_a_model_waits_for_one_that_is_away(
    tmp_path: Path, at_once: None, name: str
) -> None:
    class Away:
        name = "away"
        origin = "llm"

        def estimate(self, _: Request) -> float:
            return 0.0

        def complete(self, _: Request) -> Reply:
            raise ModelAway("500 for half an hour", "autoresearch resume", LATER)

    method = find_method(name).build(cast(Model, Away()))
    with study(tmp_path) as history:
        events = list(run_of(history, method, Staff(1, filler()), trials=24).events())
    assert "24 trials" in next(e.reason for e in reversed(events) if isinstance(e, RunFinished))
    assert any(isinstance(event, ModelWaited) for event in events)
    assert "random" in {trial.proposal.by.method for trial in history.trials}


def test_after_a_limit_one_question_is_asked_before_several(tmp_path: Path, at_once: None) -> None:
    refused = threading.Barrier(2, timeout=SECONDS)

    def answer(number: int, _: Context) -> Proposal:
        if number < 2:
            refused.wait()
            raise limit(0.5)
        return proposal(LR=rate(number))

    model = Answers(answer)
    with study(tmp_path, workers=2) as history:
        events = list(run_of(history, model, Staff(2), trials=4).events())
    asked = [event.writing for event in events if isinstance(event, Proposing)]
    assert asked[:3] == [1, 2, 1]
    assert sum(isinstance(event, ModelWaited) for event in events) >= 2


def test_a_model_that_is_gone_still_ends_the_run(tmp_path: Path, at_once: None) -> None:
    def answer(_: int, __: Context) -> Proposal:
        raise ModelUnavailable("nobody answers", "autoresearch resume")

    with study(tmp_path) as history, pytest.raises(ModelUnavailable):
        list(run_of(history, Answers(answer), Staff(2, filler())).events())


def test_a_filler_that_has_nothing_left_ends_the_filling_alone(
    tmp_path: Path, at_once: None
) -> None:
    over = threading.Event()

    def answer(number: int, _: Context) -> Proposal:
        if number:
            over.wait(SECONDS)
        return proposal(LR=rate(number))

    empty = ListProposer([UsageFault("every configuration was tried", "autoresearch space")])
    with study(tmp_path) as history:
        notes = []
        for event in run_of(history, Answers(answer), Staff(1, empty), trials=3).events():
            if isinstance(event, Note):
                notes.append(event.text)
            if any("every configuration was tried" in text for text in notes):
                over.set()
        assert len(history.trials) == 4
    assert over.is_set()
