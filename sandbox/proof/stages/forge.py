"""Rows that attack what the harness reads afterwards: weights, scores, text.

Each function yields what went wrong, a phrase each.
"""

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

from sandbox.ground.budget import Budget
from sandbox.ground.outcome import Finished, Limits
from sandbox.ground.text import printable, tail
from sandbox.proof.stage import QUOTA, SECONDS, Stage
from sandbox.score.measure import Job, Unscored, measure
from sandbox.score.metric import BITS_PER_BYTE, NotRead
from sandbox.score.reading import read_metric
from sandbox.score.weights import BadWeights, NoWeights, take_weights

ODD_FILES = (
    "symbolic link",
    "linked folder",
    "fifo",
    "folder",
    "hard link",
    "sparse giant",
    "socket",
)
ODD_HEADERS = ("brackets", "digits", "nan", "duplicates")


def odd_results(stage: Stage) -> Iterator[str]:
    """Leave weights that are no plain file of weights."""
    for form in ODD_FILES:
        yield from _not_weights(stage, form)


def monsters(stage: Stage) -> Iterator[str]:
    """Leave headers, and print numbers, that break careless parsers."""
    for form in ODD_HEADERS:
        yield from _not_weights(stage, form)
    stage.run("forge.print_nonsense")
    reading = read_metric(stage.log, BITS_PER_BYTE)
    if not isinstance(reading, NotRead):
        yield f"{reading.line!a} was read as a score"


def pickles(stage: Stage) -> Iterator[str]:
    """Leave a pickle as a checkpoint."""
    marker = Path("/tmp/autoresearch-unpickled")
    yield from _not_weights(stage, "pickle")
    if marker.exists():
        yield "a pickle was run"


def _not_weights(stage: Stage, form: str) -> Iterator[str]:
    """Yield that what the attack leaves in `form` was taken, or that it could not be left."""
    shutil.rmtree(stage.scratch / "out", ignore_errors=True)
    if (stage.scratch / "out").is_symlink():
        (stage.scratch / "out").unlink()
    ran = stage.run("forge.leave_result", form=form)
    if not isinstance(ran.outcome, Finished):
        yield f"{form}: not made: {ran.output[-200:]!a}"
        return
    try:
        weights = take_weights(stage.scratch, stage.home / "taken", QUOTA)
    except BadWeights:
        return
    except NoWeights:
        yield f"{form}: it left nothing"
        return
    yield f"{form}: taken as {weights.parameters} parameters"


def forged_score(stage: Stage) -> Iterator[str]:
    """Print a perfect score and leave no weights; the run is measured as a trial is."""
    (stage.folder / "train.py").write_text("print('---\\nval_bpb: 0.000001\\n')\n")
    (stage.home / "data/train").mkdir(parents=True)
    job = Job(
        folder=str(stage.folder),
        scratch=str(stage.scratch),
        log=str(stage.log),
        data=str(stage.home / "data"),
        seed=0,
        read_only=(),
        budget=Budget(amount=1),
        limits=Limits(wall_seconds=SECONDS),
        score="sealed",
        python=stage.python,
    )
    result = measure(job, stage.runner, threading.Event())
    if not isinstance(result, Unscored) or "val_bpb" in result.facts:
        yield f"it came to {result!r}"


def controls(stage: Stage) -> Iterator[str]:
    """Print characters that move the cursor or cannot be decoded."""
    stage.run("forge.print_controls")
    shown = tail(stage.log)
    if "hostile" not in shown or printable(shown) != shown:
        yield f"shown as {shown!a}"
