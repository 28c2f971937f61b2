"""What a method gets to see, what it returns, and the Proposer protocol."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from agent.edit.files import Sources
from agent.errors import ModelFault
from agent.project.settings import ScoreKind
from agent.propose.code.policy import USUAL, Policy
from agent.propose.looking import Awaited, Look, never_awaited
from agent.records.edits import Edit, Refused
from agent.records.notes import ResearchNote
from agent.records.objective import VAL_BPB, Objective
from agent.records.proposals import Assignment, Proposal, Provenance
from agent.records.results import PriorTrial, Trial
from agent.records.steering import Remark
from agent.space import Space
from sandbox.ground.record import Record


def _admit_all(_: Sequence[Edit]) -> Refused | None:
    return None


@dataclass(frozen=True)
class InHand:
    """A draft that another writer is working on."""

    assignment: Assignment | None
    """What it is to look for."""
    known: int
    """How many trials were over when it was begun."""


@dataclass(frozen=True)
class Context:
    """The state of a run for one proposal."""

    program: str
    """The brief: program.md without its front matter."""
    sources: Sources
    """The files that edits may touch, at the tip."""
    space: Space
    trials: tuple[Trial, ...]
    pending: tuple[Proposal, ...]
    """Proposals without a verdict yet."""
    seed: int
    """A different one for each proposal."""
    budget: str
    """Of one trial: `300s` or `200steps`; `limit 1.1x` where it ends by itself."""
    check: Callable[[Sequence[Edit]], Refused | None] = _admit_all
    """Return why the ledger would refuse these edits, or None; safe to call from any thread."""
    most_seconds: float | None = None
    """What a trial that ends by itself may take; None before the baseline has shown it."""
    remaining: str = ""
    """What the run may still use, in words."""
    dollars: float | None = None
    """What the run may still spend; None without a bound."""
    memory_mb: float | None = None
    """What one trial may use; None if unknown."""
    policy: Policy = USUAL
    """What to ask a model for during a plateau."""
    objective: Objective = VAL_BPB
    """What is measured, and which way is better."""
    score: ScoreKind = "sealed"
    """Who computes it: the harness, or the run itself."""
    imported: Mapping[str, str] = field(default_factory=dict)
    """Files that no edit may touch and that the sources import, by path in the project's folder."""
    public: str = ""
    """What the owner says about the evaluator; empty where there is none."""
    protected: tuple[str, ...] = ()
    """Names that the user protects: no edit may change them."""
    prior: tuple[PriorTrial, ...] = ()
    """Trials of other runs that this one started with."""
    assignment: Assignment | None = None
    """What this one of several writers is to look for; None for a writer that is alone."""
    in_hand: tuple[InHand, ...] = ()
    """What others are writing at the same time."""
    remarks: tuple[Remark, ...] = ()
    """What the run's owner, or an agent in his name, told the proposers."""
    notes: tuple[ResearchNote, ...] = ()
    """What the model wrote down in earlier questions."""
    remembers: bool = True
    """Whether rationales and alternatives of earlier answers come back."""
    machine: str = ""
    """What trials run on, in words."""
    look: Look | None = None
    """Begins the looks of a proposal; None where nothing is looked at."""
    awaited: Awaited = never_awaited
    """How long a free slot has waited for this proposal; safe to call from any thread."""

    @property
    def ends_by_itself(self) -> bool:
        """Whether a trial ends by itself, under a limit, instead of keeping to a budget."""
        return self.budget.startswith("limit ")

    @property
    def proposals(self) -> tuple[Proposal, ...]:
        """All proposals of the run, pending ones last."""
        return (*(trial.proposal for trial in self.trials), *self.pending)


class Unreadable(Record):
    """A model's reply without a proposal.

    Since it cost tokens, it is recorded as a refused trial, and the next prompt says why.
    """

    kind: Literal["unreadable"] = "unreadable"
    by: Provenance
    reply: str
    reason: Refused


class Unfinished(ModelFault):
    """Raised when a fault ends a proposal after answers that may have cost something."""

    def __init__(self, fault: ModelFault, by: Provenance) -> None:
        super().__init__(fault.message, fault.next_command)
        self.fault = fault
        self.by = by


class Proposer(Protocol):
    """The interface of a method."""

    @property
    def name(self) -> str:
        """The name of the method."""
        ...

    @property
    def looks_ahead(self) -> bool:
        """Whether proposing is so slow that the loop should ask ahead, while trials train."""
        ...

    def propose(self, context: Context) -> Proposal | Unreadable:
        """Return the next proposal. It depends on the context alone; no state is kept.

        Raise ModelFault if a model cannot be used, or Unfinished if it had answered before.
        """
        ...
