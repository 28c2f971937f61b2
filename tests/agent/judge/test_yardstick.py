"""A training's time is judged by the baseline's slowest run on this machine."""

from collections.abc import Callable
from pathlib import Path

import pytest

from agent.errors import ProjectFault
from agent.evaluate.machine import machine_name
from agent.evaluate.slots import Slot
from agent.history.history import History
from agent.judge.yardstick import usual_of, yardstick_of
from agent.records.results import Attempt, Order, Result, Score, Status, Trial
from agent.run.ledger import Ledger
from agent.run.timing import Timing
from agent.space import read_space
from sandbox.ground.budget import Budget
from sandbox.ground.deadline import Usual
from sandbox.ground.outcome import Crashed, Finished, Outcome, RunSpec, Usage
from tests.agent.study import (
    Script,
    commit_by_hand,
    project_of,
    proposal,
    settle,
    source_of,
    study,
    train,
    work_on,
)

HERE = machine_name()


def score(seconds: float | None, machine: str = HERE, **more: object) -> Score:
    return Score(value=1.0, seed=0, kind="sealed", machine=machine, seconds=seconds, **more)  # type: ignore[arg-type]


def trial(
    number: int, *scores: Score, status: Status = "baseline", code: str = "a", seconds: float = 6.0
) -> Trial:
    result = Result(status="scored", scores=scores or (score(1.0),), seconds=seconds)
    return Trial(
        number=number,
        status=status,
        proposal=proposal(),
        reason="r",
        result=result,
        fingerprint=code,
    )


def usual(first: Trial, *trials: Trial, cores: int | None = None) -> Usual | None:
    return usual_of(first, (first, *trials), (), HERE, cores)


def test_the_slowest_of_its_runs_counts() -> None:
    assert usual(trial(0, score(2.0), score(3.5), score(3.0))) == Usual(seconds=3.5)
    timed = trial(0, score(4.0, startup=3.0), score(3.5, startup=1.0))
    assert usual(timed) == Usual(seconds=4.0, stepping=2.5)
    assert usual(trial(0, score(4.0, startup=3.0), score(3.5))) == Usual(seconds=4.0), (
        "one was not watched"
    )


def test_an_old_branch_has_the_mean() -> None:
    assert usual(trial(0, score(None), score(None), seconds=7.0)) == Usual(seconds=3.5)


def test_only_runs_on_this_machine_with_as_many_cores_count() -> None:
    elsewhere = trial(0, score(2.0, "another"))
    assert usual(elsewhere) is None
    again = trial(4, score(1.0), score(5.0, role="baseline"), status="discard")
    assert usual(elsewhere, again) == Usual(seconds=5.0)
    later = trial(4, score(1.0), score(9.0, role="baseline"), code="b")
    assert usual(trial(0, score(2.0)), later) == Usual(seconds=2.0), "another baseline has its own"
    before = trial(3, score(1.0), score(9.0, role="baseline"), status="discard")
    by_hand = trial(4, score(2.0), code="b")
    assert usual_of(by_hand, (before, by_hand), (), HERE, None) == Usual(seconds=2.0)
    under_way = Result(status="scored", scores=(score(4.0, role="baseline"), score(9.0)))
    assert usual_of(elsewhere, (elsewhere,), (under_way,), HERE, None) == Usual(seconds=4.0)
    assert usual(trial(0, score(2.0, ""))) == Usual(seconds=2.0), "an old record names none"
    unknown = trial(0, score(2.0))
    assert usual(unknown, cores=2) == Usual(seconds=2.0)
    shared = trial(0, score(2.0, cores=4), score(3.0, cores=4))
    assert usual(shared, cores=4) == Usual(seconds=3.0)
    assert usual(shared, cores=2) is None


def test_each_keep_is_measured_by_the_first_baseline_not_by_the_one_before() -> None:
    first = trial(0, code="a")
    kept = trial(1, status="keep", code="b")
    again = trial(2, code="b")
    by_hand = trial(3, code="c")
    assert yardstick_of((first, kept)) == first
    assert yardstick_of((first, kept, again)) == first, "the same code under another brief"
    assert yardstick_of((first, kept, again, by_hand)) == by_hand
    assert yardstick_of(()) is None


def timed(seconds: Callable[[RunSpec], float]) -> Script:
    """Return the scripted training, which takes so long."""

    def script(spec: RunSpec) -> tuple[Outcome, str]:
        _, log = train(spec)
        return Finished(usage=Usage(seconds=seconds(spec))), log

    return script


