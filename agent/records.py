"""What flows through a run: edits, proposals, measurements, trials. Frozen, serialisable, and refusing nonsense."""

from typing import Annotated, Literal, Self, get_args

from pydantic import BeforeValidator, Field, FiniteFloat, model_validator

from sandbox.record import Record


def _whole(text: object) -> object:
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace") if isinstance(text, str) else text


Text = Annotated[str, BeforeValidator(_whole)]
"""What a model or a training wrote. Half a surrogate pair, which neither git nor JSON takes, becomes U+FFFD."""

# ---------------------------------------------------------------- edits


class SetConstant(Record):
    """Give the module-level constant `name` the value written as the Python expression `value` (`0.8`, `2**19`, `"SSSL"`)."""

    kind: Literal["set_constant"] = "set_constant"
    name: Text
    value: Text


class ReplaceDefinition(Record):
    """Replace the function or class with the qualified name `name` (`GPT.forward`) by `code`, decorators included."""

    kind: Literal["replace_definition"] = "replace_definition"
    name: Text
    code: Text


class InsertDefinition(Record):
    """Insert the function or class in `code` behind the definition `after`, in its scope; behind the last one without it."""

    kind: Literal["insert_definition"] = "insert_definition"
    code: Text
    after: Text | None = None


class DeleteDefinition(Record):
    """Delete the function or class with the qualified name `name`."""

    kind: Literal["delete_definition"] = "delete_definition"
    name: Text


class ReplaceStatements(Record):
    """Replace the one run of whole statements that reads `old` (indentation aside) by `new`; `within` narrows to a definition."""

    kind: Literal["replace_statements"] = "replace_statements"
    old: Text
    new: Text
    within: Text | None = None


class AddImport(Record):
    """Add the import statement `code` behind the imports that the file has."""

    kind: Literal["add_import"] = "add_import"
    code: Text


class RewriteFile(Record):
    """The whole new file; differenced into the other kinds wherever they can express it."""

    kind: Literal["rewrite_file"] = "rewrite_file"
    code: Text


Edit = Annotated[
    SetConstant | ReplaceDefinition | InsertDefinition | DeleteDefinition | ReplaceStatements | AddImport | RewriteFile,
    Field(discriminator="kind"),
]

RefusalReason = Literal[
    "syntax",
    "unknown-name",
    "ambiguous",
    "no-op",
    "already-tried",
    "protected",
    "seed-only",
    "outside-file",
    "unreadable",
    "undefined-name",
    "indivisible",
]


class Refused(Record):
    """An edit list that was not applied: why, where (a name, a line, a file), and what would have been valid."""

    reason: RefusalReason
    where: Text
    hint: Text = ""

    def __str__(self) -> str:
        return f"{self.reason}: {self.where}" + (f" ({self.hint})" if self.hint else "")


# ---------------------------------------------------------------- proposals

Value = bool | int | float | str
Configuration = dict[str, Value]
"""The searchable constants of a train.py by name, as Python values."""


Exploration = Literal["bolder", "combine", "undo", "remove"]
EXPLORATIONS: tuple[Exploration, ...] = ("bolder", "combine", "undo", "remove")


class Asked(Record):
    """What a proposal was asked to be, where a run had kept nothing for `after` trials. trials: those that were named to it."""

    kind: Exploration
    trials: tuple[int, ...] = ()
    after: int = Field(ge=0)

    def __str__(self) -> str:
        named = f" {' and '.join(f'#{number}' for number in self.trials)}" if self.trials else ""
        return f"{self.kind}{named} ({self.after} trials without a keep)"


class Provenance(Record):
    """Who proposed, with what, and at what price. cost in US dollars, None where the price is not known.

    input_tokens: cached_tokens included. calls: questions put to a model. refused: drafts among its answers that were sent
    back to it before this one.
    """

    method: Text
    origin: Literal["baseline", "search", "llm", "scripted", "replay", "human", "adopted"]
    model: Text | None = None
    input_tokens: int = Field(default=0, ge=0)
    cached_tokens: int = Field(default=0, ge=0)
    output_tokens: int = Field(default=0, ge=0)
    cost: FiniteFloat | None = Field(default=None, ge=0)
    seconds: FiniteFloat = Field(default=0.0, ge=0)
    calls: int = Field(default=0, ge=0)
    refused: int = Field(default=0, ge=0)
    replays: int | None = None
    """The number of the trial whose edits this proposal repeats on a newer tip."""
    repairs: int | None = None
    """The number of the failed trial that this proposal mends."""
    asked: Asked | None = None
    """What kind of change was asked for, where it was not just the next one."""
    exchanges: tuple[str, ...] = ()
    """Names of the questions put to a model, in the transcript of the machine that asked."""


class Proposal(Record):
    """Typed edits to train.py with the hypothesis behind them; `hypothesis` is one line, `rationale` may be more.

    expected: the change of val_bpb that the proposer predicts, where it did; negative is better.
    """

    hypothesis: Text = Field(min_length=1)
    rationale: Text = ""
    expected: FiniteFloat | None = None
    edits: tuple[Edit, ...] = ()
    by: Provenance
    then: tuple[Configuration, ...] = ()
    """What else was in the same reply, to be proposed next without asking again (a batch)."""


