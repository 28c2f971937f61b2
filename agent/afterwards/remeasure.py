"""Trains states of a run again, side by side under fresh seeds, for `replicate` and `ablate`."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agent.afterwards.side_by_side import Scored, Scores, SideBySide, State, Tell, Timing
from agent.errors import HistoryFault, PlaceLost
from agent.evaluate.bench import Measures
from agent.evaluate.results import Units
from agent.judge.comparison import Comparison
from agent.judge.guards import weigh
from agent.judge.noise import Noise
from agent.records.guards import Guard
from agent.records.results import Order, Pair, Role, Trial
from sandbox.ground.text import one_line
from sandbox.score.evaluator.evaluation import Split


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


@dataclass(frozen=True)
class Compared:
    """Comparisons of states that were trained side by side."""

    comparisons: tuple[Comparison, ...]
    machine: str
    """Where; several machines of one kind, if places were lost; empty if no seed was finished."""
    seeds: int
    """How many seeds were finished."""
    lost: PlaceLost | None
    """Why further seeds were not: no place was left."""


def compare(
    bench: Measures,
    candidates: Sequence[State],
    reference: State,
    seeds: Sequence[int],
    tell: Tell,
    cancel: threading.Event,
    timing: Timing | None,
    split: Split = "val",
    limits: Limits | None = None,
) -> Compared:
    """Train every state under every seed, and compare each candidate with the reference.

    limits: what each candidate is held to; their baseline is trained like the other states. Others
    as for SideBySide. Raise HistoryFault where the run's baseline fails.
    """
    limits = limits or Limits()
    states = [reference, *candidates]
    if limits.needs_baseline_beside(reference):
        states.append(limits.baseline_or(reference))
    judged = {state.commit for state in candidates} - {reference.commit}

    def order_of(state: State, seed: int) -> Order:
        role: Role = "candidate" if state.commit in judged else "incumbent"
        return Order(commit=state.commit, seed=seed, role=role, split=split)

    units = Units(tuple(guard.metric for guard in limits.guards))
    training = SideBySide(bench, states, seeds, order_of, tell, cancel, timing, units)
    lost: PlaceLost | None = None
    try:
        training.train()
    except PlaceLost as none_left:
        lost = none_left
    compared = _compared(training.scores, candidates, reference, limits)
    machine = " and ".join(dict.fromkeys(training.machines.values()))
    return Compared(compared, machine, len(training.machines), lost)


def _compared(
    scores: Scores, candidates: Sequence[State], reference: State, limits: Limits
) -> tuple[Comparison, ...]:
    first = scores[limits.baseline_or(reference).commit] if limits.is_relative else {}
    comparisons = []
    for state in candidates:
        own = scores[state.commit]
        compared = _comparison(state, own, scores[reference.commit])
        if not compared.failure:
            compared = _held(compared, limits.guards, own, first)
        comparisons.append(compared)
    return tuple(comparisons)


def _comparison(state: State, own: Mapping[int, Scored], other: Mapping[int, Scored]) -> Comparison:
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
    own: Mapping[int, Scored],
    baseline: Mapping[int, Scored],
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


def _values(scores: Mapping[int, Scored], metric: str) -> dict[int, float]:
    return {seed: score.also[metric] for seed, score in scores.items() if metric in score.also}
