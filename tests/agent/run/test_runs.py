"""What the ledger asks to be run next, with what, and what it writes down of it."""

from pathlib import Path

import pytest

from agent.edit import fingerprint
from agent.edit.files import Sources
from agent.errors import ProjectFault
from agent.evaluate.bench import Assignment
from agent.evaluate.machine import machine_name
from agent.evaluate.slots import Slot
from agent.history.history import History
from agent.judge.suspicion import APPROVE
from agent.records.edits import Refused
from agent.records.proposals import Proposal, Provenance
from agent.records.results import Attempt, Order, Result, Score, Trial
from agent.run.fleet import Wait
from agent.run.ledger import Ledger
from agent.space import read_space
from sandbox.ground.deadline import Usual
from tests.agent.study import commit_by_hand, project_of, proposal, settle, study

SLOT = Slot(number=0, cpus=(0,))


def score(value: float = 1.0, seed: int = 0, **fields: object) -> Score:
    return Score.model_validate({"value": value, "seed": seed, "kind": "sealed", **fields})


def result(*scores: Score, **fields: object) -> Result:
    return Result.model_validate({"status": "scored", "scores": scores, "seconds": 6, **fields})


BASELINE = result(score(0.99, 0, speed=10.0), score(1.0, 1, speed=8.0), score(1.01, 2, speed=9.0))


def measured(history: History, cores: int | None = None, first: Result = BASELINE) -> Ledger:
    """Return a ledger of a history whose baseline was measured."""
    ledger = Ledger(history, read_space, cores=cores)
    settle(ledger, ledger.begin_baseline(), first)
    return ledger


def begun(ledger: Ledger, wanted: Proposal) -> Attempt:
    attempt = ledger.begin(wanted)
    assert isinstance(attempt, Attempt), attempt
    return attempt


def ordered(ledger: Ledger, attempt: Attempt) -> Order:
    step = ledger.next(attempt, machine_name())
    assert isinstance(step, Order), step
    return step


def baseline_of(history: History, source: str, number: int, *scores: Score) -> Attempt:
    """Return an attempt at a baseline; with scores it has its verdict already."""
    by = Provenance(method="baseline", origin="baseline")
    as_it_is = Proposal(hypothesis="as it is", by=by)
    attempt = history.commit_attempt(number, as_it_is, history.sources.with_text(source))
    if scores:
        trial = Trial(
            number=number,
            status="baseline",
            proposal=as_it_is,
            reason="r",
            result=result(*scores),
            fingerprint="f",
        )
        history.commit_verdict(attempt, trial)
    return attempt


# ---------------------------------------------------------------- assignments


def test_an_assignment_counts_the_trials_own_runs_and_says_how_fast_the_baseline_was(
    tmp_path: Path,
) -> None:
    with study(tmp_path) as history:
        ledger = measured(history)
        attempt = begun(ledger, proposal(LR=0.3))
        order = ordered(ledger, attempt)
        first = ledger.assignment(attempt, order, SLOT)
        assert (first.attempt, first.order, first.slot, first.run) == (attempt, order, SLOT, 1)
        assert first.usual == Usual(seconds=2.0), "the mean of the baseline's 6 s over 3 runs"
        assert first.baseline_speed == 10.0, "of its first run"
        runs = (score(1.0, 0, role="baseline"), score(0.9, 0), score(1.0, 1, role="incumbent"))
        history.note(attempt, result(*runs))
        assert ledger.assignment(attempt, order, SLOT).run == 3, "the baseline's run is not its own"
        baseline_of(history, history.sources.text, 2, score(1.0, 0, speed=20.0))
        assert ledger.assignment(attempt, order, SLOT).baseline_speed == 20.0, "the newest baseline"


