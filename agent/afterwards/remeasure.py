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
from agent.records.guards import Guard
from agent.records.proposals import Proposal, Provenance
from agent.records.results import Attempt, Order, Pair, Role, Trial
from agent.records.slots import Slot
from sandbox.ground.deadline import Usual
from sandbox.ground.record import Record
from sandbox.ground.text import one_line
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
    """A state of the run that can be trained."""

    name: str
    commit: str
    number: int
    """Of the trial whose state it is."""


@dataclass(frozen=True)
class Limits:
    """The guards that states are held to."""

    guards: Sequence[Guard] = ()
    baseline: State | None = None
    """The run's first baseline; None where that is the state that others are compared with."""

    @property
    def is_relative(self) -> bool:
        """Whether one of the guards depends on the first baseline."""
        return any(guard.is_relative for guard in self.guards)

    def baseline_or(self, reference: State) -> State:
        """Return the first baseline, which may be the state that others are compared with."""
        return self.baseline or reference

    def needs_baseline_beside(self, reference: State) -> bool:
        """Return whether the first baseline is to be trained beside the reference."""
        return self.is_relative and self.baseline_or(reference).commit != reference.commit


def state_of(trial: Trial) -> State:
    """Return the state that a trial tried. Raise HistoryFault if it was never trained."""
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
    limits: Limits | None = None,
) -> Iterator[Comparison]:
    """Train every state under every seed, and compare each candidate with the reference.

    All of it in one slot. The runs are interleaved by seed so that machine drift affects all states
    equally. A state that failed is not trained again. usual: how long the run's baseline trains on
    this machine. limits: what each candidate is held to; their baseline is trained like the other
    states.
    """
    slot = bench.slots[0]
    limits = limits or Limits()
    states = [reference, *candidates]
    if limits.needs_baseline_beside(reference):
        states.append(limits.baseline_or(reference))
    judged = {state.commit for state in candidates} - {reference.commit}
    scores: dict[str, dict[int, Scored]] = {state.commit: {} for state in states}
    for turn, seed in enumerate(seeds):
        for state in states if turn % 2 == 0 else reversed(states):
            own = scores[state.commit]
            if any(score.failure for score in own.values()):
                continue
            role: Role = "candidate" if state.commit in judged else "incumbent"
            order = Order(commit=state.commit, seed=seed, role=role, split=split)
            own[seed] = _train(bench, _assignment(slot, state, order, turn, usual), listen, cancel)
            if cancel.is_set():
                return
    first = scores[limits.baseline_or(reference).commit] if limits.is_relative else {}
    for state in candidates:
        own = scores[state.commit]
        compared = _comparison(state, own, scores[reference.commit])
        yield compared if compared.failure else _held(compared, limits.guards, own, first)


def time_baseline(
    bench: Measures, baseline: State, seed: int, listen: Listener, cancel: threading.Event
) -> Usual | None:
    """Return how long the run's baseline trains on this machine; None if that was stopped.

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


def _comparison(state: State, own: dict[int, Scored], other: dict[int, Scored]) -> Comparison:
    for score in (*own.values(), *other.values()):
        if score.failure:
            return Comparison(what=state.name, trial=state.number, failure=score.failure)
    pairs = []
    for seed, score in own.items():
        reference = other.get(seed)
        if score.value is not None and reference and reference.value is not None:
            pairs.append(Pair(seed=seed, candidate=score.value, incumbent=reference.value))
    return Comparison(what=state.name, trial=state.number, pairs=tuple(pairs))


def _held(
    compared: Comparison,
    guards: Sequence[Guard],
    own: dict[int, Scored],
    baseline: dict[int, Scored],
) -> Comparison:
    """Return a comparison with the results of the guards, from these runs alone."""
    results = []
    unjudged = []
    for guard in guards:
        values = _values(own, guard.metric)
        result = weigh(guard, values, _values(baseline, guard.metric), Noise()) if values else None
        if result:
            results.append(result)
        else:
            unjudged.append(str(guard))
    failures = [score.failure for score in baseline.values() if score.failure]
    why = f" (the first baseline: {failures[0]})" if unjudged and failures else ""
    return compared.model_copy(
        update={"guards": tuple(results), "unjudged": one_line(f"{', '.join(unjudged)}{why}")}
    )


def _values(scores: dict[int, Scored], metric: str) -> dict[int, float]:
    return {seed: score.also[metric] for seed, score in scores.items() if metric in score.also}
