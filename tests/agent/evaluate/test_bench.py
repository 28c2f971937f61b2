"""The bench: caps, seeds, the first failure, cancelling, and folders that are gone afterwards."""

import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest

from agent.errors import SandboxFault
from agent.evaluate.bench import Assignment, Bench, Plan
from agent.evaluate.folders import exported
from agent.evaluate.results import add_run
from agent.evaluate.slots import Slot
from agent.records.events import Event, Progress, TrialStarted
from agent.records.results import Attempt, Order, Result, Role
from sandbox.ground.budget import Budget
from sandbox.ground.deadline import UNKNOWN_STARTUP_SECONDS, Usual
from sandbox.ground.outcome import Cancelled, Crashed, Finished, Outcome, RunSpec, TimedOut, Usage
from sandbox.tiers.scripted import ScriptedRunner
from tests.agent.study import proposal

SCORE = "step 00001 (50.0%) | loss: 2.5 |\n---\nval_bpb: {}\nnum_steps: 3\n"
Script = Callable[[RunSpec], tuple[Outcome, str]]


def finished(seconds: float = 1.0, memory: int | None = 2**20) -> Finished:
    return Finished(usage=Usage(seconds=seconds, peak_memory_bytes=memory))


def export(commit: str, folder: Path) -> None:
    folder.mkdir()
    (folder / "train.py").write_text(f"# {commit}\n")


def bench_of(folder: Path, script: Script, **settings: Any) -> Bench:
    """Return a bench whose plan has these settings, and the least that a plan needs."""
    least = {"score": "printed", "train": "train.py", "data": None, "read_only": ()}
    least |= {"budget": Budget(amount=60), "memory_bytes": None}
    plan = Plan.model_validate({**least, **settings})
    return Bench(plan, ScriptedRunner(script), (Slot(number=0, cpus=(0,)),), folder, export)


def assignment(
    seed: int = 0,
    number: int = 7,
    baseline: float | None = None,
    run: int = 1,
    role: Role = "candidate",
) -> Assignment:
    attempt = Attempt(number=number, commit=f"c{number}", parent="p", proposal=proposal(LR=1))
    order = Order(commit=f"c{number}", seed=seed, role=role)
    usual = None if baseline is None else Usual(seconds=baseline)
    return Assignment(attempt, order, Slot(number=0, cpus=(0,)), run, usual)


def folders_in(trials: Path) -> list[Path]:
    """Return the folders of trainings that are left."""
    return [path for path in trials.glob("*/*") if path.is_dir()]


def measured(
    folder: Path, script: Script, seeds: tuple[int, ...] = (0,)
) -> tuple[Result | None, list[Event]]:
    """Return what the runs under `seeds` give together, until one fails, and the events."""
    events: list[Event] = []
    bench = bench_of(folder, script)
    result: Result | None = None
    for number, seed in enumerate(seeds, 1):
        assigned = assignment(seed, run=number)
        run = bench.run(assigned, events.append, threading.Event())
        if run is None:
            return None, events
        result = add_run(result, run, assigned.order)
        if run.status != "scored":
            break
    return result, events


def test_the_deadline_and_the_memory_reach_the_run(tmp_path: Path) -> None:
    specs: list[RunSpec] = []

    def script(spec: RunSpec) -> tuple[Outcome, str]:
        specs.append(spec)
        return finished(), SCORE.format(1.0)

    bench = bench_of(tmp_path, script, memory_bytes=2**30)
    for baseline in (70.0, None):
        bench.run(assignment(baseline=baseline), lambda event: None, threading.Event())
    assert [spec.limits.wall_seconds for spec in specs] == [
        60 + 10 + 3,
        60 + UNKNOWN_STARTUP_SECONDS,
    ]
    assert (specs[0].limits.memory_bytes, specs[0].cpus) == (2**30, (0,))
    assert specs[0].environment["AUTORESEARCH_BUDGET"] == "60s"
    assert float(specs[0].environment["AUTORESEARCH_DEADLINE"]) == pytest.approx(
        time.time() + 73, abs=20
    )
    assert "AUTORESEARCH_DEADLINE" not in specs[1].environment, (
        "nothing is known yet of this baseline's start-up"
    )


