"""What a method may look at, what it gives back, and the Proposer protocol."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from agent.propose.code.policy import USUAL, Policy
from agent.records.edits import Edit, Refused
from agent.records.proposals import Proposal, Provenance
from agent.records.results import PriorTrial, Trial
from agent.space import Space
from sandbox.ground.record import Record


def _admit_all(_: Sequence[Edit]) -> Refused | None:
    return None


@dataclass(frozen=True)
class Context:
    """The run as one proposal sees it. source: train.py at the tip. pending: proposals without a verdict yet. seed: another
    one for each proposal. budget: of one trial, `300s` or `200steps`.

    check: why the ledger would refuse these edits, None where it would take them; safe to call from any thread.
    remaining: what the run may still use, in words. dollars: what it may still spend; None without a bound. memory_mb: what
    one trial may use; None where it is not known. policy: what to ask for where nothing is kept for long. prior: trials of
    other runs that this one began with.
    """

    program: str
    source: str
    space: Space
    trials: tuple[Trial, ...]
    pending: tuple[Proposal, ...]
    seed: int
    budget: str
    check: Callable[[Sequence[Edit]], Refused | None] = _admit_all
    remaining: str = ""
    dollars: float | None = None
    memory_mb: float | None = None
    policy: Policy = USUAL
    prior: tuple[PriorTrial, ...] = ()


class Unreadable(Record):
    """A model's reply that is no proposal: it cost tokens, is recorded as a refused trial, and the next prompt says why."""

    kind: Literal["unreadable"] = "unreadable"
    by: Provenance
    reply: str
    reason: Refused


class Proposer(Protocol):
    """A method. looks_ahead: proposing takes long, so the loop asks while trials train.

    propose is a function of the context: no state is kept between calls. ModelFault is raised where a model cannot be used.
    """

    @property
    def name(self) -> str: ...

    @property
    def looks_ahead(self) -> bool: ...

    def propose(self, context: Context) -> Proposal | Unreadable: ...
