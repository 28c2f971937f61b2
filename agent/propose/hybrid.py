"""Our own method: an optimiser tunes constants, a model advises on them and edits code.

A bandit shares the turns among these arms. What an arm earns is read from the ledger: the gains of
its kept trials per second of its trials and questions, old ones counting less. Turns are shared in
proportion to the cube of that; each arm keeps a small share, since what pays changes during a run.
Every proposal names its arm. Without a model there is one arm, the optimiser.
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
from agent.records.pace import seconds_of
from agent.records.proposals import Proposal
from agent.records.results import TAKEN, Trial

# A gain counts half as much after so many more trials.
HALF_LIFE = 40.0
# Each arm starts as if it had had PRIOR trials that earned what the run does on average (the
# optimiser), or MODEL_CREDIT of that (a model, which costs money). One early failure then does not
# end an arm, and while nobody gains the optimiser has most of the turns.
PRIOR = 1.5
MODEL_CREDIT = 0.5
# The least share of an arm.
FLOOR = 0.01
SHARPNESS = 3.0


class Hybrid:
    """Shares the proposals among the optimiser and, with a model, its advice and its edits."""

    name = "hybrid"

    def __init__(self, model: Model | None) -> None:
        self.looks_ahead = model is not None
        arms: list[Proposer] = [Search("trust", trust.suggest)]
        if model:
            arms += [LlmHps(model), Code(model)]
        self._arms = {arm.name: arm for arm in arms}

    def propose(self, context: Context) -> Proposal | Unreadable:
        """Return the proposal of an arm drawn at random by the shares."""
        shares = shares_of(tuple(self._arms), context.trials, context.pending)
        rng = generator(context.seed, len(context.proposals))
        arm = str(rng.choice(list(shares), p=list(shares.values())))
        return self._arms[arm].propose(context)


@dataclass(frozen=True)
class Earnings:
    """The gains of an arm and the seconds it took, both discounted by age."""

    gain: float = 0.0
    """In loss."""
    seconds: float = 0.0


def shares_of(
    arms: Sequence[str], trials: Sequence[Trial], pending: Sequence[Proposal]
) -> dict[str, float]:
    """Return each arm's share of the next proposals; the shares sum to 1.

    The first of `arms` is the optimiser. Arms without a trial come first. Until an arm has gains,
    time does not count against any.
    """
    proposals = [*(trial.proposal for trial in trials), *pending]
    tried = {proposal.by.method for proposal in proposals}
    untried = [arm for arm in arms if arm not in tried]
    if untried:
        return {arm: 1 / len(untried) if arm in untried else 0.0 for arm in arms}
    earnings = {arm: earnings_of(arm, trials) for arm in arms}
    gain = sum(earned.gain for earned in earnings.values())
    seconds = sum(earned.seconds for earned in earnings.values())
    weights = sum(_weight(len(trials), place) for place in range(len(trials)))
    credit_seconds = PRIOR * (seconds or 1.0) / max(weights, 1.0)
    usual_rate = gain / seconds if gain > 0 else 1.0
    rates = {}
    for arm, earned in earnings.items():
        credit = usual_rate * credit_seconds
        if arm != arms[0]:
            credit *= MODEL_CREDIT
        counted = earned.seconds if gain > 0 else 0.0
        rates[arm] = ((earned.gain + credit) / (counted + credit_seconds)) ** SHARPNESS
    total = sum(rates.values())
    return {arm: FLOOR + (1 - FLOOR * len(arms)) * rate / total for arm, rate in rates.items()}


def earnings_of(arm: str, trials: Sequence[Trial]) -> Earnings:
    """Return the gains of an arm's kept trials, and the seconds of all its trials."""
    gain = 0.0
    seconds = 0.0
    for place, trial in enumerate(trials):
        if trial.proposal.by.method != arm:
            continue
        weight = _weight(len(trials), place)
        seconds += weight * seconds_of(trial)
        if trial.status in TAKEN and trial.delta is not None:
            gain += weight * max(0.0, -trial.delta)
    return Earnings(gain, seconds)


def _weight(count: int, place: int) -> float:
    """Return the weight of the trial at `place` of `count`, which halves with age."""
    return float(2.0 ** -((count - 1 - place) / HALF_LIFE))
