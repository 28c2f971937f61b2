"""What a run that has kept nothing for a while asks its model for: another class of change, by a rule that anyone can read.

After `patience` measured trials without a keep, each question asks for one of these, in turn:

    bolder    a change of another class than those of the plateau: of code where constants were turned, elsewhere where code was
    combine   two near misses at once, named by number; a pair is asked for once
    undo      one kept change taken back and something else put in its place, the least certain first; each is asked for once
    remove    code that does not earn its keep: what scores the same with less of it is kept as a simplification

A keep ends it. `undo` stands for "an earlier kept state as the parent": the loop proposes on the tip alone, so an earlier state
is reached by an edit, is measured like any other trial, and nothing that was kept since is lost.

Everything here is a function of the ledger and of what is pending, so a resumed run asks for the same; and what was asked for is
recorded with the proposal.
"""

from collections.abc import Callable, Sequence
from itertools import combinations

from pydantic import Field

from agent.judge.decide import noise_of
from agent.propose.views.digest import near_misses, subject_of
from agent.records.edits import SetConstant
from agent.records.proposals import EXPLORATIONS, Asked, Exploration, Proposal
from agent.records.results import KEPT, TAKEN, Trial
from sandbox.ground.record import Record

# The published run's longest time without a keep was 26 trials; a third of that without one is no bad luck any more.
PATIENCE = 8
# In noises above the incumbent: what is further off is a miss and not a near one.
NEAR = 2.0


class Policy(Record):
    """When to ask for something else, and for what: program.md's `patience` and `explore`. kinds: in turn; none for never."""

    patience: int = Field(default=PATIENCE, ge=1)
    kinds: tuple[Exploration, ...] = EXPLORATIONS


USUAL = Policy()


def asked_now(trials: Sequence[Trial], pending: Sequence[Proposal], policy: Policy) -> Asked | None:
    """What the next proposal is to be; None while the run is doing well, or where there is nothing to name."""
    plateau = plateau_of(trials)
    over = len(plateau) - policy.patience
    if over < 0 or not policy.kinds:
        return None
    before = tuple(
        asked
        for proposal in (*(trial.proposal for trial in trials), *pending)
        if (asked := proposal.by.asked)
    )
    turn = over + sum(proposal.by.asked is not None for proposal in pending)
    for offset in range(len(policy.kinds)):
        kind = policy.kinds[(turn + offset) % len(policy.kinds)]
        numbers = _NAMED[kind](trials, before)
        if numbers is not None:
            return Asked(kind=kind, trials=numbers, after=len(plateau))
    return None


def plateau_of(trials: Sequence[Trial]) -> tuple[Trial, ...]:
    """The trials that were measured since the last keep, or since the baseline, oldest first."""
    found: list[Trial] = []
    for trial in reversed(trials):
        if trial.status in KEPT:
            break
        found += [trial] if trial.result else []
    return tuple(reversed(found))


def turned_constants(trials: Sequence[Trial]) -> bool:
    """Whether most of the trials set constants and did nothing else."""
    plain = sum(
        all(isinstance(edit, SetConstant) for edit in trial.proposal.edits) for trial in trials
    )
    return 2 * plain > len(trials)


def subjects(trials: Sequence[Trial]) -> tuple[str, ...]:
    """The constants and definitions that the trials were about, the first tried first."""
    return tuple(
        dict.fromkeys(subject_of(edit) for trial in trials for edit in trial.proposal.edits)
    )


# ---------------------------------------------------------------- which trials are named


def _nothing(*_: object) -> tuple[int, ...]:
    return ()


def _pair(trials: Sequence[Trial], before: Sequence[Asked]) -> tuple[int, ...] | None:
    """The best pair of near misses that was not asked for yet; of those that the noise may have hidden a gain in."""
    scatter = noise_of(trials).scatter
    done = {frozenset(asked.trials) for asked in before if asked.kind == "combine"}
    missed = [
        trial.number
        for trial in near_misses(trials)
        if scatter is None or (trial.delta or 0.0) <= NEAR * scatter
    ]
    return next((pair for pair in combinations(missed, 2) if frozenset(pair) not in done), None)


def _doubtful(trials: Sequence[Trial], before: Sequence[Asked]) -> tuple[int, ...] | None:
    """The kept change with the smallest gain, or with none that was measured, that nobody was asked to undo yet."""
    done = {number for asked in before if asked.kind == "undo" for number in asked.trials}
    kept = [trial for trial in trials if trial.status in TAKEN and trial.number not in done]
    weakest = max(
        kept, key=lambda trial: trial.delta if trial.delta is not None else 0.0, default=None
    )
    return (weakest.number,) if weakest else None


_NAMED: dict[Exploration, Callable[[Sequence[Trial], Sequence[Asked]], tuple[int, ...] | None]] = {
    "bolder": _nothing,
    "combine": _pair,
    "undo": _doubtful,
    "remove": _nothing,
}
