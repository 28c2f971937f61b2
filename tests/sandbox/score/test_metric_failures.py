"""Runs that print a score and fail, or do not exit: each is told as that, with the line."""

import os
import threading
import time

import pytest

from sandbox.ground.budget import Budget
from sandbox.ground.deadline import Deadline, Usual
from sandbox.ground.fault import SandboxFault
from sandbox.ground.outcome import Crashed, Finished, Limits, OutOfMemory, TimedOut, Usage
from sandbox.score import lingering
from sandbox.score.lingering import Lingering
from sandbox.score.measure import Job, Measured, Stopped, Unscored, measure
from sandbox.score.metric import Metric
from sandbox.tiers.scripted import ScriptedRunner
from tests.sandbox.every_tier import RUNNERS, folders, why_not

ACCURACY = Metric(name="val_acc")
SUMMARY = "---\nval_acc: 0.9\n"
TIERS = ("A", "none")


def job_in(home, **changes):
    """A job whose score is printed."""
    given = {
        "folder": str(home / "folder"),
        "scratch": str(home / "scratch"),
        "log": str(home / "train.log"),
        "data": None,
        "budget": Budget(amount=7, unit="steps"),
        "seed": 5,
        "score": "printed",
        "metric": ACCURACY,
        "limits": Limits(wall_seconds=60),
    }
    return Job(**{**given, **changes})


@pytest.fixture
def scripted(tmp_path):
    """Measures a run of which the outcome and the output are given."""
    (tmp_path / "folder").mkdir()

    def scripted(outcome, output, silent=0.0, **changes):
        def play(spec):
            return outcome, output

        class Runner(ScriptedRunner):
            def run(self, spec, cancel):
                result = super().run(spec, cancel)
                long_ago = time.time() - silent
                os.utime(spec.log, (long_ago, long_ago))
                return result

        return measure(job_in(tmp_path, **changes), Runner(play), threading.Event())

    return scripted


USAGE = Usage(seconds=40)
SAID = {
    "exit": (
        Crashed(usage=USAGE, exit_code=3),
        'it printed "val_acc: 0.9", but exited with status 3',
    ),
    "signal": (Crashed(usage=USAGE, signal=11), 'it printed "val_acc: 0.9", but died of signal 11'),
    "memory": (
        OutOfMemory(usage=USAGE, evidence="killed at 9 bytes of 8"),
        'it printed "val_acc: 0.9", but it failed: out of memory in training: '
        "killed at 9 bytes of 8",
    ),
    "still printing": (
        TimedOut(usage=USAGE),
        'it printed "val_acc: 0.9", but was not done when it was killed after 40 s',
    ),
}


@pytest.mark.parametrize(("outcome", "said"), SAID.values(), ids=SAID)
def test_a_failure_behind_a_good_score_is_told_as_that(scripted, outcome, said):
    result = scripted(outcome, SUMMARY)
    assert isinstance(result, Unscored)
    assert result.detail.startswith(said)


def test_the_error_behind_a_good_score_is_quoted(scripted):
    error = "Traceback (most recent call last):\n  File x\nValueError: no figure\n"
    result = scripted(Crashed(usage=USAGE, exit_code=1), SUMMARY + error)
    assert result.status == "crash"
    assert result.detail == (
        'it printed "val_acc: 0.9", but exited with status 1: ValueError: no figure'
    )


def test_a_run_that_was_killed_in_silence_behind_its_score(scripted):
    result = scripted(TimedOut(usage=USAGE), SUMMARY, silent=30)
    assert result.status == "timeout"
    assert result.detail == (
        'it printed "val_acc: 0.9", but did not exit: nothing more came for 30 s until it was '
        "killed"
    )


def test_a_run_that_broke_its_budget_in_silence_behind_its_score(scripted):
    deadline = Deadline(budget=Budget(amount=5), usual=Usual(seconds=6))
    result = scripted(TimedOut(usage=USAGE), SUMMARY, silent=30, deadline=deadline)
    assert result.overshot
    assert "trained 40.0 s" in result.detail
    assert 'it had printed "val_acc: 0.9", but did not exit' in result.detail


def test_an_interpreter_that_vanishes_is_no_failure_of_a_candidate(tmp_path):
    (tmp_path / "folder").mkdir()
    python = tmp_path / "env/bin/python"
    with pytest.raises(SandboxFault, match=f"interpreter of the trainings is gone: {python}"):
        measure(job_in(tmp_path, python=str(python)), RUNNERS["none"](), threading.Event())


def test_without_a_score_the_failure_is_as_before(scripted):
    assert scripted(TimedOut(usage=USAGE), "x\n").detail == "training was killed after 40 s"
    assert scripted(Crashed(usage=USAGE, exit_code=1), "oops\n").detail == "oops"
    assert scripted(Crashed(usage=USAGE, exit_code=1), "val_acc: nan\n").detail == "val_acc: nan"


