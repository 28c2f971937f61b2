"""Ours: an optimiser tunes the constants, a model advises on them and edits the code, and a bandit shares out the turns.

What an arm earns is read off the ledger: what its kept trials gained, for each second that its trials and its questions took,
the old ones counting less. Turns are shared in proportion to the cube of that; each arm keeps a small share, since what pays
changes as a run goes on. Every proposal names the arm that made it. Without a model there is one arm, the optimiser.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from agent.llm.model import Model
from agent.propose.advise.llm_hps import LlmHps
from agent.propose.code.code import Code
from agent.propose.context import Context, Proposer, Unreadable
from agent.propose.search import trust
from agent.propose.search.scale import generator
from agent.propose.search.search import Search
from agent.records.proposals import Proposal
from agent.records.results import TAKEN, Trial

# In trials: a gain counts half as much when so many have ended since.
HALF_LIFE = 40.0
# In trials: an arm begins as if it had had so many, in which it earned what the run as a whole does (the optimiser), or half of
# that (a model, which costs money): one early failure does not end it; where nobody gains the optimiser has most of the turns.
PRIOR = 1.5
MODEL_CREDIT = 0.5
FLOOR = 0.01
SHARPNESS = 3.0


class Hybrid:
    """Shares the turns among the optimiser and, where there is a model, its advice on constants and its edits of code."""

    name = "hybrid"

    def __init__(self, model: Model | None) -> None:
        self.looks_ahead = model is not None
        advisers: tuple[Proposer, ...] = (LlmHps(model), Code(model)) if model else ()
        self._arms: dict[str, Proposer] = {
            arm.name: arm for arm in (Search("trust", trust.suggest), *advisers)
        }

    def propose(self, context: Context) -> Proposal | Unreadable:
        """What the arm whose turn it is makes of the context."""
        shares = shares_of(tuple(self._arms), context.trials, context.pending)
        rng = generator(context.seed, len(context.trials) + len(context.pending))
        return self._arms[str(rng.choice(list(shares), p=list(shares.values())))].propose(context)


@dataclass(frozen=True)
class Earnings:
    """What an arm gained (bits per byte) in how many seconds, both faded with age."""

    gain: float = 0.0
    seconds: float = 0.0


def shares_of(
    arms: Sequence[str], trials: Sequence[Trial], pending: Sequence[Proposal]
) -> dict[str, float]:
    """The share of the next turns that each arm is due; they sum to 1. The first of `arms` is the optimiser. An arm that was
    never tried comes first; until somebody gained, what the trials took says nothing against an arm."""
    known = {trial.proposal.by.method for trial in trials} | {
        proposal.by.method for proposal in pending
    }
    untried = [arm for arm in arms if arm not in known]
    if untried:
        return {arm: 1 / len(untried) if arm in untried else 0.0 for arm in arms}
    records = {arm: record_of(arm, trials) for arm in arms}
    gain, seconds = sum(r.gain for r in records.values()), sum(r.seconds for r in records.values())
    ended = sum(_weight(len(trials), place) for place in range(len(trials)))
    credit = PRIOR * (seconds or 1.0) / max(ended, 1.0)
    usual = gain / seconds if gain > 0 else 1.0
    rates = {}
    for place, (arm, record) in enumerate(records.items()):
        believed = usual * credit * (MODEL_CREDIT if place else 1.0)
        rates[arm] = (
            (record.gain + believed) / (record.seconds * (gain > 0) + credit)
        ) ** SHARPNESS
    total = sum(rates.values())
    return {arm: FLOOR + (1 - FLOOR * len(arms)) * rate / total for arm, rate in rates.items()}


def record_of(arm: str, trials: Sequence[Trial]) -> Earnings:
    """What the ledger says of an arm: gains of kept trials alone, for the others may be noise; the seconds of all."""
    gain = seconds = 0.0
    for place, trial in enumerate(trials):
        if trial.proposal.by.method == arm:
            weight = _weight(len(trials), place)
            gain += weight * max(0.0, -(trial.delta or 0.0)) * (trial.status in TAKEN)
            seconds += weight * seconds_of(trial)
    return Earnings(gain, seconds)


def _weight(count: int, place: int) -> float:
    """How much the trial at `place` of `count` still counts."""
    return float(2.0 ** -((count - 1 - place) / HALF_LIFE))


def seconds_of(trial: Trial) -> float:
    """What a trial took: its question, its training and its scoring."""
    ran = trial.result
    return trial.proposal.by.seconds + (ran.seconds + ran.score_seconds if ran else 0.0)
