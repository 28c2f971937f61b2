"""What `replicate` and `ablate` share: training states of a run again, side by side."""

import json
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

import typer

from agent.afterwards.ablation import without
from agent.afterwards.perturbed import PerturbingBench
from agent.afterwards.remeasure import Compared, Limits, compare, state_of
from agent.afterwards.side_by_side import State, Timing
from agent.cli.build import (
    Kit,
    bench_of,
    elsewhere_of,
    place_around,
    prepared,
    proven_for,
    slots_for,
)
from agent.cli.consent import Consent
from agent.cli.reach import agreed_run
from agent.cli.retype import again
from agent.display.format import formatter_for, open_console
from agent.display.places import lost_line
from agent.display.waiting import waiting
from agent.errors import HistoryFault, PlaceLost, UsageFault, WrongOption
from agent.evaluate.bench import Measures
from agent.evaluate.engines import read_where
from agent.evaluate.slots import Slot
from agent.evaluate.where import SLURM, Where
from agent.history.history import History
from agent.history.runs import commit_of, usual_run
from agent.judge.comparison import Comparison, Measurement
from agent.judge.decide import incumbent_of
from agent.judge.overtime import patient
from agent.judge.pairing import fresh_seeds
from agent.judge.yardstick import usual_of, yardstick_of
from agent.project.resolve import recorded_caps
from agent.records.events import Event, TrainingLost, TrialStarted
from agent.records.opening import Opening
from agent.records.proposals import Proposal, Provenance
from agent.records.results import Trial
from sandbox.ground.deadline import Usual
from sandbox.score.evaluator.evaluation import Split


@dataclass(frozen=True)
class Question:
    """What is to be measured again."""

    kind: Literal["replicate", "ablate"]
    states: Sequence[State]
    reference: State
    against: str
    """The reference, in words."""
    split: Split = "val"
    impossible: tuple[Comparison, ...] = ()
    """What cannot be trained, each with the reason."""


@contextmanager
def lab(
    branch: str | None, unsafe: bool, trust: bool, on: str | None = None
) -> Iterator[tuple[History, Measures]]:
    """Yield a run, and a bench that trains its states as its trials were trained.

    on: the value of --on. There is one slot, and another one once its place is lost.
    """
    where = _lasting(on)
    place = place_around(Path.cwd())
    consent = Consent(place.project, trust)
    name = branch or usual_run(place.project, Path.cwd())
    with agreed_run(place.project, place.settings, consent, name, asks=False) as history:
        place = place.of_run(history.run)
        slots = slots_for(where, history.run.workers)[:1]
        sandbox = proven_for(where, unsafe, history.sources.code, place, slots)
        caps = recorded_caps(history.run, place.settings)
        with prepared(place, history.tip, sandbox, consent, history.data_fingerprint) as data:
            if data and data.fingerprint != history.data_fingerprint:
                raise HistoryFault(
                    "The validation data here is not what this run was measured on.",
                    "autoresearch log",
                )
            elsewhere = elsewhere_of(where, 1, unsafe, history.sources.code)
            bench = bench_of(history, Kit(place.settings, slots, sandbox, data, caps, elsewhere))
            with opened(bench, where):
                yield history, PerturbingBench(bench, history)


def _lasting(on: str | None) -> Where:
    """Return where to train. Raise UsageFault for Slurm, where only runs get allocations."""
    where = read_where(on)
    if where.engine == SLURM:
        raise WrongOption(
            "only `start` and `resume` ask Slurm for an allocation; this trains here, or on a Ray "
            "cluster that is up",
            "--on",
            "ray",
        )
    return where


@contextmanager
def opened(bench: Measures, where: Where) -> Iterator[None]:
    """Open the bench for the block; on a cluster this waits for a place."""
    if where.is_local:
        yield
        return
    try:
        with waiting(f"{where}, to connect and to prove itself"):
            bench.open(lambda _: None, threading.Event())
        try:
            yield
        finally:
            bench.close()
    except PlaceLost as lost:
        doctor = f"autoresearch doctor --on {where}"
        raise PlaceLost(lost.message, f"{doctor}   # once a node is fit: {again()}") from None


