"""A night on many machines in virtual time: `python -m benchmarks.fleet --slots 16 --machines 16`.

The loop, the ledger, the judge and git are the real ones. A training takes --trial virtual seconds,
give or take a twentieth, and an answer --answer; nobody sleeps (benchmarks/writers.py has the
clock). --fill proposes for slots that would wait, as in a run. Scores come from a scaling law
(agent/benchmark/tasks/scaling.py) with normal noise, and from an offset of each machine of --effect
times tau, the noise of a pair on one machine.

Printed, from the baseline's verdict until --trials less --slots trials are judged: trials an hour
and how many times those of one slot (--one), the share of the slots' time in which something
trained, of runs that are the incumbent measured again, of trials that were overtaken and of those
that are tried again, and processor time a trial. Kept trials whose true score is no better than
their incumbent's are false keeps; with `--propose idle` no change has any effect.
"""

import argparse
import json
import random
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from agent.benchmark.tasks.fourteen import SOURCE
from agent.benchmark.tasks.scaling import scaling
from agent.evaluate.bench import Assignment, PlaceListener
from agent.evaluate.watch import Listener
from agent.history.history import History
from agent.judge.decision import MOVED_ON
from agent.project.find import find_project
from agent.project.settings import read_settings
from agent.propose import Context, Proposer, Unreadable, find_method
from agent.records.edits import SetConstant
from agent.records.events import Judged
from agent.records.guards import Checks
from agent.records.proposals import Proposal, Provenance
from agent.records.results import KEPT, Order, Result, Score, Trial
from agent.records.slots import Slot
from agent.run import drafting, loop
from agent.run.bounds import Bounds
from agent.run.drafting import Staff
from agent.run.ledger import Ledger
from agent.run.loop import Loop
from agent.space import read_constants, read_space
from benchmarks.means import at_least_one
from benchmarks.writers import LOOK_SECONDS, NOISE, Clock, Moves, repository, settings

IDLE = "IDLE = 0.5  # [0 .. 1]\n"
SPREAD_OF_TRIALS = 0.05
TAU = 2**0.5 * NOISE
STEPS = 300


class Idle:
    """Proposes changes that have no effect."""

    name = "code"
    looks_ahead = True

    def __init__(self, answer: float) -> None:
        self._answer = answer

    def propose(self, context: Context) -> Proposal:
        """Return another value of a constant that nothing reads."""
        value = round(random.Random(context.seed).random(), 9)
        by = Provenance(method=self.name, origin="scripted", calls=1, seconds=self._answer)
        edit = SetConstant(name="IDLE", value=repr(value))
        return Proposal(hypothesis=f"IDLE {value}", edits=(edit,), by=by)


class Timed:
    """A search method whose proposals take the processor time that they really cost."""

    def __init__(self, method: Proposer) -> None:
        self._method = method
        self.name = method.name
        self.looks_ahead = method.looks_ahead

    def propose(self, context: Context) -> Proposal | Unreadable:
        """Return the method's proposal, with the seconds that it took."""
        began = time.process_time()
        proposal = self._method.propose(context)
        if isinstance(proposal, Unreadable):
            return proposal
        by = proposal.by.model_copy(update={"seconds": time.process_time() - began})
        return proposal.model_copy(update={"by": by})


@dataclass
class Machines:
    """Trains in virtual time on machines that differ by an offset."""

    history: History
    slots: tuple[Slot, ...]
    trial: float
    effect: float
    """Standard deviation of a machine's offset, in tau."""
    seed: int
    orders: list[tuple[Order, str]] = field(default_factory=list)
    """Everything that was trained, and where."""

    def __post_init__(self) -> None:
        """Draw the machines' offsets."""
        self._rng = random.Random(self.seed)
        self._objective = scaling(self.seed)
        self._names = read_space(SOURCE).names
        machines = dict.fromkeys(slot.machine for slot in self.slots)
        self._offsets = {m: self.effect * TAU * self._rng.gauss(0, 1) for m in machines}

    is_seeking = False

    def open(self, listen: PlaceListener, cancel: threading.Event) -> None:
        """Do nothing: the machines stay."""

    def close(self) -> None:
        """Do nothing, likewise."""

    def check(
        self, assignment: Assignment, listen: Listener, cancel: threading.Event
    ) -> Checks | None:
        """Run nothing: there are no checks."""
        return None

    def run(
        self, assignment: Assignment, listen: Listener, cancel: threading.Event
    ) -> Result | None:
        """Return what a training gives; it takes virtual time alone."""
        order = assignment.order
        machine = assignment.slot.machine
        self.orders.append((order, machine))
        seconds = self.trial * max(0.3, self._rng.gauss(1, SPREAD_OF_TRIALS))
        true = self.truth(read_constants(self.history.sources_at(order.commit)))
        if true is None:
            return Result(status="crash", seconds=round(seconds, 2), detail="out of memory")
        score = Score(
            value=true + self._offsets[machine] + NOISE * self._rng.gauss(0, 1),
            seed=order.seed,
            kind="self-reported",
            role=order.role,
            machine=machine,
            seconds=round(seconds, 2),
            cores=len(assignment.slot.cpus) or None,
        )
        return Result(status="scored", scores=(score,), seconds=round(seconds, 2))

    def truth(self, constants: dict[str, Any]) -> float | None:
        """Return the true score of a configuration; None where it fails."""
        return self._objective({n: v for n, v in constants.items() if n in self._names})


