"""A training's time is judged by the harness's clock: the rule, and real trainings."""

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from sandbox.ground.budget import Budget, Limit
from sandbox.ground.deadline import Deadline, Usual
from sandbox.ground.outcome import Runner
from sandbox.score import opened as watching
from sandbox.score.measure import Measured, Unscored
from sandbox.score.opened import FirstOpen, link_files, unlink_files
from sandbox.tiers.choose import choose_runner
from tests.sandbox.every_tier import folders
from tests.sandbox.miniature import Miniature, train_py

SECONDS = Deadline(budget=Budget(amount=1), usual=Usual(seconds=2.0))
"""Ends at 3 s: a budget of one, a start-up of one, and the least that is allowed beside them."""
STEPS = Deadline(budget=Budget(amount=7, unit="steps"), usual=Usual(seconds=1.0, stepping=0.5))
"""Allows 1.75 s from when the tokens were opened."""
OPEN = 'open(os.environ["AUTORESEARCH_DATA"] + "/tokens.bin").close()\n'


# ---------------------------------------------------------------- the rule


@pytest.mark.parametrize(
    ("budget", "usual", "seconds"),
    [
        ("300s", Usual(seconds=330.0), 300 + 30 + 15),
        ("300s", Usual(seconds=300.0), 300 + 15),
        ("300s", Usual(seconds=10.0), 300 + 15),
        ("8s", Usual(seconds=10.6), 8 + 2.6 + 1),
        ("5steps", Usual(seconds=3.0, stepping=1.0), 2 * 2 + 20 + 2.5),
        ("5steps", Usual(seconds=3.0), 20 + 5.5),
    ],
)
def test_when_a_training_is_ended(budget: str, usual: Usual, seconds: float) -> None:
    assert Deadline(budget=Budget.parse(budget), usual=usual).seconds == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("budget", "limit", "usual", "seconds"),
    [
        (None, "1.1x", 10.0, 11 * 1.5 + 2),
        (None, "1.1x", 0.3, 0.5 * 1.5 + 2),
        (None, "2x", 10.0, 20 * 1.5 + 2),
        (None, "90s", 10.0, 90 * 1.5 + 2),
        ("300s", "1.1x", 149.0, 163.9 * 1.5 + 2),
        ("300s", "1.1x", 151.0, 300 + 15),
        ("5steps", "1.1x", 1.0, 20 + 2.5),
    ],
)
def test_a_limit_holds_where_no_budget_is_used(
    budget: str | None, limit: str, usual: float, seconds: float
) -> None:
    deadline = Deadline(
        budget=Budget.parse(budget) if budget else None,
        limit=Limit.parse(limit),
        usual=Usual(seconds=usual),
    )
    assert deadline.seconds == pytest.approx(seconds)
    assert deadline.is_limited is (seconds < 300 and budget != "5steps")


def test_under_a_limit_only_what_was_ended_has_broken_it() -> None:
    deadline = Deadline(budget=None, limit=Limit(times=1.1), usual=Usual(seconds=10.0))
    assert not deadline.broken(18.0, None, killed=False), "judged by what the incumbent takes"
    assert deadline.broken(18.5, None, killed=True) == (
        "trained 18.5 s and had not ended, where the baseline takes 10.0 s and the limit of 1.1x "
        "allows 11.0 s"
    )


@pytest.mark.parametrize(
    ("seconds", "killed", "broken"),
    [(10.6, False, False), (12.5, False, False), (12.7, False, True), (11.65, True, True)],
)
def test_a_budget_in_seconds(seconds: float, killed: bool, broken: bool) -> None:
    deadline = Deadline(budget=Budget(amount=8), usual=Usual(seconds=10.6))
    assert bool(deadline.broken(seconds, 9.9, killed)) is broken, (
        "what is opened when says nothing of it"
    )