def test_what_was_read_is_recorded(scripted):
    result = scripted(Finished(usage=USAGE), "loss: 3\n---\nval_acc: 90%\nnum_steps: 7\n")
    assert isinstance(result, Measured)
    assert (result.value, result.score, result.facts) == (90, "self-reported", {"num_steps": 7})
    assert (result.reading.line, result.reading.unit, result.reading.blocks) == (
        "val_acc: 90%",
        "%",
        1,
    )


def test_other_metrics_are_recorded_with_the_score(scripted):
    metric = Metric(name="val_acc", also=("loss",))
    result = scripted(Finished(usage=USAGE), "loss: 3\nval_acc: 1\n", metric=metric)
    assert result.also == {"loss": 3}


def test_the_reason_of_a_run_without_a_score(scripted):
    result = scripted(Finished(usage=USAGE), "Val Acc: 0.9\n")
    assert result.status == "crash"
    assert 'metric = "Val Acc" reads' in result.detail
    changed = Metric(name="val_acc", high=0.5)
    assert scripted(Finished(usage=USAGE), SUMMARY, metric=changed).status == "invalid"


# ---------------------------------------------------------------- real processes


@pytest.fixture(params=TIERS)
def run(request):
    """Measures a script on a tier."""
    if why_not(request.param):
        pytest.skip(why_not(request.param))
    with folders() as home:

        def run(source, cancel=None, **changes):
            (home / "folder/train.py").write_text(source)
            job = job_in(home, **changes)
            return measure(job, RUNNERS[request.param](), cancel or threading.Event())

        yield run


def test_an_exit_status_behind_a_score(run):
    result = run("print('---\\nval_acc: 0.9')\nraise SystemExit('disk full')\n")
    assert result.status == "crash"
    assert result.detail == 'it printed "val_acc: 0.9", but exited with status 1: disk full'


LINGERS = "import threading\nthreading.Thread(target=threading.Event().wait).start()\n"


@pytest.mark.parametrize("text", ["---\\nval_acc: 0.9", "val_acc: 0.9"])
def test_a_run_that_does_not_exit_is_ended_after_a_grace_time(run, monkeypatch, text):
    monkeypatch.setattr(lingering, "SUMMARY_GRACE_SECONDS", 0.5)
    monkeypatch.setattr(lingering, "GRACE_SECONDS", 0.6)
    result = run(f"{LINGERS}print('{text}')\n")
    assert isinstance(result, Unscored)
    assert result.status == "timeout"
    assert result.detail.startswith('it printed "val_acc: 0.9", but did not exit: nothing more')
    assert result.seconds < 60


def test_a_cancelled_run_that_printed_its_score_is_stopped(run):
    cancel = threading.Event()
    threading.Timer(0.5, cancel.set).start()
    assert isinstance(run(f"{LINGERS}print('---\\nval_acc: 0.9')\n", cancel), Stopped)


# ---------------------------------------------------------------- when a run lingers


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def lingers(tmp_path):
    """Plays (seconds to wait, text to print) and returns whether the run lingers then."""

    def lingers(*steps):
        log = tmp_path / "log"
        log.write_text("")
        clock = Clock()
        following = Lingering(log, ACCURACY, threading.Event(), clock)
        answers = []
        for seconds, text in steps:
            clock.now += seconds
            with log.open("a") as file:
                file.write(text)
            answers.append(following.lingers())
        assert not any(answers[:-1])
        return answers[-1]

    return lingers


def test_a_minute_behind_a_summary(lingers):
    assert not lingers((5, SUMMARY), (59, ""))
    assert lingers((5, SUMMARY), (61, ""))


def test_behind_another_score_as_long_as_an_epoch_may_take(lingers):
    assert not lingers((5, "val_acc: 0.1\n"), (299, ""))
    assert lingers((5, "val_acc: 0.1\n"), (301, ""))
    assert not lingers((500, "val_acc: 0.1\n"), (1499, ""))
    assert lingers((500, "val_acc: 0.1\n"), (1501, ""))


def test_who_prints_or_has_no_score_yet_is_not_ended(lingers):
    assert not lingers((5, SUMMARY), (59, "saving\n"), (59, "saved\n"), (59, ""))
    assert not lingers((5, "loss: 1\n"), (10_000, ""))
    assert not lingers((5, "val_acc: nan\n"), (10_000, ""))


def test_a_silence_is_looked_at_until_it_is_too_long(lingers):
    assert lingers((5, "val_acc: 0.1\n"), *[(50, "")] * 5, (60, ""))
    assert lingers((5, "val_acc: 0.1\n"), (250, ""), (1, SUMMARY), (70, ""))
