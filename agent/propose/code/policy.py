"""Chooses the kind of change that a model is asked for during a plateau.

After `patience` measured trials without a keep, each question asks for one of these, in turn:

    bolder    another class of change: of code if constants were set, elsewhere if code was changed
    combine   two near misses at once, named by number; each pair is asked for once
    undo      one kept change replaced by something else, the least certain first; each once
    remove    code that does not help: what scores the same with less is kept as a simplification

A keep ends the plateau. `undo` stands for "an earlier kept state as the parent": the loop proposes
on the tip alone, so an earlier state is reached by an edit, is measured like any other trial, and
nothing kept since is lost.

All of this is a function of the ledger and of the pending proposals, so a resumed run asks for the
same. What was asked for is recorded with the proposal.
"""

from collections.abc import Callable, Sequence
from itertools import combinations

from pydantic import Field

from agent.judge.noise import noise_of
from agent.propose.views.digest import near_misses, subject_of
from agent.records.edits import SetConstant
from agent.records.events import PATIENCE
from agent.records.objective import Sense
from agent.records.proposals import EXPLORATIONS, Asked, Exploration, Proposal
from agent.records.results import KEPT, TAKEN, Trial
from sandbox.ground.record import Record

# Distance from the incumbent, in noise, up to which a miss is a near one.
NEAR = 2.0

Named = tuple[int, ...] | None
"""Numbers of the trials that a question names; None if there is nothing to ask for."""


class Policy(Record):
    """When to ask for another kind of change, and for which: `patience` and `explore`."""

    patience: int = Field(default=PATIENCE, ge=1)
    """Measured trials without a keep."""
    kinds: tuple[Exploration, ...] = EXPLORATIONS
    """In turn; () for never."""


USUAL = Policy()


def asked_now(
    trials: Sequence[Trial],
    pending: Sequence[Proposal],
    policy: Policy,
    sense: Sense,
    writing: int = 0,
) -> Asked | None:
    """Return the kind of change to ask for; None without a plateau.

    writing: how many others are asked at the same time.
    """
    plateau = plateau_of(trials)
    over = len(plateau) - policy.patience
    if over < 0 or not policy.kinds:
        return None
    proposals = [*(trial.proposal for trial in trials), *pending]
    before = [proposal.by.asked for proposal in proposals if proposal.by.asked]
    turn = over + writing + sum(proposal.by.asked is not None for proposal in pending)
    for offset in range(len(policy.kinds)):
        kind = policy.kinds[(turn + offset) % len(policy.kinds)]
        numbers = _NAMED[kind](trials, before, sense)
        if numbers is not None:
            return Asked(kind=kind, trials=numbers, after=len(plateau))
    return None


def plateau_of(trials: Sequence[Trial]) -> tuple[Trial, ...]:
    """Return the trials measured since the last keep, or since the baseline, oldest first."""
    plateau: list[Trial] = []
    for trial in reversed(trials):
        if trial.status in KEPT:
            break
        if trial.result:
            plateau.append(trial)
    return tuple(reversed(plateau))


def turned_constants(trials: Sequence[Trial]) -> bool:
    """Return whether most of the trials only set constants."""
    return 2 * sum(map(_only_constants, trials)) > len(trials)


def _only_constants(trial: Trial) -> bool:
    return all(isinstance(edit, SetConstant) for edit in trial.proposal.edits)


def subjects(trials: Sequence[Trial]) -> tuple[str, ...]:
    """Return the constants and definitions that the trials were about, in order of first use."""
    names: dict[str, None] = {}
    for trial in trials:
        for edit in trial.proposal.edits:
            names[subject_of(edit)] = None
    return tuple(names)


# ---------------------------------------------------------------- which trials are named


def _no_trial(trials: Sequence[Trial], before: Sequence[Asked], sense: Sense) -> Named:  # noqa: ARG001
    return ()


def _pair(trials: Sequence[Trial], before: Sequence[Asked], sense: Sense) -> Named:
    """Return the best pair of near misses that was not asked for yet.

    A near miss counts only if noise may have hidden its gain.
    """
    scatter = noise_of(trials, sense).scatter
    done = {frozenset(asked.trials) for asked in before if asked.kind == "combine"}
    misses = near_misses(trials)
    if scatter is not None:
        misses = [trial for trial in misses if (trial.delta or 0.0) <= NEAR * scatter]
    for pair in combinations([trial.number for trial in misses], 2):
        if frozenset(pair) not in done:
            return pair
    return None


def _doubtful(trials: Sequence[Trial], before: Sequence[Asked], sense: Sense) -> Named:  # noqa: ARG001
    """Return the kept change with the smallest gain, unless undoing it was asked for before."""
    done: set[int] = set()
    for asked in before:
        if asked.kind == "undo":
            done.update(asked.trials)
    kept = [trial for trial in trials if trial.status in TAKEN and trial.number not in done]
    if not kept:
        return None
    weakest = max(kept, key=lambda trial: trial.delta or 0.0)
    return (weakest.number,)


_NAMED: dict[Exploration, Callable[[Sequence[Trial], Sequence[Asked], Sense], Named]] = {
    "bolder": _no_trial,
    "combine": _pair,
    "undo": _doubtful,
    "remove": _no_trial,
}
