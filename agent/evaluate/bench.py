"""The bench: exports an attempt, trains it in a slot under a given seed, and scores it."""

import shlex
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from agent.evaluate.folders import (
    WORKSPACE,
    Export,
    exported,
    new_log,
    own_data,
    put_texts,
)
from agent.evaluate.probe import Probe, Probed, put_files, run_probe
from agent.evaluate.results import (
    Outcome,
    Pruned,
    Scored,
    check_record,
    failed_result,
    on_scale,
    pruned_result,
    scored_result,
    with_guarded,
)
from agent.evaluate.slots import Slot
from agent.evaluate.smoke_run import foretold, pays, smoke_run_of
from agent.evaluate.watch import Listener, Watch
from agent.git.home import below
from agent.records.curves import Curve
from agent.records.events import Checking, PlaceJoined, PlaceLeft, TrialStarted
from agent.records.guards import Check, Checks
from agent.records.objective import LOWER, Sense
from agent.records.results import Attempt, Order, Result
from sandbox.ground.budget import Budget, Limit
from sandbox.ground.deadline import Deadline, Usual, smoke_run_cap, unknown_cap
from sandbox.ground.outcome import Limits, Runner
from sandbox.ground.record import Record
from sandbox.score.checking import check
from sandbox.score.evaluator.evaluation import Evaluation, Split
from sandbox.score.measure import Job, Measured, Stopped, Unscored, measure
from sandbox.score.metric import BITS_PER_BYTE, Metric
from sandbox.score.printed import read_curve

LEAST_CHECK_SECONDS = 600.0
"""Seconds that a check may take at least, however short a training is."""


@dataclass(frozen=True)
class Assignment:
    """One run of an attempt in a slot."""

    attempt: Attempt
    order: Order
    slot: Slot
    run: int
    """Which of the attempt's runs it is, from 1."""
    usual: Usual | None
    """How long the baseline trains on the slot's machine; None for a run that measures it."""
    baseline_speed: float | None = None
    """The baseline's steps a second; None if unknown."""
    rivals: tuple[Curve, ...] = ()
    """Curves that its first run may be pruned against."""

    @property
    def is_first(self) -> bool:
        """Whether it is the candidate's first run, which decides about further ones."""
        return self.run == 1 and self.order.role == "candidate"


PlaceListener = Callable[[PlaceJoined | PlaceLeft], None]
"""Is called when a place joins or leaves, from any thread."""


class Measures(Protocol):
    """The interface of a bench to the loop."""

    @property
    def slots(self) -> tuple[Slot, ...]:
        """The slots, as they were when the bench was opened."""
        ...

    @property
    def is_seeking(self) -> bool:
        """Whether the last place was lost, and another one is looked for at this moment.

        One that is found is told to the listener before this ends.
        """
        ...

    def open(self, listen: PlaceListener, cancel: threading.Event) -> None:
        """Prepare at least one slot, and call `listen` for every place that joins or leaves.

        Of those that are there at once, and of those that join or leave from then on. `cancel`
        ends the wait for a first one.

        Raise PlaceLost where there is no place to train.
        """
        ...

    def close(self) -> None:
        """Release the places. No run may be under way."""
        ...

    def run(
        self, assignment: Assignment, listen: Listener, cancel: threading.Event
    ) -> Result | None:
        """Train and score the ordered code; report progress to `listen`. None if cancelled.

        Raise PlaceLost if the place of the slot is gone.
        """
        ...

    def check(
        self, assignment: Assignment, listen: Listener, cancel: threading.Event
    ) -> Checks | None:
        """Run the ordered checks up to the first failure. None if cancelled.

        Raise PlaceLost if the place of the slot is gone.
        """
        ...


class Plan(Record):
    """The settings that all measurements of a run share.

    Fields are documented in sandbox.score.measure.Job.
    """

    score: Literal["sealed", "evaluated", "printed"]
    train: str
    data: str | None
    read_only: tuple[str, ...]
    budget: Budget | None
    memory_bytes: int | None
    """Limits that are None have the defaults of sandbox.ground.outcome.Limits."""
    limit: Limit | None = None
    """As in sandbox.ground.deadline.Deadline."""
    vram_bytes: int | None = None
    disk_bytes: int | None = None
    output_bytes: int | None = None
    hidden: tuple[str, ...] = ()
    python: str = sys.executable
    command: tuple[str, ...] = ()
    seed_argument: str | None = None
    keep_seeds: tuple[str, ...] = ()
    environment: dict[str, str] = {}
    import_from: tuple[str, ...] = ()
    checkout: str | None = None
    home: str | None = None
    evaluation: Evaluation | None = None
    metric: Metric = BITS_PER_BYTE
    sense: Sense = LOWER
    """Direction and scale of the metric."""

    def limits(self, wall_seconds: float) -> Limits:
        """Return the limits of a measurement of at most `wall_seconds`."""
        names = {"memory_bytes", "vram_bytes", "disk_bytes", "output_bytes"}
        given = self.model_dump(include=names, exclude_none=True)
        return Limits(wall_seconds=wall_seconds, **given)


