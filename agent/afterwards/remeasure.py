"""Trains states of a run again, side by side under fresh seeds, for `replicate` and `ablate`."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pydantic import FiniteFloat

from agent.errors import HistoryFault
from agent.evaluate.bench import Assignment, Measures
from agent.evaluate.watch import Listener
from agent.judge.comparison import Comparison
from agent.judge.guards import weigh
from agent.judge.noise import Noise
from agent.records.guards import Guard, GuardResult
from agent.records.proposals import Proposal, Provenance
from agent.records.results import Attempt, Order, Pair, Trial
from agent.records.slots import Slot
from sandbox.ground.deadline import Usual
from sandbox.ground.record import Record
from sandbox.score.evaluator.evaluation import Split


class Scored(Record):
    """A state's score under one seed."""

    value: FiniteFloat | None
    failure: str = ""
    """Why there is no score."""
    also: dict[str, FiniteFloat] = {}
    """The metrics beside it."""


@dataclass(frozen=True)
class State:
    """Something that can be trained."""

    name: str
    commit: str
    number: int
    """Of the trial whose state it is."""


def state_of(trial: Trial) -> State:
    """Return the state that a trial tried; raise HistoryFault where it was never trained."""
    if not trial.attempt or trial.result is None:
        message = f"#{trial.number} was never trained: nothing to measure again"
        raise HistoryFault(message, f"autoresearch show {trial.number}")
    return State(f"#{trial.number} {trial.proposal.hypothesis}", trial.attempt, trial.number)


def compare(
    bench: Measures,
    candidates: Sequence[State],
    reference: State,
    seeds: Sequence[int],
    listen: Listener,
    cancel: threading.Event,
    usual: Usual | None,
    split: Split = "val",
    guards: Sequence[Guard] = (),
) -> Iterator[Comparison]:
    """Train every state under every seed, and compare each candidate with the reference.

    All of it in one slot. The runs are interleaved by seed so that machine drift affects all states
    equally. A state that failed is not trained again. usual: how long the run's baseline trains on
    this machine. guards: what each candidate is held to; the reference is the baseline of those
    that are relative.
    """
    slot = bench.slots[0]
    states = (reference, *candidates)
    scores: dict[str, dict[int, Scored]] = {state.commit: {} for state in states}
    for turn, seed in enumerate(seeds):
        for state in states if turn % 2 == 0 else reversed(states):
            own = scores[state.commit]
            if any(score.failure for score in own.values()):
                continue
            role = "incumbent" if state is reference else "candidate"
            order = Order(commit=state.commit, seed=seed, role=role, split=split)
            own[seed] = _train(bench, _assignment(slot, state, order, turn, usual), listen, cancel)
            if cancel.is_set():
                return
    for state in candidates:
        yield _comparison(state, scores[state.commit], scores[reference.commit], guards)


def time_baseline(
    bench: Measures, baseline: State, seed: int, listen: Listener, cancel: threading.Event
) -> Usual | None:
    """Return how long the run's baseline trains on this machine; None where that was stopped.

    Raise HistoryFault where the baseline fails here.
    """
    order = Order(commit=baseline.commit, seed=seed, role="baseline")
    run = bench.run(_assignment(bench.slots[0], baseline, order, 0, None), listen, cancel)
    if run is None:
        return None
    if run.status != "scored":
        message = f"the baseline fails on this machine ({run.status}): {run.detail}"
        raise HistoryFault(message, "autoresearch log")
    [score] = run.scores
    stepping = None if score.startup is None else run.seconds - score.startup
    return Usual(seconds=run.seconds, stepping=stepping)


def _assignment(
    slot: Slot, state: State, order: Order, turn: int, usual: Usual | None
) -> Assignment:
    proposal = Proposal(hypothesis=state.name, by=Provenance(method="remeasure", origin="replay"))
    attempt = Attempt(
        number=state.number, commit=state.commit, parent=state.commit, proposal=proposal
    )
    return Assignment(attempt, order, slot, turn + 1, usual)


def _train(
    bench: Measures, assignment: Assignment, listen: Listener, cancel: threading.Event
) -> Scored:
    run = bench.run(assignment, listen, cancel)
    if run is None:
        return Scored(value=None, failure="stopped")
    if run.status != "scored":
        return Scored(value=None, failure=f"{run.status}: {run.detail}")
    return Scored(value=run.scores[0].value, also=run.scores[0].also)


def _comparison(
    state: State, own: dict[int, Scored], other: dict[int, Scored], guards: Sequence[Guard]
) -> Comparison:
    for score in (*own.values(), *other.values()):
        if score.failure:
            return Comparison(what=state.name, trial=state.number, failure=score.failure)
    pairs = []
    for seed, score in own.items():
        reference = other.get(seed)
        if score.value is not None and reference and reference.value is not None:
            pairs.append(Pair(seed=seed, candidate=score.value, incumbent=reference.value))
    return Comparison(
        what=state.name,
        trial=state.number,
        pairs=tuple(pairs),
        guards=tuple(_held_to(guards, own, other)),
    )


def _held_to(
    guards: Sequence[Guard], own: dict[int, Scored], other: dict[int, Scored]
) -> Iterator[GuardResult]:
    """Yield what the runs say of each guard, by the scatter of these runs alone."""
    for guard in guards:
        values = _values(own, guard.metric)
        found = weigh(guard, values, _values(other, guard.metric), Noise()) if values else None
        if found:
            yield found


def _values(scores: dict[int, Scored], metric: str) -> dict[int, float]:
    return {seed: score.also[metric] for seed, score in scores.items() if metric in score.also}