@pytest.mark.parametrize(
    ("stepping", "seconds", "opened", "broken"),
    [
        (
            1.0,
            5.0,
            2.6,
            False,
        ),  # 2.4 s behind its start-up, where 1.5 times 1.0 s and a second are allowed
        (1.0, 5.0, 2.4, True),
        (1.0, 9.0, 6.6, False),  # a start-up trains nothing
        (1.0, 2.6, 0.0, True),  # it never opened its tokens: all of it counts
        (
            1.0,
            5.0,
            None,
            False,
        ),  # nobody watched: all of it counts, and so does the baseline's start-up
        (1.0, 5.6, None, True),
        (None, 5.0, 2.0, False),  # nobody watched the baseline
        (None, 5.6, 0.0, True),
    ],
)
def test_a_budget_in_steps(
    stepping: float | None, seconds: float, opened: float | None, broken: bool
) -> None:
    deadline = Deadline(
        budget=Budget(amount=5, unit="steps"), usual=Usual(seconds=3.0, stepping=stepping)
    )
    assert bool(deadline.broken(seconds, opened, killed=False)) is broken


def test_both_times_are_named() -> None:
    seconds = Deadline(budget=Budget(amount=8), usual=Usual(seconds=10.6))
    assert seconds.broken(22.4, None, killed=False) == (
        "trained 22.4 s, where the budget of 8 s and the baseline's start-up of 2.6 s allow 11.6 "
        "s; "
        "a longer start-up counts as training"
    )
    steps = Deadline(budget=Budget(amount=5, unit="steps"), usual=Usual(seconds=3.0, stepping=1.0))
    assert steps.broken(9.0, 2.0, killed=True) == (
        "trained 7.0 s and had not ended, where the baseline took 1.0 s for 5 steps, which allows "
        "2.5 s; "
        "what needs more time a step needs a budget in seconds (start --budget 5m)"
    )


# ---------------------------------------------------------------- real trainings


@pytest.fixture(scope="module")
def runner() -> Runner:
    return choose_runner().runner


@pytest.fixture
def small_world(runner: Runner) -> Iterator[Miniature]:
    with folders() as home:
        made = Miniature.make(home, runner)
        (home / "folder" / "trained.safetensors").chmod(0o644)
        assert link_files(home / "data" / "train", home / "own")
        yield made


def trained(world: Miniature, main: str, deadline: Deadline | None) -> Measured | Unscored:
    """What comes of a train.py whose main part is `main`, under the budget of `deadline`."""
    shutil.rmtree(world.home / "scratch")
    (world.home / "scratch").mkdir()
    given = (
        {"budget": deadline.budget, "deadline": deadline, "wall_seconds": deadline.seconds}
        if deadline
        else {}
    )
    result = world.measure(
        train_py(f"import signal, sys, time\n{main}"), own_data=str(world.home / "own"), **given
    )
    assert isinstance(result, Measured | Unscored)
    return result


def test_what_it_saved_before_its_deadline_counts_and_what_it_does_afterwards_does_not(
    small_world: Miniature,
) -> None:
    honest = trained(small_world, "save()", None)
    late = 'time.sleep(60)\nopen(out + "/model.safetensors", "wb").write(b"x")'
    cut = trained(small_world, f"save()\n{late}", SECONDS)
    assert isinstance(honest, Measured) and isinstance(cut, Measured), (honest, cut)
    assert (cut.value, cut.cut, honest.cut) == (honest.value, True, False)
    assert 3 <= cut.seconds < 4


NEVER_IN_TIME = {
    "saves after its deadline": "time.sleep(60)\nsave()",
    "stops itself": "os.kill(os.getpid(), signal.SIGSTOP)\nsave()",
    "ends late, by a process of its own": (
        "if os.fork():\n    os.wait()\nelse:\n    os.setsid()\n    time.sleep(60)\n    save()"
    ),
    "heeds no signal": (
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True:\n    time.sleep(1)"
    ),
}


