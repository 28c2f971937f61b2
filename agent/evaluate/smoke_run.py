"""A trial in small before its budget is spent: two steps of training and a scoring on a sliver of the data.

It finds what a training only shows at its end, once the budget is gone: weights that are not saved or do not load, logits that
are not finite, of another shape or not causal, and a model that outgrows the memory. Its shapes are the real ones, since a
failure that depends on the shapes is what it looks for; what it saves is time. What fails there is the trial's result.

A train.py that needs more than two steps to work at all fails it too, and is told so. So does one whose second step takes, by its
own word, so long that the budget holds next to none of the baseline's steps: nothing that learns is that much better a step.
"""

import json
import shutil
from pathlib import Path

from agent.records.edits import SetConstant
from agent.records.proposals import Proposal
from sandbox.ground.budget import Budget
from sandbox.ground.fault import SandboxFault
from sandbox.score.measure import Job, Measured, Stopped, Unscored

# Where less is at stake, a start-up more costs as much as it can save.
LEAST_SECONDS, LEAST_STEPS = 60, 100
# In steps, which every train.py of a sealed score understands beside seconds: how long one takes is for the real budget to say.
SMOKE_RUN = Budget(amount=2, unit="steps")
# Of the sequence length: more than any batch has rows, and enough that the audit of causality has something to choose from.
TRAIN_WINDOWS, VAL_WINDOWS = 1024, 8
# What two steps may take besides the start-up: the first ones are slow, on a busy machine above all.
SLACK_SECONDS = 60.0
# Of the baseline's steps. One step on a busy machine may take several times as long as it should, but not fifty times.
LEAST_SHARE = 0.02


def pays(score: str, budget: Budget, proposal: Proposal) -> bool:
    """Whether to smoke-test: new code, under a sealed score (a printed one has a budget of its own), and with much at stake."""
    least = LEAST_SECONDS if budget.unit == "s" else LEAST_STEPS
    known = all(
        isinstance(edit, SetConstant) for edit in proposal.edits
    )  # the baseline too, which has no edits
    return score == "sealed" and budget.amount >= least and not known


def smoke_run_of(job: Job, folder: Path, startup: float) -> Job:
    """`job` in small, with its data in `folder`. SandboxFault where there is no room for it.

    startup: seconds that it may take besides its two steps. It has no deadline: a slow start-up is for the real run to judge.
    """
    assert job.data is not None, "a sealed score has data"
    try:
        _sliver(Path(job.data) / "train", folder / "train", TRAIN_WINDOWS)
        _sliver(Path(job.data) / "val", folder / "val", VAL_WINDOWS)
    except OSError as error:
        raise SandboxFault(
            f"cannot copy a sliver of {job.data} to {folder}: {error.strerror}", "df -h ."
        ) from None
    limits = job.limits.model_copy(update={"wall_seconds": startup + SLACK_SECONDS})
    small = {
        "data": str(folder),
        "own_data": None,
        "budget": SMOKE_RUN,
        "deadline": None,
        "limits": limits,
    }
    return job.model_copy(update=small)


def _sliver(source: Path, target: Path, windows: int) -> None:
    """A copy of one split, its tokens cut off behind so many windows."""
    meta = json.loads((source / "meta.json").read_text(encoding="utf-8"))
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("tokens.bin"))
    width = {"uint16": 2, "uint32": 4}[meta["dtype"]]
    with (source / "tokens.bin").open("rb") as whole:
        tokens = whole.read((windows * meta["sequence_length"] + 1) * width)
    (target / "tokens.bin").write_bytes(tokens)
    (target / "meta.json").write_text(
        json.dumps({**meta, "tokens": len(tokens) // width}), encoding="utf-8"
    )


def foretold(
    outcome: Measured | Unscored | Stopped, budget: Budget, speed: float | None = None
) -> Unscored | Stopped | None:
    """What a smoke run says of the trial: its failure, or nothing. speed: the baseline's steps a second, where they are known.

    Of a smoke run that was too slow to end it says nothing: start-up and scoring may be to blame.
    """
    if isinstance(outcome, Measured):
        return _hopeless(outcome, budget, speed)
    if isinstance(outcome, Unscored):
        return None if outcome.status == "timeout" else _early(outcome)
    return outcome


def _hopeless(outcome: Measured, budget: Budget, speed: float | None) -> Unscored | None:
    """The failure that a budget in seconds would end in, by what train.py says of its last step; None where it says nothing."""
    step = outcome.facts.get("step_seconds")
    if budget.unit != "s" or speed is None or isinstance(step, bool | str | None) or step <= 0:
        return None
    fit, usual = budget.amount / step, budget.amount * speed
    if fit >= LEAST_SHARE * usual:
        return None
    detail = f"a step took {step:.2f} s: {fit:.0f} of them fit into {budget}, where the baseline makes {usual:.0f}"
    return _early(
        Unscored(status="timeout", detail=detail, seconds=outcome.seconds, facts=outcome.facts)
    )


def _early(failure: Unscored) -> Unscored:
    return failure.model_copy(
        update={"detail": f"in a smoke run of {SMOKE_RUN.amount} steps: {failure.detail}"}
    )
