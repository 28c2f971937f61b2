"""Recognises scores that are too good to be believed after one run.

An implausible score is measured again at once, under a fresh seed and the full audit. If it passes,
it is judged like any other trial; if not, it waits as `suspect` for a human to approve or reject.
"""

import re
from collections.abc import Sequence
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, FiniteFloat, model_validator

from agent.records.bounded import Natural, Stamp, Text
from agent.records.objective import Sense, score_text
from agent.records.proposals import Proposal
from agent.records.results import TAKEN, Pair, Result, Score, Trial
from sandbox.ground.record import Record

# A gain is a jump if it exceeds both this share of the incumbent's score and this many times the
# run's largest gain.
JUMP_SHARE = 0.1
JUMP_TIMES = 2.0
APPROVE = "approve"
"""Name of the method of trials that repeat a suspect because a human approved it."""
RECHECKED = {
    "sealed": "the score was implausible, and the full audit under a fresh seed found nothing",
    "evaluated": (
        "the score was implausible, and the project's evaluator repeated it under a fresh seed"
    ),
    "self-reported": (
        "the score was implausible, and repeated under a fresh seed; "
        "it is self-reported, so nobody audited it"
    ),
}
"""Words for a score that passed its second measurement, by the kind of score."""
_NUMBER = r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[-+]?\d+)?"
_RANGE = re.compile(rf"\s*({_NUMBER})\s*\.\.\s*({_NUMBER})\s*", re.IGNORECASE | re.ASCII)


class Interval(Record):
    """The range of scores that the owner calls plausible, ends included; written `0.5 .. 9`."""

    low: FiniteFloat
    high: FiniteFloat

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low >= self.high:
            raise ValueError(f"the lower end {self.low:g} is not below the upper end {self.high:g}")
        return self

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high

    def __str__(self) -> str:
        return f"{self.low:g} .. {self.high:g}"


class Rejection(Record):
    """A human's rejection of a suspect or held trial."""

    number: Natural
    because: Text = ""
    at: Stamp
    """When, ISO 8601 UTC."""


def _read(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    match = _RANGE.fullmatch(value)
    if not match:
        raise ValueError(f"not a range: {value!r} (write 0.5 .. 9)")
    return {"low": float(match[1]), "high": float(match[2])}


Plausible = Annotated[Interval | None, BeforeValidator(_read)]


def out_of_range(score: Score, plausible: Interval | None) -> str:
    """Return why `score` is outside the plausible range; "" inside it or without one."""
    if plausible is None or score.value in plausible:
        return ""
    return f"{score_text(score.value)} is outside the plausible range {plausible}"


def another_summary(score: Score, incumbent: Trial) -> str:
    """Return why a score is doubted because it was printed more often than usual; else "".

    A forged score needs only one more print at exit. If the incumbent prints its score in every
    epoch, the number may vary.
    """
    scores = incumbent.result.own if incumbent.result else ()
    usual = max((1, *(own.summaries for own in scores)))
    if score.summaries > usual:
        return f"it printed {score.summaries} summaries, where the incumbent prints {usual}"
    once = bool(scores) and all(own.times == 1 for own in scores)
    if once and score.times > 1:
        return f"it printed its score {score.times} times, where the incumbent prints it once"
    return ""


def jump(score: Score, incumbent: float, trials: Sequence[Trial], sense: Sense) -> str:
    """Return why the gain of `score` is a jump beyond the run's other gains; else ""."""
    gain = sense.loss(incumbent) - sense.loss(score.value)
    change = abs(incumbent - score.value)
    gains = [-trial.delta for trial in trials if trial.status in TAKEN and trial.delta is not None]
    largest = max(gains, default=0.0)
    if change <= JUMP_SHARE * abs(incumbent) or gain <= JUMP_TIMES * largest:
        return ""
    share = f"{change / abs(incumbent):.0%} " if incumbent else ""
    return (
        f"{score_text(score.value)} is {share}better than the incumbent, a jump beyond anything "
        "kept so far"
    )


def implausible(
    result: Result,
    incumbent: Trial,
    pairs: Sequence[Pair],
    trials: Sequence[Trial] | None,
    plausible: Interval | None,
    sense: Sense,
    replaced: str = "",
) -> str:
    """Return why one of the attempt's own scores is too good to be believed; "" if none is.

    trials: the ledger, to compare a jump with its gains; None to allow jumps. replaced: why the
    edit itself casts doubt on a score that it prints.
    """
    paired = {pair.seed: pair.incumbent for pair in reversed(pairs)}
    for score in result.own:
        against = paired.get(score.seed, incumbent.value)
        if against is None or not sense.is_better(score.value, against):
            continue
        why = replaced if score.kind == "self-reported" else ""
        why = why or out_of_range(score, plausible) or another_summary(score, incumbent)
        if not why and trials is not None:
            why = jump(score, against, trials, sense)
        if why:
            return why
    return ""


def is_suspect(
    result: Result, plausible: Interval | None, incumbent: Trial, replaced: str = ""
) -> bool:
    """Return whether an implausible score failed its second measurement.

    A self-reported score fails if it is still out of range or printed too often, or if the edit
    replaced what measures, even if it repeats, since nothing audits it.
    """
    if result.recheck == "failed":
        return True
    newest = result.own[-1]
    if result.recheck is None or newest.kind != "self-reported":
        return False
    return bool(replaced or out_of_range(newest, plausible) or another_summary(newest, incumbent))


def approved_by(proposal: Proposal) -> int | None:
    """Return the number of the approved trial that `proposal` repeats; else None."""
    if proposal.by.method == APPROVE and proposal.by.origin == "human":
        return proposal.by.replays
    return None