def measure(
    history: History, bench: Measures, question: Question, seeds: int, as_json: bool = False
) -> None:
    """Train the states of a question under fresh seeds; record and print the comparisons.

    Raise PlaceLost where no place was left for all seeds. What was finished is recorded before.
    """
    fresh = fresh_seeds(history.trials, seeds, history.run.seed)
    comparisons = question.impossible
    machine = bench.slots[0].machine if bench.slots else ""
    lost: PlaceLost | None = None
    if question.states:
        compared = _compared(history, bench, question, fresh)
        comparisons = (*compared.comparisons, *question.impossible)
        machine = compared.machine
        if compared.lost is not None:
            lost = _ended_early(compared.lost, compared.seeds, len(fresh))
    if lost is None or machine:
        measurement = record(history, question, comparisons, machine)
        print_measurement(history, measurement, as_json)
    if lost is not None:
        raise lost


def _ended_early(lost: PlaceLost, finished: int, wanted: int) -> PlaceLost:
    recorded = "which are recorded" if finished else "so nothing is recorded"
    why = f"the last place was lost after {finished} of {wanted} seeds, {recorded}"
    return PlaceLost(f"{why}: {lost.message}", again())


def _compared(
    history: History, bench: Measures, question: Question, fresh: Sequence[int]
) -> Compared:
    """Train the states of a question, and compare them; say what is trained."""
    console = open_console(stderr=True)
    line = formatter_for(console).line
    limits = Limits(history.run.goal.guards, state_of(baseline_of(history)))
    if limits.needs_baseline_beside(question.reference):
        console.print("a guard is held against the first baseline, which is trained beside them")

    def tell(event: Event, number: int, total: int) -> None:
        match event:
            case TrialStarted(attempt, seed=seed):
                what = line(attempt.proposal.hypothesis)
                console.print(f"training {number} of {total}, seed {seed}: {what}")
            case TrainingLost(attempt, place=place, why=why):
                console.print(line(lost_line(attempt.number, place, why)))

    compared = compare(
        bench,
        question.states,
        question.reference,
        fresh,
        tell,
        threading.Event(),
        _timing(history),
        question.split,
        limits,
    )
    pairs = [pair.model_copy(update={"sense": history.run.sense}) for pair in compared.comparisons]
    return replace(compared, comparisons=tuple(pairs))


def _timing(history: History) -> Timing:
    """Return how long the run's baseline trains, as far as the run has recorded it."""
    yardstick = yardstick_of(history.trials)

    def known(slot: Slot) -> Usual | None:
        if yardstick is None:
            return None
        return usual_of(yardstick, history.trials, (), slot.machine, len(slot.cpus) or None)

    def stretch(usual: Usual | None) -> Usual | None:
        return patient(usual, history.run.budget, history.run.goal.time_limit)

    return Timing(state_of(yardstick or baseline_of(history)), known, stretch)


