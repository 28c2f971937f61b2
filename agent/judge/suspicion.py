"""Scores that are too good to be taken on one run: what makes one implausible, and which trials repeat a suspect by approval.

An implausible score is measured again at once, under a fresh seed and the full audit. What passes is judged as any other trial;
what fails waits as `suspect` until a human approves or rejects it.
"""

import re
from collections.abc import Sequence
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, FiniteFloat, model_validator

from agent.records.bounded import Natural, Stamp, Text
from agent.records.proposals import Proposal
from agent.records.results import TAKEN, Pair, Result, Score, Trial
from sandbox.ground.record import Record

# A gain is a jump where it is larger than both: this share of the incumbent's score, and this many times the run's largest gain.
JUMP_SHARE = 0.1
JUMP_TIMES = 2.0
APPROVE = "approve"
"""The method of a trial that repeats a suspect's edits because a human approved them."""
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?"


class Interval(Record):
    """The val_bpb that an owner holds for plausible, both ends included; written `0.5 .. 9`."""

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
    """A human's word that a suspect was rightly held back."""

    number: Natural
    because: Text = ""
    at: Stamp
    """When, ISO 8601 UTC."""


def _read(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    match = re.fullmatch(
        rf"\s*({_NUMBER})\s*\.\.\s*({_NUMBER})\s*", value, re.IGNORECASE | re.ASCII
    )
    if not match:
        raise ValueError(f"not a range: {value!r} (write 0.5 .. 9)")
    return {"low": float(match[1]), "high": float(match[2])}


Plausible = Annotated[Interval | None, BeforeValidator(_read)]


def out_of_range(score: Score, plausible: Interval | None) -> str:
    """Why `score` lies outside the stated range; empty where it does not, or none is stated."""
    if plausible is None or score.value in plausible:
        return ""
    return f"{score.value:.6f} is outside the plausible range {plausible}"


def jump(score: Score, incumbent: float, trials: Sequence[Trial]) -> str:
    """Why the gain of `score` over `incumbent` is larger than anything seen in the run; empty where it is not."""
    gain = incumbent - score.value
    largest = max(
        (-trial.delta for trial in trials if trial.status in TAKEN and trial.delta is not None),
        default=0.0,
    )
    if gain <= JUMP_SHARE * abs(incumbent) or gain <= JUMP_TIMES * largest:
        return ""
    return f"{score.value:.6f} is {gain / abs(incumbent):.0%} better than the incumbent, a jump beyond anything kept so far"


def implausible(
    result: Result,
    incumbent: Trial,
    pairs: Sequence[Pair],
    trials: Sequence[Trial] | None,
    plausible: Interval | None,
) -> str:
    """Why one of the attempt's own scores is too good to be believed; empty where none is. trials: None to allow jumps."""
    for score in result.own:
        against = next(
            (pair.incumbent for pair in pairs if pair.seed == score.seed), incumbent.value
        )
        if against is None or score.value >= against:
            continue
        why = out_of_range(score, plausible) or (
            jump(score, against, trials) if trials is not None else ""
        )
        if why:
            return why
    return ""


def is_suspect(result: Result, plausible: Interval | None) -> bool:
    """Whether an implausible score failed its second measurement. No audit vouches for a self-reported one out of range."""
    if result.recheck == "failed":
        return True
    newest = result.own[-1]
    return bool(
        result.recheck and newest.kind == "self-reported" and out_of_range(newest, plausible)
    )


def approved_by(proposal: Proposal) -> int | None:
    """The number of the suspect that `proposal` repeats by approval; None for any other proposal."""
    return (
        proposal.by.replays
        if proposal.by.method == APPROVE and proposal.by.origin == "human"
        else None
    )
