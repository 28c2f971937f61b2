"""The commands for the morning after: `replicate`, `ablate` and `finalize`. They change nothing on the run's branch."""

import json
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from agent.bench import Bench
from agent.cli import app, epilog
from agent.cli.review import Json, OfBranch
from agent.errors import HistoryFault, UsageFault
from agent.finalize import finalize_run
from agent.history import History
from agent.judge import incumbent_of
from agent.machine import machine_name
from agent.records import Proposal, Provenance, Trial
from agent.remeasure import Comparison, State, compare, fresh_seeds, kept_changes, state_of, without
from agent.runs import newest
from agent.slots import make_slots, this_machine
from sandbox.choose import choose_runner

Seeds = Annotated[int, typer.Option(min=2, help="Fresh seeds under which everything is trained once.")]
Unsafe = Annotated[bool, typer.Option("--unsafe-no-sandbox", help="Run generated code with your rights.")]


@app.command(epilog=epilog("autoresearch replicate 8 --seeds 5"))
def replicate(
    number: Annotated[int, typer.Argument(min=0, metavar="N", help="The trial's number, as in the log.")],
    seeds: Seeds = 3, branch: OfBranch = None, as_json: Json = False, unsafe: Unsafe = False,
) -> None:  # fmt: skip
    """Measure a trial again, beside the baseline.

    Under seeds by which nothing was decided: what is left of a claim when luck has no say.
    """
    with _lab(branch, unsafe) as (history, bench):
        trial = _trial(history, number)
        reference = state_of(_baseline(history))
        found = _measured(history, bench, [state_of(trial)], reference, seeds)
        _report(history, found, f"against the baseline #{reference.number}", as_json)


@app.command(epilog=epilog("autoresearch ablate --seeds 4"))
def ablate(seeds: Seeds = 4, branch: OfBranch = None, as_json: Json = False, unsafe: Unsafe = False) -> None:
    """Take each kept change out of the final state, and see what is lost.

    `worse` without a change: it matters. `not to be told from noise`, or `better`: it could go.
    """
    with _lab(branch, unsafe) as (history, bench):
        kept = kept_changes(history.trials)
        if not kept:
            raise UsageFault("nothing was kept, so there is nothing to take out", "autoresearch log --kept")
        states, gone = _ablations(history, kept)
        best = incumbent_of(history.trials)
        assert best is not None
        found = _measured(history, bench, states, State("the final state", history.tip, best.number), seeds)
        _report(history, [*found, *gone], "against the final state", as_json)


@app.command(epilog=epilog("autoresearch finalize --drop 7 --to tuned"))
def finalize(
    to: Annotated[str, typer.Option(help="The branch to make, off the commit that the run started from.")] = "",
    drop: Annotated[list[int] | None, typer.Option(help="A kept trial to leave out, by its number; may be repeated.")] = None,
    branch: OfBranch = None,
) -> None:
    """Write what was kept as clean commits, one a change, each with its measured effect, ready to be reviewed and merged."""
    from agent.cli.session import find_place

    place = find_place(Path.cwd())
    with History.read(place.project, branch or newest(place.project)) as history:
        name = to or f"{history.run.tag}-final"
        for line in finalize_run(history, name, frozenset(drop or ())):
            typer.echo(line)


@contextmanager
def _lab(branch: str | None, unsafe: bool) -> Iterator[tuple[History, Bench]]:
    """The run, and a bench on which its states are trained as its trials were."""
    from agent.cli.session import Kit, bench_of, find_place, prepared

    place = find_place(Path.cwd())
    with History.open(place.project, branch or newest(place.project)) as history:
        slots = make_slots(history.run.workers, *this_machine())[:1]
        data = prepared(place.project, history.worktree)
        if data and data.fingerprint != history.run.data_fingerprint:
            raise HistoryFault("the validation data here is not what this run was measured on", "autoresearch log")
        yield history, bench_of(history, Kit(place.settings, slots, choose_runner(unsafe), data, history.run.caps))


def _measured(history: History, bench: Bench, states: Sequence[State], reference: State, seeds: int) -> list[Comparison]:
    fresh = fresh_seeds(history.trials, seeds, history.run.seed)
    return list(compare(bench, states, reference, fresh, lambda _: None, threading.Event())) if states else []


def _ablations(history: History, kept: Sequence[Trial]) -> tuple[list[State], list[Comparison]]:
    """What can be trained without each change, and what cannot."""
    states, gone = [], []
    for trial in kept:
        taken = without(history, trial)
        name = f"without #{trial.number} {trial.proposal.hypothesis}"
        if taken.source is None:
            gone.append(Comparison(what=name, failure=taken.reason))
            continue
        proposal = Proposal(hypothesis=name, by=Provenance(method="ablate", origin="replay", replays=trial.number))
        states.append(State(name, history.draft(trial.number, proposal, taken.source).commit, trial.number))
    return states, gone


def _report(history: History, found: Sequence[Comparison], against: str, as_json: bool) -> None:
    """Everything that a paper needs to say, as JSON; or a line each."""
    if as_json:
        versions = {"python": sys.version.split()[0], **_versions("torch", "numpy")}
        facts = {
            "branch": history.branch, "commit": history.tip, "budget": str(history.run.budget), "machine": machine_name(),
            "versions": versions, "command": " ".join(["autoresearch", *sys.argv[1:]]), "against": against,
        }  # fmt: skip
        typer.echo(json.dumps({**facts, "comparisons": [_plain(one) for one in found]}, indent=2))
        return
    for one in found:
        interval = f"  95 % from {one.interval[0]:+.6f} to {one.interval[1]:+.6f}" if one.interval else ""
        delta = f"{one.delta:+.6f}" if one.delta is not None else ""
        typer.echo(f"{ascii(one.what)[1:-1]}: {one.verdict}  {delta}{interval}  ({len(one.pairs)} pairs {against})")


def _plain(one: Comparison) -> dict[str, Any]:
    return {**one.model_dump(mode="json"), "delta": one.delta, "interval": one.interval, "verdict": one.verdict}


def _versions(*names: str) -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def _trial(history: History, number: int) -> Trial:
    for trial in history.trials:
        if trial.number == number:
            return trial
    raise UsageFault(f"there is no verdict on #{number} in {history.branch}", "autoresearch log")


def _baseline(history: History) -> Trial:
    for trial in history.trials:
        if trial.status == "baseline":
            return trial
    raise HistoryFault(f"{history.branch} has no baseline yet", "autoresearch resume")
