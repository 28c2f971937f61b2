"""Results and trials: scores, pairs, statuses, what a training came to, and what became of it."""

from collections.abc import Sequence
from typing import Annotated, Literal, Self, get_args

from pydantic import Field, model_validator

from agent.records.bounded import (
    MAX_ITEMS,
    Derived,
    Fraction,
    Natural,
    Quantity,
    Real,
    Stamp,
    Text,
    Whole,
)
from agent.records.proposals import Configuration, Proposal, Value
from sandbox.ground.outcome import Audit
from sandbox.ground.record import Record

# ---------------------------------------------------------------- results


Role = Literal["candidate", "incumbent", "baseline"]


class Score(Record):
    """One val_bpb (bits per byte, lower is better) with the harness's seed it was measured under.

    role: of the attempt itself; of the incumbent, run again for comparison; or of the baseline, run for the time that it takes.
    machine: which one. speed: steps a second of training, on the harness's clock; for a budget in seconds with the steps that
    train.py says it made. clock (MHz) and celsius: of what computed, near the end of training, where the machine says. seconds:
    of training, on the harness's clock. startup: seconds of them until the tokens were first opened (0 if never), where that was
    watched. cores: how many it ran on, where it was not all. cut: training was ended at its deadline, and what it had saved by
    then was scored.
    """

    value: Real
    seed: Whole
    kind: Literal["sealed", "self-reported"]
    role: Role = "candidate"
    machine: str = ""
    speed: Annotated[Real, Field(gt=0)] | None = None
    clock: Real | None = None
    celsius: Real | None = None
    seconds: Quantity | None = None
    startup: Quantity | None = None
    cores: Annotated[Whole, Field(ge=1)] | None = None
    cut: bool = False


class Pair(Record):
    """A candidate's and its incumbent's score under one seed, on one machine, at one speed: what a verdict rests on."""

    seed: Whole
    candidate: Real
    incumbent: Real


class Order(Record):
    """One training that a trial needs next: of its attempt, of the incumbent that it is compared with, or of the baseline."""

    commit: str
    seed: Whole
    role: Role = "candidate"
    why: str = ""
    audit: Audit = "usual"
    """How much of a sealed score is audited: the full audit takes longer and finds smaller leaks."""


class Change(Record):
    """One constant before and after, as resolved by the harness; None where it did not exist."""

    name: Text
    before: Value | None
    after: Value | None


Status = Literal[
    "baseline",
    "keep",
    "simplify",
    "discard",
    "suspect",
    "crash",
    "oom",
    "timeout",
    "invalid",
    "pruned",
    "refused",
    "adopted",
    "reported",
]
KEPT: frozenset[str] = frozenset({"baseline", "keep", "simplify"})
"""The attempt's tree became the branch's, by a measurement here."""
TAKEN: frozenset[str] = (KEPT - {"baseline"}) | {"adopted"}
"""The attempt's tree became the branch's, and it was another one than before."""
CLAIMED: frozenset[str] = frozenset({"adopted", "reported"})
"""Tried elsewhere: taken over unmeasured, or only told of. Nothing ran here."""
SCORED: frozenset[str] = KEPT | {"discard"}
"""The score is believed. A suspect has one that is not: it waits for `autoresearch approve` or `reject`."""
Failure = Literal["crash", "oom", "timeout", "invalid"]
FAILED: frozenset[str] = frozenset(get_args(Failure))
MAX_CURVE_POINTS = 20
# Enough for a traceback's last frames; it goes into a commit message.
MAX_TAIL_CHARACTERS = 2_000


class Result(Record):
    """What running an attempt gave: scores, or the failure that took their place (`status` then says which), or that it was given
    up before its end (pruned), which says no more than its curve so far.

    scores: in the order of measuring; the incumbent's among them where it was run again. curve: up to 20 points (fraction
    of the budget in 0..1, training loss) as train.py printed them. seconds: training on the harness's clock, summed over
    runs; score_seconds likewise for scoring. detail: one line on a failure, also of the incumbent when it was run again.
    tail: the end of the failure's log, escaped. curve, parameters and facts are the first run's.
    """

    status: Literal["scored", "crash", "oom", "timeout", "invalid", "pruned"]
    scores: Annotated[tuple[Score, ...], Field(max_length=MAX_ITEMS)] = ()
    curve: tuple[tuple[Fraction, Real], ...] = Field(default=(), max_length=MAX_CURVE_POINTS)
    seconds: Quantity = 0.0
    score_seconds: Quantity = 0.0
    peak_memory_mb: Real | None = None
    parameters: Whole | None = None
    facts: Annotated[dict[str, Value], Field(max_length=MAX_ITEMS)] = {}
    """Whatever else train.py says of itself (steps, tokens, step time): self-reported, for display only."""
    tier: Text = ""
    detail: Text = ""
    overshot: bool = False
    """Its training took longer than its budget allows. Known while it is judged; the branch has it in `detail`."""
    recheck: Literal["passed", "failed"] | None = None
    """Of an implausible score: what came of measuring it again under a fresh seed and the full audit."""
    tail: Text = Field(default="", max_length=MAX_TAIL_CHARACTERS)

    @model_validator(mode="after")
    def _scores_iff_scored(self) -> Self:
        if (self.status == "scored") != bool(self.scores):
            raise ValueError(f"a {self.status} result has {len(self.scores)} scores")
        return self

    @property
    def own(self) -> tuple[Score, ...]:
        """The attempt's own scores: the screen's first, then those that confirm."""
        return tuple(score for score in self.scores if score.role == "candidate")

    @property
    def value(self) -> float | None:
        """The mean of the attempt's own scores, or None where there is none."""
        return sum(score.value for score in self.own) / len(self.own) if self.own else None