def test_a_run_that_goes_on_elsewhere_times_the_baseline_there_first(tmp_path: Path) -> None:
    with study(tmp_path, budget=Budget(amount=3)) as history:
        work_on(history, [], timed(lambda spec: 4.0), trials=0)
        Ledger(history, read_space).begin(proposal(LR=0.3))
    caps: list[tuple[str, float]] = []

    def slower(spec: RunSpec) -> float:
        caps.append((source_of(spec).splitlines()[0][:8], spec.limits.wall_seconds))
        return 9.0

    with History.open(project_of(tmp_path), "t") as history:
        work_on(history, [], timed(slower), trials=1, machine="a slower one")
        judged = history.trials[1]
        assert judged.status == "keep"
        assert judged.result
        assert [(score.role, score.seconds) for score in judged.result.scores][:2] == [
            ("baseline", 9.0),
            ("candidate", 9.0),
        ]
        assert caps[:2] == [("LR = 0.1", 903.0), ("LR = 0.3", pytest.approx(3 + 6 + 1))]
        assert Timing(history, None).usual_on("a slower one") == Usual(seconds=9.0)
        assert isinstance(Ledger(history, read_space).begin(proposal(LR=0.35)), Attempt)
        caps.clear()
        work_on(history, [], timed(slower), trials=1, machine="a slower one")
        assert caps[0] == ("LR = 0.3", pytest.approx(10.0)), (
            "LR = 0.35: the baseline is timed once a machine"
        )


def test_a_baseline_that_fails_elsewhere_gives_no_score(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        work_on(history, [], trials=0)
        Ledger(history, read_space).begin(proposal(LR=0.3))

    def broken(spec: RunSpec) -> tuple[Outcome, str]:
        return Crashed(usage=Usage(seconds=1.0), exit_code=1), "ModuleNotFoundError: torch\n"

    with History.open(project_of(tmp_path), "t") as history:
        with pytest.raises(
            ProjectFault,
            match=r"the baseline fails on this machine \(crash\): ModuleNotFoundError: torch",
        ):
            work_on(history, [], broken, trials=1, machine="without torch")
        assert [trial.status for trial in history.trials] == ["baseline"]
        assert len(history.in_flight) == 1, "the attempt waits for a machine that can train"


def test_every_run_of_a_trial_is_held_to_the_baselines_time(tmp_path: Path) -> None:
    """The first run keeps to its budget, one that confirms it does not."""
    runs: list[str] = []

    def later_longer(spec: RunSpec) -> float:
        mine = "LR = 0.3" in source_of(spec)
        runs.extend([source_of(spec)] if mine else [])
        return 9.0 if mine and len(runs) > 1 else 4.0

    with study(
        tmp_path, budget=Budget(amount=3), verdict="sequential", baseline_repeats=2
    ) as history:
        work_on(history, [proposal(LR=0.3)], timed(later_longer), trials=1)
        judged = history.trials[1]
    assert judged.status == "invalid"
    assert "it failed when it was run again under seed" in judged.reason
    assert (
        "trained 9.0 s, where the budget of 3 s and the baseline's start-up of 1.0 s allow 5.0 s"
        in judged.reason
    )


def test_a_training_that_was_ended_at_its_deadline_says_so_in_its_reason(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        ledger = Ledger(history, read_space)
        settle(
            ledger,
            ledger.begin_baseline(),
            Result(status="scored", scores=(score(2.0),), seconds=2),
        )
        attempt = ledger.begin(proposal(LR=0.3))
        assert isinstance(attempt, Attempt)
        cut = Result(
            status="scored",
            scores=(score(3.0, cut=True).model_copy(update={"value": 2.0}),),
            seconds=3,
        )
        judged, _ = settle(ledger, attempt, cut)
    assert judged.status == "discard"
    assert judged.reason.endswith(" (its training was ended at its deadline)")


def test_an_order_says_why_the_baseline_is_run(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        ledger = Ledger(history, read_space, cores=2)
        settle(
            ledger,
            ledger.begin_baseline(),
            Result(status="scored", scores=(score(2.0, cores=4),), seconds=2),
        )
        attempt = ledger.begin(proposal(LR=0.3))
        assert isinstance(attempt, Attempt)
        order = ledger.next(attempt, machine_name())
        assert isinstance(order, Order)
        assert (order.role, order.commit) == ("baseline", history.trials[0].attempt)
        assert order.why == "how long does the baseline train on this machine?"
        assert ledger.assignment(attempt, order, Slot(number=0, cpus=(0, 1))).usual is None


@pytest.mark.parametrize(("name", "caps"), [("prepare.py", [5.0, 5.0]), ("train.py", [903.0, 5.0])])
def test_after_a_commit_by_hand_only_new_code_may_need_longer(
    tmp_path: Path, name: str, caps: list[float]
) -> None:
    with study(tmp_path, budget=Budget(amount=3), baseline_repeats=1) as history:
        work_on(history, [proposal(LR=0.3)], timed(lambda spec: 4.0), trials=1)
        assert [trial.status for trial in history.trials] == ["baseline", "keep"]
        changed = history.worktree / name
        changed.write_text(changed.read_text() + "\nEXTRA = 1\n")
        commit_by_hand(history.worktree)
    limits: list[float] = []

    def watched(spec: RunSpec) -> float:
        limits.append(spec.limits.wall_seconds)
        return 4.0

    with History.open(project_of(tmp_path), "t") as history:
        work_on(history, [proposal(LR=0.35)], timed(watched), trials=1)
        assert [trial.status for trial in history.trials][2] == "baseline"
    assert limits[:2] == caps
