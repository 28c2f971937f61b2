"""A project in a few lines with an evaluator of its own, measured as a trial is."""

import textwrap
import threading
from pathlib import Path

from sandbox.ground.budget import Budget
from sandbox.ground.outcome import MIB, Limits
from sandbox.score.evaluator.evaluation import Evaluation
from sandbox.score.measure import Job, Measured, Unscored, measure
from sandbox.score.metric import Metric

TRAIN = """
    import os

    def double(number):
        return 2 * number

    def echo(value, **others):
        return [value, others] if others else value

    def fail(number):
        raise ValueError(f"the hidden number is {number}")

    def read(name):
        with open(name) as file:
            return file.read()

    def sleep():
        import time

        time.sleep(60)

    def leave():
        os._exit(3)
    """
HEAD = "from autoresearch_evaluate import Candidate, CandidateError, output, report, split\n"


def evaluated(
    place,
    evaluator: str,
    train: str = TRAIN,
    run: str = "pass",
    outputs: tuple[str, ...] = (),
    **changes,
) -> Measured | Unscored:
    """Measure a run of `run` by an evaluator. train: what the run's module has."""
    folder = place.scratch / "workspace"
    folder.mkdir()
    (folder / "train.py").write_text(textwrap.dedent(train))
    (folder / "run.py").write_text(textwrap.dedent(run))
    for name, text in changes.pop("files", {}).items():
        (folder / name).write_text(text)
    links = changes.pop("links", {})
    _link(folder, links)

    def export(target: Path, split: str) -> None:
        target.mkdir()
        _link(target, links)
        (target / "evaluate.py").write_text(HEAD + textwrap.dedent(evaluator))
        (target / "hidden.txt").write_text("a secret")
        (target / "train.py").write_text("AT_THE_START = True\n")

    given = place.given()
    checkout = changes.pop("checkout", None)
    data = changes.pop("data", ())
    hidden = changes.pop("hidden", ())
    stale = changes.pop("stale", outputs)
    deadline = changes.pop("deadline", None)
    job = Job(
        folder=str(folder),
        scratch=str(place.scratch),
        log=str(place.home / "log"),
        data=None,
        command=("python", "run.py"),
        seed=0,
        read_only=(*given.get("read_only", ()), *data),
        checkout=checkout,
        hidden=hidden,
        budget=Budget(amount=1, unit="steps"),
        limits=Limits(wall_seconds=30, disk_bytes=4 * MIB),
        deadline=deadline,
        score="evaluated",
        evaluation=Evaluation(
            script="evaluate.py",
            outputs=outputs,
            stale=stale,
            test=changes.pop("test", ()),
            hidden=hidden,
            split=changes.pop("split", "val"),
            program=changes.pop("program", None),
        ),
        metric=Metric(name="acc", also=("loss", "seconds"), **changes),
        python=given["python"],
    )
    result = measure(job, place.runner, threading.Event(), export=export)
    assert isinstance(result, Measured | Unscored)
    assert not Path(f"{place.scratch}.scoring").exists()
    return result


def _link(folder: Path, links: dict[str, Path]) -> None:
    """Make the links of a commit in a copy of it."""
    for name, target in links.items():
        (folder / name).symlink_to(target)


def refused(place, evaluator: str, **changes) -> tuple[str, str]:
    """Return the status and the detail of a run that an evaluator gave no score."""
    result = evaluated(place, evaluator, **changes)
    assert isinstance(result, Unscored), result
    assert "secret" not in repr(result)
    return result.status, result.detail
