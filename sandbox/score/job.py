"""A job: the request for one measurement, and the run of its training."""

import sys
import time
from pathlib import Path
from typing import Literal

from sandbox.ground.budget import Budget
from sandbox.ground.deadline import Deadline
from sandbox.ground.devices import Device
from sandbox.ground.outcome import Audit, Limits, RunSpec
from sandbox.ground.record import Record
from sandbox.score.evaluator.evaluation import Evaluation
from sandbox.score.metric import BITS_PER_BYTE, Metric
from sandbox.score.programs import search_path
from sandbox.score.room import argv_of, home_in
from sandbox.score.seeding import seeded
from sandbox.score.weights import FOLDER


class Job(Record):
    """The request for one measurement."""

    folder: str
    """The exported workspace; a part of scratch where the training may write it."""
    train: str = "train.py"
    """The script, by its path in the folder, which is where it is started."""
    command: tuple[str, ...] = ()
    """The words of a command in place of `python train`; see sandbox/score/room.py."""
    environment: dict[str, str] = {}
    """Variables that the user hands on by name."""
    import_from: tuple[str, ...] = ()
    """Folders of the workspace that its packages are imported from, as an installation says."""
    checkout: str | None = None
    """The folder that the workspace is a copy of: what of it may be read is seen at its place."""
    home: str | None = None
    """The user's home, from which paths of read_only are seen; None for this process's."""
    scratch: str
    """Empty and writable."""
    log: str
    """Outside of folder and scratch."""
    data: str | None
    """The root of the prepared data, for sealed scores."""
    read_only: tuple[str, ...] = ()
    """What else the training may read."""
    hidden: tuple[str, ...] = ()
    """As in RunSpec, for the training and the scoring."""
    budget: Budget | None
    """What the training is told to keep to; None where it ends by itself."""
    seed: int
    seed_argument: str | None = None
    """The option of the command that takes a seed; None to shift the project's seeding calls."""
    keep_seeds: tuple[str, ...] = ()
    """Files, and functions as `file.py:function`, whose seeding calls are not shifted."""
    limits: Limits
    score: Literal["sealed", "evaluated", "printed"]
    """sealed: bits per byte, computed from the saved weights. evaluated: by the project's own
    evaluator. printed: the metric as printed."""
    evaluation: Evaluation | None = None
    """How an evaluated score comes about."""
    metric: Metric = BITS_PER_BYTE
    """What is printed; with a sealed score, what is no fact although a summary has it."""
    audit: Audit = "usual"
    cpus: tuple[int, ...] = ()
    gpus: tuple[Device, ...] = ()
    python: str = sys.executable
    """The interpreter that trains and scores."""
    deadline: Deadline | None = None
    """What the training's time is judged by, if it is."""
    own_data: str | None = None
    """A folder with the training data that only this training opens, which shows when it did."""


def _environment(job: Job, data: str | None) -> dict[str, str]:
    """Return the variables of a training, without those that bring its seed.

    data: the folder of its training data, or None.
    """
    own = {"PATH": search_path(job.python, job.read_only)}
    environment = {**own, **job.environment, "AUTORESEARCH_OUT": f"{job.scratch}/{FOLDER}"}
    if job.budget:
        environment["AUTORESEARCH_BUDGET"] = str(job.budget)
    if job.deadline and job.deadline.in_seconds:
        environment["AUTORESEARCH_DEADLINE"] = f"{time.time() + job.deadline.seconds:.3f}"
    if data:
        environment["AUTORESEARCH_DATA"] = data
    if job.read_only:
        home = home_in(Path(job.scratch), job.read_only, job.home)
        environment |= {"HOME": home, "XDG_CACHE_HOME": f"{home}/.cache"}
    if job.import_from:
        environment["PYTHONPATH"] = ":".join(f"{job.folder}/{path}" for path in job.import_from)
    return environment


def training_of(job: Job) -> RunSpec:
    """Return the run of a training. Raise NoProgram if its program is missing."""
    data = (job.own_data or f"{job.data}/train") if job.data else None
    environment = _environment(job, data)
    read_only = (*job.read_only, data) if data else job.read_only
    kept = (job.folder, *job.keep_seeds)
    seeds = seeded(job.seed, job.seed_argument, job.scratch, environment, kept)
    command = job.command or ("python", job.train)
    argv = argv_of(command, job.python, job.folder, job.checkout, environment["PATH"])
    return RunSpec(
        argv=(*argv, *seeds.arguments),
        python=job.python,
        folder=job.folder,
        scratch=job.scratch,
        log=job.log,
        limits=job.limits,
        read_only=(*read_only, *seeds.read_only),
        environment=environment | seeds.environment,
        cpus=job.cpus,
        gpus=job.gpus,
        hidden=job.hidden,
    )
