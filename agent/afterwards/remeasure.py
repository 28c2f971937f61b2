"""Measures states of a run again, side by side under fresh seeds: what `replicate` and `ablate` are made of. Decides nothing."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice

from pydantic import FiniteFloat

from agent.edit import Applied, apply, diff
from agent.errors import HistoryFault
from agent.evaluate.bench import Assignment, Listener, Measures
from agent.history.history import History
from agent.judge.comparison import Comparison
from agent.records.edits import Edit, SetConstant
from agent.records.proposals import Proposal, Provenance
from agent.records.results import KEPT, Attempt, Order, Pair, Trial
from agent.space import read_constants
from sandbox.ground.deadline import Usual
from sandbox.ground.record import Record


class Scored(Record):
    """A state's score under one seed; or why there is none."""

    value: FiniteFloat | None
    failure: str = ""


@dataclass(frozen=True)
class State:
    """Something that can be trained: a commit, and what to call it."""

    name: str
    commit: str
    number: int


def fresh_seeds(trials: Sequence[Trial], how_many: int, first: int) -> tuple[int, ...]:
    """Seeds under which no verdict of the run was reached."""
    used = {score.seed for trial in trials if trial.result for score in trial.result.scores}
    return tuple(islice((seed for seed in count(first) if seed not in used), how_many))


def compare(
    bench: Measures,
    candidates: Sequence[State],
    reference: State,
    seeds: Sequence[int],
    listen: Listener,
    cancel: threading.Event,
    usual: Usual | None,
) -> Iterator[Comparison]:
    """Train every state under every seed, all of a seed before the next: a drift meets all alike.

    usual: what the run's baseline takes on this machine, by which their time is judged.
    """
    table: dict[str, dict[int, Scored]] = {state.commit: {} for state in (reference, *candidates)}
    for turn, seed in enumerate(seeds):
        states = (reference, *candidates) if turn % 2 == 0 else (*reversed(candidates), reference)
        for state in states:
            if not any(scored.failure for scored in table[state.commit].values()):
                order = Order(
                    commit=state.commit,
                    seed=seed,
                    role="incumbent" if state is reference else "candidate",
                )
                table[state.commit][seed] = _train(
                    bench, _assignment(bench, state, order, turn, usual), listen, cancel
                )
                if cancel.is_set():
                    return
    for state in candidates:
        yield _comparison(state, table[state.commit], table[reference.commit])


def time_baseline(
    bench: Measures, baseline: State, seed: int, listen: Listener, cancel: threading.Event
) -> Usual | None:
    """What the run's baseline takes on this machine; None where that was stopped. HistoryFault where it fails here."""
    order = Order(commit=baseline.commit, seed=seed, role="baseline")
    run = bench.run(_assignment(bench, baseline, order, 0, None), listen, cancel)
    if run is None:
        return None
    if run.status != "scored":
        raise HistoryFault(
            f"the baseline fails on this machine ({run.status}): {run.detail}", "autoresearch log"
        )
    [score] = run.scores
    steps = None if score.startup is None else run.seconds - score.startup
    return Usual(seconds=run.seconds, stepping=steps)


def _assignment(
    bench: Measures, state: State, order: Order, turn: int, usual: Usual | None
) -> Assignment:
    proposal = Proposal(hypothesis=state.name, by=Provenance(method="remeasure", origin="replay"))
    attempt = Attempt(
        number=state.number, commit=state.commit, parent=state.commit, proposal=proposal
    )
    return Assignment(attempt, order, bench.slots[0], turn + 1, usual)


def _train(
    bench: Measures, assignment: Assignment, listen: Listener, cancel: threading.Event
) -> Scored:
    run = bench.run(assignment, listen, cancel)
    if run is None:
        return Scored(value=None, failure="stopped")
    if run.status != "scored":
        return Scored(value=None, failure=f"{run.status}: {run.detail}")
    return Scored(value=run.scores[0].value)


def _comparison(state: State, own: dict[int, Scored], other: dict[int, Scored]) -> Comparison:
    failures = [scored.failure for scored in (*own.values(), *other.values()) if scored.failure]
    pairs = tuple(
        Pair(seed=seed, candidate=mine.value, incumbent=theirs.value)
        for seed, mine in own.items()
        if (theirs := other.get(seed)) and mine.value is not None and theirs.value is not None
    )
    return Comparison(
        what=state.name,
        trial=state.number,
        pairs=pairs if not failures else (),
        failure=failures[0] if failures else "",
    )


# ---------------------------------------------------------------- ablation


@dataclass(frozen=True)
class Without:
    """The final state with one kept change taken out: its train.py, or why that cannot be had."""

    trial: Trial
    source: str | None
    reason: str = ""


def kept_changes(trials: Sequence[Trial]) -> tuple[Trial, ...]:
    """What was kept, oldest first, behind the newest baseline."""
    found: list[Trial] = []
    for trial in trials:
        found = (
            [] if trial.status == "baseline" else [*found, trial] if trial.status in KEPT else found
        )
    return tuple(found)


def without(history: History, trial: Trial) -> Without:
    """The tip's train.py with the change of `trial` undone: the reverse of its edits, but for what later ones have set anew."""
    before, after = history.source_at(f"{trial.attempt}^"), history.source_at(trial.attempt)
    then, now = read_constants(after), read_constants(history.source)
    still = [
        e
        for e in reverse(before, after)
        if not isinstance(e, SetConstant) or now.get(e.name) == then.get(e.name)
    ]
    if not still:
        return Without(trial, None, "later changes replaced it")
    back = apply(history.source, still)
    if not isinstance(back, Applied):
        return Without(trial, None, f"later changes build on it ({back})")
    if back.source == history.source:
        return Without(trial, None, "later changes replaced it")
    return Without(trial, back.source)


def reverse(before: str, after: str) -> tuple[Edit, ...]:
    """The edits that undo a change."""
    return tuple(diff(after, before))


def state_of(trial: Trial) -> State:
    """The state that a trial tried."""
    if not trial.attempt or trial.result is None:
        raise HistoryFault(
            f"#{trial.number} was never trained: nothing to measure again",
            f"autoresearch show {trial.number}",
        )
    return State(f"#{trial.number} {trial.proposal.hypothesis}", trial.attempt, trial.number)
