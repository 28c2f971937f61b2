"""How busy slots are while a model writes: `python -m benchmarks.writers --slots 16 --answer 60`.

The loop, the ledger, the judge and git are the real ones. Time is virtual: a training ends --trial
seconds after it began and an answer comes --answer seconds after its question, without anybody's
sleeping. Printed are the share of the slots' time in which something trained, from the baseline's
verdict on, and who proposed what. `--pending` times Ledger.context instead, on the bundled train.py
with 1, 16 and 64 proposals without a verdict: the first question on a state, and the next one.
"""

import argparse
import heapq
import itertools
import json
import queue
import random
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.benchmark.tasks.fourteen import SOURCE
from agent.benchmark.tasks.scaling import scaling
from agent.evaluate.bench import Bench, Plan
from agent.evaluate.slots import make_slots
from agent.history.history import History
from agent.project.find import find_project
from agent.project.settings import RunSettings, read_settings
from agent.propose import Context, find_method
from agent.propose.search.scale import from_unit, is_fixed, to_unit
from agent.records.edits import SetConstant
from agent.records.events import Judged
from agent.records.proposals import Proposal, Provenance
from agent.records.results import Trial
from agent.run import drafting, loop
from agent.run.bounds import Bounds
from agent.run.drafting import Staff
from agent.run.ledger import Ledger
from agent.run.loop import Loop
from agent.run.workers import Trained
from agent.run.writers import Drafted
from agent.space import read_constants, read_space
from sandbox.ground.budget import Budget
from sandbox.ground.outcome import Crashed, Finished, Outcome, RunSpec, Usage
from sandbox.tiers.scripted import ScriptedRunner

ROOT = Path(__file__).parents[1]
NOISE = 0.0005
SPREAD_OF_ANSWERS = 0.4
SPREAD_OF_TRIALS = 0.05
STEP = 0.12
LOOK_SECONDS = 1.0


@dataclass
class Clock:
    """Virtual time and the inbox of the loop: what is put arrives when it is due."""

    now: float = 0.0
    busy: list[tuple[float, float]] = field(default_factory=list)
    """When each training began and ended."""
    _due: list[tuple[float, int, Any]] = field(default_factory=list)
    _held: list[Any] | None = None
    _count: "itertools.count[int]" = field(default_factory=itertools.count)

    def put(self, message: Any) -> None:
        """Take a message: at once, or held until the work that sends it is over."""
        if self._held is not None:
            self._held.append(message)
        else:
            heapq.heappush(self._due, (self.now, next(self._count), message))

    def get(self, timeout: float) -> Any:
        """Return the next message, and let its time come; raise Empty after `timeout`."""
        if not self._due or self._due[0][0] > self.now + timeout:
            self.now += timeout
            raise queue.Empty
        due, _, message = heapq.heappop(self._due)
        self.now = max(self.now, due)
        return message

    def submit(self, work: Callable[[], None]) -> None:
        """Do the work of a thread now; what it reports arrives once it would have been done."""
        self._held = []
        work()
        held = self._held
        self._held = None
        took = max((_seconds(message) for message in held), default=0.0)
        if any(isinstance(message, Trained) for message in held):
            self.busy.append((self.now, self.now + took))
        for message in held:
            heapq.heappush(self._due, (self.now + took, next(self._count), message))

    def shutdown(self) -> None:
        """End nothing: there are no threads."""

    def use(self, begin: float, end: float, slots: int) -> float:
        """Return the share of the slots' time in which something trained."""
        spans = (min(stop, end) - max(start, begin) for start, stop in self.busy)
        return sum(max(0.0, span) for span in spans) / ((end - begin) * slots)


def _seconds(message: Any) -> float:
    """Return how long the work behind a message takes in virtual time."""
    if isinstance(message, Drafted):
        return message.proposal.by.seconds
    if isinstance(message, Trained) and message.result is not None:
        return float(getattr(message.result, "seconds", 0.0))
    return 0.0


class Moves:
    """A stand-in for a model: it moves one constant at random, and takes `answer` seconds."""

    name = "code"
    looks_ahead = True

    def __init__(self, answer: float, seed: int) -> None:
        self._answer = answer
        self._rng = random.Random(seed)

    def propose(self, context: Context) -> Proposal:
        """Return one constant elsewhere than it is."""
        rng = random.Random(context.seed)
        constants = read_constants(context.sources)
        free = [each for each in context.space.parameters if not is_fixed(each)]
        while True:
            parameter = rng.choice(free)
            now = constants[parameter.name]
            if parameter.kind == "categorical":
                value = rng.choice([each for each in parameter.choices if each != now])
            else:
                place = to_unit(parameter, now) + rng.gauss(0, STEP)
                value = from_unit(parameter, min(1.0, max(0.0, place)))
            if value != now:
                break
        seconds = self._answer * max(0.2, self._rng.gauss(1, SPREAD_OF_ANSWERS))
        by = Provenance(
            method=self.name,
            origin="scripted",
            calls=1,
            seconds=seconds,
            assigned=context.assignment,
        )
        edit = SetConstant(name=parameter.name, value=repr(value))
        return Proposal(hypothesis=f"{parameter.name} {value}", edits=(edit,), by=by)


