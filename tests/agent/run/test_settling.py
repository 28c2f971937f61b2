"""When an attempt gets its verdict, what is recorded with it, and who is named there."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.evaluate.bench import Assignment
from agent.evaluate.machine import machine_name
from agent.evaluate.slots import Slot
from agent.judge.suspicion import APPROVE
from agent.records.inputs import Admitted, Approve, Ask, Hold, Skip
from agent.records.proposals import Provenance
from agent.records.results import Order
from agent.run.fleet import Wait
from agent.run.inbox import new_input
from agent.run.ledger import MOVED_BASELINE, Ledger, Settled
from agent.space import read_space
from tests.agent.run.test_runs import begun, measured, result, score
from tests.agent.run.test_weighing import on_record
from tests.agent.study import commit_by_hand, proposal, settle, study


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with study(tmp_path) as history:
        yield measured(history)


def said(ledger: Ledger, ask: Ask, sender: str = "ada", accepted: bool = True) -> None:
    """Record an input with its answer."""
    asked = new_input(ask, sender)
    ledger.history.admit(Admitted(input=asked, at=asked.sent, accepted=accepted))


def change_by_hand(ledger: Ledger) -> None:
    """Commit other code on the run's branch, as a person would."""
    path = ledger.history.worktree / "train.py"
    path.write_text(path.read_text() + "MORE = 1\n")
    commit_by_hand(ledger.history.worktree)


def settled_now(ledger: Ledger, attempt: object) -> Settled:
    step = ledger.next(attempt, machine_name())  # type: ignore[arg-type]
    assert isinstance(step, Settled), step
    return step


def test_during_a_hold_nothing_is_kept_without_a_word_and_with_it_the_repetition_is(
    ledger: Ledger,
) -> None:
    said(ledger, Hold())
    held, replay = settle(ledger, begun(ledger, proposal(LR=0.3)), result(score(0.9, 0)))
    assert (held.status, replay) == ("held", None)
    assert held.delta == pytest.approx(-0.09) and held.value is None
    assert ledger.history.sources.text.startswith("LR = 0.1")
    said(ledger, Approve(number=held.number))
    [again] = ledger.human_proposals
    kept, _ = settle(ledger, begun(ledger, again), result(score(0.9, 1)))
    assert (kept.status, kept.delta) == ("keep", pytest.approx(-0.1))
    assert ledger.history.sources.text.startswith("LR = 0.3")


def test_a_skipped_trial_names_who_asked_for_it_and_was_heard(ledger: Ledger) -> None:
    attempt = begun(ledger, proposal(LR=0.3))
    said(ledger, Skip(number=attempt.number), "ada")
    said(ledger, Skip(number=attempt.number), "bob", accepted=False)
    said(ledger, Skip(number=attempt.number + 1), "eve")
    assert ledger.skip(attempt).trial.reason == "skipped by ada"


def test_an_attempt_with_a_verdict_waits_for_its_other_runs(ledger: Ledger) -> None:
    attempt = begun(ledger, proposal(LR=0.3))
    order = Order(commit=attempt.commit, seed=0)
    slots = [Slot(number=n, cpus=(0,), place=f"node-{n}") for n in range(4)]
    ledger.fleet.join(slots[:1])
    ledger.fleet.begin(Assignment(attempt, order, slots[0], 1, None))
    assert isinstance(ledger.next(attempt, machine_name()), Wait), "it has its run already"
    for slot in slots[1:]:
        blamed = ledger.lose(Assignment(attempt, order, slot, 1, None), "the node died")
    assert blamed
    assert isinstance(ledger.next(attempt, machine_name()), Wait)
    ledger.fleet.end(slots[0])
    trial = settled_now(ledger, attempt).trial
    assert (trial.status, len(trial.losses)) == ("crash", 3)


def test_a_winner_is_not_merged_onto_code_that_came_meanwhile(ledger: Ledger) -> None:
    """The commit by hand is met only as the verdict is written."""
    attempt = begun(ledger, proposal(LR=0.3))
    change_by_hand(ledger)
    trial, replay = settle(ledger, attempt, result(score(0.9, 0)))
    assert trial.status == "discard" and "tried again" in trial.reason
    assert replay is not None and replay.by.replays == attempt.number
    assert ledger.needs_baseline
    assert ledger.history.sources.text.endswith("MORE = 1\n")