def test_a_run_that_is_to_show_the_usual_time_has_none(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        ledger = Ledger(history, read_space)
        first = ledger.begin_baseline()
        assert ledger.assignment(first, ordered(ledger, first), SLOT).usual is None
        settle(ledger, first, BASELINE)
        kept = begun(ledger, proposal(LR=0.3))
        again = Order(commit=first.commit, seed=0, role="baseline")
        assert ledger.assignment(kept, again, SLOT).usual is None
        settle(ledger, kept, result(score(0.5)))
        same_code = baseline_of(history, history.sources.text, 2)
        order = Order(commit=same_code.commit, seed=0)
        assert ledger.assignment(same_code, order, SLOT).usual == Usual(seconds=2.0)
        older_code = baseline_of(history, history.sources_at(first.commit).text, 3)
        assert ledger.assignment(older_code, order, SLOT).usual is None, "not what was kept last"


@pytest.mark.parametrize("prune", ["off", "median"])
def test_curves_to_be_pruned_against_are_given_to_a_run_that_prunes(
    tmp_path: Path, prune: str
) -> None:
    curve = ((0.5, 2.0), (1.0, 1.5))
    with study(tmp_path, prune=prune) as history:
        ledger = measured(history)
        for number in range(1, 6):
            wanted = proposal(DEPTH=8 + number)
            trial = Trial(
                number=number,
                status="discard",
                proposal=wanted,
                reason="r",
                result=result(score(2.0), curve=curve),
            )
            history.commit_verdict(history.draft(number, wanted, history.sources), trial)
        attempt = begun(ledger, proposal(LR=0.3))
        assignment = ledger.assignment(attempt, ordered(ledger, attempt), SLOT)
        assert assignment.rivals == ((curve,) * 5 if prune == "median" else ())


# ---------------------------------------------------------------- records


def test_a_result_is_added_to_those_before(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        ledger = measured(history)
        attempt = begun(ledger, proposal(LR=0.3))
        for seed in (4, 5):
            run = result(score(0.9, seed), seconds=3)
            ledger.record(attempt, Order(commit=attempt.commit, seed=seed), run)
        noted = history.measured(attempt)
        assert noted and [one.seed for one in noted.scores] == [4, 5]
        assert noted.seconds == 6


def test_only_a_baseline_that_fails_here_is_a_fault(tmp_path: Path) -> None:
    crash = Result(status="crash", detail="no memory")
    with study(tmp_path) as history:
        ledger = measured(history)
        attempt = begun(ledger, proposal(LR=0.3))
        timing = Order(commit=history.trials[0].attempt, seed=0, role="baseline")
        with pytest.raises(ProjectFault, match=r"fails on this machine \(crash\): no memory"):
            ledger.record(attempt, timing, crash)
        assert history.measured(attempt) is None, "it says nothing about the attempt"
        ledger.record(attempt, timing, result(score(role="baseline")))
        ledger.record(attempt, Order(commit=attempt.commit, seed=0), crash)
        noted = history.measured(attempt)
        assert noted and noted.status == "crash"


# ---------------------------------------------------------------- orders


def test_on_another_machine_the_baseline_runs_first(tmp_path: Path) -> None:
    elsewhere = result(score(1.0, 0, machine="elsewhere"), score(1.0, 1, machine="elsewhere"))
    with study(tmp_path, seed=7) as history:
        ledger = measured(history, first=elsewhere)
        attempt = begun(ledger, proposal(LR=0.3))
        order = ordered(ledger, attempt)
        baseline = history.trials[0].attempt
        assert (order.commit, order.seed, order.role) == (baseline, 7, "baseline")
        ledger.fleet.join([SLOT])
        ledger.fleet.begin(Assignment(attempt, order, SLOT, 1, None))
        other = begun(ledger, proposal(LR=0.4))
        assert isinstance(ledger.next(other, machine_name()), Wait), "it is being timed"
        ledger.fleet.end(SLOT)
        here = score(1.0, 7, role="baseline", machine=machine_name(), seconds=3.0)
        ledger.record(attempt, order, result(here))
        following = ordered(ledger, attempt)
        assert (following.commit, following.role) == (attempt.commit, "candidate")
        assert ledger.assignment(attempt, following, SLOT).usual == Usual(seconds=3.0)


def test_with_another_share_of_the_cores_the_baseline_runs_first(tmp_path: Path) -> None:
    two_cores = result(score(1.0, 0, cores=2, seconds=3.0), score(1.0, 1, cores=2, seconds=3.0))
    with study(tmp_path) as history:
        measured(history, first=two_cores)
        attempt = begun(Ledger(history, read_space), proposal(LR=0.3))
        assert ordered(Ledger(history, read_space, cores=2), attempt).role == "candidate"
        assert ordered(Ledger(history, read_space, cores=4), attempt).role == "baseline"


def test_the_repetition_of_a_suspect_has_other_seeds_and_the_full_audit(tmp_path: Path) -> None:
    edits = proposal(LR=0.3)
    by = Provenance(method=APPROVE, origin="human", replays=1)
    approved = Proposal(hypothesis="approved", edits=edits.edits, by=by)
    with study(tmp_path) as history:
        ledger = measured(history)
        suspect = begun(ledger, edits)
        trial = Trial(
            number=1,
            status="suspect",
            proposal=edits,
            reason="r",
            result=result(score(0.1, 0), score(0.1, 5), recheck="failed", recheck_seed=6),
            fingerprint=fingerprint(history.sources_at(suspect.commit).text),
        )
        history.commit_verdict(suspect, trial)
        assert isinstance(ledger.admit(edits), Refused), "but for the approval it is a repeat"
        order = ordered(ledger, begun(ledger, approved))
        assert order.seed not in (0, 5, 6)
        assert order.audit == "full"
        usual = ordered(ledger, begun(ledger, proposal(DEPTH=8)))
        assert (usual.seed, usual.audit) == (0, "usual")


@pytest.mark.parametrize(
    ("verdict", "unit", "speed", "wanted"),
    [
        ("sequential", "s", 5.0, "incumbent"),
        ("sequential", "s", 9.0, None),
        ("sequential", "steps", 5.0, None),
        ("greedy", "s", 5.0, None),
    ],
)
def test_a_slow_run_of_a_timed_trial_makes_the_incumbent_run_again(
    tmp_path: Path, verdict: str, unit: str, speed: float, wanted: str | None
) -> None:
    budget = {"amount": 60, "unit": unit}
    steady = result(score(1.0, 0, speed=10.0), score(1.0, 1, speed=10.0))
    with study(tmp_path, verdict=verdict, budget=budget) as history:
        ledger = measured(history, first=steady)
        attempt = begun(ledger, proposal(LR=0.3))
        seed = ordered(ledger, attempt).seed
        history.note(attempt, result(score(1.2, seed, speed=speed)))
        step = ledger.next(attempt, machine_name())
        if wanted is None:
            assert not isinstance(step, Order), "it is worse, and that settles it"
            return
        assert isinstance(step, Order)
        incumbent = history.trials[0].attempt
        assert (step.role, step.commit, step.seed) == (wanted, incumbent, seed)
        again = begun(ledger, proposal(LR=0.4))
        history.note(again, result(*(score(1.2, number, speed=speed) for number in (0, 1))))
        assert not isinstance(ledger.next(again, machine_name()), Order), "only after a first run"
        larger = begun(ledger, proposal(LR=0.5))
        history.note(larger, result(score(1.2, seed, speed=speed), parameters=7))
        assert not isinstance(ledger.next(larger, machine_name()), Order), "a larger model is slow"


def test_a_screen_has_a_seed_that_compares_at_the_speed_of_today(tmp_path: Path) -> None:
    """The machine became slower after two of the baseline's runs."""
    here = {"machine": machine_name(), "seconds": 2.0}
    speeds = (10.0, 10.0, 5.0, 5.0)
    slower = [score(1 + n / 1e3, n, speed=speed, **here) for n, speed in enumerate(speeds)]
    timed = {"amount": 60, "unit": "s"}
    with study(tmp_path, verdict="sequential", budget=timed) as history:
        ledger = measured(history, first=result(*slower))
        attempts = [begun(ledger, proposal(LR=rate)) for rate in (0.2, 0.3, 0.4)]
        assert {ordered(ledger, attempt).seed for attempt in attempts} <= {2, 3}


def test_an_implausible_score_is_measured_again_once_under_the_full_audit(tmp_path: Path) -> None:
    with study(tmp_path, verdict="sequential") as history:
        ledger = measured(history)
        attempt = begun(ledger, proposal(LR=0.3))
        history.note(attempt, result(score(0.2, 1)))
        order = ordered(ledger, attempt)
        assert (order.commit, order.role, order.audit) == (attempt.commit, "candidate", "full")
        assert order.seed != 1, "a fresh seed"
        ledger.record(attempt, order, result(score(0.2, order.seed)))
        assert ordered(ledger, attempt).audit == "usual", "it passed, and is judged like any other"


def test_a_greedy_run_keeps_a_jump_at_once(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        ledger = measured(history)
        attempt = begun(ledger, proposal(LR=0.3))
        history.note(attempt, result(score(0.2, 0)))
        assert not isinstance(ledger.next(attempt, machine_name()), Order)
        assert history.trials[-1].status == "keep"


# ---------------------------------------------------------------- baselines


def moved(folder: Path, name: str, text: str) -> tuple[Attempt, History]:
    """Begin a baseline, commit a change by hand, and return the baseline and the run reopened."""
    with study(folder) as history:
        attempt = Ledger(history, read_space).begin_baseline()
        path = history.worktree / name
        path.write_text(path.read_text() + text)
        commit_by_hand(history.worktree)
    return attempt, History.open(project_of(folder), "t")


def test_a_baseline_that_other_code_overtook_is_refused_and_begun_anew(tmp_path: Path) -> None:
    left, opened = moved(tmp_path, "train.py", "MORE = 1\n")
    with opened as history:
        fresh = Ledger(history, read_space).begin_baseline()
        assert fresh.number == 1
        assert history.in_flight == (fresh,)
        [refused] = history.trials
        assert (refused.number, refused.status) == (left.number, "refused")
        assert "moved on" in refused.reason


def test_a_baseline_stays_the_one_if_only_the_brief_has_changed(tmp_path: Path) -> None:
    left, opened = moved(tmp_path, "program.md", "Be bold.\n")
    with opened as history:
        assert Ledger(history, read_space).begin_baseline() == left
        assert history.trials == ()


# ---------------------------------------------------------------- verdicts


def test_what_was_overtaken_is_recorded_against_the_state_it_was_made_on(tmp_path: Path) -> None:
    llm = Provenance(method="code", origin="llm", model="opus", cost=0.5, calls=2)
    deeper = proposal(DEPTH=8).model_copy(update={"by": llm})
    with study(tmp_path) as history:
        ledger = measured(history)
        first = begun(ledger, proposal(LR=0.3))
        second = begun(ledger, deeper)
        settle(ledger, first, result(score(0.9)))
        late, replay = settle(ledger, second, result(score(0.8)))
        assert replay is not None
        assert replay.by == Provenance(method="code", origin="replay", model="opus", replays=2)
        assert isinstance(ledger.admit(replay), Sources), "the same edits are no repeat of it"
    [change] = late.changes
    assert (change.name, change.before, change.after) == ("DEPTH", 4, 8)
    assert late.configuration == {"LR": 0.1, "DEPTH": 8, "SEED": 1}
    assert (late.against, late.status) == (0, "discard")
    [pair] = late.pairs
    assert (pair.seed, pair.candidate, pair.incumbent) == (0, 0.8, 0.99)


def test_what_was_measured_on_the_old_data_is_refused_without_its_result(tmp_path: Path) -> None:
    with study(tmp_path, data_fingerprint="a" * 64) as history:
        ledger = measured(history)
        attempt = begun(ledger, proposal(LR=0.3))
        history.note(attempt, result(score(0.5)))
        other = history.draft_prepare("MAX_SEQ_LEN = 64\nOTHER = 1\n")
        history.change_data(other, "b" * 64, "why")
        settled = Ledger(history, read_space).next(attempt, machine_name())
        assert not isinstance(settled, Order)
        assert (settled.trial.status, settled.trial.result) == ("refused", None)
        assert settled.replay and settled.replay.edits == attempt.proposal.edits
        assert history.in_flight == ()


def test_numbers_go_on_behind_what_is_in_flight(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        ledger = measured(history)
        numbers = [begun(ledger, proposal(LR=rate)).number for rate in (0.3, 0.4)]
        refused = ledger.begin(proposal(NOPE=1))
        assert isinstance(refused, Trial)
        assert (*numbers, refused.number) == (1, 2, 3)
        assert "NOPE" in refused.reason, "the next proposal is told which name"
