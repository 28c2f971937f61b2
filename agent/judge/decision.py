"""The outcomes of judging an attempt: a rerun, or one of the verdicts of the ledger."""

from typing import Literal

from pydantic import FiniteFloat

from agent.records.guards import GuardResult
from agent.records.results import Failure
from agent.records.target import TargetResult
from sandbox.ground.record import Record

Interval = tuple[FiniteFloat, FiniteFloat]
MOVED_ON = "the tip has moved on"
TRIED_AGAIN = f"{MOVED_ON}: tried again on the new one"


class Rerun(Record):
    """Undecided: the candidate or the incumbent is run again, under the next seed."""

    kind: Literal["rerun"] = "rerun"
    reason: str


class Baseline(Record):
    """The unchanged code was measured; later candidates are compared with it."""

    kind: Literal["baseline"] = "baseline"
    reason: str
    guards: tuple[GuardResult, ...] = ()
    target: TargetResult | None = None


class Keep(Record):
    """The candidate is better and becomes the incumbent."""

    kind: Literal["keep"] = "keep"
    reason: str
    delta: FiniteFloat
    """Mean difference of losses to the incumbent; negative is better."""
    interval: Interval | None = None
    """Of delta, at 95 %."""
    guards: tuple[GuardResult, ...] = ()
    target: TargetResult | None = None


class Simplify(Record):
    """The candidate is simpler, not worse than allowed, and becomes the incumbent."""

    kind: Literal["simplify"] = "simplify"
    reason: str
    delta: FiniteFloat
    interval: Interval | None = None
    charge: FiniteFloat
    """The part of the run's allowance that it uses up, as a loss."""
    guards: tuple[GuardResult, ...] = ()
    target: TargetResult | None = None


class Discard(Record):
    """The candidate does not become the incumbent."""

    kind: Literal["discard"] = "discard"
    reason: str
    delta: FiniteFloat | None = None
    """None if nothing could be compared."""
    interval: Interval | None = None
    retry: bool = False
    """Its edits are tried again on the newer tip."""
    guards: tuple[GuardResult, ...] = ()


class Guarded(Record):
    """The candidate is better, but breaks a guard or fails a check."""

    kind: Literal["guarded"] = "guarded"
    reason: str
    delta: FiniteFloat | None = None
    """None for a baseline, and if nothing was compared."""
    interval: Interval | None = None
    guards: tuple[GuardResult, ...] = ()


class Suspect(Record):
    """The score is too good to be believed; a human approves or rejects it."""

    kind: Literal["suspect"] = "suspect"
    reason: str


class Held(Record):
    """The candidate is better, and waits for a human to approve or reject it."""

    kind: Literal["held"] = "held"
    reason: str
    delta: FiniteFloat
    """As in Keep."""
    interval: Interval | None = None
    guards: tuple[GuardResult, ...] = ()


class Skipped(Record):
    """Its training was ended by a human, without a judgement."""

    kind: Literal["skipped"] = "skipped"
    reason: str


class Failed(Record):
    """The candidate has no score: its run failed, or its training was pruned."""

    kind: Failure | Literal["pruned"]
    reason: str


class Refusal(Record):
    """The proposal was not trained."""

    kind: Literal["refused"] = "refused"
    reason: str
    retry: bool = False
    """Its edits are tried again on the newer tip."""


Verdict = (
    Baseline | Keep | Simplify | Discard | Guarded | Suspect | Held | Skipped | Failed | Refusal
)
"""A final outcome: it is recorded as a trial with `kind` as its status."""
Compared = Keep | Simplify | Discard | Guarded | Held
"""The verdicts that rest on a comparison with an incumbent."""
Judgement = Keep | Simplify | Discard | Rerun
"""The outcomes of comparing a candidate with its incumbent."""


def overtaken(judgement: Judgement, undecided_too: bool = False) -> Discard:
    """Return the verdict on a candidate whose incumbent is no longer the tip.

    A decided gain is tried again on the tip. An undecided one is discarded, since few of them would
    be kept and each would cost another training. undecided_too: try it again all the same.
    """
    if isinstance(judgement, Discard):
        return judgement
    if isinstance(judgement, Rerun) and undecided_too:
        return Discard(reason=f"{judgement.reason}; {TRIED_AGAIN}", retry=True)
    if isinstance(judgement, Rerun):
        return Discard(reason=f"{judgement.reason}; {MOVED_ON}, so it is not run again")
    return Discard(
        reason=f"{judgement.reason}, but {TRIED_AGAIN}",
        delta=judgement.delta,
        interval=judgement.interval,
        retry=True,
    )
