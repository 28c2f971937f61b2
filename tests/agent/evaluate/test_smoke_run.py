"""New code is smoke-tested in a real sandbox: what fails at a training's end fails in seconds."""

import json
import os
import shutil
import threading
from pathlib import Path

import pytest
import torch

from agent.evaluate.bench import Assignment, Bench, Plan
from agent.evaluate.slots import Slot
from agent.evaluate.smoke_run import foretold, pays, smoke_run_of
from agent.records.edits import Edit, ReplaceStatements, SetConstant
from agent.records.results import Attempt, Order, Result
from sandbox.ground.budget import Budget
from sandbox.ground.deadline import Deadline, Usual
from sandbox.ground.fault import SandboxFault
from sandbox.ground.outcome import Limits
from sandbox.score.job import Job
from sandbox.score.measure import Measured, Stopped, Unscored
from tests.agent.study import proposal
from tests.sandbox.every_tier import ISOLATING, RUNNERS, folders, why_not
from tests.sandbox.miniature import Miniature, train_py

MINUTES = Budget.parse("5m")
CODE = ReplaceStatements(old="a = 1", new="a = 2")


@pytest.mark.parametrize(
    ("score", "budget", "edit", "smoke_tested"),
    [
        ("sealed", "5m", CODE, True),
        ("sealed", "200steps", CODE, True),
        ("sealed", "60s", CODE, True),
        ("sealed", "59s", CODE, False),
        ("sealed", "100steps", CODE, True),
        ("sealed", "99steps", CODE, False),
        ("sealed", "20steps", CODE, False),
        ("printed", "5m", CODE, False),
        ("sealed", "5m", SetConstant(name="A", value="1"), False),
    ],
)
def test_only_new_code_with_much_at_stake_is_smoke_tested(
    score: str, budget: str, edit: Edit, smoke_tested: bool
) -> None:
    assert pays(score, Budget.parse(budget), proposal(edit)) is smoke_tested
    assert not pays(score, Budget.parse(budget), proposal()), "a baseline has no edits"
    assert not pays(score, None, proposal(edit)), "there is no smaller limit"


def measured(main: str, forward: str = "return self.table(idx)") -> tuple[Result, list[str]]:
    """Return the result of a train.py under a budget worth saving, and its runs' budgets."""
    tier = next((tier for tier in ISOLATING if why_not(tier) is None), None)
    if tier is None:
        pytest.skip("no tier of isolation can run here")
    with folders() as home:
        small_world = Miniature.make(home, RUNNERS[tier]())

        def export(commit: str, folder: Path) -> None:
            folder.mkdir()
            (folder / "train.py").write_text(train_py(main, forward))
            (folder / "trained.safetensors").write_bytes(
                (home / "folder" / "trained.safetensors").read_bytes()
            )

        plan = Plan(
            score="sealed",
            train="train.py",
            data=str(home / "data"),
            read_only=(),
            budget=Budget.parse("200steps"),
            memory_bytes=None,
        )
        bench = Bench(
            plan, small_world.runner, (Slot(number=0, cpus=(0,)),), home / "trials", export
        )
        attempt = Attempt(number=1, commit="c", parent="p", proposal=proposal(CODE))
        result = bench.run(
            Assignment(
                attempt,
                Order(commit="c", seed=0),
                Slot(number=0, cpus=(0,)),
                1,
                Usual(seconds=20.0),
            ),
            lambda event: None,
            threading.Event(),
        )
        logs = sorted((home / "trials" / "0001").glob("smoke.log")) + sorted(
            (home / "trials" / "0001").glob("train-0.log")
        )
        assert result
        return result, [log.read_text().strip() for log in logs]


SAY = (
    'size = os.path.getsize(os.environ["AUTORESEARCH_DATA"] + "/tokens.bin")\n'
    'print(os.environ["AUTORESEARCH_BUDGET"], size)\n'
)


