"""Where an attempt becomes a result: exported from git, trained and scored in a slot, under the harness's seeds."""

import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, Self

from agent.errors import SandboxFault
from agent.evaluate.machine import Conditions, conditions, machine_name
from agent.evaluate.slots import Slot
from agent.evaluate.smoke_run import foretold, pays, smoke_run_of
from agent.git.home import below, remove_file
from agent.judge.pruning import LATEST, Curve, hopeless, passed
from agent.records.events import Event, Progress, Scoring, TrialStarted
from agent.records.results import MAX_TAIL_CHARACTERS, Attempt, Order, Result, Score
from sandbox.ground.budget import Budget
from sandbox.ground.deadline import Deadline, Usual, smoke_run_cap, unknown_cap
from sandbox.ground.outcome import Limits, Runner
from sandbox.ground.record import Record
from sandbox.score.measure import Job, Measured, Stopped, Unscored, measure
from sandbox.score.opened import link_files, unlink_files
from sandbox.score.printed import parse_progress, read_curve, thin_curve

POLL_SECONDS = 0.5
# Reading clock and heat asks a driver, which takes a while: so many looks at the log to one look at those.
LOOKS_PER_READING = 20
TAIL_BYTES = 4096


@dataclass(frozen=True)
class Assignment:
    """One training that an attempt needs, in a slot; its `run`-th.

    usual: what the baseline's trainings took on this machine, None for a run that is to show it. baseline_speed: the baseline's
    steps a second, once they are known. rivals: curves against which its first run may be given up before its end.
    """

    attempt: Attempt
    order: Order
    slot: Slot
    run: int
    usual: Usual | None
    baseline_speed: float | None = None
    rivals: tuple[Curve, ...] = ()

    @property
    def is_first(self) -> bool:
        """True for the run that tells whether the candidate is worth others."""
        return self.run == 1 and self.order.role == "candidate"


Listener = Callable[[Event], None]


class Measures(Protocol):
    """What the loop needs of a bench."""

    slots: tuple[Slot, ...]

    def run(
        self, assignment: Assignment, listen: Listener, cancel: threading.Event
    ) -> Result | None:
        """Train and score what is ordered, telling `listen` how it goes; None when cancelled."""
        ...


class Plan(Record):
    """What every measurement of a run has in common. `score`, `data`, `train` and `hidden` are as in sandbox.measure.Job.

    Limits that are None are those of sandbox.outcome.Limits.
    """

    score: Literal["sealed", "printed"]
    train: str
    data: str | None
    read_only: tuple[str, ...]
    budget: Budget
    memory_bytes: int | None
    vram_bytes: int | None = None
    disk_bytes: int | None = None
    output_bytes: int | None = None
    hidden: tuple[str, ...] = ()

    def limits(self, wall_seconds: float) -> Limits:
        """A measurement's, which may take `wall_seconds`."""
        given = self.model_dump(
            include={"memory_bytes", "vram_bytes", "disk_bytes", "output_bytes"}, exclude_none=True
        )
        return Limits(wall_seconds=wall_seconds, **given)


@dataclass(frozen=True)
class _GivenUp:
    """A training that was stopped because its curve so far was hopeless."""

    why: str
    stopped: Stopped
    curve: tuple[tuple[float, float], ...]


