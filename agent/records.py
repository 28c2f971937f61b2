"""What flows through a run: edits, proposals, measurements, trials. Frozen, serialisable, and refusing nonsense."""

from typing import Annotated, Literal, Self

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


class Provenance(Record):
    """Who proposed, with what, and at what price. cost in US dollars, None where the price is not known.

    input_tokens: cached_tokens included. calls: questions put to a model. refused: drafts among its answers that were sent
    back to it before this one.
    """

    method: Text
    origin: Literal["baseline", "search", "llm", "scripted", "replay", "human"]
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
    training, on the harness's clock; for a budget in seconds with the steps that train.py says it made.
    """

    value: FiniteFloat
    seed: int
    kind: Literal["sealed", "self-reported"]
    role: Role = "candidate"
    machine: str = ""
    speed: FiniteFloat | None = Field(default=None, gt=0)


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


Status = Literal["baseline", "keep", "simplify", "discard", "crash", "oom", "timeout", "invalid", "refused"]
KEPT: frozenset[str] = frozenset({"baseline", "keep", "simplify"})
"""The attempt's tree became the branch's."""
TAKEN: frozenset[str] = KEPT - {"baseline"}
"""Likewise, and it was another one than before."""
SCORED: frozenset[str] = KEPT | {"discard"}
FAILED: frozenset[str] = frozenset({"crash", "oom", "timeout", "invalid"})
MAX_CURVE_POINTS = 20
# Enough for a traceback's last frames; it goes into a commit message.
MAX_TAIL_CHARACTERS = 2_000


class Result(Record):
    """What running an attempt gave: scores, or the failure that took their place (`status` then says which).

    scores: in the order of measuring; the incumbent's among them where it was run again. curve: up to 20 points (fraction
    of the budget in 0..1, training loss) as train.py printed them. seconds: training on the harness's clock, summed over
    runs; score_seconds likewise for scoring. detail: one line on a failure, also of the incumbent when it was run again.
    tail: the end of the failure's log, escaped. curve, parameters and facts are the first run's.
    """

    status: Literal["scored", "crash", "oom", "timeout", "invalid"]
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


class Trial(Record):
    """One entry of the ledger: an attempt with its verdict, exactly as the verdict commit's trailers say."""

    number: int = Field(ge=0)
    status: Status
    proposal: Proposal
    reason: Text
    """Why this status, in one line a human can check."""
    result: Result | None = None
    """None for a refused proposal: nothing ran."""
    against: int | None = None
    """The number of the incumbent that it was compared with."""
    pairs: tuple[Pair, ...] = ()
    """What the verdict rests on: the screen's pair first, then those that confirm."""
    delta: FiniteFloat | None = None
    """Mean difference to the incumbent over the confirming pairs, or the screen's where there are none; negative is better."""
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
        want = {"refused": None, **dict.fromkeys(SCORED, "scored")}.get(self.status, self.status)
        if have != want:
            raise ValueError(f"a {self.status} trial cannot have a {have} result")
        return self

    @property
    def value(self) -> float | None:
        """val_bpb, comparable between the trials of a run; None where nothing was scored."""
        return self.estimate if self.estimate is not None else self.result.value if self.result else None
