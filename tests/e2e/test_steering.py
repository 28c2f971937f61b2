"""A night that is talked to, as typed: each command in a real run, and its bad days."""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.researcher import (
    AUTORESEARCH,
    TRAIN,
    clean_environment,
    fsck,
    git,
    in_flight,
    kill,
    ledger,
    miniature,
    quiet,
    start_typing,
    type_in,
    wait_for,
)

START = ("start", "--model", "none", "--method", "random", "--tag", "t", "--budget", "1steps")
SLOW = TRAIN.replace("pause = 0.0", "pause = 1.5")
FOREVER = TRAIN.replace("pause = 0.0", "pause = 300.0 if LR == 0.77 else 0.2")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def said(folder: Path) -> list[dict[str, Any]]:
    """The inputs on the run's record."""
    state = json.loads(type_in(folder, "status", "t", "--json").stdout)
    return list(state["inputs"])


def kinds(folder: Path) -> list[tuple[str, bool]]:
    return [(entry["input"]["ask"]["kind"], entry["accepted"]) for entry in said(folder)]


def began(folder: Path) -> bool:
    """Whether the run has a trial in flight: its loop works."""
    return any("/t/" in name for name in in_flight(folder))


def tried(folder: Path) -> list[str]:
    """The verdicts on what people tried, without refusals."""
    own = [trial for trial in ledger(folder, "t") if trial["proposal"]["by"]["method"] == "try"]
    return [trial["status"] for trial in own if trial["status"] != "refused"]


def rests(folder: Path) -> bool:
    """Whether nothing trains, now and after the pause between two trainings of a trial."""
    if not quiet(folder):
        return False
    time.sleep(1.0)
    return quiet(folder)


@contextmanager
def night(folder: Path, *more: str) -> Iterator[subprocess.Popen[str]]:
    """A run at work, killed at the end if it still is."""
    words = ("resume", "t") if git(folder, "branch", "--list", "autoresearch/t") else START
    process = start_typing(folder, *words, *more)
    try:
        wait_for(lambda: began(folder) or process.poll() is not None, what="a training")
        yield process
    finally:
        if process.poll() is None:
            kill(process)


def ok(folder: Path, *words: str) -> str:
    run = type_in(folder, *words)
    assert run.returncode == 0, run.stderr
    return run.stdout


def refused(folder: Path, *words: str, code: int = 2) -> str:
    run = type_in(folder, *words)
    assert run.returncode == code, run.stdout + run.stderr
    assert "\nnext:  autoresearch" in run.stderr
    return run.stderr


def test_a_night_is_told_tried_set_held_and_stopped(tmp_path: Path) -> None:
    home = miniature(tmp_path / "a night", SLOW)
    with night(home, "--baseline-repeats", "1", "--trials", "500") as process:
        assert "remark 1" in ok(home, "tell", "try a warmup", "--until", "5")
        assert "remark 2" in ok(home, "tell", "only constants", "t")
        assert "withdraw remark 1" in ok(home, "tell", "--withdraw", "1")
        assert "there is no remark 8" in refused(home, "tell", "--withdraw", "8")
        remarks = ok(home, "tell")
        assert "only constants" in remarks
        assert "warmup" not in remarks

        (home / "train.py").write_text(SLOW.replace("DEPTH = 4", "DEPTH = 8"))
        assert "accepted: the next trial" in ok(home, "try", "-m", "as deep as it gets")
        assert "Unknown constant 'NOPE'" in refused(home, "try", "--set", "NOPE=1")
        assert "already-tried" in refused(home, "try", "--set", "DEPTH=8")
        wait_for(lambda: any(t["proposal"]["by"]["method"] == "try" for t in ledger(home, "t")))

        ok(home, "hold")
        ok(home, "set", "--trials", "400", "--patience", "9")
        assert "held by" in ok(home, "status")
        ok(home, "hold", "--off")
        assert "its verdict: baseline" in refused(home, "skip", "0")
        ok(home, "brief", "--file", str(_write(tmp_path / "new.md", "# Another goal\n")))
        assert git(home, "show", "autoresearch/t:program.md") == "# Another goal"
        assert "another program.md than this checkout" in ok(home, "status")
        ok(home, "brief", "--from-checkout")

        ok(home, "pause")
        # A trial that is to be run again stays in flight, but nothing of it trains.
        wait_for(lambda: rests(home), what="the pause")
        assert "paused by" in ok(home, "status")
        ok(home, "go")
        wait_for(lambda: not quiet(home), what="the next training")
        wait_for(lambda: tried(home), what="the verdict on what was tried")
        ok(home, "stop")
        process.communicate(timeout=60)
        assert process.returncode == 0
    [mine] = tried(home)
    assert mine in ("keep", "discard", "held")
    log = ok(home, "log", "t")
    assert "pause (accepted" in log
    assert "tell: try a warmup (accepted: remark 1" in log
    fsck(home)


