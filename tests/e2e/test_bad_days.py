"""Bad days that end well: kills, interrupts, full disks, broken files; all real."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.e2e.researcher import (
    TRAIN,
    fsck,
    git,
    in_flight,
    kill,
    ledger,
    miniature,
    quiet,
    start_typing,
    statuses,
    type_in,
    wait_for,
)

START = (
    "start",
    "--model",
    "none",
    "--method",
    "random",
    "--tag",
    "t",
    "--budget",
    "1steps",
    "--baseline-repeats",
    "2",
)
SLOW = TRAIN.replace("pause = 0.0", "pause = 30")


def branch_length(home: Path) -> int:
    count = subprocess.run(
        ["git", "rev-list", "--first-parent", "--count", "autoresearch/t"],
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
    )
    return int(count.stdout or 0)


MOMENTS = (0.9, 1.0, 1.13, 1.21, 1.34, 1.42, 1.55, 1.68)


@pytest.mark.parametrize(
    "moments", [MOMENTS[::3], pytest.param(MOMENTS, marks=pytest.mark.slow)], ids=["three", "all"]
)
def test_kill_9_again_and_again_loses_nothing(tmp_path: Path, moments: tuple[float, ...]) -> None:
    """Kills the harness at moments spread over whole trials: between commits, training, judging."""
    home = miniature(tmp_path, TRAIN.replace("pause = 0.0", "pause = 0.05"))
    process = start_typing(home, *START)
    wait_for(lambda: branch_length(home) >= 3, what="a baseline")
    kill(process)
    for delay in moments:
        before = ledger(home, "t")
        process = start_typing(home, "resume", "t")
        try:
            process.communicate(timeout=delay)
        except subprocess.TimeoutExpired:
            kill(process)
        after = ledger(home, "t")
        assert after[: len(before)] == before, "what was recorded stays as it was recorded"
        assert [trial["number"] for trial in after] == list(range(len(after)))
        fsck(home)
    assert type_in(home, "resume", "t", "--trials", "2").returncode == 0
    trials = ledger(home, "t")
    assert [trial["number"] for trial in trials] == list(range(len(trials)))
    assert in_flight(home) == []
    for trial in trials:
        if trial["status"] in ("keep", "discard"):
            constants = trial["configuration"]
            loss = 1.0 + abs(constants["LR"] - 0.4) + 0.01 * abs(constants["DEPTH"] - 8)
            own = [score for score in trial["result"]["scores"] if score["role"] == "candidate"]
            for score in own:
                assert score["value"] == pytest.approx(loss + 0.0001 * score["seed"], abs=1e-5), (
                    "no result is another's"
                )


def test_kill_9_in_training_leaves_no_process_and_the_attempt_runs_again(tmp_path: Path) -> None:
    home = miniature(tmp_path)
    assert type_in(home, *START, "--trials", "1").returncode == 0
    worktree = home / ".autoresearch" / "worktrees" / "t"
    (worktree / "train.py").write_text(
        (worktree / "train.py").read_text().replace("pause = 0.0", "pause = 3")
    )
    git(worktree, "commit", "-qam", "slower, by hand")
    process = start_typing(home, "resume", "t", "--trials", "1")
    wait_for(lambda: in_flight(home), what="an attempt in flight")
    wait_for(lambda: not quiet(home), what="training")
    [ref] = in_flight(home)
    attempt = git(home, "rev-parse", ref)
    kill(process)
    wait_for(lambda: quiet(home), 10, "the training to die with its harness")
    assert type_in(home, "resume", "t", "--trials", "1").returncode == 0
    assert [trial["status"] for trial in ledger(home, "t")][2] == "baseline", (
        "the commit by hand is measured"
    )
    assert ledger(home, "t")[2]["attempt"] == attempt, "the very attempt that was killed"


def test_two_starts_on_one_tag(tmp_path: Path) -> None:
    home = miniature(tmp_path, SLOW)
    process = start_typing(home, *START)
    wait_for(lambda: in_flight(home), what="the first run")
    for command in (START, ("resume", "t")):
        second = type_in(home, *command)
        assert second.returncode == 3, second.stderr
        assert "error:" in second.stderr
        assert "next:" in second.stderr
    kill(process)
    assert type_in(home, *START).returncode == 3, "the branch is still there"


@pytest.mark.slow
def test_the_time_for_which_the_harness_was_stopped_is_nobodys_fault(tmp_path: Path) -> None:
    """As by Ctrl-Z and `fg`, or by a container that was paused."""
    waits = """import os, time