@pytest.mark.parametrize("main", NEVER_IN_TIME.values(), ids=NEVER_IN_TIME)
def test_without_weights_at_its_deadline_it_is_invalid(small_world: Miniature, main: str) -> None:
    result = trained(small_world, main, SECONDS)
    assert isinstance(result, Unscored)
    assert (result.status, result.overshot) == ("invalid", True)
    assert 3 <= result.seconds < 10
    assert result.detail.startswith(f"trained {result.seconds:.1f} s")
    assert result.detail.endswith(
        " and had not ended, where the budget of 1 s and the baseline's start-up of 1.0 s allow "
        "3.0 s; "
        "a longer start-up counts as training"
    )


def test_torn_weights_at_its_deadline_are_no_weights(small_world: Miniature) -> None:
    half = (
        'data = open("trained.safetensors", "rb").read()\nopen(out + "/model.safetensors", '
        '"wb").write(data[:-9])'
    )
    result = trained(small_world, f"{half}\ntime.sleep(60)", SECONDS)
    assert isinstance(result, Unscored)
    assert (result.status, result.overshot) == ("invalid", False)
    assert "not a safetensors file" in result.detail


def test_the_deadline_is_told_to_the_training(small_world: Miniature) -> None:
    code = 'print(float(os.environ["AUTORESEARCH_DEADLINE"]) - time.time())\nsys.exit(1)'
    trained(small_world, code, SECONDS)
    left = float((small_world.home / "train.log").read_text().split()[0])
    assert 0 < left <= 3


@pytest.mark.slow
def test_steps_are_timed_from_when_the_tokens_were_opened(small_world: Miniature) -> None:
    result = trained(small_world, f"time.sleep(2)\n{OPEN}save()", STEPS)
    assert isinstance(result, Measured), result
    assert result.startup is not None and 2 <= result.startup <= result.seconds
    result = trained(small_world, f"{OPEN}time.sleep(2)\nsave()", STEPS)
    assert isinstance(result, Unscored)
    assert (result.status, result.overshot) == ("invalid", True)
    assert "where the baseline took 0.5 s for 7 steps, which allows 1.8 s" in result.detail


# ---------------------------------------------------------------- the first open


def test_an_open_through_another_folder_is_not_this_trainings(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for name in ("tokens.bin", "meta.json"):
        (data / name).write_text("x")
    assert link_files(data, tmp_path / "own")
    with FirstOpen(tmp_path / "own" / "tokens.bin") as opened:
        (data / "tokens.bin").read_text()
        (tmp_path / "own" / "meta.json").read_text()
    assert opened.seconds == 0, "it was never opened here"
    with FirstOpen(tmp_path / "own" / "tokens.bin") as opened:
        (tmp_path / "own" / "tokens.bin").read_text()
    assert opened.seconds is not None and opened.seconds > 0
    unlink_files(tmp_path / "own")
    assert not (tmp_path / "own").exists()
    assert (data / "tokens.bin").read_text() == "x"


def test_an_open_that_was_lost_among_others_counts(tmp_path: Path) -> None:
    for name in ("tokens.bin", "meta.json", "other.json"):
        (tmp_path / name).write_text("x")
    watch = watching._watch(tmp_path)
    try:
        room = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
        for number in range(room):
            os.close(os.open(tmp_path / ("meta.json", "other.json")[number % 2], os.O_RDONLY))
        (tmp_path / "tokens.bin").read_text()
        told = []
        with suppress(BlockingIOError):
            while events := os.read(watch, watching.CHUNK):
                told.append(watching._is_told(events, "tokens.bin"))
    finally:
        os.close(watch)
    assert told[-1] and not any(told[:-1])


def test_where_nobody_can_watch_nothing_is_said(tmp_path: Path) -> None:
    with FirstOpen(None) as opened:
        pass
    assert opened.seconds is None
    with FirstOpen(tmp_path / "absent" / "tokens.bin") as opened:
        pass
    assert opened.seconds is None
    (tmp_path / "data" / "folder").mkdir(parents=True)
    assert not link_files(tmp_path / "data", tmp_path / "own"), "a folder has no hard links"
    assert not (tmp_path / "own").exists()
