"""The code method where its model looks before it proposes."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from agent.llm.model import Door, Tool
from agent.propose import Context, Unreadable
from agent.propose.code.code import Code
from agent.propose.looking import Asker, LookMeter, Looks
from agent.records.looks import LookBounds, Looked
from agent.records.proposals import Proposal
from tests.agent.propose.code.drafts import BASELINE, DEEPER, Asked, constant, draft, judging

LOOK = {"look": "trial", "arguments": {"number": 0}, "cost": 0.25}


class Shelf:
    """Looks that always answer the same, and say what was called."""

    def __init__(self, meter: LookMeter) -> None:
        self.meter = meter
        self._looked: list[Looked] = []

    @property
    def tools(self) -> tuple[Tool, ...]:
        return (Tool(name="trial", description="Show a trial.", parameters={"type": "object"}),)

    @property
    def looked(self) -> tuple[Looked, ...]:
        return tuple(self._looked)

    def call(self, name: str, arguments: Mapping[str, Any]) -> str:
        self._looked.append(Looked(tool=name, arguments=str(dict(arguments))))
        self.meter.show("the loss is flat from step 40 on")
        return "the loss is flat from step 40 on"

    @contextmanager
    def door(self) -> Iterator[Door | None]:
        yield Door(url="http://127.0.0.1:1/mcp", token="secret", tools=("trial",))


def bounded(waited: float = 0.0, **bounds: Any) -> Context:
    def look(asker: Asker) -> Looks:
        return Shelf(LookMeter(LookBounds(**bounds), asker.awaited))

    return replace(judging(BASELINE), look=look, awaited=lambda: waited)


def test_what_was_looked_at_is_in_the_next_question_and_on_record() -> None:
    model = Asked(LOOK, draft(DEEPER))
    proposal = Code(model).propose(bounded())
    assert isinstance(proposal, Proposal)
    first, second = model.requests
    assert [tool.name for tool in first.tools] == ["trial"] and not first.turns
    assert "How to look" in first.system
    [turn] = second.turns
    assert turn.results == ("the loss is flat from step 40 on",) and not second.only
    assert (first.blocks, second.index) == (second.blocks, first.index + 1)
    assert [str(look) for look in proposal.by.looked] == ["trial {'number': 0}"]
    assert (proposal.by.calls, proposal.by.cost) == (2, 0.75)


def test_each_bound_ends_the_looking_with_its_reason() -> None:
    for bounds, words in (
        ({"turns": 1}, "looked 1 times"),
        ({"tokens": 5}, "tokens"),
        ({"dollars": 0.2}, "$0.25"),
        ({"seconds": 1e-9}, "s for looking are over"),
    ):
        model = Asked(LOOK, draft(DEEPER))
        assert isinstance(Code(model).propose(bounded(**bounds)), Proposal)
        last = model.requests[-1]
        assert last.only and words in last.closing + last.blocks[-1]


def test_a_free_slot_that_waits_ends_it_before_it_begins() -> None:
    model = Asked(draft(DEEPER))
    Code(model).propose(bounded(waited=0.1, wait=0))
    assert model.requests[0].only and "a slot is free" in model.requests[0].blocks[-1]
    patient = Asked(LOOK, draft(DEEPER))
    Code(patient).propose(bounded(waited=0.1, wait=5))
    assert not patient.requests[1].only


def test_who_looks_on_although_it_is_time_is_refused_in_the_end() -> None:
    model = Asked(*[LOOK] * 20)
    outcome = Code(model).propose(bounded(turns=1))
    assert isinstance(outcome, Unreadable)
    assert len(model.requests) == 6, "one look, two more that were told to propose, three refusals"


def test_a_refused_draft_comes_back_behind_what_was_looked_at() -> None:
    model = Asked(LOOK, draft(constant("NOPE", "1")), draft(DEEPER))
    assert isinstance(Code(model).propose(bounded()), Proposal)
    last = model.requests[-1]
    assert len(last.turns) == 1 and "unknown-name" in last.closing
    assert last.blocks == model.requests[0].blocks


def test_a_command_gets_a_door_and_no_transcript_its_token() -> None:
    model = Asked(draft(DEEPER))
    model.looks = "door"
    proposal = Code(model).propose(bounded())
    assert isinstance(proposal, Proposal)
    [request] = model.requests
    assert request.door and request.door.token == "secret" and not request.tools
    assert "secret" not in request.model_dump_json() and "secret" not in repr(request)


def test_alternatives_that_were_not_tried_stay_with_the_proposal() -> None:
    other = {"hypothesis": "a wider head", "edits": [constant("HEAD_DIM", "64")]}
    model = Asked({**draft(DEEPER), "alternatives": [other]})
    proposal = Code(model).propose(judging(BASELINE))
    assert isinstance(proposal, Proposal) and proposal.alternatives == ("a wider head",)
    asked = Asked({}, draft(constant("DEPTH", "10")))
    Code(asked).propose(judging(BASELINE, pending=(proposal,)))
    assert "a wider head" in asked.requests[0].blocks[-1]