def test_a_baseline_of_code_that_is_not_the_newest_any_more_is_refused(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        ledger = Ledger(history, read_space)
        attempt = ledger.begin_baseline()
        history.note(attempt, result(score(1.0, 0), score(1.0, 1)))
        change_by_hand(ledger)
        history.take_in()
        settled = settled_now(ledger, attempt)
    assert (settled.trial.status, settled.trial.reason) == ("refused", MOVED_BASELINE)
    assert settled.trial.result is None and settled.replay is None


def test_a_score_in_another_unit_than_the_first_one_is_invalid(ledger: Ledger) -> None:
    attempt = begun(ledger, proposal(LR=0.3))
    order = Order(commit=attempt.commit, seed=0)
    percent = score(99.0, 0, unit="%", line="val_bpb: 99 %")
    ledger.record(attempt, order, result(percent))
    noted = ledger.history.measured(attempt)
    assert noted is not None and noted.status == "invalid"


def test_a_baseline_is_not_perturbed_before_all_its_seeds_have_run(tmp_path: Path) -> None:
    """It has as many runs as were asked for, though three equal ones seem to say enough."""
    slot = Slot(number=0, cpus=(0,))
    with study(tmp_path, verdict="sequential", baseline_repeats=4) as history:
        ledger = Ledger(history, read_space)
        attempt = ledger.begin_baseline()
        history.note(attempt, result(*(score(1.0, seed) for seed in range(3))))
        ledger.fleet.join([slot])
        order = Order(commit=attempt.commit, seed=3)
        ledger.fleet.begin(Assignment(attempt, order, slot, 1, None))
        assert isinstance(ledger.next(attempt, machine_name()), Wait)
        ledger.fleet.end(slot)
        ledger.record(attempt, order, result(score(1.0, 3)))
        neutral = ledger.next(attempt, machine_name())
        assert isinstance(neutral, Order) and neutral.role == "neutral"


def test_seeds_of_a_baseline_begin_at_the_runs_own(tmp_path: Path) -> None:
    with study(tmp_path, seed=7) as history:
        ledger = Ledger(history, read_space)
        attempt = ledger.begin_baseline()
        for seed in (7, 8):
            order = ledger.next(attempt, machine_name())
            assert isinstance(order, Order) and order.seed == seed
            ledger.record(attempt, order, result(score(1.0 + seed, seed)))
        assert settled_now(ledger, attempt).trial.status == "baseline"


@pytest.mark.parametrize(("origin", "by_hand"), [("human", False), ("llm", True), ("llm", False)])
def test_an_undecided_trial_that_was_overtaken_is_tried_again_for_a_person_or_after_one(
    ledger: Ledger, origin: str, by_hand: bool
) -> None:
    by = Provenance.model_validate({"method": "m", "origin": origin})
    wanted = proposal(LR=0.3).model_copy(update={"by": by})
    attempt = begun(ledger, wanted)
    if by_hand:
        change_by_hand(ledger)
        ledger.history.take_in()
        settle(ledger, ledger.begin_baseline(), result(score(1.0, 0), score(1.0, 1)))
    else:
        settle(ledger, begun(ledger, proposal(DEPTH=8)), result(score(0.5, 0)))
    ledger.history.note(attempt, result(score(0.9, 9)))  # nothing was measured under this seed
    settled = settled_now(ledger, attempt)
    assert settled.trial.status == "discard"
    assert (settled.replay is not None) == (origin == "human" or by_hand)


def test_what_other_data_showed_of_the_noise_decides_nothing(tmp_path: Path) -> None:
    """On the first data every seed gave the same score, so that no run repeated another."""
    with study(tmp_path, verdict="sequential") as history:
        measured(history, first=result(*(score(1.0, seed) for seed in range(3))))
        history.change_data(history.draft_prepare("OTHER = 1\n"), "b" * 64, "why")
        ledger = measured(history)
        attempt = begun(ledger, proposal(LR=0.3))
        history.note(attempt, result(score(0.9, 0)))
        step = ledger.next(attempt, machine_name())
        assert isinstance(step, Order) and not step.texts


@pytest.mark.parametrize("method", [APPROVE, "given"])
def test_what_a_person_approved_is_not_doubted_again(tmp_path: Path, method: str) -> None:
    by = Provenance(method=method, origin="human", replays=1)
    with study(tmp_path, verdict="sequential") as history:
        ledger = measured(history)
        on_record(history, "suspect", 1, result=result(score(0.1, 0), recheck="failed"))
        again = history.trials[1].proposal.model_copy(update={"by": by})
        attempt = begun(ledger, again)
        history.note(attempt, result(score(0.1, 1)))
        step = ledger.next(attempt, machine_name())
        doubted = isinstance(step, Order) and step.why.startswith("implausible")
        assert doubted == (method != APPROVE)