@pytest.mark.parametrize("unit", ["s", "steps"])
@pytest.mark.parametrize("role", ["candidate", "incumbent"])
def test_who_is_measured_a_second_time_before_it_counts_as_too_long(
    tmp_path: Path, role: Role, unit: str
) -> None:
    """The machine may be to blame for an incumbent, which kept to its budget, and for steps."""
    took = iter([99.0, 61.0])
    budget = Budget(amount=60, unit=unit)
    bench = bench_of(tmp_path, lambda _: (finished(next(took)), SCORE.format(1.0)), budget=budget)
    baseline = {"s": 61.0, "steps": 60.0}[unit]
    result = bench.run(
        assignment(baseline=baseline, role=role), lambda event: None, threading.Event()
    )
    assert result
    if (role, unit) == ("candidate", "s"):
        assert (result.status, result.seconds, next(took)) == ("invalid", 99.0, 61.0)
        assert result.detail == (
            "trained 99.0 s, where the budget of 60 s and the baseline's start-up of 1.0 s "
            "allow 64.0 s; "
            "a longer start-up counts as training"
        )
    else:
        assert (result.status, result.seconds) == ("scored", 160.0)
        assert [(score.seconds, score.role) for score in result.scores] == [(61.0, role)]


def test_steps_that_take_too_long_twice_are_invalid(tmp_path: Path) -> None:
    budget = Budget(amount=60, unit="steps")
    bench = bench_of(tmp_path, lambda _: (finished(95.0), SCORE.format(1.0)), budget=budget)
    result = bench.run(assignment(baseline=60.0), lambda event: None, threading.Event())
    assert result
    assert (result.status, result.seconds) == ("invalid", 190.0)
    assert result.detail == (
        "trained 95.0 s, where the baseline took 60.0 s for 60 steps and its start-up, "
        "which allows 91.0 s; "
        "what needs more time a step needs a budget in seconds (start --budget 5m)"
    )


def test_what_was_printed_behind_the_deadline_is_no_score(tmp_path: Path) -> None:
    bench = bench_of(
        tmp_path, lambda spec: (TimedOut(usage=Usage(seconds=64.0)), SCORE.format(0.5))
    )
    result = bench.run(assignment(baseline=61.0), lambda event: None, threading.Event())
    assert result
    assert (result.status, result.scores) == ("invalid", ())
    assert result.detail.startswith("trained 64.0 s and had not ended, where the budget of 60 s ")


def test_a_run_of_the_baseline_is_no_score_of_the_attempt(tmp_path: Path) -> None:
    bench = bench_of(tmp_path, lambda spec: (finished(), SCORE.format(1.0)))
    result: Result | None = None
    for role in ("baseline", "candidate", "incumbent"):
        assigned = assignment(role=role)
        run = bench.run(assigned, lambda event: None, threading.Event())
        assert run
        result = add_run(result, run, assigned.order)
    assert result
    assert [score.role for score in result.scores] == ["baseline", "candidate", "incumbent"]
    assert (len(result.own), result.seconds, result.facts) == (1, 3.0, {"num_steps": 3})


def test_each_seed_is_a_run_of_its_own(tmp_path: Path) -> None:
    def script(spec: RunSpec) -> tuple[Outcome, str]:
        seed = int(spec.environment["AUTORESEARCH_SEED"])
        return finished(1.5, 2**20 * seed), SCORE.format(1 + seed / 10)

    result, events = measured(tmp_path, script, (3, 4, 5))
    assert result is not None
    assert [(score.seed, score.value) for score in result.scores] == [(3, 1.3), (4, 1.4), (5, 1.5)]
    assert (result.status, result.seconds, result.peak_memory_mb, result.tier) == (
        "scored",
        4.5,
        5.0,
        "scripted",
    )
    assert result.curve == ((0.5, 2.5),)
    assert result.facts == {"num_steps": 3}
    started = [(event.seed, event.run) for event in events if isinstance(event, TrialStarted)]
    assert started == [(3, 1), (4, 2), (5, 3)]
    assert sorted(path.name for path in (tmp_path / "0007").iterdir()) == [
        "train-3.log",
        "train-4.log",
        "train-5.log",
    ]


