"""Results and trials: scores, pairs, statuses, the outcome of a training, and its verdict."""

from collections.abc import Mapping, Sequence
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
from agent.records.guards import MAX_GUARDS, Check, GuardResult
from agent.records.losses import Loss
from agent.records.objective import score_text
from agent.records.proposals import Configuration, Proposal, Value
from agent.records.target import TargetResult
from sandbox.ground.answering import Answering
from sandbox.ground.outcome import Audit
from sandbox.ground.record import Record
from sandbox.score.evaluator.evaluation import Split

# Enough for a traceback's last frames; it goes into a commit message.
MAX_TAIL_CHARACTERS = 2_000

Role = Literal["candidate", "incumbent", "baseline", "neutral", "reference", "fresh"]
ScoreKind = Literal["sealed", "evaluated", "self-reported"]
"""Who computed a score: the harness, the project's own evaluator, or the training itself."""


class Score(Record):
    """One score: the metric as it was measured."""

    value: Real
    seed: Whole
    """The harness's seed."""
    kind: ScoreKind
    role: Role = "candidate"
    """The attempt; the incumbent, to compare with; the baseline, for its time, or with its floats
    moved by a millionth, or for what guards are compared with; a fresh seed, for the target."""
    machine: str = ""
    """Name of the machine."""
    device: str = ""
    """Model of the device that computed, such as a GPU's; empty if unknown."""
    speed: Annotated[Real, Field(gt=0)] | None = None
    """Steps a second on the harness's clock; in a budget in seconds train.py says how many."""
    clock: Real | None = None
    """MHz of what computed, near the end of training; None if the machine does not say."""
    celsius: Real | None = None
    """Its temperature, likewise."""
    seconds: Quantity | None = None
    """Training time on the harness's clock."""
    startup: Quantity | None = None
    """Seconds of it until the tokens were first opened (0 if never); None if nobody watched."""
    answering: Answering | None = None
    """How long a baseline's model took to answer while it was scored; None for other code."""
    cores: Annotated[Whole, Field(ge=1)] | None = None
    """How many cores it ran on; None for all."""
    cut: bool = False
    """Training was ended at its deadline, and what it had saved by then was scored."""
    line: Text = Field(default="", max_length=MAX_TAIL_CHARACTERS)
    """Of a printed score: the line that it was read from."""
    unit: Text = Field(default="", max_length=MAX_TAIL_CHARACTERS)
    """What stood behind the number, such as `%`; no part of the value."""
    summaries: Natural = 0
    """How many summaries behind a line `---` had it; the last one counts."""
    times: Natural = 0
    """How many lines had it; 0 if nobody counted."""
    also: Annotated[dict[str, Real], Field(max_length=MAX_ITEMS)] = {}
    """Further metrics, which are not judged."""
    also_units: Annotated[dict[str, Text], Field(max_length=MAX_ITEMS)] = {}
    """What stood behind each of `also`, `ms` or nothing; older records do not say it."""


Across = tuple[Text, Text]
"""The candidate's machine and the incumbent's, of a pair that was not made on one machine."""


class Pair(Record):
    """A candidate's and its incumbent's score under one seed, at one speed."""

    seed: Whole
    candidate: Real
    incumbent: Real
    across: Across | None = None
    """None for a pair on one machine."""


class Order(Record):
    """One training that a trial needs next."""

    commit: str
    """The attempt's, that of the incumbent it is compared with, or the baseline's."""
    seed: Whole
    role: Role = "candidate"
    why: str = ""
    audit: Audit = "usual"
    """How much of a sealed score is audited: the full audit is slower and finds smaller leaks."""
    split: Split = "val"
    """Which split an evaluator is called with; `test` only after an opening was committed."""
    texts: dict[str, str] = {}
    """Texts of files in this run only, by path in the project's folder: a neutral perturbation."""
    checks: tuple[str, ...] = ()
    """Commands that are run in place of a training."""
    machine: str | None = None
    """The machine where it has to run; None for any that may be compared."""