class Bench:
    """Measures the attempts of one run. Stateless but for its folder, so that N slots may use it from N threads."""

    def __init__(
        self,
        plan: Plan,
        runner: Runner,
        slots: tuple[Slot, ...],
        folder: Path,
        export: Callable[[str, Path], None],
    ) -> None:
        self.slots = slots
        self._plan, self._runner, self._folder, self._export = plan, runner, folder, export

    def run(
        self, assignment: Assignment, listen: Listener, cancel: threading.Event
    ) -> Result | None:
        """Train and score what is ordered; None when it was cancelled. A smoke run's failure is the result, and so is it that the
        training was given up."""
        order = assignment.order
        listen(
            TrialStarted(
                assignment.attempt, assignment.slot.number, order.seed, assignment.run, order.role
            )
        )
        outcome = self._rehearse(assignment, cancel) or self._measure(assignment, listen, cancel)
        if not self._deserves_another(outcome, assignment):
            return self._result(outcome, assignment)
        assert isinstance(outcome, Unscored)
        again = self._result(self._measure(assignment, listen, cancel), assignment)
        return again and again.model_copy(
            update={"seconds": round(again.seconds + outcome.seconds, 2)}
        )

    def _deserves_another(self, outcome: object, assignment: Assignment) -> bool:
        """Whether a training that took too long is measured a second time before that is believed.

        What was kept before kept to its budget, so the machine is to blame; and so may it be where steps are timed.
        """
        overshot = isinstance(outcome, Unscored) and outcome.overshot
        kept = (
            assignment.order.role == "incumbent"
            or assignment.attempt.proposal.by.origin == "baseline"
        )
        return overshot and (kept or self._plan.budget.unit == "steps")

    def _result(
        self,
        outcome: tuple[Measured, Conditions] | Unscored | Stopped | _GivenUp,
        assignment: Assignment,
    ) -> Result | None:
        match outcome:
            case Stopped():
                return None
            case _GivenUp() as given_up:
                return _pruned(given_up, self._runner.tier)
            case Unscored() as failure:
                return _failed(failure, self._runner.tier)
            case (Measured() as measured, Conditions() as found):
                return _scored(measured, assignment, self._plan.budget, self._runner.tier, found)

    def _rehearse(
        self, assignment: Assignment, cancel: threading.Event
    ) -> Unscored | Stopped | None:
        """What the first run of new code in small comes to; None where nothing speaks against the real one."""
        order = assignment.order
        if not assignment.is_first or not pays(
            self._plan.score, self._plan.budget, assignment.attempt.proposal
        ):
            return None
        home = below(self._folder, f"{assignment.attempt.number:04d}")
        with _Exported(home / "smoke", order.commit, self._export) as here:
            startup = smoke_run_cap(self._plan.budget, assignment.usual)
            job = smoke_run_of(
                self._job(here, home / "smoke.log", assignment), here / "data", startup
            )
            _remove_logs(job.log)
            return foretold(
                measure(job, self._runner, cancel), self._plan.budget, assignment.baseline_speed
            )

    def _measure(
        self, assignment: Assignment, listen: Listener, cancel: threading.Event
    ) -> tuple[Measured, Conditions] | Unscored | Stopped | _GivenUp:
        number, order = assignment.attempt.number, assignment.order
        name = f"train-{order.seed}" if order.role == "candidate" else f"{order.role}-{order.seed}"
        home = below(self._folder, f"{number:04d}")
        with (
            _Exported(home / name, order.commit, self._export) as here,
            _own_data(self._plan.data, here / "data") as own,
        ):
            job = self._job(here, home / f"{name}.log", assignment).model_copy(
                update={"own_data": own}
            )
            _remove_logs(job.log)
            watched = _Watched(assignment, Path(job.log), listen, cancel)
            with watched:
                outcome = measure(job, self._runner, watched.stop, watched.trained)
        if isinstance(outcome, Stopped) and watched.hopeless and not cancel.is_set():
            return _GivenUp(watched.hopeless, outcome, read_curve(Path(job.log)))
        return (outcome, watched.conditions) if isinstance(outcome, Measured) else outcome

    def _job(self, here: Path, log: Path, assignment: Assignment) -> Job:
        plan, slot = self._plan, assignment.slot
        deadline = (
            Deadline(budget=plan.budget, usual=assignment.usual) if assignment.usual else None
        )
        cap = deadline.seconds if deadline else unknown_cap(plan.budget)
        return Job(
            folder=str(here / "workspace"),
            train=plan.train,
            scratch=str(here / "scratch"),
            log=str(log),
            data=plan.data,
            read_only=plan.read_only,
            hidden=plan.hidden,
            budget=plan.budget,
            seed=assignment.order.seed,
            score=plan.score,
            cpus=slot.cpus,
            gpus=slot.gpus,
            limits=plan.limits(cap),
            deadline=deadline,
            audit=assignment.order.audit,
        )