LR = 0.1  # [0.01 .. 1 log]
time.sleep(float(os.environ["AUTORESEARCH_BUDGET"].rstrip("s")))
print("---")
print("val_bpb:", 1 + abs(LR - 0.4))
"""
    home = miniature(tmp_path, waits)
    budget = ("--budget", "2s", "--baseline-repeats", "1", "--trials", "1")
    process = start_typing(home, *START[:7], *budget)
    for number in (0, 1):
        log = home / f".autoresearch/runs/t/trials/000{number}/train-0.log"
        wait_for(log.exists, what=f"trial {number}")
        time.sleep(1)  # it has its plan, and trains on
        process.send_signal(signal.SIGSTOP)
        time.sleep(8)
        process.send_signal(signal.SIGCONT)
    process.communicate(timeout=60)
    baseline, trial = ledger(home, "t")
    assert trial["status"] in ("keep", "discard"), trial["result"]["detail"]
    times = [score["seconds"] for each in (baseline, trial) for score in each["result"]["scores"]]
    assert max(times) < 8, "a time that is stretched is no yardstick"
    assert baseline["result"]["seconds"] > 8, "but it is told"


def test_ctrl_c_once_finishes_the_trial(tmp_path: Path) -> None:
    home = miniature(tmp_path, TRAIN.replace("pause = 0.0", "pause = 1.0"))
    process = start_typing(home, *START)
    wait_for(lambda: "refs/autoresearch/t/1" in in_flight(home), what="the first trial")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert len(ledger(home, "t")) == 2
    assert in_flight(home) == []


def test_a_hang_up_stops_nothing(tmp_path: Path) -> None:
    home = miniature(tmp_path, TRAIN.replace("pause = 0.0", "pause = 1.0"))
    process = start_typing(home, *START, "--trials", "1")
    wait_for(lambda: in_flight(home), what="the baseline")
    process.send_signal(signal.SIGHUP)
    process.communicate(timeout=60)
    assert (process.returncode, len(ledger(home, "t"))) == (0, 2)
    log = home / ".autoresearch/runs/t/run.log"
    assert "the terminal is gone" in log.read_text()


def test_ctrl_c_twice_stops_at_once_and_can_be_resumed(tmp_path: Path) -> None:
    home = miniature(tmp_path)
    assert type_in(home, *START, "--trials", "1").returncode == 0
    git(home / ".autoresearch/worktrees/t", "commit", "-q", "--allow-empty", "-m", "by hand")
    process = start_typing(home, "resume", "t")
    wait_for(lambda: in_flight(home), what="an attempt")
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert type_in(home, "resume", "t", "--trials", "1").returncode == 0
    numbers = [trial["number"] for trial in ledger(home, "t")]
    assert numbers == list(range(len(numbers)))
    assert in_flight(home) == []


@pytest.mark.parametrize(
    ("train", "message"),
    [
        ("def broken(:\n", "syntax"),
        ("LR = 0.1\nprint('---')\nprint('val_bpb: nan')\n", "val_bpb"),
        ("LR = 0.1\nprint('hello')\n", "val_bpb"),
        ("LR = 0.1\nraise RuntimeError('no luck')\n", "no luck"),
    ],
)
def test_a_train_py_that_fails_as_it_is_says_so(tmp_path: Path, train: str, message: str) -> None:
    home = miniature(tmp_path, train)
    run = type_in(home, *START)
    assert run.returncode == 3, run.stdout + run.stderr
    assert message.lower() in run.stderr.lower()
    assert "next:" in run.stderr


def test_a_trial_that_never_ends_is_over_its_limit_and_both_times_are_in_the_log(
    tmp_path: Path,
) -> None:
    home = miniature(
        tmp_path, TRAIN.replace("time.sleep(pause)", "time.sleep(0 if LR == 0.1 else 10**6)")
    )
    script = home / "replies.jsonl"
    edit = {"kind": "set_constant", "name": "LR", "value": "0.3"}
    script.write_text(
        json.dumps({"hypothesis": "never ends", "rationale": "", "edits": [edit]}) + "\n"
    )
    run = type_in(
        home,
        "start",
        "--method",
        "code",
        "--model",
        f"scripted:{script}",
        "--tag",
        "t",
        "--budget",
        "1s",
        "--trials",
        "1",
    )
    assert run.returncode == 0, run.stderr
    assert statuses(home, "t") == ["baseline", "over-limit"], "nothing reads the budget"
    reason = ledger(home, "t")[1]["reason"]
    match = re.match(
        r"trained (\d+\.\d) s and had not ended, where the baseline takes .* allows (\d+\.\d) s",
        reason,
    )
    assert match, reason
    assert float(match[1]) == pytest.approx(float(match[2]), abs=5)
    assert "and had not ended" in " ".join(type_in(home, "show", "1").stdout.split())
    assert quiet(home)


@pytest.mark.parametrize(
    ("budget", "status"),
    # Each "trains" for longer than it may, and prints a score that would win.
    [("1s", "over-limit"), pytest.param("3steps", "invalid", marks=pytest.mark.slow)],
)
def test_a_training_that_ignores_its_budget_wins_nothing(
    tmp_path: Path, budget: str, status: str
) -> None:
    edit = {"kind": "set_constant", "name": "LR", "value": "0.3"}
    home = miniature(
        tmp_path, TRAIN.replace("time.sleep(pause)", "time.sleep(0.2 if LR == 0.1 else 9)")
    )
    script = home / "replies.jsonl"
    script.write_text(
        json.dumps({"hypothesis": "train for longer", "rationale": "", "edits": [edit]}) + "\n"
    )
    run = type_in(
        home,
        "start",
        "--method",
        "code",
        "--model",
        f"scripted:{script}",
        "--tag",
        "t",
        "--budget",
        budget,
        "--trials",
        "1",
    )
    assert run.returncode == 0, run.stderr
    assert statuses(home, "t") == ["baseline", status]
    reason = ledger(home, "t")[1]["reason"]
    assert re.search(r"trained \d+\.\d s.*allows? \d+\.\d s", reason), reason


def test_a_full_disk_is_a_fault_and_the_run_goes_on_afterwards(tmp_path: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("mounting a small disk needs root")
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(disk)], check=False
    ).returncode:
        pytest.skip("this machine lets no tmpfs be mounted")
    try:
        home = miniature(disk / "repo")
        assert type_in(home, *START, "--trials", "1").returncode == 0
        with (disk / "filler").open("wb", buffering=0) as filler, suppress(OSError):
            while filler.write(b"x" * 65536):
                pass
        full = type_in(home, "resume", "t", "--trials", "2")
        assert full.returncode not in (0, 130), full.stdout
        assert "error:" in full.stderr
        assert "Traceback" not in full.stderr
        (disk / "filler").unlink()
        assert type_in(home, "resume", "t", "--trials", "2").returncode == 0
        numbers = [trial["number"] for trial in ledger(home, "t")]
        assert numbers == list(range(len(numbers)))
        fsck(home)
    finally:
        subprocess.run(["umount", str(disk)], check=False)


def test_a_torn_object_is_named_not_ignored(tmp_path: Path) -> None:
    home = miniature(tmp_path)
    assert type_in(home, *START, "--trials", "1").returncode == 0
    verdict = ledger(home, "t")[1]["verdict"]
    path = home / ".git" / "objects" / verdict[:2] / verdict[2:]
    shutil.copy(path, home / "saved")
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:20])
    torn = type_in(home, "resume", "t")
    assert torn.returncode == 3, torn.stderr
    assert "Traceback" not in torn.stderr
    shutil.copy(home / "saved", path)
    assert type_in(home, "resume", "t", "--trials", "1").returncode == 0


def test_a_gpu_that_is_asked_for_and_missing_is_never_a_slot_on_the_cpu(tmp_path: Path) -> None:
    home = miniature(tmp_path)
    run = type_in(home, *START, CUDA_VISIBLE_DEVICES="GPU-8f2c")
    assert run.returncode == 2, run.stdout + run.stderr
    assert "CUDA_VISIBLE_DEVICES asks for GPU-8f2c, which is not here" in " ".join(
        run.stderr.split()
    )
    assert "CUDA_VISIBLE_DEVICES= autoresearch start" in run.stderr
    assert branch_length(home) == 0, "nothing was begun"
    assert type_in(home, *START, "--trials", "1", CUDA_VISIBLE_DEVICES="-1").returncode == 0
