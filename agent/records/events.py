"""The events of the loop, for displays and other listeners."""

from dataclasses import dataclass

from agent.records.inputs import Admitted
from agent.records.objective import VAL_BPB, Objective
from agent.records.proposals import Proposal
from agent.records.results import Attempt, Role, Trial
from agent.records.slots import Slot

PATIENCE = 8
"""The published run's longest time without a keep was 26 trials; a third of that is no longer bad
luck."""


@dataclass(frozen=True)
class RunStarted:
    """A session of a run began."""

    tag: str
    branch: str
    method: str
    model: str | None
    budget: str
    tier: str
    workers: int
    trials: tuple[Trial, ...]
    """Those in the ledger already."""
    planned: int | None
    """How many more may be measured; None without a bound."""
    start_commit: str = ""
    objective: Objective = VAL_BPB
    max_cost: float | None = None
    """Dollars that the whole run may spend; None without a bound."""
    patience: int = PATIENCE
    """Measured trials without a keep that are a plateau."""
    inputs: tuple[Admitted, ...] = ()
    """What was said to the run already."""


@dataclass(frozen=True)
class Proposing:
    """The method was asked for the next proposal."""

    method: str
    writing: int = 1
    """How many drafts it has in writing now."""


@dataclass(frozen=True)
class Proposed:
    """A proposal arrived and waits for a free slot."""

    proposal: Proposal
    writing: int = 0
    """How many more are in writing."""


@dataclass(frozen=True)
class ModelWaited:
    """The model is away: a limit of its provider, or an outage. The run goes on without it."""

    until: str
    """When it is asked again, as ISO 8601; empty once it is."""
    reason: str


@dataclass(frozen=True)
class TrialStarted:
    """An attempt began to train in `slot`, under `seed`, for the `run`-th time.

    By `role`: or its incumbent did, for comparison.
    """

    attempt: Attempt
    slot: int
    seed: int
    run: int
    role: Role = "candidate"
    place: str = ""
    """Of the slot; empty for this machine."""


@dataclass(frozen=True)
class TrialWaits:
    """An attempt waits for its `run`-th run, because the run of trials is paused."""

    attempt: Attempt
    run: int


@dataclass(frozen=True)
class Progress:
    """A training run printed where it is: fraction of its budget, and its training loss."""

    number: int
    fraction: float
    loss: float
    slot: int = 0


@dataclass(frozen=True)
class Scoring:
    """A training run ended and its weights are being scored."""

    number: int
    slot: int = 0


@dataclass(frozen=True)
class Checking:
    """A command of the project checks an attempt that would be kept, in `slot`."""

    attempt: Attempt
    slot: int
    command: str
    place: str = ""
    """Of the slot; empty for this machine."""


@dataclass(frozen=True)
class Judged:
    """A trial has its verdict, already committed."""

    trial: Trial


@dataclass(frozen=True)
class Heard:
    """An input was answered; both are committed."""

    admitted: Admitted
    planned: int | None = None
    """How many trials of this session may be measured from now on; None without a bound."""


@dataclass(frozen=True)
class Note:
    """A note to the user, such as on a slow model, a repetition, or a busy machine."""

    text: str


@dataclass(frozen=True)
class PlaceJoined:
    """A place has proved itself, and trials run in its slots from now on."""

    place: str
    """Its name as it is shown, unique among the places of the run."""
    slots: tuple[Slot, ...]


REFUSED = "refused: "
"""How the reason of a node begins that could not become a place."""


@dataclass(frozen=True)
class PlaceLeft:
    """A place is gone, with all its slots; or a node is refused, which had none."""

    place: str
    why: str


@dataclass(frozen=True)
class TrainingLost:
    """A training ended because its place was lost; the attempt runs again elsewhere."""

    attempt: Attempt
    slot: int
    place: str
    why: str


@dataclass(frozen=True)
class RunFinished:
    """The run ended and can be resumed; `reason` is one line."""

    reason: str


Event = (
    RunStarted
    | Proposing
    | Proposed
    | ModelWaited
    | TrialStarted
    | TrialWaits
    | Progress
    | Scoring
    | Checking
    | Judged
    | Heard
    | Note
    | PlaceJoined
    | PlaceLeft
    | TrainingLost
    | RunFinished
)