# ---------------------------------------------------------------- results


Role = Literal["candidate", "incumbent"]


class Score(Record):
    """One val_bpb (bits per byte, lower is better) with the harness's seed it was measured under.

    role: of the attempt itself, or of the incumbent, run again for comparison. machine: which one. speed: steps a second of
    training, on the harness's clock; for a budget in seconds with the steps that train.py says it made. clock (MHz) and celsius:
    of what computed, near the end of training, where the machine says.
    """

    value: FiniteFloat
    seed: int
    kind: Literal["sealed", "self-reported"]
    role: Role = "candidate"
    machine: str = ""
    speed: FiniteFloat | None = Field(default=None, gt=0)
    clock: FiniteFloat | None = None
    celsius: FiniteFloat | None = None


class Pair(Record):
    """A candidate's and its incumbent's score under one seed, on one machine, at one speed: what a verdict rests on."""

    seed: int
    candidate: FiniteFloat
    incumbent: FiniteFloat


class Order(Record):
    """One training that a trial needs next: of its attempt, or of the incumbent that it is compared with."""

    commit: str
    seed: int
    role: Role = "candidate"
    why: str = ""


class Change(Record):
    """One constant before and after, as resolved by the harness; None where it did not exist."""

    name: Text
    before: Value | None
    after: Value | None


Status = Literal[
    "baseline", "keep", "simplify", "discard", "crash", "oom", "timeout", "invalid", "pruned", "refused", "adopted", "reported"
]  # fmt: skip
KEPT: frozenset[str] = frozenset({"baseline", "keep", "simplify"})
"""The attempt's tree became the branch's, by a measurement here."""
TAKEN: frozenset[str] = (KEPT - {"baseline"}) | {"adopted"}
"""The attempt's tree became the branch's, and it was another one than before."""
CLAIMED: frozenset[str] = frozenset({"adopted", "reported"})
"""Tried elsewhere: taken over unmeasured, or only told of. Nothing ran here."""
SCORED: frozenset[str] = KEPT | {"discard"}
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
    scores: tuple[Score, ...] = ()
    curve: tuple[tuple[FiniteFloat, FiniteFloat], ...] = Field(default=(), max_length=MAX_CURVE_POINTS)
    seconds: FiniteFloat = Field(default=0.0, ge=0)
    score_seconds: FiniteFloat = Field(default=0.0, ge=0)
    peak_memory_mb: FiniteFloat | None = None
    parameters: int | None = None
    facts: dict[str, Value] = {}
    """Whatever else train.py says of itself (steps, tokens, step time): self-reported, for display only."""
    tier: Text = ""
    detail: Text = ""
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

    number: int = Field(ge=0)
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
    score: FiniteFloat | None = None
    memory_gb: FiniteFloat | None = None
    at: str = ""

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

    number: int = Field(ge=0)
    status: Status
    proposal: Proposal
    reason: Text
    """Why this status, in one line a human can check."""
    result: Result | None = None
    """None where nothing ran here: of a refused proposal, and of what was tried elsewhere."""
    claim: Claim | None = None
    """What is said of it where it was tried elsewhere, and only there."""
    against: int | None = None
    """The number of the incumbent that it was compared with."""
    pairs: tuple[Pair, ...] = ()
    """What the verdict rests on: the screen's pair first, then those that confirm."""
    delta: FiniteFloat | None = None
    """Mean difference to the incumbent over the confirming pairs, or the screen's where there are none, less what is luck
    (agent/judge.py); negative is better."""
    interval: tuple[FiniteFloat, FiniteFloat] | None = None
    """Of delta, at 95 %."""
    estimate: FiniteFloat | None = None
    """val_bpb on the footing of the baseline's seeds: the incumbent's estimate plus delta."""
    charge: FiniteFloat | None = None
    """What a simplification uses up of the loss that a run may accept."""
    changes: tuple[Change, ...] = ()
    configuration: Configuration = {}
    fingerprint: str = ""
    """Hash of the attempt's normalised syntax tree; equal fingerprints are the same experiment."""
    attempt: str = ""
    verdict: str = ""
    """Commit ids; filled in by the history when read or written."""
    at: str = ""
    """When judged, ISO 8601 UTC."""

    @model_validator(mode="after")
    def _result_fits_status(self) -> Self:
        have = self.result.status if self.result else None
        want = {**dict.fromkeys(CLAIMED | {"refused"}), **dict.fromkeys(SCORED, "scored")}.get(self.status, self.status)
        if have != want:
            raise ValueError(f"a {self.status} trial cannot have a {have} result")
        if (self.status in CLAIMED) != (self.claim is not None):
            raise ValueError(f"a {self.status} trial with the claim {self.claim!r}")
        return self

    @property
    def value(self) -> float | None:
        """val_bpb, comparable between the trials of a run; None where nothing was scored."""
        return self.estimate if self.estimate is not None else self.result.value if self.result else None


class Foreign(Record):
    """A trial of another run or tool, told to the methods at a start: never an attempt of this run, and never judged.

    number: its own there. outcome: its score (lower is better), or why it has none. curve: as in Result.
    """

    number: int
    configuration: Configuration
    outcome: FiniteFloat | Failure
    curve: tuple[tuple[FiniteFloat, FiniteFloat], ...] = ()
