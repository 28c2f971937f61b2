"""The checks of a would-be keep, each in fresh files; and what files of a run are called."""

import threading
from dataclasses import replace
from pathlib import Path

from agent.evaluate.bench import LEAST_CHECK_SECONDS, Bench
from agent.evaluate.slots import Slot
from agent.records.events import Checking, Event
from agent.records.guards import Checks
from sandbox.ground.deadline import UNKNOWN_STARTUP_SECONDS
from sandbox.ground.outcome import Cancelled, Crashed, Outcome, RunSpec, Usage
from sandbox.tiers.scripted import ScriptedRunner
from tests.agent.evaluate.test_bench import (
    SCORE,
    Script,
    assignment,
    bench_of,
    finished,
    folders_in,
)


def checked(folder: Path, script: Script, *commands: str) -> tuple[Checks | None, list[Event]]:
    """Return what these checks of a trial come to, and the events."""
    events: list[Event] = []
    like = assignment()
    order = like.order.model_copy(update={"checks": commands})
    wanted = replace(like, order=order)
    bench = bench_of(folder, script)
    return bench.check(wanted, events.append, threading.Event()), events


def test_checks_run_in_turn_up_to_the_first_that_fails(tmp_path: Path) -> None:
    specs: list[RunSpec] = []

    def script(spec: RunSpec) -> tuple[Outcome, str]:
        specs.append(spec)
        assert (Path(spec.folder) / "train.py").read_text() == "# c7\n"
        (Path(spec.folder) / "left.py").write_text("")
        assert len(list(Path(spec.folder).iterdir())) == 2, "each has files of its own"
        if "false" in spec.argv[0]:
            return Crashed(usage=Usage(seconds=2.0), exit_code=1), "2 failed\n"
        return finished(1.5), "fine\n"

    done, events = checked(tmp_path, script, "true 'a b'", "false", "true")
    assert done is not None
    assert [(check.command, check.passed, check.seconds) for check in done.checks] == [
        ("true 'a b'", True, 1.5),
        ("false", False, 2.0),
    ]
    assert "2 failed" in done.checks[1].reason
    assert specs[0].argv[1:] == ("a b",)
    assert specs[0].limits.wall_seconds == 60 + UNKNOWN_STARTUP_SECONDS
    attempt = assignment().attempt
    assert events == [Checking(attempt, 0, command, "") for command in ("true 'a b'", "false")]
    assert folders_in(tmp_path) == []


def test_a_check_may_take_ten_minutes_and_a_cancelled_one_is_no_result(tmp_path: Path) -> None:
    seen: list[float] = []

    def script(spec: RunSpec) -> tuple[Outcome, str]:
        seen.append(spec.limits.wall_seconds)
        return Cancelled(usage=Usage(seconds=1.0)), ""

    bench = bench_of(tmp_path, script)
    like = assignment(baseline=61.0)
    order = like.order.model_copy(update={"checks": ("true",)})
    assert bench.check(replace(like, order=order), lambda _: None, threading.Event()) is None
    assert seen == [LEAST_CHECK_SECONDS]


def test_on_another_place_files_have_the_slots_name(tmp_path: Path) -> None:
    def script(spec: RunSpec) -> tuple[Outcome, str]:
        return finished(), SCORE.format(1.0)

    bench = bench_of(tmp_path, script)
    there = replace(assignment(), slot=Slot(number=3, cpus=(0,), place="node-b"))
    bench.run(there, lambda _: None, threading.Event())
    bench.run(assignment(role="incumbent"), lambda _: None, threading.Event())
    assert sorted(path.name for path in (tmp_path / "0007").iterdir()) == [
        "incumbent-0.log",
        "train-0-slot3.log",
    ]


def test_a_perturbed_file_has_its_text_and_stays_executable(tmp_path: Path) -> None:
    modes: list[int] = []

    def script(spec: RunSpec) -> tuple[Outcome, str]:
        path = Path(spec.folder) / "train.py"
        modes.append(path.stat().st_mode & 0o777)
        return finished(), SCORE.format(1.0) if "LR = 2" in path.read_text() else "no score\n"

    def export(commit: str, folder: Path) -> None:
        folder.mkdir()
        (folder / "train.py").write_text(f"# {commit}\n")
        (folder / "train.py").chmod(0o755)

    like = bench_of(tmp_path, script)
    bench = Bench(like._plan, ScriptedRunner(script), like.slots, tmp_path, export)
    order = assignment().order.model_copy(update={"texts": {"train.py": "LR = 2\n"}})
    result = bench.run(replace(assignment(), order=order), lambda _: None, threading.Event())
    assert result and result.status == "scored"
    assert modes == [0o755]