def test_unmeasured_memory_is_not_recorded_as_zero(tmp_path: Path) -> None:
    result, _ = measured(tmp_path, lambda spec: (finished(memory=None), SCORE.format(1.0)))
    assert result is not None
    assert result.peak_memory_mb is None


def test_a_slow_baseline_is_measured_a_second_time(tmp_path: Path) -> None:
    runs: list[str] = []

    def script(spec: RunSpec) -> tuple[Outcome, str]:
        runs.append(spec.environment["AUTORESEARCH_SEED"])
        return TimedOut(usage=Usage(seconds=90.0)), ""

    bench = bench_of(tmp_path, script)
    asked = assignment(baseline=61.0)
    bench.run(asked, lambda event: None, threading.Event())
    assert len(runs) == 1, "new code may be slow"
    first = asked.attempt.proposal
    baseline = first.model_copy(update={"by": first.by.model_copy(update={"origin": "baseline"})})
    attempt = asked.attempt.model_copy(update={"proposal": baseline})
    result = bench.run(replace(asked, attempt=attempt), lambda event: None, threading.Event())
    assert len(runs) == 3 and result and result.seconds == 180.0


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (Crashed(usage=Usage(seconds=2), exit_code=1), "crash"),
        (TimedOut(usage=Usage(seconds=2)), "timeout"),
    ],
)
def test_the_first_failure_ends_it(tmp_path: Path, outcome: Outcome, status: str) -> None:
    seeds: list[str] = []

    def script(spec: RunSpec) -> tuple[Outcome, str]:
        seeds.append(spec.environment["AUTORESEARCH_SEED"])
        return (
            (outcome, "RuntimeError: no\n") if len(seeds) == 2 else (finished(), SCORE.format(1.0))
        )

    result, _ = measured(tmp_path, script, (0, 1, 2))
    assert seeds == ["0", "1"]
    assert result is not None
    assert (result.status, result.scores) == (status, ())
    assert result.detail


def test_cancelled_is_no_result(tmp_path: Path) -> None:
    result, _ = measured(
        tmp_path, lambda spec: (Cancelled(usage=Usage(seconds=1)), SCORE.format(1.0)), (0, 1)
    )
    assert result is None
    assert folders_in(tmp_path) == []


def test_a_fault_leaves_no_folder_either(tmp_path: Path) -> None:
    def script(spec: RunSpec) -> tuple[Outcome, str]:
        raise SandboxFault("broken", "doctor")

    with pytest.raises(SandboxFault, match="broken"):
        measured(tmp_path, script)
    assert folders_in(tmp_path) == []


def deep(scratch: Path) -> None:
    """Folders in folders, deeper than Python's recursion goes."""
    home = Path.cwd()
    os.chdir(scratch)
    try:
        for _ in range(1500):
            Path("d").mkdir()
            os.chdir("d")
    finally:
        os.chdir(home)


def closed(scratch: Path) -> None:
    (scratch / "closed" / "inner").mkdir(parents=True)
    (scratch / "closed").chmod(0)


def linked(scratch: Path) -> None:
    (scratch / "link").symlink_to(scratch.parents[2] / "precious")
    (scratch / "\udcff\n").write_text("")