def slots_on(slots: int, machines: int) -> tuple[Slot, ...]:
    """Return slots in turns on so many machines of one model."""
    return tuple(
        Slot(number=i, cpus=(0,), machine=f"{i % machines:08x} H100", place=f"node{i % machines}")
        for i in range(slots)
    )


def night(options: argparse.Namespace, slots: int, machines: int) -> dict[str, Any]:
    """Return the figures of a night of --trials trials."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run = settings(repository(folder, SOURCE + IDLE))
        with History.create(find_project(folder, read_settings(folder)), run) as history:
            bench = Machines(
                history, slots_on(slots, machines), options.trial, options.effect, options.seed
            )
            clock = Clock()
            trials = options.trials
            work = _loop(history, bench, clock, options)
            spent = time.process_time()
            began = 0.0
            ended = 0.0
            before = 0
            measured = 0
            for event in work.events():
                if not isinstance(event, Judged) or event.trial.result is None:
                    continue
                if event.trial.status == "baseline":
                    began = clock.now
                    before = len(bench.orders)
                else:
                    measured += 1
                if measured <= trials - slots:
                    ended = clock.now
            spent = time.process_time() - spent
            use = clock.use(began, ended, slots)
            hours = (ended - began) / 3600
            figures = _figures(history.trials, bench, bench.orders[before:])
            return {
                "slots": slots,
                "machines": machines,
                "answer": options.answer,
                "effect": options.effect,
                "per_hour": round((trials - slots) / hours, 2),
                "baseline_hours": round(began / 3600, 2),
                "slot_use": round(use, 3),
                **figures,
                "cpu_ms_per_trial": round(1e3 * spent / trials),
            }


def _loop(history: History, bench: Machines, clock: Clock, options: argparse.Namespace) -> Loop:
    """Return a loop in virtual time."""
    proposer: Proposer = Moves(options.answer, options.seed)
    if options.propose == "idle":
        proposer = Idle(options.answer)
    writers = None if options.writers == "auto" else int(options.writers)
    filler = None if options.fill == "none" else Timed(find_method(options.fill).build(None))
    work = Loop(
        Ledger(history, read_space),
        bench,
        proposer,
        Bounds(trials=options.trials),
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


def _figures(
    trials: tuple[Trial, ...], bench: Machines, orders: list[tuple[Order, str]]
) -> dict[str, Any]:
    """Return what the ledger of a night says."""
    tried = [trial for trial in trials if trial.status != "baseline" and trial.result]
    replays = [trial for trial in tried if trial.proposal.by.origin == "replay"]
    overtaken = [trial for trial in tried if MOVED_ON in trial.reason]
    pairs = list(chain.from_iterable(trial.pairs for trial in tried))
    kept = [trial for trial in tried if trial.status in KEPT]
    ran = [trial for trial in trials if trial.result]
    truth = {trial.number: bench.truth(trial.configuration) for trial in ran}
    false = [t for t in kept if (truth[t.number] or 0.0) >= (truth[t.against or 0] or 0.0)]
    again = sum(order.role == "incumbent" for order, _ in orders)
    first = truth[trials[0].number] or 0.0
    last = truth[kept[-1].number] if kept else first
    return {
        "trials": len(tried),
        "runs": len(orders),
        "incumbent_share": round(again / max(1, len(orders)), 3),
        "across_share": round(sum(p.across is not None for p in pairs) / max(1, len(pairs)), 3),
        "overtaken": round(len(overtaken) / max(1, len(tried)), 3),
        "replays": round(len(replays) / max(1, len(tried)), 3),
        "kept": len(kept),
        "false_keeps": len(false),
        "gain": round(first - (last or first), 5),
        "statuses": dict(Counter(trial.status for trial in tried)),
    }


def main() -> None:
    """Print one line of JSON for a night, and one for a night on one slot before it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--slots", type=at_least_one, default=16)
    parser.add_argument("--machines", type=at_least_one, default=16)
    parser.add_argument("--answer", type=float, default=60.0, help="seconds of an answer")
    parser.add_argument("--trial", type=float, default=310.0, help="seconds of a training")
    parser.add_argument("--writers", default="auto")
    parser.add_argument("--fill", default="trust", help="what fills free slots; none: nothing")
    parser.add_argument("--effect", type=float, default=0.0, help="of a machine, in tau")
    parser.add_argument("--propose", choices=("moves", "idle"), default="moves")
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--one", action="store_true", help="one slot first, to compare with")
    options = parser.parse_args()
    if options.trials <= options.slots:
        parser.error(f"{options.slots} slots need more than {options.slots} --trials")
    one = night(options, 1, 1) if options.one else None
    if one:
        print(json.dumps(one), flush=True)
    many = night(options, options.slots, options.machines)
    if one:
        many["times"] = round(many["per_hour"] / one["per_hour"], 1)
    print(json.dumps(many), flush=True)


if __name__ == "__main__":
    main()