def trainer(seconds: float, seed: int) -> Callable[[RunSpec], tuple[Outcome, str]]:
    """Return trainings of a landscape with noise by the harness's seed."""
    objective = scaling(seed)
    names = read_space(SOURCE).names
    rng = random.Random(seed)

    def train(spec: RunSpec) -> tuple[Outcome, str]:
        took = seconds * max(0.3, rng.gauss(1, SPREAD_OF_TRIALS))
        constants = read_constants((Path(spec.folder) / "train.py").read_text())
        own = {name: value for name, value in constants.items() if name in names}
        value = objective(own)
        usage = Usage(seconds=took)
        if value is None:
            return Crashed(usage=usage, exit_code=1), "RuntimeError: out of memory\n"
        noise = random.Random(f"{sorted(own.items())} {spec.environment['AUTORESEARCH_SEED']}")
        score = value + NOISE * noise.gauss(0, 1)
        return Finished(usage=usage), f"---\nval_bpb: {score}\nnum_steps: 100\n"

    return train


def repository(folder: Path, train: str = SOURCE) -> str:
    """Make a repository of the landscape, and return its commit."""
    for name, text in {"train.py": train, "prepare.py": "", "program.md": "Lower.\n"}.items():
        (folder / name).write_text(text)
    author = ("-c", "user.name=b", "-c", "user.email=b@b")
    for command in (("init", "-q"), ("add", "."), (*author, "commit", "-qm", "start")):
        subprocess.run(["git", *command], cwd=folder, check=True)
    head = ("git", "rev-parse", "HEAD")
    return subprocess.run(head, cwd=folder, check=True, capture_output=True, text=True).stdout[:-1]


def settings(commit: str) -> RunSettings:
    """Return the record of a run."""
    return RunSettings(
        tag="night",
        method="code",
        model=None,
        budget=Budget(amount=300, unit="steps"),
        seed=0,
        workers=1,
        trials=None,
        hours=None,
        max_cost=None,
        baseline_repeats=3,
        data_fingerprint=None,
        start_commit=commit,
        score="printed",
        verdict="sequential",
    )


def night(options: argparse.Namespace) -> dict[str, Any]:
    """Return how busy the slots were in a virtual night, and what was proposed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run = settings(repository(folder))
        with History.create(find_project(folder, read_settings(folder)), run) as history:
            clock = Clock()
            work = _loop(history, options, clock)
            began = 0.0
            limit = float("inf")
            for event in work.events():
                if isinstance(event, Judged) and event.trial.status == "baseline":
                    began = clock.now
                    limit = began + options.hours * 3600
                if clock.now >= limit:
                    work.stop()
                    limit = float("inf")
            end = began + options.hours * 3600
            return _summary(history.trials, clock.use(began, end, options.slots), options)


def _loop(history: History, options: argparse.Namespace, clock: Clock) -> Loop:
    """Return a loop in virtual time."""
    plan = Plan(
        score="printed",
        train="train.py",
        data=None,
        read_only=(),
        budget=history.run.budget,
        memory_bytes=None,
    )
    slots = make_slots(options.slots, tuple(range(options.slots)), ())
    runner = ScriptedRunner(trainer(options.trial, options.seed))
    bench = Bench(plan, runner, slots, Path(history.project.root) / ".t", history.export)
    filler = None if options.fill == "none" else find_method(options.fill).build(None)
    writers = None if options.writers == "auto" else int(options.writers)
    work = Loop(
        Ledger(history, read_space),
        bench,
        Moves(options.answer, options.seed),
        Bounds(),
        threading.Event(),
        staff=Staff(writers, filler),
    )
    virtual: Any = clock
    work._workers._inbox = virtual
    work._workers._trainers = virtual
    work._writers._pool = virtual
    vars(drafting)["monotonic"] = lambda: clock.now
    vars(loop)["LOOK_SECONDS"] = LOOK_SECONDS
    return work


def _summary(trials: tuple[Trial, ...], use: float, options: argparse.Namespace) -> dict[str, Any]:
    tried = [trial for trial in trials if trial.status != "baseline"]
    by = Counter(f"{trial.proposal.by.method}, {trial.proposal.by.origin}" for trial in tried)
    assigned = Counter(trial.proposal.by.assigned for trial in tried if trial.proposal.by.assigned)
    return {
        "slots": options.slots,
        "answer": options.answer,
        "writers": options.writers,
        "fill": options.fill,
        "slot_use": round(use, 3),
        "trials": len([trial for trial in tried if trial.result]),
        "statuses": dict(Counter(trial.status for trial in tried)),
        "proposed": dict(by),
        "assigned": dict(assigned),
    }


def pending_costs() -> dict[int, dict[str, float]]:
    """Return the milliseconds of Ledger.context by the number of pending proposals."""
    train = (ROOT / "workspace" / "train.py").read_text() + "\n" + SOURCE
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run = settings(repository(folder, train))
        with History.create(find_project(folder, read_settings(folder)), run) as history:
            return {count: _pending_cost(history, count) for count in (1, 16, 64)}


def _pending_cost(history: History, count: int) -> dict[str, float]:
    moves = Moves(0.0, 0)
    ledger = Ledger(history, read_space)
    pending: tuple[Proposal, ...] = ()
    while len(pending) < count:
        pending = (*pending, moves.propose(ledger.context(pending)))
    fresh = Ledger(history, read_space)
    fresh.context(())
    return {
        "first": _milliseconds(lambda: fresh.context(pending)),
        "next": _milliseconds(lambda: fresh.context(pending)),
    }


def _milliseconds(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return round(1e3 * (time.process_time() - began), 1)


def main() -> None:
    """Print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slots", type=int, default=16)
    parser.add_argument("--answer", type=float, default=60.0, help="seconds of an answer")
    parser.add_argument("--trial", type=float, default=310.0, help="seconds of a training")
    parser.add_argument("--writers", default="auto")
    parser.add_argument("--fill", default="trust")
    parser.add_argument("--hours", type=float, default=2.0, help="virtual, behind the baseline")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pending", action="store_true")
    options = parser.parse_args()
    print(json.dumps(pending_costs() if options.pending else night(options)))


if __name__ == "__main__":
    main()