class Attempt(Record):
    """A committed proposal that has no verdict yet: what runs."""

    number: Natural
    commit: str
    parent: str
    """The tip it was proposed on."""
    proposal: Proposal


class Claim(Record):
    """What somebody else says of a change that was tried elsewhere: self-reported, and no verdict of ours rests on it.

    commit: theirs. verdict, score (val_bpb) and memory_gb: None where nobody wrote one down. at: when it was committed.
    """

    commit: Text
    verdict: Literal["keep", "discard", "crash"] | None = None
    score: Real | None = None
    memory_gb: Real | None = None
    at: Stamp = ""

    @model_validator(mode="after")
    def _crash_has_no_score(self) -> Self:
        if self.score is not None and self.verdict in (None, "crash"):
            raise ValueError(f"a score with the verdict {self.verdict}")
        return self

    def __str__(self) -> str:
        score = f" {self.score:.6f}, self-reported" if self.score is not None else ""
        return f"{self.verdict}{score}" if self.verdict else "nothing"


class Trial(Record):
    """One entry of the ledger: an attempt with its verdict, exactly as the verdict commit's trailers say."""

    number: Natural
    status: Status
    proposal: Proposal
    reason: Text
    """Why this status, in one line a human can check."""
    result: Result | None = None
    """None where nothing ran here: of a refused proposal, and of what was tried elsewhere."""
    claim: Claim | None = None
    """What is said of it where it was tried elsewhere, and only there."""
    against: Whole | None = None
    """The number of the incumbent that it was compared with."""
    pairs: Annotated[tuple[Pair, ...], Field(max_length=MAX_ITEMS)] = ()
    """What the verdict rests on: the screen's pair first, then those that confirm."""
    delta: Derived | None = None
    """Mean difference to the incumbent over the confirming pairs, or the screen's where there are none, less what is luck
    (agent/judge/decide.py); negative is better."""
    interval: tuple[Derived, Derived] | None = None
    """Of delta, at 95 %."""
    estimate: Derived | None = None
    """val_bpb on the offset of the baseline's seeds: the incumbent's estimate plus delta."""
    charge: Derived | None = None
    """What a simplification uses up of the loss that a run may accept."""
    changes: Annotated[tuple[Change, ...], Field(max_length=MAX_ITEMS)] = ()
    configuration: Configuration = {}
    fingerprint: str = ""
    """Hash of the attempt's normalised syntax tree; equal fingerprints are the same experiment."""
    attempt: str = ""
    verdict: str = ""
    """Commit ids; filled in by the history when read or written."""
    at: Stamp = ""
    """When judged, ISO 8601 UTC."""
    new_data: bool = False
    """True for the first baseline on other validation data; filled in by the history. No earlier score compares with it."""

    @model_validator(mode="after")
    def _result_fits_status(self) -> Self:
        have = self.result.status if self.result else None
        scored = SCORED | {"suspect"}
        want = {**dict.fromkeys(CLAIMED | {"refused"}), **dict.fromkeys(scored, "scored")}.get(
            self.status, self.status
        )
        if have != want:
            raise ValueError(f"a {self.status} trial cannot have a {have} result")
        if (self.status in CLAIMED) != (self.claim is not None):
            raise ValueError(f"a {self.status} trial with the claim {self.claim!r}")
        return self

    @property
    def value(self) -> float | None:
        """val_bpb, comparable between the trials of a run; None where nothing was scored, and of a suspect."""
        if self.status == "suspect":
            return None
        return (
            self.estimate
            if self.estimate is not None
            else self.result.value
            if self.result
            else None
        )


def on_newest_data(trials: Sequence[Trial]) -> Sequence[Trial]:
    """Return the trials that were measured on the data of the last one: all of them, unless the run was given other data."""
    for place in range(len(trials) - 1, -1, -1):
        if trials[place].new_data:
            return trials[place:]
    return trials


class PriorTrial(Record):
    """A trial of another run or tool, told to the methods at a start: never an attempt of this run, and never judged.

    number: its own there. outcome: its score (lower is better), or why it has none. curve: as in Result.
    """

    number: Whole
    configuration: Configuration
    outcome: Derived | Failure
    curve: Annotated[tuple[tuple[Real, Real], ...], Field(max_length=MAX_ITEMS)] = ()