def _remove_logs(log: str) -> None:
    """Remove what an earlier run left under these names, or what came with a repository: each log is a new file."""
    for path in (Path(log), Path(log).with_suffix(".scoring.log")):
        remove_file(path)


@contextmanager
def _own_data(data: str | None, folder: Path) -> Iterator[str | None]:
    """The training data in `folder`, where only one training opens it; None where it cannot be there."""
    linked = data is not None and link_files(Path(data) / "train", folder)
    try:
        yield str(folder) if linked else None
    finally:
        unlink_files(folder)


class _Exported:
    """The attempt's files and an empty scratch, made fresh and removed afterwards: nothing flows from trial to trial."""

    def __init__(self, home: Path, commit: str, export: Callable[[str, Path], None]) -> None:
        self._home, self._commit, self._export = home, commit, export

    def __enter__(self) -> Path:
        _remove(self._home)
        try:
            (self._home / "scratch").mkdir(parents=True)
        except OSError as error:
            raise SandboxFault(
                f"cannot make the trial's folder {self._home}: {error.strerror}", "df -h ."
            ) from None
        self._export(self._commit, self._home / "workspace")
        return self._home

    def __exit__(self, *_: object) -> None:
        _remove(self._home)


def _remove(folder: Path) -> None:
    """Remove a folder that a training wrote to: it may be thousands of folders deep, or closed to its own owner."""
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        return
    except (OSError, RecursionError):
        for command in (["chmod", "-R", "u+rwx"], ["rm", "-rf"]):
            subprocess.run([*command, "--", str(folder)], capture_output=True, check=False)


