"""The loop with a scripted runner: order, overlap, replays, bounds, stops and faults."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.errors import (
    ModelFault,
    ModelUnavailable,
    MoneySpent,
    ProjectFault,
    SandboxFault,
)
from agent.git.plumbing import Plumbing
from agent.history.history import History
from agent.records.edits import ReplaceStatements
from agent.records.events import Event, Judged, Note, Proposed, RunFinished, TrialStarted
from agent.records.results import Trial
from agent.run.drafting import MAX_REFUSALS_IN_A_ROW
from agent.run.ledger import Ledger
from agent.space import read_constants, read_space
from sandbox.ground.outcome import Cancelled, Finished, Outcome, RunSpec, Usage
from tests.agent.study import (
    ListProposer,
    commit_by_hand,
    loop_of,
    make_repository,
    project_of,
    proposal,
    seed_of,
    settings_of,
    source_of,
    study,
    train,
    work_on,
)


def statuses(trials: tuple[Trial, ...]) -> list[str]:
    return [trial.status for trial in trials]


def test_keep_discard_crash_and_refusal_each_get_their_verdict(tmp_path: Path) -> None:
    proposals = [
        proposal(LR=0.3),
        proposal(LR=0.9),
        proposal(DEPTH=13),
        proposal(NOPE=1),
        proposal(DEPTH=6),
    ]
    with study(tmp_path) as history:
        events = work_on(history, proposals, trials=4)
        assert statuses(history.trials) == [
            "baseline",
            "keep",
            "discard",
            "crash",
            "refused",
            "keep",
        ]
        assert read_constants(history.sources.text) == {"LR": 0.3, "DEPTH": 6, "SEED": 1}
        assert [trial.number for trial in history.trials] == list(range(6))
        assert history.in_flight == ()
    assert isinstance(events[-1], RunFinished)
    assert "4 trials" in events[-1].reason
    crash = next(e.trial for e in events if isinstance(e, Judged) and e.trial.status == "crash")
    assert "thirteen" in crash.reason


def test_the_baseline_is_repeated_under_seeds_of_the_harness(tmp_path: Path) -> None:
    with study(tmp_path, baseline_repeats=3, seed=7) as history:
        work_on(history, [proposal(LR=0.2)], trials=1)
        baseline, first = history.trials
        assert baseline.result and [score.seed for score in baseline.result.scores] == [7, 8, 9]
        assert first.result and [score.seed for score in first.result.scores] == [7]
        assert all(score.kind == "self-reported" for score in baseline.result.scores)


def test_what_was_tried_is_refused_and_trains_nothing(tmp_path: Path) -> None:
    trained: list[str] = []

    def script(spec: RunSpec) -> tuple[Outcome, str]:
        trained.append(source_of(spec))
        return train(spec)

    repeats = [
        proposal(LR=0.3),
        proposal(LR=0.3),
        proposal(LR=0.9),
        proposal(LR=0.90),
        proposal(SEED=9),
        proposal(DEPTH=7),
    ]
    with study(tmp_path) as history:
        work_on(history, repeats, script, trials=3)
        assert statuses(history.trials) == [
            "baseline",
            "keep",
            "refused",
            "discard",
            "refused",
            "refused",
            "keep",
        ]
        reasons = [
            trial.reason.split(":")[0] for trial in history.trials if trial.status == "refused"
        ]
        assert reasons == ["no-op", "already-tried", "seed-only"]
    assert len(trained) == 2 + 3


def test_a_slow_proposer_writes_while_the_trial_trains(tmp_path: Path) -> None:
    order: list[str] = []
    proposer = ListProposer(
        [proposal(LR=0.2), proposal(LR=0.3), proposal(LR=0.5)], looks_ahead=True
    )
    with study(tmp_path) as history:
        loop = loop_of(history, proposer, trials=3)
        for event in loop.events():
            if isinstance(event, TrialStarted | Proposed | Judged):
                order.append(type(event).__name__)
    first_verdict = order.index("Judged")
    assert "Proposed" in order[:first_verdict], (
        "the first proposal is written while the baseline trains"
    )
    assert len(proposer.contexts) == 3, "nothing is asked for that the bound leaves no room for"


def test_the_next_proposal_knows_what_is_in_training(tmp_path: Path) -> None:
    def slowly(spec: RunSpec) -> tuple[Outcome, str]:
        time.sleep(0.3)
        return train(spec)

    proposer = ListProposer([proposal(LR=0.2), proposal(LR=0.3)], looks_ahead=True)
    with study(tmp_path) as history:
        list(loop_of(history, proposer, slowly, trials=2).events())
    assert [p.edits for p in proposer.contexts[1].pending] == [proposal(LR=0.2).edits]
    assert proposer.contexts[0].seed != proposer.contexts[1].seed


def test_a_look_ahead_proposal_is_applied_to_the_tip_that_its_predecessor_made(
    tmp_path: Path,
) -> None:
    with study(tmp_path) as history:
        work_on(history, [proposal(LR=0.3), proposal(DEPTH=8)], trials=2, looks_ahead=True)
        assert statuses(history.trials) == ["baseline", "keep", "keep"]
        assert read_constants(history.sources.text) == {"LR": 0.3, "DEPTH": 8, "SEED": 1}


def test_a_look_ahead_proposal_that_no_longer_fits_is_refused(tmp_path: Path) -> None:
    edit = ReplaceStatements(old="LR = 0.1", new="LR = 0.2")
    with study(tmp_path) as history:
        proposals = [proposal(LR=0.3), proposal(edit), proposal(DEPTH=5)]
        work_on(history, proposals, trials=2, looks_ahead=True)
        assert statuses(history.trials) == ["baseline", "keep", "refused", "keep"]


def test_two_workers_train_at_once_and_an_overtaken_improvement_is_tried_again(
    tmp_path: Path,
) -> None:
    together = threading.Barrier(2, timeout=20)

    def script(spec: RunSpec) -> tuple[Outcome, str]:
        source = source_of(spec)
        constants = read_constants(source)
        if constants["LR"] == 0.9:
            time.sleep(2.0)
        elif seed_of(spec) == 0 and (constants["LR"] == 0.3) != (constants["DEPTH"] == 8):
            together.wait()  # the two that start together
            time.sleep(0.5 * (constants["DEPTH"] == 8))
        return train(spec)

    with study(tmp_path, workers=2) as history:
        proposals = [proposal(LR=0.3), proposal(DEPTH=8), proposal(LR=0.9)]
        events = work_on(history, proposals, script, trials=4)
        [overtaken] = [trial for trial in history.trials if "tried again" in trial.reason]
        [replay] = [trial for trial in history.trials if trial.proposal.by.origin == "replay"]
        assert (overtaken.number, overtaken.status, replay.proposal.by.replays, replay.status) == (
            2,
            "discard",
            2,
            "keep",
        )
        assert read_constants(history.sources.text) == {"LR": 0.3, "DEPTH": 8, "SEED": 1}
        assert overtaken.result and replay.result
        won = {score.seed for score in overtaken.result.scores}
        assert won.isdisjoint({score.seed for score in replay.result.scores}), "under new seeds"
    assert any(isinstance(event, Note) and "#2" in event.text for event in events)


def test_stop_finishes_the_trial_and_abort_leaves_it_in_flight(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        loop = loop_of(history, ListProposer([proposal(LR=0.2), proposal(LR=0.3)]))
        run_until(loop.events(), 1, loop.stop)
        assert statuses(history.trials) == ["baseline", "keep"]

    def script(spec: RunSpec) -> tuple[Outcome, str]:
        return Cancelled(usage=Usage(seconds=1.0)), ""

    with History.open(project_of(tmp_path), "t") as history:
        loop = loop_of(history, ListProposer([proposal(LR=0.3)]), script)
        run_until(loop.events(), 2, loop.abort)
        assert statuses(history.trials) == ["baseline", "keep"]
        assert [attempt.number for attempt in history.in_flight] == [2]

    with History.open(project_of(tmp_path), "t") as history:
        work_on(history, [], trials=1)
        assert statuses(history.trials) == ["baseline", "keep", "keep"]
        assert history.in_flight == ()


def run_until(events: Iterator[Event], number: int, act: Callable[[], None]) -> None:
    for event in events:
        if isinstance(event, TrialStarted) and event.attempt.number == number:
            act()


def test_a_paid_proposal_that_found_no_slot_is_first_after_a_resume(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        loop = loop_of(history, ListProposer([proposal(LR=0.2, cost=1.0)], looks_ahead=True))
        for event in loop.events():
            if isinstance(event, Proposed):
                loop.stop()
        assert statuses(history.trials) == ["baseline"]
        assert [attempt.proposal.by.cost for attempt in history.in_flight] == [1.0]


@pytest.mark.parametrize(
    "fault", [ModelUnavailable("down", "later"), ModelFault("no key", "export KEY=")]
)
def test_a_model_that_fails_lets_the_trial_in_training_finish(
    tmp_path: Path, fault: ModelFault
) -> None:
    with study(tmp_path) as history:
        loop = loop_of(history, ListProposer([proposal(LR=0.2), fault], looks_ahead=True))
        with pytest.raises(type(fault)):
            list(loop.events())
        assert statuses(history.trials)[0] == "baseline"
        numbers = {*(t.number for t in history.trials), *(a.number for a in history.in_flight)}
        assert numbers == {0, 1}, "the first proposal was not lost"


def test_an_error_without_a_word_ends_the_run_too(tmp_path: Path) -> None:
    with study(tmp_path) as history, pytest.raises(AssertionError):
        work_on(history, [AssertionError()])


def test_a_fault_of_the_sandbox_ends_the_run_and_the_attempt_stays_in_flight(
    tmp_path: Path,
) -> None:
    def script(spec: RunSpec) -> tuple[Outcome, str]:
        if "LR = 0.2" in source_of(spec):
            raise SandboxFault("the disk is full", "df")
        return train(spec)

    with study(tmp_path) as history:
        with pytest.raises(SandboxFault, match="disk is full"):
            work_on(history, [proposal(LR=0.2)], script)
        assert [attempt.number for attempt in history.in_flight] == [1]


def test_a_method_with_nothing_left_to_propose_ends_the_run(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        with pytest.raises(ModelFault, match="in a row"):
            work_on(history, [proposal(NOPE=1)] * 50)
        assert statuses(history.trials).count("refused") == MAX_REFUSALS_IN_A_ROW


def test_a_baseline_that_fails_is_recorded_and_measured_again_on_resume(tmp_path: Path) -> None:
    def broken(spec: RunSpec) -> tuple[Outcome, str]:
        return Finished(usage=Usage(seconds=1.0)), "no summary\n"

    with study(tmp_path) as history:
        with pytest.raises(ProjectFault, match="fails as it is"):
            work_on(history, [], broken)
        assert statuses(history.trials) == ["crash"]
    with History.open(project_of(tmp_path), "t") as history:
        work_on(history, [proposal(LR=0.2)], trials=1)
        assert statuses(history.trials) == ["crash", "baseline", "keep"]


def test_a_commit_by_hand_is_measured_as_the_new_baseline(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        work_on(history, [proposal(LR=0.2)], trials=1)
        worktree = tmp_path / ".autoresearch" / "worktrees" / "t"
    source = (worktree / "train.py").read_text()
    (worktree / "train.py").write_text(source.replace("DEPTH = 4", "DEPTH = 8"))
    commit_by_hand(worktree)
    with History.open(project_of(tmp_path), "t") as history:
        work_on(history, [proposal(LR=0.3)], trials=1)
        assert statuses(history.trials) == ["baseline", "keep", "baseline", "keep"]
        assert read_constants(history.sources.text) == {"LR": 0.3, "DEPTH": 8, "SEED": 1}


def test_a_commit_by_hand_under_a_running_loop_is_not_overwritten(tmp_path: Path) -> None:
    git = Plumbing(tmp_path)

    def script(spec: RunSpec) -> tuple[Outcome, str]:
        if "LR = 0.2" in source_of(spec):
            tree = "autoresearch/t^{tree}"
            mine = git("commit-tree", "-p", "autoresearch/t", "-m", "mine", tree).strip()
            git("update-ref", "refs/heads/autoresearch/t", mine)
        return train(spec)

    with study(tmp_path) as history:
        work_on(history, [proposal(LR=0.2)], script, trials=1)
        assert statuses(history.trials) == ["baseline", "keep"]
    subjects = git("log", "-2", "--first-parent", "--format=%s", "autoresearch/t").splitlines()
    assert subjects[1] == "mine"


def test_a_clock_that_jumps_changes_no_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter(
        ["2030-01-01T00:00:00+00:00", "1999-01-01T00:00:00+00:00", "2031-01-01T00:00:00+00:00"]
    )
    monkeypatch.setattr("agent.run.verdicts._now", lambda: next(times))
    with study(tmp_path) as history:
        work_on(history, [proposal(LR=0.2), proposal(LR=0.3)], trials=2)
    with History.read(project_of(tmp_path), "t") as history:
        assert [trial.number for trial in history.trials] == [0, 1, 2]
        assert statuses(history.trials) == ["baseline", "keep", "keep"]


def test_settings_of_is_what_resume_reads(tmp_path: Path) -> None:
    project = project_of(make_repository(tmp_path))
    wanted = settings_of(project, trials=7, max_cost=2.5)
    with History.create(project, wanted):
        pass
    with History.open(project, "autoresearch/t") as history:
        assert history.run == wanted


def finished(events: list[Event]) -> bool:
    return isinstance(events[-1], RunFinished)


def test_money_that_is_spent_ends_a_run_without_a_fault(tmp_path: Path) -> None:
    spent = MoneySpent("$1.00 of $1.00 spent", "autoresearch resume --max-cost 2")
    with study(tmp_path) as history:
        events = work_on(history, [proposal(LR=0.2), spent])
        assert statuses(history.trials) == ["baseline", "keep"]
    assert isinstance(events[-1], RunFinished)
    assert events[-1].reason == "$1.00 of $1.00 spent"


def test_what_was_left_in_flight_runs_first_and_in_its_order(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        work_on(history, [], trials=0)
        ledger = Ledger(history, read_space)
        for rate in (0.2, 0.21):
            ledger.begin(proposal(LR=rate))
        proposer = ListProposer([proposal(LR=0.22)], looks_ahead=True)
        events = list(loop_of(history, proposer, trials=3).events())
        started = [event.attempt.number for event in events if isinstance(event, TrialStarted)]
        assert list(dict.fromkeys(started)) == [1, 2, 3]
        [running] = proposer.contexts[0].pending
        assert running.edits == proposal(LR=0.21).edits, "it is asked behind what was left"