class Bench:
    """Measures attempts on this machine. Thread-safe: a thread for each slot may use it."""

    def __init__(
        self,
        plan: Plan,
        runner: Runner,
        slots: tuple[Slot, ...],
        folder: Path,
        export: Export,
        export_whole: Callable[[Path, Split], None] | None = None,
    ) -> None:
        """Keep the settings.

        folder: for the logs of trials. export: writes the files of a commit. export_whole: writes
        all files of the start commit, for the project's evaluator.
        """
        self.slots = slots
        self._plan = plan
        self._runner = runner
        self._folder = folder
        self._export = export
        self._export_whole = export_whole

    @property
    def is_seeking(self) -> bool:
        """Return False: the slots of this machine are never lost."""
        return False

    def open(self, listen: PlaceListener, cancel: threading.Event) -> None:
        """Do nothing: the slots of this machine are always there."""

    def close(self) -> None:
        """Do nothing."""

    def run(
        self, assignment: Assignment, listen: Listener, cancel: threading.Event
    ) -> Result | None:
        """Train and score the ordered code; None if cancelled.

        The result may also be the failure of a smoke run, or a pruned training.
        """
        order = assignment.order
        slot = assignment.slot
        started = TrialStarted(
            attempt=assignment.attempt,
            slot=slot.number,
            seed=order.seed,
            run=assignment.run,
            role=order.role,
            place=slot.place,
        )
        listen(started)
        failed = self._smoke_test(assignment, cancel)
        if failed is not None:
            return self._result(failed, assignment)
        result, stood_still = self._measure(assignment, listen, cancel)
        if result is None or not self._is_doubtful(result, stood_still, assignment):
            return result
        again, _ = self._measure(assignment, listen, cancel)
        if again is None:
            return None
        seconds = round(result.seconds + again.seconds, 2)
        return again.model_copy(update={"seconds": seconds})

    def check(
        self, assignment: Assignment, listen: Listener, cancel: threading.Event
    ) -> Checks | None:
        """Run the ordered checks up to the first failure; None if cancelled.

        Each check gets a fresh export and a sandbox of its own, on the cores of the slot.
        """
        slot = assignment.slot
        done: list[Check] = []
        for number, command in enumerate(assignment.order.checks, 1):
            listen(Checking(assignment.attempt, slot.number, command, slot.place))
            log = self._log(assignment, f"check-{number}")
            with exported(self._room(slot), assignment.order.commit, self._export) as here:
                job = self._job(here, log, assignment)
                limits = self._plan.limits(max(job.limits.wall_seconds, LEAST_CHECK_SECONDS))
                job = job.model_copy(update={"limits": limits})
                outcome = check(job, tuple(shlex.split(command)), self._runner, cancel)
            if isinstance(outcome, Stopped):
                return None
            done.append(check_record(command, outcome))
            if not done[-1].passed:
                break
        return Checks(checks=tuple(done))

    def probe(self, wanted: Probe, slot: Slot, cancel: threading.Event) -> Probed:
        """Run code for a short time without a score (agent/evaluate/probe.py)."""
        order = Order(commit=wanted.commit, seed=wanted.seed)
        assignment = Assignment(wanted.attempt(), order, slot, run=1, usual=None)
        log = below(self._folder, "probe") / f"probe-{slot.number}.log"
        with exported(self._room(slot), wanted.commit, self._export) as here:
            put_files(here / WORKSPACE, wanted)
            job = self._job(here, log, assignment)
            return run_probe(job, wanted, self._runner, cancel)

    def _is_doubtful(self, result: Result, stood_still: bool, assignment: Assignment) -> bool:
        """Return whether to measure a training a second time, since its time tells little.

        stood_still: whether this process was stopped meanwhile. The baseline's time is that by
        which all others are judged. The machine may be slow if the code kept to its budget before,
        or if the budget is in steps.
        """
        if stood_still and (result.status != "scored" or assignment.usual is None):
            return True
        if not result.overshot:
            return False
        is_incumbent = assignment.order.role in ("incumbent", "reference")
        is_baseline = assignment.attempt.proposal.is_baseline
        budget = self._plan.budget
        return is_incumbent or is_baseline or (budget is not None and budget.unit == "steps")

    def _result(self, outcome: Outcome, assignment: Assignment) -> Result | None:
        tier = self._runner.tier
        slot = assignment.slot
        match outcome:
            case Stopped():
                return None
            case Pruned():
                return pruned_result(outcome, slot, tier)
            case Unscored():
                return failed_result(outcome, slot, tier)
            case Scored():
                result = scored_result(outcome, assignment.order, slot, self._plan.budget, tier)
                if assignment.attempt.proposal.is_baseline:
                    seeds = str(outcome.measured.seeding)
                    result = result.model_copy(update={"seeds": seeds})
                result = with_guarded(result, self._plan.metric.required)
                return on_scale(result, self._plan.sense)

    def _smoke_test(
        self, assignment: Assignment, cancel: threading.Event
    ) -> Unscored | Stopped | None:
        """Smoke-test new code on a tiny budget. Return its failure, or None for the full run."""
        plan = self._plan
        if not assignment.is_first or not pays(
            plan.score, plan.budget, assignment.attempt.proposal
        ):
            return None
        slot = assignment.slot
        log = self._log(assignment, "smoke")
        with exported(self._room(slot), assignment.order.commit, self._export) as here:
            full = self._job(here, log, assignment)
            job = smoke_run_of(full, here / "data", smoke_run_cap(plan.budget, assignment.usual))
            outcome = measure(job, self._runner, cancel)
            return foretold(outcome, plan.budget, assignment.baseline_speed)

    def _measure(
        self, assignment: Assignment, listen: Listener, cancel: threading.Event
    ) -> tuple[Result | None, bool]:
        """Train and score once; None if cancelled. Return also whether this process stood still."""
        order = assignment.order
        role = "train" if order.role == "candidate" else order.role
        slot = assignment.slot
        log = self._log(assignment, f"{role}-{order.seed}")
        with (
            exported(self._room(slot), order.commit, self._export) as here,
            own_data(self._plan.data, here / "data") as data,
        ):
            put_texts(here / WORKSPACE, order.texts)
            job = self._job(here, log, assignment, data)
            number = assignment.attempt.number
            rivals = assignment.rivals if assignment.is_first else ()
            with Watch(number, slot, log, rivals, listen, cancel) as watch:
                outcome: Outcome | Measured
                outcome = measure(job, self._runner, watch.stop, watch.trained, self._export_whole)
        if isinstance(outcome, Stopped) and watch.hopeless and not cancel.is_set():
            outcome = Pruned(watch.hopeless, outcome, read_curve(log))
        elif isinstance(outcome, Measured):
            outcome = Scored(outcome, watch.conditions)
        return self._result(outcome, assignment), watch.stood_still

    def _room(self, slot: Slot) -> Path:
        """Return the folder in which a slot's runs, checks and probes work, one at a time.

        A run sees its path, which must not tell whether it is a candidate or the incumbent.
        """
        return below(self._folder, "rooms", str(slot.number))

    def _log(self, assignment: Assignment, name: str) -> Path:
        """Return a log that no other run of the attempt has at the same time."""
        slot = assignment.slot
        suffix = f"-slot{slot.number}" if slot.place else ""
        return below(self._folder, f"{assignment.attempt.number:04d}") / f"{name}{suffix}.log"

    def _job(self, here: Path, log: Path, assignment: Assignment, data: str | None = None) -> Job:
        """Return the job of an assignment in the folder `here`, with a new log.

        data: the link to the training data that only this training opens, or None.
        """
        new_log(str(log))
        plan = self._plan
        slot = assignment.slot
        deadline: Deadline | None = None
        cap = unknown_cap(plan.budget, plan.limit)
        if assignment.usual:
            deadline = Deadline(budget=plan.budget, limit=plan.limit, usual=assignment.usual)
            cap = deadline.seconds
        return Job(
            folder=str(here / WORKSPACE),
            train=plan.train,
            scratch=str(here / "scratch"),
            log=str(log),
            data=plan.data,
            own_data=data,
            read_only=plan.read_only,
            python=plan.python,
            command=plan.command,
            seed_argument=plan.seed_argument,
            keep_seeds=plan.keep_seeds,
            environment=plan.environment,
            import_from=plan.import_from,
            checkout=plan.checkout,
            home=plan.home,
            hidden=plan.hidden,
            budget=plan.budget,
            seed=assignment.order.seed,
            score=plan.score,
            evaluation=_on_split(plan.evaluation, assignment.order.split),
            metric=plan.metric,
            cpus=slot.cpus,
            gpus=slot.gpus,
            limits=plan.limits(cap),
            deadline=deadline,
            audit=assignment.order.audit,
        )


def _on_split(evaluation: Evaluation | None, split: Split) -> Evaluation | None:
    return evaluation and evaluation.model_copy(update={"split": split})
