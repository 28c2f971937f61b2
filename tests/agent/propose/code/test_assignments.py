"""What each of several writers is asked for, and what it is told of the others."""

from dataclasses import replace

from agent.propose.assignments import next_assignment
from agent.propose.code.code import Code, request_of, to_explore
from agent.propose.code.mending import to_mend
from agent.propose.code.policy import Policy
from agent.propose.context import InHand
from agent.records.proposals import Assignment, Proposal
from tests.agent.propose.code.drafts import BASELINE, Asked, constant, draft, judging
from tests.agent.propose.example import trial

MISSES = (trial(1, 1.1, DEPTH=9), trial(2, 1.2, DEPTH=10))


def holding(*assignments: Assignment) -> tuple[InHand, ...]:
    return tuple(InHand(assignment, 1) for assignment in assignments)


def test_each_writer_is_asked_for_what_nobody_has_in_hand() -> None:
    young = judging(BASELINE)
    assert next_assignment(young) == "exploit"
    assert next_assignment(replace(young, in_hand=holding("exploit"))) == "bolder"
    busy = holding("exploit", "bolder")
    assert next_assignment(replace(young, in_hand=busy)) == "simplify", "there is no near miss yet"
    older = judging(BASELINE, *MISSES)
    assert next_assignment(replace(older, in_hand=busy)) == "combine"


def test_the_usual_next_step_is_asked_for_twice_as_often() -> None:
    context = judging(BASELINE, *MISSES)
    given: list[Assignment] = []
    for _ in range(12):
        assignment = next_assignment(context)
        given.append(assignment)
        by = MISSES[0].proposal.by.model_copy(update={"assigned": assignment})
        pending = MISSES[0].proposal.model_copy(update={"by": by})
        context = replace(context, pending=(*context.pending, pending))
    counts = {each: given.count(each) for each in given}
    assert counts == {"exploit": 4, "bolder": 2, "combine": 2, "simplify": 2, "constants": 2}


def test_nothing_is_asked_for_that_makes_no_sense() -> None:
    busy = holding("exploit", "bolder", "combine", "simplify")
    context = replace(judging(BASELINE, *MISSES), in_hand=busy)
    assert next_assignment(context) == "constants"
    bare = replace(context, space=context.space.model_copy(update={"parameters": ()}))
    assert next_assignment(bare) != "constants"


def test_the_question_says_what_is_asked_for_and_what_the_others_have_in_hand() -> None:
    alone = judging(BASELINE)
    several = replace(alone, assignment="simplify", in_hand=holding("exploit", "bolder"))
    question = request_of(several).blocks[-1]
    assert "asked for: the most promising next step; something bolder." in question
    assert "Your part: remove code" in question
    assert request_of(several).blocks[:-1] == request_of(alone).blocks[:-1], "the rest is cached"
    assert "Your part" not in request_of(alone).blocks[-1]
    proposal = Code(Asked(*[draft(constant("DEPTH", "9"))] * 3)).propose(several)
    assert isinstance(proposal, Proposal) and proposal.by.assigned == "simplify"


def test_during_a_plateau_writers_are_asked_for_different_kinds() -> None:
    plateau = replace(judging(BASELINE, *MISSES), policy=Policy(patience=2))
    first = to_explore(plateau)
    second = to_explore(replace(plateau, in_hand=holding("exploit")))
    assert first and second and first.kind != second.kind
    asked = request_of(replace(plateau, assignment="simplify")).blocks[-1]
    assert "Your part" not in asked


def test_one_writer_mends_a_failure_and_the_others_go_on() -> None:
    crashed = judging(BASELINE, trial(1, "crash", DEPTH=12))
    before = replace(crashed, in_hand=(InHand("exploit", 1),))
    after = replace(crashed, in_hand=(InHand("exploit", 2),))
    assert to_mend(before), "the other one was asked before it failed"
    assert to_mend(after) is None, "the other one was asked to mend it"
