"""Smoke-tests new code before its real run: two steps of training, scored on little data.

It finds failures that would otherwise show only at the end of the budget: weights that are not
saved or do not load, logits that are not finite, have another shape or are not causal, and a model
that outgrows the memory. Shapes are the real ones, since such failures depend on them. A failure
here is the trial's result.

A train.py that needs more than two steps to work fails as well, with a message that says so. So
does one whose second step takes so long that almost no steps would fit into the budget.
"""

import errno
import json
import os
import shutil
from pathlib import Path

from agent.records.edits import SetConstant
from agent.records.proposals import Proposal
from sandbox.ground.budget import Budget
from sandbox.ground.fault import SandboxFault
from sandbox.ground.lacks import next_after
from sandbox.score.measure import Job, Measured, Stopped, Unscored

# Where less is at stake, another start-up costs as much as it can save.
LEAST_SECONDS = 60
LEAST_STEPS = 100
# In steps, which every train.py of a sealed score understands beside seconds: how long one takes is
# for the real budget to say.
SMOKE_RUN = Budget(amount=2, unit="steps")
# Of the sequence length: more than any batch has rows, and enough for the audit of causality to
# choose from.
TRAIN_WINDOWS = 1024
VAL_WINDOWS = 8
# What two steps may take besides the start-up: the first ones are slow, on a busy machine most.
SLACK_SECONDS = 60.0
# Of the baseline's steps. One step on a busy machine may take several times as long as it should,
# but not fifty times.
LEAST_SHARE = 0.02
TOKEN_BYTES = {"uint16": 2, "uint32": 4}
MOST_BYTES = 1 << 26
"""Of the windows of one split."""


def pays(score: str, budget: Budget | None, proposal: Proposal) -> bool:
    """Return whether to smoke-test a proposal: new code with a sealed score and a long budget.

    A printed score cannot be tested on a smaller budget, and the baseline is no new code.
    """
    if budget is None:
        return False
    least = LEAST_SECONDS if budget.unit == "s" else LEAST_STEPS
    new_code = any(not isinstance(edit, SetConstant) for edit in proposal.edits)
    return score == "sealed" and budget.amount >= least and new_code


def smoke_run_of(job: Job, folder: Path, startup: float) -> Job:
    """Return `job` with a tiny budget, and little data in `folder`.

    startup: seconds that it may take besides its two steps. There is no deadline, since a slow
    start-up is judged in the real run. Raise SandboxFault if the data cannot be written.
    """
    assert job.data is not None, "a sealed score has data"
    try:
        _copy_start(Path(job.data) / "train", folder / "train", TRAIN_WINDOWS)
        _copy_start(Path(job.data) / "val", folder / "val", VAL_WINDOWS)
    except OSError as error:
        message = f"cannot copy a part of {job.data} to {folder}: {error.strerror}"
        raise SandboxFault(message, next_after(error, "df -h .")) from None
    limits = job.limits.model_copy(update={"wall_seconds": startup + SLACK_SECONDS})
    small = {
        "data": str(folder),
        "own_data": None,
        "budget": SMOKE_RUN,
        "deadline": None,
        "limits": limits,
    }
    return job.model_copy(update=small)


def _copy_start(source: Path, target: Path, windows: int) -> None:
    """Copy the first windows of one split. Raise OSError if the disk has no room for its files."""
    _refuse_full(source, target.parent)
    meta = json.loads((source / "meta.json").read_text(encoding="utf-8"))
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("tokens.bin"))
    width = TOKEN_BYTES[meta["dtype"]]
    with (source / "tokens.bin").open("rb") as whole:
        tokens = whole.read(min((windows * meta["sequence_length"] + 1) * width, MOST_BYTES))
    (target / "tokens.bin").write_bytes(tokens)
    shortened = json.dumps({**meta, "tokens": len(tokens) // width})
    (target / "meta.json").write_text(shortened, encoding="utf-8")


def _refuse_full(source: Path, folder: Path) -> None:
    """Raise OSError where a copy would fill the disk: files of holes take their whole length."""
    folder.mkdir(parents=True, exist_ok=True)
    others = (path for path in source.rglob("*") if path.name != "tokens.bin")
    total = sum(path.lstat().st_size for path in others)
    if total > shutil.disk_usage(folder).free // 2:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))


def foretold(
    outcome: Measured | Unscored | Stopped, budget: Budget | None, speed: float | None = None
) -> Unscored | Stopped | None:
    """Return the failure that a smoke run predicts, or None if the full run may start.

    speed: the baseline's steps a second, None if unknown. A smoke run that did not end in time
    predicts nothing, since start-up and scoring may be slow.
    """
    if isinstance(outcome, Measured):
        return _too_slow(outcome, budget, speed)
    if isinstance(outcome, Unscored):
        return None if outcome.status == "timeout" else _early(outcome)
    return outcome


def _too_slow(outcome: Measured, budget: Budget | None, speed: float | None) -> Unscored | None:
    """Return the failure if too few steps would fit into a budget in seconds, or None."""
    step = outcome.facts.get("step_seconds")
    if isinstance(step, bool) or not isinstance(step, int | float) or step <= 0:
        return None
    if budget is None or budget.unit != "s" or speed is None:
        return None
    steps = budget.amount / step
    baseline_steps = budget.amount * speed
    if steps >= LEAST_SHARE * baseline_steps:
        return None
    detail = (
        f"a step took {step:.2f} s: {steps:.0f} of them fit into {budget}, "
        f"where the baseline makes {baseline_steps:.0f}"
    )
    failure = Unscored(
        status="timeout", detail=detail, seconds=outcome.seconds, facts=outcome.facts
    )
    return _early(failure)


def _early(failure: Unscored) -> Unscored:
    detail = f"in a smoke run of {SMOKE_RUN.amount} steps: {failure.detail}"
    return failure.model_copy(update={"detail": detail})