class _Watched:
    """Follows a training log while it grows: tells how far it is, gives it up where its curve is hopeless, reads the machine.

    stop: to be heeded by the training; set on `cancel`, or when it is given up. hopeless: why it was. conditions: of the machine.
    """

    def __init__(
        self, assignment: Assignment, log: Path, listen: Listener, cancel: threading.Event
    ) -> None:
        self._number, self._slot = assignment.attempt.number, assignment.slot
        self._log, self._listen, self._cancel = log, listen, cancel
        self._rivals = assignment.rivals if assignment.is_first else ()
        self.stop = threading.Event() if self._rivals else cancel
        self.hopeless = ""
        self.conditions = Conditions()
        self._looks = 0
        self._over, self._trained = threading.Event(), threading.Event()
        self._thread = threading.Thread(
            target=self._follow, name=f"watch-{self._number}", daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def trained(self) -> None:
        """Training has ended: there is nothing left to give up, and what the machine does from now on says nothing of it."""
        self._rivals = ()
        self._trained.set()
        self._listen(Scoring(self._number))

    def _follow(self) -> None:
        last, looks = None, 0
        while not self._over.wait(POLL_SECONDS):
            if looks % LOOKS_PER_READING == 0 and not self._trained.is_set():
                self.conditions = conditions(self._slot.cpus, self._slot.gpus)
            looks += 1
            if self._cancel.is_set():
                self.stop.set()
            points = parse_progress(self._tail())
            if points and points[-1] != last:
                last = points[-1]
                self._listen(Progress(self._number, *last))
                self._look(last[0])

    def _look(self, fraction: float) -> None:
        """At each checkpoint once, and at the whole curve: whoever reads the log later comes to the same answer."""
        if not self._rivals or passed(fraction) == self._looks or fraction > LATEST:
            return
        self._looks = passed(fraction)
        why = hopeless(read_curve(self._log), self._rivals)
        if why and self._rivals:
            self.hopeless = why
            self.stop.set()

    def _tail(self) -> str:
        try:
            with self._log.open("rb") as file:
                file.seek(max(0, file.seek(0, 2) - TAIL_BYTES))
                return file.read(TAIL_BYTES).decode("utf-8", "replace")
        except FileNotFoundError:
            return ""


def _mb(size: int | None) -> float | None:
    return None if size is None else round(size / 2**20, 1)


def _short(curve: Sequence[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    """As many points and digits as a commit message should carry."""
    return tuple((round(fraction, 4), round(loss, 6)) for fraction, loss in thin_curve(curve))


def _failed(run: Unscored, tier: str) -> Result:
    return Result(
        status=run.status,
        curve=_short(run.curve),
        seconds=round(run.seconds, 2),
        peak_memory_mb=_mb(run.peak_memory_bytes),
        facts=run.facts,
        tier=tier,
        detail=run.detail,
        tail=run.tail[-MAX_TAIL_CHARACTERS:],
        overshot=run.overshot,
    )


def _pruned(given_up: _GivenUp, tier: str) -> Result:
    stopped = given_up.stopped
    return Result(
        status="pruned",
        curve=_short(given_up.curve),
        seconds=round(stopped.seconds, 2),
        peak_memory_mb=_mb(stopped.peak_memory_bytes),
        tier=tier,
        detail=given_up.why,
    )


def _scored(
    run: Measured, assignment: Assignment, budget: Budget, tier: str, found: Conditions
) -> Result:
    order = assignment.order
    score = Score(
        value=run.value,
        seed=order.seed,
        kind=run.score,
        role=order.role,
        machine=machine_name(),
        speed=_speed(run, budget),
        clock=found.clock,
        celsius=found.celsius,
        seconds=round(run.seconds, 2),
        startup=_rounded(run.startup),
        cores=len(assignment.slot.cpus) or None,
        cut=run.cut,
    )
    return Result(
        status="scored",
        scores=(score,),
        curve=_short(run.curve),
        seconds=round(run.seconds, 2),
        score_seconds=float(
            round(run.score_seconds)
        ),  # a finer figure could be a message: scoring has seen hidden data
        peak_memory_mb=_mb(run.peak_memory_bytes),
        parameters=run.parameters,
        facts=run.facts,
        tier=tier,
    )


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 2)


def _speed(run: Measured, budget: Budget) -> float | None:
    """Steps a second: known for a budget in steps, as train.py says otherwise."""
    steps = budget.amount if budget.unit == "steps" else run.facts.get("num_steps")
    known = (
        isinstance(steps, int | float)
        and not isinstance(steps, bool)
        and steps > 0
        and run.seconds > 0
    )
    return float(f"{steps / run.seconds:.4g}") if known and isinstance(steps, int | float) else None


def add_run(before: Result | None, run: Result, order: Order) -> Result:
    """What is known of an attempt after one more run. Its own failure is its result; the incumbent's is told in `detail`.

    Curve, parameters and facts are those of its own first run. An implausible score that the full audit finds invalid stays on
    record, with recheck `failed`.
    """
    if before is None:
        return run
    if order.role == "candidate" and not before.own:
        kept = {
            "scores": (*before.scores, *run.scores),
            "seconds": round(before.seconds + run.seconds, 2),
        }
        return run.model_copy(
            update=kept if run.status == "scored" else {"seconds": kept["seconds"]}
        )
    peaks = [peak for peak in (before.peak_memory_mb, run.peak_memory_mb) if peak is not None]
    spent = {
        "seconds": round(before.seconds + run.seconds, 2),
        "score_seconds": round(before.score_seconds + run.score_seconds, 2),
        "peak_memory_mb": max(peaks, default=None)
        if order.role == "candidate"
        else before.peak_memory_mb,
    }
    whose = "the incumbent" if order.role == "incumbent" else "it"
    detail = (
        ""
        if run.status == "scored"
        else f"{whose} failed when it was run again under seed {order.seed}: {run.detail}"
    )
    if order.audit == "full" and order.role == "candidate" and before.recheck is None:
        if run.status == "invalid" and not run.overshot:
            return before.model_copy(update={**spent, "recheck": "failed", "detail": run.detail})
        if run.status == "scored":
            before = before.model_copy(update={"recheck": "passed"})
    if run.status != "scored" and order.role == "candidate":
        return before.model_copy(
            update={**spent, "status": run.status, "scores": (), "detail": detail}
        )
    return before.model_copy(
        update={**spent, "scores": (*before.scores, *run.scores), "detail": detail}
    )