class Change(Record):
    """One constant before and after, as resolved by the harness."""

    name: Text
    before: Value | None
    """None if it did not exist."""
    after: Value | None


class Touched(Record):
    """One file that an attempt changed, as the harness read it."""

    file: Text
    """Its path in the project, before the attempt if it had one."""
    how: Literal["changed", "added", "deleted", "renamed"] = "changed"
    to: Text | None = None
    """The new path of a renamed file."""
    definitions: Annotated[tuple[Text, ...], Field(max_length=MAX_ITEMS)] = ()
    """The functions and classes of a Python file that differ."""

    @model_validator(mode="after")
    def _only_renamed_goes_elsewhere(self) -> Self:
        if (self.how == "renamed") != (self.to is not None):
            raise ValueError(f"a {self.how} file with the new path {self.to!r}")
        return self

    def __str__(self) -> str:
        """Return `model/net.py: Net.loss`, or `model/old.py deleted`."""
        how = f" {self.how}" if self.how != "changed" else ""
        to = f" to {self.to}" if self.to else ""
        names = f": {', '.join(self.definitions)}" if self.definitions else ""
        return f"{self.file}{how}{to}{names}"


Status = Literal[
    "baseline",
    "keep",
    "simplify",
    "discard",
    "guarded",
    "suspect",
    "held",
    "crash",
    "oom",
    "timeout",
    "invalid",
    "over-limit",
    "pruned",
    "skipped",
    "refused",
    "adopted",
    "reported",
]
KEPT: frozenset[str] = frozenset({"baseline", "keep", "simplify"})
"""The attempt's files became the branch's, by a measurement here."""
TAKEN: frozenset[str] = (KEPT - {"baseline"}) | {"adopted"}
"""The attempt's files became the branch's, and they differed."""
CLAIMED: frozenset[str] = frozenset({"adopted", "reported"})
"""Tried elsewhere: adopted unmeasured, or only reported. Nothing ran here."""
SCORED: frozenset[str] = KEPT | {"discard", "guarded"}
"""The score is believed."""
UNBELIEVED: frozenset[str] = frozenset({"suspect", "held", "skipped"})
"""A score, if there is one, counts for nothing: a suspect waits for `autoresearch approve` or
`reject`, a held trial for a human's word, and a skipped one was ended by it."""
Failure = Literal["crash", "oom", "timeout", "invalid", "over-limit"]
FAILED: frozenset[str] = frozenset(get_args(Failure))
_RESULTS: Mapping[str, tuple[str | None, ...]] = {
    **dict.fromkeys((*SCORED, "suspect"), ("scored",)),
    **dict.fromkeys((*CLAIMED, "refused"), (None,)),
    **{status: (status,) for status in (*FAILED, "pruned")},
    "held": (None, "scored"),
    "skipped": (None, "scored", "pruned"),
}
"""The statuses that the result of a trial may have, by the trial's own; None for no result."""
MAX_CURVE_POINTS = 20