def _write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_what_trains_for_ever_is_skipped_and_no_failure(tmp_path: Path) -> None:
    home = miniature(tmp_path / "a night", FOREVER)
    with night(home, "--baseline-repeats", "1", "--trials", "500", "--hours", "2"):
        ok(home, "try", "--set", "LR=0.77")
        wait_for(lambda: len(_trying(home)) == 1, what="the trial that does not end")
        [number] = _trying(home)
        assert "its training is stopped" in ok(home, "skip", str(number))
        wait_for(lambda: any(t["number"] == number for t in ledger(home, "t")))
        [trial] = [t for t in ledger(home, "t") if t["number"] == number]
        assert (trial["status"], trial["result"]) == ("skipped", None)
        ok(home, "stop")
    text = ok(home, "show", str(number), "--branch", "t")
    assert "skipped by" in text


def _trying(home: Path) -> list[int]:
    state = json.loads(type_in(home, "status", "t", "--json").stdout)
    flying = state["in_flight"]
    return [a["number"] for a in flying if a["proposal"]["by"]["method"] == "try"]


def test_other_workers_go_on_with_the_same_bounds(tmp_path: Path) -> None:
    home = miniature(tmp_path / "a night", SLOW)
    with night(home, "--baseline-repeats", "1", "--trials", "6", "--hours", "2") as process:
        assert "500 workers on" in refused(home, "set", "--workers", "500")
        wait_for(lambda: len(ledger(home, "t")) > 1, what="the first trial")
        assert "2 at once" in ok(home, "set", "--workers", "2")
        output, _ = process.communicate(timeout=120)
        assert process.returncode == 0
    assert "workers 2" in output
    assert sum(trial["result"] is not None for trial in ledger(home, "t")) == 7
    assert kinds(home) == [("set", False), ("set", True)]
    assert "workers 2" in ok(home, "resume", "t", "--trials", "1"), "a later session has them, too"


def test_what_is_held_over_a_weekend_is_approved_in_the_morning(tmp_path: Path) -> None:
    home = miniature(tmp_path / "a night", SLOW)
    with night(home, "--baseline-repeats", "2", "--trials", "400", "--verdict", "greedy"):
        ok(home, "hold")
        ok(home, "try", "--set", "LR=0.4")
        wait_for(lambda: "held" in [t["status"] for t in ledger(home, "t")], what="a held trial")
        ok(home, "stop")
    [held, *_] = [t["number"] for t in ledger(home, "t") if t["status"] == "held"]
    assert f"autoresearch approve {held}, or reject {held}" in ok(home, "log", "t")
    ok(home, "approve", str(held))
    approved = ledger(home, "t")[-1]
    assert (approved["status"], approved["proposal"]["by"]["replays"]) == ("keep", held)


