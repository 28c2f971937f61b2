"""Edits of the bundled train.py in small, and how each is trained and scored as a trial is."""

import shutil
import threading

from small import WORKSPACE

from agent.edit import Applied, apply
from agent.records.edits import ReplaceStatements, SetConstant
from sandbox.ground.budget import Budget
from sandbox.ground.deadline import Deadline
from sandbox.ground.outcome import MIB, Limits
from sandbox.score.measure import Job, Measured, measure
from sandbox.score.opened import link_files
from tests.sandbox.every_tier import folders

SMALL = {
    "DEPTH": "2",
    "ASPECT_RATIO": "16",
    "HEAD_DIM": "16",
    "TOTAL_BATCH_SIZE": "512",
    "DEVICE_BATCH_SIZE": "16",
}
SAVE = 'save_model(model, str(out / "model.safetensors"))'
WALL = 40.0
STEPS = Budget(amount=4, unit="steps")


def after_saving(code):
    return (ReplaceStatements(old=SAVE, new=f"{SAVE}\n{code}"),)


def instead_of_saving(code):
    return (ReplaceStatements(old=SAVE, new=code),)


def before_training(code):
    old = "torch.manual_seed(seed)"
    return (ReplaceStatements(old=old, new=f"{code}\n{old}"),)


def small_source():
    """train.py with a model for seconds of CPU."""
    applied = apply(
        (WORKSPACE / "train.py").read_text(),
        [SetConstant(name=n, value=v) for n, v in SMALL.items()],
    )
    assert isinstance(applied, Applied)
    return applied.source


def trained(runner, source, data, budget=STEPS, usual=None):
    with folders() as home:
        shutil.copytree(data, home / "data")
        (home / "folder/train.py").write_text(source)
        shutil.copy(WORKSPACE / "prepare.py", home / "folder")
        deadline = usual and Deadline(budget=budget, usual=usual)
        own = str(home / "own") if link_files(home / "data" / "train", home / "own") else None
        job = Job(
            folder=str(home / "folder"),
            scratch=str(home / "scratch"),
            log=str(home / "log"),
            data=str(home / "data"),
            seed=1,
            budget=budget,
            score="sealed",
            cpus=(0,),
            deadline=deadline,
            own_data=own,
            limits=Limits(wall_seconds=deadline.seconds if deadline else WALL, disk_bytes=64 * MIB),
        )
        result = measure(job, runner, threading.Event())
        assert (home / "folder/prepare.py").read_bytes() == (WORKSPACE / "prepare.py").read_bytes()
    return result


def measured(runner, source, data, budget=STEPS):
    """Return the result of a file that has a score."""
    result = trained(runner, source, data, budget)
    assert isinstance(result, Measured), result
    return result