class Result(Record):
    """The outcome of running an attempt: scores, or the failure or pruning that took their place.

    A pruned training says no more than its curve. curve, parameters and facts are the first run's.
    """

    status: Literal["scored", "crash", "oom", "timeout", "invalid", "over-limit", "pruned"]
    scores: Annotated[tuple[Score, ...], Field(max_length=MAX_ITEMS)] = ()
    """In the order of measuring; the incumbent's among them if it was run again. Of a run over its
    limit only others', which show how fast the machine was."""
    curve: tuple[tuple[Fraction, Real], ...] = Field(default=(), max_length=MAX_CURVE_POINTS)
    """Points (fraction of the budget in 0..1, training loss) as train.py printed them."""
    seconds: Quantity = 0.0
    """Training on the harness's clock, summed over runs."""
    score_seconds: Quantity = 0.0
    """Scoring, likewise."""
    peak_memory_mb: Real | None = None
    parameters: Whole | None = None
    facts: Annotated[dict[str, Value], Field(max_length=MAX_ITEMS)] = {}
    """What else train.py prints about itself (steps, tokens): self-reported, for display only."""
    tier: Text = ""
    machine: Text = ""
    """Name of the machine, of a run without a score; else the scores say it."""
    seeds: Text = ""
    """How the harness's seed reached a baseline's first run, in the training's own words."""
    detail: Text = ""
    """One line on a failure, also of the incumbent when it was run again."""
    overshot: bool = False
    """It trained too long. Known only while it is judged; the branch has it in `detail`."""
    recheck: Literal["passed", "failed"] | None = None
    """Outcome of measuring an implausible score again under a fresh seed and the full audit. Of a
    run over its limit: `failed` if the incumbent could not be timed beside it."""
    recheck_seed: Whole | None = None
    """The seed of a recheck that failed; that of another has its score."""
    took: Quantity | None = None
    """Of a run that was ended for its time: how long it had trained by then."""
    tail: Text = Field(default="", max_length=MAX_TAIL_CHARACTERS)
    """The end of the failure's log, escaped."""
    checks: Annotated[tuple[Check, ...], Field(max_length=MAX_ITEMS)] = ()
    """Commands that ran before the attempt was kept, up to the first that failed."""

    @model_validator(mode="after")
    def _scores_iff_scored(self) -> Self:
        others_only = self.status == "over-limit" and not self.own
        if (self.status == "scored") != bool(self.scores) and not others_only:
            raise ValueError(f"a {self.status} result has {len(self.scores)} scores")
        return self

    @property
    def own(self) -> tuple[Score, ...]:
        """The attempt's own scores: the screen's first, then those that confirm."""
        return tuple(score for score in self.scores if score.role == "candidate")

    @property
    def places(self) -> frozenset[str]:
        """The machines that the attempt's own runs were made on; empty in older records."""
        names = {score.machine for score in self.own} | {self.machine}
        return frozenset(names - {""})

    @property
    def failed_check(self) -> Check | None:
        """The check that failed, if one did."""
        return next((check for check in self.checks if not check.passed), None)

    @property
    def value(self) -> float | None:
        """The mean of the attempt's own scores, or None without any."""
        own = self.own
        return sum(score.value for score in own) / len(own) if own else None


class Attempt(Record):
    """A committed proposal that has no verdict yet: what runs."""

    number: Natural
    commit: str
    parent: str
    """The tip it was proposed on."""
    proposal: Proposal


class Claim(Record):
    """Another loop's claim about a change that it tried; no verdict of ours depends on it."""

    commit: Text
    """Theirs."""
    verdict: Literal["keep", "discard", "crash"] | None = None
    score: Real | None = None
    """Self-reported; None if nobody wrote one down."""
    memory_gb: Real | None = None
    at: Stamp = ""
    """When it was committed."""

    @model_validator(mode="after")
    def _crash_has_no_score(self) -> Self:
        if self.score is not None and self.verdict in (None, "crash"):
            raise ValueError(f"a score with the verdict {self.verdict}")
        return self

    def __str__(self) -> str:
        if self.verdict is None:
            return "nothing"
        score = f" {score_text(self.score)}, self-reported" if self.score is not None else ""
        return f"{self.verdict}{score}"


