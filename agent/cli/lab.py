"""What `replicate` and `ablate` do: states of a run trained again, side by side, and what is said of them."""

import json
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from itertools import count
from pathlib import Path
from typing import Any, Literal

import typer

from agent.afterwards.remeasure import State, compare, fresh_seeds, state_of, time_baseline, without
from agent.cli.consent import Consent
from agent.cli.reach import agreed_run
from agent.cli.session import Kit, bench_of, find_place, prepared, proven
from agent.display.format import formatter_for, open_console
from agent.errors import HistoryFault, UsageFault
from agent.evaluate.bench import Bench
from agent.evaluate.machine import machine_name
from agent.evaluate.slots import make_slots, this_machine
from agent.history.history import History
from agent.history.runs import newest
from agent.judge.comparison import Comparison, Measurement
from agent.judge.decide import incumbent_of
from agent.judge.yardstick import usual_of, yardstick_of
from agent.records.events import Event, TrialStarted
from agent.records.proposals import Proposal, Provenance
from agent.records.results import Trial
from sandbox.ground.deadline import Usual


@contextmanager
def lab(branch: str | None, unsafe: bool, trust: bool) -> Iterator[tuple[History, Bench]]:
    """The run, and a bench on which its states are trained as its trials were."""
    place = find_place(Path.cwd())
    consent = Consent(place.project, trust)
    name = branch or newest(place.project)
    with agreed_run(place.project, place.settings, consent, name, asks=False) as history:
        slots = make_slots(history.run.workers, *this_machine())[:1]
        sandbox = proven(unsafe, history.source, place.project, slots)
        with prepared(place, history.tip, sandbox, consent, history.data_fingerprint) as data:
            if data and data.fingerprint != history.data_fingerprint:
                raise HistoryFault(
                    "the validation data here is not what this run was measured on",
                    "autoresearch log",
                )
            yield (
                history,
                bench_of(history, Kit(place.settings, slots, sandbox, data, history.run.caps)),
            )


def measured(
    history: History, bench: Bench, states: Sequence[State], reference: State, seeds: int
) -> list[Comparison]:
    """Each of `states` beside `reference`, under `seeds` seeds by which nothing was decided."""
    if not states:
        return []
    fresh = fresh_seeds(history.trials, seeds, history.run.seed)
    usual = _usual(history, bench)
    console = open_console(stderr=True)
    runs, done = len(fresh) * (len(states) + 1) + (usual is None), count(1)

    def listen(event: Event) -> None:
        if isinstance(event, TrialStarted):
            what = formatter_for(console).line(event.attempt.proposal.hypothesis)
            console.print(f"training {next(done)} of {runs}, seed {event.seed}: {what}")

    cancel = threading.Event()
    usual = usual or time_baseline(bench, _yardstick(history), fresh[0], listen, cancel)
    return list(compare(bench, states, reference, fresh, listen, cancel, usual))


def _usual(history: History, bench: Bench) -> Usual | None:
    """What the run's baseline takes on this machine, where its trials say."""
    yardstick = yardstick_of(history.trials)
    cores = len(bench.slots[0].cpus) or None
    return usual_of(yardstick, history.trials, (), machine_name(), cores) if yardstick else None


def _yardstick(history: History) -> State:
    return state_of(yardstick_of(history.trials) or baseline_of(history))


def ablations(history: History, kept: Sequence[Trial]) -> tuple[list[State], list[Comparison]]:
    """What can be trained without each change, and what cannot."""
    states, gone = [], []
    for trial in kept:
        taken = without(history, trial)
        name = f"without #{trial.number} {trial.proposal.hypothesis}"
        if taken.source is None:
            gone.append(Comparison(what=name, trial=trial.number, failure=taken.reason))
            continue
        proposal = Proposal(
            hypothesis=name, by=Provenance(method="ablate", origin="replay", replays=trial.number)
        )
        states.append(
            State(name, history.draft(trial.number, proposal, taken.source).commit, trial.number)
        )
    return states, gone


def record(
    history: History,
    kind: Literal["replicate", "ablate"],
    found: Sequence[Comparison],
    against: str,
) -> Measurement:
    """Write down on the run's branch what was found."""
    command = " ".join(["autoresearch", *sys.argv[1:]])
    measurement = Measurement(
        kind=kind,
        against=against,
        comparisons=tuple(found),
        machine=machine_name(),
        command=command,
        versions={"python": sys.version.split()[0], **_versions("torch", "numpy")},
        at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    history.measured_again(measurement)
    return measurement


def tell(history: History, measurement: Measurement, as_json: bool) -> None:
    """Everything that a paper needs to say, as JSON; or a line for each state."""
    if as_json:
        run = {"branch": history.branch, "commit": history.tip, "budget": str(history.run.budget)}
        comparisons = [_plain(one) for one in measurement.comparisons]
        typer.echo(
            json.dumps(
                {**run, **measurement.model_dump(mode="json"), "comparisons": comparisons}, indent=2
            )
        )
        return
    console = open_console()
    for one in measurement.comparisons:
        console.print(
            f"{formatter_for(console).line(one.what)}: {one}, against {measurement.against}"
        )


def _plain(one: Comparison) -> dict[str, Any]:
    return {
        **one.model_dump(mode="json"),
        "delta": one.delta,
        "interval": one.interval,
        "verdict": one.verdict,
    }


def _versions(*names: str) -> dict[str, str]:
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def trial_of(history: History, number: int | None) -> Trial:
    """The trial `number`, or the one at the tip; UsageFault where it has no verdict, or nothing was kept."""
    if number is None:
        best = incumbent_of(history.trials)
        if best is None or best.status == "baseline":
            raise UsageFault(
                "nothing was kept, so there is no gain to measure again", "autoresearch log"
            )
        return best
    for trial in history.trials:
        if trial.number == number:
            return trial
    raise UsageFault(f"there is no verdict on #{number} in {history.branch}", "autoresearch log")


def baseline_of(history: History) -> Trial:
    """The first baseline on the run's data; HistoryFault where there is none yet."""
    for trial in history.comparable:
        if trial.status == "baseline":
            return trial
    raise HistoryFault(f"{history.branch} has no baseline yet", "autoresearch resume")