def test_a_smoke_run_gets_the_beginning_of_the_data_and_two_steps(tmp_path: Path) -> None:
    for split, dtype, width in (("train", "uint16", 2), ("val", "uint32", 4)):
        folder = tmp_path / "data" / split
        folder.mkdir(parents=True)
        meta = {"dtype": dtype, "sequence_length": 2, "tokens": 3000, "more": 1}
        (folder / "meta.json").write_text(json.dumps(meta))
        (folder / "tokens.bin").write_bytes(bytes(range(250)) * 12 * width)
        (folder / "token_bytes.bin").write_bytes(b"other")
    full = Job(
        folder="f",
        scratch="s",
        log="l",
        data=str(tmp_path / "data"),
        own_data="o",
        budget=MINUTES,
        seed=3,
        limits=Limits(wall_seconds=1e6, memory_bytes=7),
        score="sealed",
        deadline=Deadline(budget=MINUTES, usual=Usual(seconds=1.0)),
    )
    job = smoke_run_of(full, tmp_path / "small", startup=5.0)
    assert (job.data, job.own_data, job.deadline) == (str(tmp_path / "small"), None, None)
    assert (str(job.budget), job.limits) == ("2steps", Limits(wall_seconds=65.0, memory_bytes=7))
    for split, tokens, width in (("train", 2049, 2), ("val", 17, 4)):
        small = tmp_path / "small" / split
        meta = json.loads((small / "meta.json").read_text())
        assert (meta["tokens"], meta["sequence_length"], meta["more"]) == (tokens, 2, 1)
        whole = (tmp_path / "data" / split / "tokens.bin").read_bytes()
        assert (small / "tokens.bin").read_bytes() == whole[: tokens * width]
        assert (small / "token_bytes.bin").read_bytes() == b"other"
    (tmp_path / "full").write_text("a file is in the way")
    with pytest.raises(SandboxFault, match="cannot copy a part of") as fault:
        smoke_run_of(full, tmp_path / "full", startup=5.0)
    assert fault.value.next_command == "df -h ."
    (tmp_path / "data" / "train" / "holes").touch()
    os.truncate(tmp_path / "data" / "train" / "holes", shutil.disk_usage(tmp_path).free)
    with pytest.raises(SandboxFault, match=r"cannot copy a part of .*: No space left on device"):
        smoke_run_of(full, tmp_path / "new", startup=5.0)


@pytest.mark.slow
def test_what_passes_in_small_is_trained_in_full() -> None:
    torch.manual_seed(0)
    result, runs = measured(SAY + "save()")
    assert result.status == "scored"
    assert runs == ["2steps 1282", "200steps 1282"], (
        "the miniature's data is smaller than what is copied"
    )


def test_a_smoke_run_that_timed_out_predicts_nothing() -> None:
    assert foretold(Unscored(status="timeout", detail="killed after 90 s"), MINUTES) is None
    assert foretold(Stopped(), MINUTES) == Stopped()


@pytest.mark.parametrize(
    ("step", "budget", "speed", "fails"),
    [
        (6.0, "5m", 10.0, True),  # 50 steps, where the baseline makes 3000
        (4.0, "5m", 10.0, False),
        (6.0, "5m", None, False),
        (6.0, "200steps", 10.0, False),
        (0.0, "5m", 10.0, False),
        ("soon", "5m", 10.0, False),
        (True, "5m", 0.001, False),
        (None, "5m", 10.0, False),
    ],
)
def test_a_step_that_leaves_room_for_next_to_none_ends_the_trial(
    step: float | str | None, budget: str, speed: float | None, fails: bool
) -> None:
    facts = {} if step is None else {"step_seconds": step}
    failure = foretold(
        Measured(value=1.0, score="sealed", seconds=12.0, facts=facts), Budget.parse(budget), speed
    )
    if not fails:
        assert failure is None
    else:
        assert isinstance(failure, Unscored) and failure.status == "timeout"
        assert failure.detail.endswith(
            "a step took 6.00 s: 50 of them fit into 300s, where the baseline makes 3000"
        )


def test_what_would_fail_at_its_end_fails_before_its_budget() -> None:
    result, runs = measured(SAY + "save()", forward="return self.table(idx)[:, :, :5]")
    assert result.status == "invalid" and result.detail.startswith("in a smoke run of 2 steps: ")
    assert runs == ["2steps 1282"], "nothing else ran"
    result, runs = measured(SAY + "raise RuntimeError('no')")
    assert (result.status, result.detail) == (
        "crash",
        "in a smoke run of 2 steps: RuntimeError: no",
    )
    assert "RuntimeError: no" in result.tail
