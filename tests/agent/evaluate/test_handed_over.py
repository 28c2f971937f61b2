"""What a bench hands to a measurement, and what it takes for a score."""

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from agent.records.objective import Sense
from sandbox.score.evaluator.evaluation import Evaluation
from sandbox.score.measure import Job, Measured, Stopped, Unscored
from sandbox.score.metric import Metric
from sandbox.score.seeding import SeedCalls
from tests.agent.evaluate.test_bench import assignment, bench_of, finished
from tests.agent.evaluate.test_watch import CURVES

GUARDED = Metric(name="acc", also=("ms",), required=("ms",))


def test_the_settings_of_the_run_and_what_is_ordered_reach_the_measurement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs: list[Job] = []
    texts: list[str] = []

    def watched(job: Job, *_: object) -> Unscored:
        jobs.append(job)
        texts.append(Path(job.folder, "train.py").read_text())
        return Unscored(status="crash", detail="watched")

    monkeypatch.setattr("agent.evaluate.bench.measure", watched)
    given = {
        "data": "/data",
        "read_only": ("/more",),
        "hidden": ("/val",),
        "python": "/env/bin/python",
        "command": ("python", "train.py"),
        "seed_argument": "--seed",
        "keep_seeds": ("data.py",),
        "environment": {"A": "1"},
        "import_from": ("src",),
        "checkout": "/checkout",
        "home": "/home/me",
        "metric": Metric(name="acc"),
    }
    bench = bench_of(
        tmp_path,
        lambda _: (finished(), ""),
        **given,
        score="evaluated",
        memory_bytes=1,
        disk_bytes=2,
        output_bytes=3,
        vram_bytes=4,
        evaluation=Evaluation(script="evaluate.py"),
    )
    usual = assignment(seed=5)
    other = usual.order.model_copy(update={"commit": "c8", "audit": "full", "split": "test"})
    changed = usual.order.model_copy(update={"texts": {"train.py": "B = 2"}})
    for order in (usual.order, other, changed):
        bench.run(replace(usual, order=order), lambda _: None, threading.Event())
    assert not bench.is_seeking
    job, again, _ = jobs
    assert {name: getattr(job, name) for name in given} == given
    limits = job.limits
    sizes = (limits.memory_bytes, limits.disk_bytes, limits.output_bytes, limits.vram_bytes)
    assert (sizes, job.seed, job.cpus) == ((1, 2, 3, 4), 5, (0,))
    assert (job.audit, again.audit) == ("usual", "full")
    assert job.evaluation and again.evaluation
    assert (job.evaluation.split, again.evaluation.split) == ("val", "test")
    assert texts == ["# c7\n", "# c8\n", "B = 2"], "the ordered commit, not the attempt's own"


@pytest.mark.parametrize(
    ("printed", "status", "detail"),
    [
        ("acc: 0.5\nms: 3\n", "scored", ""),
        ("acc: 0.5\n", "crash", "a guard needs ms"),
        ("acc: -1\nms: 3\n", "invalid", "-1 is not on the scale log"),
    ],
)
def test_a_score_off_its_scale_or_without_a_guarded_metric_is_none(
    tmp_path: Path, printed: str, status: str, detail: str
) -> None:
    log = f"---\n{printed}"
    scale = Sense(scale="log")
    bench = bench_of(tmp_path, lambda _: (finished(), log), metric=GUARDED, sense=scale)
    result = bench.run(assignment(), lambda _: None, threading.Event())
    assert result and result.status == status
    assert detail in result.detail and bool(result.scores) is (status == "scored")


def test_a_score_of_an_evaluator_without_a_guarded_metric_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = Measured(value=0.5, score="evaluated", seconds=1.0)
    monkeypatch.setattr("agent.evaluate.bench.measure", lambda *_: done)
    bench = bench_of(tmp_path, lambda _: (finished(), ""), score="evaluated", metric=GUARDED)
    result = bench.run(assignment(), lambda _: None, threading.Event())
    assert result and (result.status, result.scores) == ("crash", ())


def test_of_the_baseline_alone_is_recorded_how_it_seeds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = SeedCalls(own=True)
    done = Measured(value=0.5, score="self-reported", seconds=1.0, seeding=calls)
    monkeypatch.setattr("agent.evaluate.bench.measure", lambda *_: done)
    bench = bench_of(tmp_path, lambda _: (finished(), ""))
    asked = assignment()
    by = asked.attempt.proposal.by.model_copy(update={"origin": "baseline"})
    first = asked.attempt.proposal.model_copy(update={"by": by, "edits": ()})
    baseline = replace(asked, attempt=asked.attempt.model_copy(update={"proposal": first}))
    for run, seeds in ((asked, ""), (baseline, str(calls))):
        result = bench.run(run, lambda _: None, threading.Event())
        assert result and result.seeds == seeds
    assert str(calls)


@pytest.mark.parametrize(
    ("run", "is_called_off", "status"),
    [(1, False, "pruned"), (1, True, None), (2, False, "scored")],
)
def test_only_a_first_run_is_pruned_and_none_that_is_called_off(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    run: int,
    is_called_off: bool,
    status: str | None,
) -> None:
    cancel = threading.Event()

    def hopeless(job: Job, _: object, stop: threading.Event, *others: object) -> Measured | Stopped:
        log = [f"step 1 ({5 * at}.0%) | loss: 9.0 |\n" for at in range(1, 11)]
        Path(job.log).write_text("".join(log))
        if not stop.wait(30 if run == 1 else 0.2):
            return Measured(value=0.5, score="self-reported", seconds=1.0)
        if is_called_off:
            cancel.set()
        return Stopped(seconds=1.0)

    monkeypatch.setattr("agent.evaluate.watch.POLL_SECONDS", 0.01)
    monkeypatch.setattr("agent.evaluate.bench.measure", hopeless)
    bench = bench_of(tmp_path, lambda _: (finished(), ""))
    asked = replace(assignment(run=run), rivals=CURVES)
    result = bench.run(asked, lambda _: None, cancel)
    assert (result.status if result else None) == status