def test_a_run_that_nobody_works_on_reads_it_at_resume_also_in_a_clone(tmp_path: Path) -> None:
    home = miniature(tmp_path / "a night")
    assert type_in(home, *START, "--baseline-repeats", "1", "--trials", "1").returncode == 0
    assert "will read this when it begins" in ok(home, "tell", "try a warmup")
    assert "will read this when it begins" in ok(home, "try", "--set", "DEPTH=8")
    assert "2 waiting" in ok(home, "status")
    assert said(home) == []
    ok(home, "resume", "t", "--trials", "1")
    assert kinds(home) == [("tell", True), ("try", True)]
    assert ledger(home, "t")[-1]["proposal"]["by"]["origin"] == "human"
    assert "inbox" not in ok(home, "status")

    clone = tmp_path / "a clone"
    git(tmp_path, "clone", "-q", str(home), str(clone))
    ok(clone, "resume", "t", "--trials", "1")
    assert "try a warmup" in ok(clone, "tell")


def test_inputs_come_from_a_clone_as_refs(tmp_path: Path) -> None:
    home = miniature(tmp_path / "a night", SLOW)
    clone = tmp_path / "a clone"
    with night(home, "--baseline-repeats", "1", "--trials", "500"):
        git(tmp_path, "clone", "-q", str(home), str(clone))
        git(clone, "branch", "autoresearch/t", "origin/autoresearch/t")
        ok(clone, "tell", "from afar")
        output = ok(clone, "inbox", "--to-push")
        assert "git push REMOTE 'refs/autoresearch/t/inbox/*'" in output
        git(clone, "push", "-q", "origin", "refs/autoresearch/t/inbox/*")
        wait_for(lambda: kinds(home) == [("tell", True)], what="the input from the clone")
        assert not [name for name in in_flight(home) if "inbox" in name]
        git(clone, "push", "-q", "origin", "refs/autoresearch/t/inbox/*")
        wait_for(lambda: not [name for name in in_flight(home) if "inbox" in name])
        assert kinds(home) == [("tell", True)]
        ok(home, "stop")


def test_two_terminals_steer_at_once(tmp_path: Path) -> None:
    home = miniature(tmp_path / "a night", SLOW)
    with night(home, "--baseline-repeats", "1", "--trials", "500"):
        typed = [start_typing(home, "tell", f"remark of terminal {n}") for n in range(4)]
        typed += [start_typing(home, "pause"), start_typing(home, "pause")]
        answers = [process.communicate(timeout=120) for process in typed]
        assert [process.returncode for process in typed[:4]] == [0] * 4, answers
        assert sorted(process.returncode for process in typed[4:]) == [0, 2], answers
        ok(home, "stop")
    assert sorted(kinds(home)) == [("pause", False), ("pause", True), *[("tell", True)] * 4]
    assert (
        len({entry["why"] for entry in said(home) if entry["input"]["ask"]["kind"] == "tell"}) == 4
    )


def test_a_full_disk_takes_no_input_and_says_so(tmp_path: Path) -> None:
    home = miniature(tmp_path / "a night")
    assert type_in(home, *START, "--baseline-repeats", "1", "--trials", "1").returncode == 0
    command = f"ulimit -f 1; exec {AUTORESEARCH} tell {'x' * 3000}"
    run = subprocess.run(
        ["bash", "-c", command],
        cwd=home,
        env=clean_environment(PYTHONDONTWRITEBYTECODE="1"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 3, run.stderr
    assert "cannot write the input" in run.stderr
    assert list((home / ".autoresearch/runs/t/inbox").iterdir()) == []


def test_steering_no_run_is_a_clear_refusal(tmp_path: Path) -> None:
    home = miniature(tmp_path / "a night")
    assert "There is no run here yet" in refused(home, "tell", "x", code=3)
    assert type_in(home, *START, "--baseline-repeats", "1", "--trials", "1").returncode == 0
    assert "Unknown run 'tt'" in refused(home, "pause", "tt", code=3)
    assert "no change of train.py that is not committed" in refused(home, "try")
    assert "There is nothing to set" in refused(home, "set")
    assert "no terminal to edit in" in refused(home, "brief")
    assert "--until takes" in refused(home, "tell", "x", "--until", "soon")