@pytest.mark.parametrize("leave", [deep, closed, linked], ids=lambda leave: leave.__name__)
def test_nothing_flows_from_trial_to_trial(tmp_path: Path, leave: Callable[[Path], None]) -> None:
    """What a training leaves in its folders is gone before the next one, and nothing else."""
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "data").write_text("x")
    scratches: list[list[str]] = []

    def script(spec: RunSpec) -> tuple[Outcome, str]:
        scratches.append(sorted(path.name for path in Path(spec.scratch).iterdir()))
        assert (Path(spec.folder) / "train.py").read_text() == "# c7\n"
        (Path(spec.folder) / "left.py").write_text("")
        assert sorted(path.name for path in Path(spec.folder).iterdir()) == ["left.py", "train.py"]
        leave(Path(spec.scratch))
        return finished(), SCORE.format(1.0)

    for _ in range(2):
        measured(tmp_path / "trials", script)
    assert scratches[0] == scratches[1]
    assert folders_in(tmp_path / "trials") == []
    assert (tmp_path / "precious" / "data").read_text() == "x"


def test_what_a_killed_run_left_is_cleared_before_the_same_trial_runs_again(tmp_path: Path) -> None:
    scratch = tmp_path / "rooms" / "0" / "scratch"
    for name in ("out/weights.safetensors", "workspace/left.py"):
        (scratch / name).parent.mkdir(parents=True)
        (scratch / name).write_text("of another run")

    def script(spec: RunSpec) -> tuple[Outcome, str]:
        left = [path.name for path in Path(spec.scratch).rglob("*") if path.is_file()]
        assert left == ["train.py"]
        return finished(), SCORE.format(1.0)

    result, _ = measured(tmp_path, script)
    assert result is not None
    assert result.status == "scored"


def test_others_cannot_pass_the_room_of_a_run_that_has_this_user_s_uid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for uid, others in ((0, 0o005), (1000, 0)):
        monkeypatch.setattr("os.geteuid", lambda uid=uid: uid)
        with exported(tmp_path / "room", "0", lambda _, folder: folder.mkdir()) as room:
            assert room.stat().st_mode & 0o007 == others


def test_a_run_cannot_see_what_it_is_measured_for(tmp_path: Path) -> None:
    """Code that was kept could do worse as the incumbent, so that what follows looks better."""
    shown: list[dict[str, object]] = []

    def script(spec: RunSpec) -> tuple[Outcome, str]:
        scratch = Path(spec.scratch)
        seen = spec.model_dump(exclude={"log"})
        seen["there"] = sorted(str(path.relative_to(scratch)) for path in scratch.rglob("*"))
        shown.append(seen)
        return finished(), SCORE.format(1.0)

    bench = bench_of(tmp_path, script)
    for role in get_args(Role):
        bench.run(assignment(3, role=role), lambda event: None, threading.Event())
    other = assignment(3, number=8)
    order = other.order.model_copy(update={"commit": "c7"})
    bench.run(replace(other, order=order), lambda event: None, threading.Event())
    assert len(shown) == len(get_args(Role)) + 1
    assert all(seen == shown[0] for seen in shown)


def test_a_log_of_an_earlier_run_is_not_read_as_this_ones(tmp_path: Path) -> None:
    measured(tmp_path, lambda spec: (finished(), SCORE.format(0.5)))
    result, _ = measured(tmp_path, lambda spec: (finished(), "nothing to say\n"))
    assert result is not None
    assert (result.status, result.scores) == ("crash", ())


def test_a_place_where_no_folder_can_be_made_is_the_harnesss_fault(tmp_path: Path) -> None:
    (tmp_path / "trials").write_text("a file")
    with pytest.raises(SandboxFault, match="cannot make the trial's folder"):
        measured(tmp_path / "trials", lambda spec: (finished(), ""))


def test_progress_is_told_while_it_trains(tmp_path: Path) -> None:
    reported = threading.Event()

    def script(spec: RunSpec) -> tuple[Outcome, str]:
        Path(spec.log).write_text("step 00001 (25.0%) | loss: 3.25 |\n")
        assert reported.wait(30)
        return finished(), SCORE.format(1.0)

    def listen(event: Event) -> None:
        if event == Progress(number=7, fraction=0.25, loss=3.25):
            reported.set()

    assert bench_of(tmp_path, script).run(assignment(), listen, threading.Event())