class Trial(Record):
    """One entry of the ledger: an attempt with its verdict, exactly as the commit records it."""

    number: Natural
    status: Status
    proposal: Proposal
    reason: Text
    """Why this status, in one line a human can check."""
    result: Result | None = None
    """None if nothing ran here: for a refused proposal, and for what was tried elsewhere."""
    claim: Claim | None = None
    """What its owner says about it, if it was tried elsewhere; else None."""
    against: Whole | None = None
    """The number of the incumbent that it was compared with."""
    pairs: Annotated[tuple[Pair, ...], Field(max_length=MAX_ITEMS)] = ()
    """What the verdict rests on: the screen's pair first, then those that confirm."""
    delta: Derived | None = None
    """Mean difference of losses to the incumbent over the confirming pairs, or the screen's
    without any, less what is luck (agent/judge/decide.py); negative is better."""
    interval: tuple[Derived, Derived] | None = None
    """Of delta, at 95 %."""
    estimate: Derived | None = None
    """The score on the offset of the baseline's seeds: the incumbent's, better by delta."""
    charge: Derived | None = None
    """What a simplification uses up of the loss that a run may accept."""
    guards: Annotated[tuple[GuardResult, ...], Field(max_length=MAX_GUARDS)] = ()
    """What was found of each guard, where the attempt came so far."""
    target: TargetResult | None = None
    """What its fresh-seed runs say of the run's target; None where it is not near."""
    losses: Annotated[tuple[Loss, ...], Field(max_length=MAX_ITEMS)] = ()
    """Places that were lost under its runs, which were made again elsewhere."""
    changes: Annotated[tuple[Change, ...], Field(max_length=MAX_ITEMS)] = ()
    """Constants."""
    touched: Annotated[tuple[Touched, ...], Field(max_length=MAX_ITEMS)] = ()
    """Files, and what was defined anew in them; () in a run of an older version."""
    configuration: Configuration = {}
    fingerprint: str = ""
    """Hash of the attempt's normalised syntax tree; equal fingerprints are the same experiment."""
    attempt: str = ""
    """Commit of the attempt. Filled in by the history, like `verdict` and `new_data`."""
    verdict: str = ""
    """Commit of the verdict."""
    at: Stamp = ""
    """When judged, ISO 8601 UTC."""
    new_data: bool = False
    """True for the first baseline on other validation data. No earlier score compares with it."""

    @model_validator(mode="after")
    def _result_fits_status(self) -> Self:
        have = self.result.status if self.result else None
        if have not in _RESULTS[self.status]:
            raise ValueError(f"a {self.status} trial cannot have a {have} result")
        if (self.status in CLAIMED) != (self.claim is not None):
            raise ValueError(f"a {self.status} trial with the claim {self.claim!r}")
        return self

    @property
    def was_held_to_guards(self) -> bool:
        """Whether it was better, and a guard or a check kept it from being kept."""
        return self.status == "guarded" or (self.status == "discard" and bool(self.guards))

    @property
    def value(self) -> float | None:
        """The score, comparable between the trials of a run; None without a believed one."""
        if self.status in UNBELIEVED:
            return None
        if self.estimate is not None:
            return self.estimate
        return self.result.value if self.result else None


def also_of(trial: Trial) -> dict[str, float]:
    """Return the means of the further metrics of a trial over its own runs, by name."""
    values: dict[str, list[float]] = {}
    for score in trial.result.own if trial.result else ():
        for name, value in score.also.items():
            values.setdefault(name, []).append(value)
    return {name: sum(measured) / len(measured) for name, measured in values.items()}


def kept_in(trials: Sequence[Trial]) -> int:
    """Return how many of these trials became the branch's state; a baseline changes nothing."""
    return sum(trial.status in TAKEN for trial in trials)


def on_newest_data(trials: Sequence[Trial]) -> Sequence[Trial]:
    """Return the trials measured on the last one's data: all, unless the run changed its data."""
    for place in range(len(trials) - 1, -1, -1):
        if trials[place].new_data:
            return trials[place:]
    return trials


class PriorTrial(Record):
    """A trial of another run or tool, told to the methods at a start: never judged here."""

    number: Whole
    """Its own, over there."""
    configuration: Configuration
    outcome: Derived | Failure
    """Its score as it was measured, or why it has none."""
    curve: Annotated[tuple[tuple[Real, Real], ...], Field(max_length=MAX_ITEMS)] = ()
    """As in Result."""