def open_test(
    history: History, command: Literal["replicate", "finalize"], states: Sequence[State]
) -> Opening:
    """Record another opening of the test split, and print its number.

    Raise UsageFault if the run has no evaluator, and so no splits.
    """
    refuse_without_test(history)
    opening = Opening(
        number=len(history.openings) + 1,
        command=command,
        states="; ".join(state.name for state in states),
        at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    history.open_test(opening)
    console = open_console(stderr=True)
    console.print(
        f"the test split is opened (time {opening.number}), as the run's branch now records"
    )
    return opening


def refuse_without_test(history: History) -> None:
    """Raise UsageFault if the run has no evaluator, and so no test split."""
    if history.run.goal.evaluate is None:
        raise UsageFault(
            "Only a project's own evaluator has a test split; this run has none.",
            "$EDITOR autoresearch.toml   # [evaluate]: docs/evaluate.md",
        )


def test_branch(
    name: str, seeds: int, branch: str | None, unsafe: bool, trust: bool, on: str | None
) -> None:
    """Compare a finalized branch with the baseline on the test split, and print the outcome."""
    with lab(branch, unsafe, trust, on) as (history, bench):
        reference = state_of(baseline_of(history))
        best = incumbent_of(history.trials)
        assert best is not None, "a finalized run has a baseline"
        final = State(f"the branch {name}", commit_of(history.project, name), best.number)
        open_test(history, "finalize", [final, reference])
        against = f"the baseline #{reference.number}"
        measure(history, bench, Question("replicate", [final], reference, against, "test"), seeds)


@dataclass(frozen=True)
class Ablations:
    """The final state without each kept change."""

    states: Sequence[State]
    """Those that can be trained."""
    impossible: tuple[Comparison, ...]
    """Changes that later ones build on, each with the reason why it cannot be taken out."""


def ablations(history: History, kept: Sequence[Trial]) -> Ablations:
    """Return the final state without each of the `kept` changes."""
    states = []
    impossible = []
    for trial in kept:
        taken = without(history, trial)
        name = f"without #{trial.number} {trial.proposal.hypothesis}"
        if taken.sources is None:
            impossible.append(Comparison(what=name, trial=trial.number, failure=taken.reason))
            continue
        by = Provenance(method="ablate", origin="replay", replays=trial.number)
        draft = history.draft(trial.number, Proposal(hypothesis=name, by=by), taken.sources)
        states.append(State(name, draft.commit, trial.number))
    return Ablations(states, tuple(impossible))


def record(
    history: History, question: Question, comparisons: Sequence[Comparison], machine: str
) -> Measurement:
    """Write the comparisons to the run's branch, and return the record."""
    measurement = Measurement(
        kind=question.kind,
        against=question.against,
        comparisons=tuple(comparisons),
        machine=machine,
        split=question.split,
        command=again(),
        versions={"python": sys.version.split()[0], **_versions("torch", "numpy")},
        at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    history.measured_again(measurement)
    return measurement


def print_measurement(history: History, measurement: Measurement, as_json: bool) -> None:
    """Print a line for each state, or all details as JSON."""
    if as_json:
        run = {"branch": history.branch, "commit": history.tip, "budget": history.run.allowance}
        comparisons = [_as_json(comparison) for comparison in measurement.comparisons]
        about = {**run, **measurement.model_dump(mode="json"), "comparisons": comparisons}
        typer.echo(json.dumps(about, indent=2))
        return
    console = open_console()
    formatter = formatter_for(console)
    for comparison in measurement.comparisons:
        what = formatter.line(comparison.what)
        where = ", on the test split" if measurement.split == "test" else ""
        console.print(f"{what}: {comparison}, against {measurement.against}{where}")


def _as_json(comparison: Comparison) -> dict[str, Any]:
    return {
        **comparison.model_dump(mode="json"),
        "delta": comparison.delta,
        "interval": comparison.interval,
        "verdict": comparison.verdict,
    }


def _versions(*names: str) -> dict[str, str]:
    versions = {}
    for name in names:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "not installed"
    return versions


def trial_of(history: History, number: int | None) -> Trial:
    """Return the trial `number`, or the best one. Raise UsageFault if there is none."""
    if number is None:
        best = incumbent_of(history.trials)
        if best is None or best.status == "baseline":
            raise UsageFault(
                "Nothing was kept, so there is no gain to measure again.", "autoresearch log"
            )
        return best
    for trial in history.trials:
        if trial.number == number:
            return trial
    raise UsageFault(f"#{number} has no verdict in {history.branch}.", "autoresearch log")


def baseline_of(history: History) -> Trial:
    """Return the first baseline on the run's data. Raise HistoryFault if there is none yet."""
    for trial in history.comparable:
        if trial.status == "baseline":
            return trial
    raise HistoryFault(f"{history.branch} has no baseline yet.", "autoresearch resume")
