"""The messages between the driver and a node: these records as JSON, with bytes beside them.

We pickle nothing. The driver validates everything that it receives: sizes are bounded, and numbers
of attempts and slots are its own.
"""

from typing import Annotated, Literal

from pydantic import Field

from agent.evaluate.bench import Assignment, Plan
from agent.evaluate.cluster.packages import MOST
from agent.evaluate.cluster.trees import Hash, Tree
from agent.evaluate.slots import Slot
from agent.records.guards import Checks
from agent.records.results import Result
from sandbox.ground.devices import Device
from sandbox.ground.record import Record

MAX_JSON = 16 << 20
"""Characters of one answer."""
MAX_BLOB = 8 << 20
"""Bytes that come beside one answer."""
PIECE = 4 << 20
"""Bytes of a file that are sent at once."""
MAX_EVENTS = 10_000
MAX_NAMES = 1_000
LOG = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}\.log$"
Name = Annotated[str, Field(max_length=300)]
Log = Annotated[str, Field(pattern=LOG)]


class Setup(Record):
    """The driver's terms for a place, sent before anything about the run."""

    version: str
    """As software() of the driver."""
    patience: float = Field(gt=0)
    """Seconds without a word from the driver after which it ends its trainings, and itself."""
    slots: int = Field(ge=0)
    """How many trials it may run at once; 0 for one on each accelerator, else one."""
    cores: int = Field(ge=1)
    """How many cores it may use."""
    unsafe: bool = False
    """Whether trainings run without a sandbox, which the user typed."""
    python: str = ""
    """The interpreter of the project's trainings; empty for the one that runs the harness."""
    imports: tuple[str, ...] = ()
    """What it must be able to import inside the sandbox."""


class Standing(Record):
    """A place's description of itself, after its proof."""

    version: Name
    python: Name
    ray: Name = ""
    authentication: Name = ""
    """How the cluster asks who connects: `token`, or `disabled`."""
    host: Name
    machine: Name
    device: Name = ""
    """Model of its accelerators; empty without any."""
    gpus: tuple[Device, ...] = Field(default=(), max_length=256)
    cores: int = Field(ge=0)
    memory_bytes: int = Field(ge=0)
    scratch: Name
    free_bytes: int = Field(ge=0)
    tier: Name
    clock: float
    """Its time of day, in seconds since 1970."""
    speed: float = Field(ge=0)
    """Megabytes a second that one core hashes: what tells a slow machine from its like."""
    packages: dict[Name, Name] = Field(default={}, max_length=MOST)
    """The versions of what trainings may import there."""
    slots: tuple[Slot, ...] = Field(max_length=256)
    """Numbered from 0; the driver gives them numbers of its own."""


class Needs(Record):
    """What all trials of a run need on a node."""

    plan: Plan
    """As the driver has it; the paths of what is sent are replaced on the node."""
    has_memory_limit: bool
    """Whether the user stated plan.memory_bytes; else it is a share of the node's own."""
    home: str
    """The user's home on the driver."""
    data: Tree | None = None
    """The prepared data."""
    sent: dict[str, Tree] = {}
    """What a training or the evaluator may read and the node had not at its place, by path."""


class Paths(Record):
    """Paths on the driver that trainings or the evaluator read."""

    digests: dict[str, str]
    """By path, the hash of what is there."""
    hidden: tuple[str, ...] = ()
    """What is not counted in."""
    checkout: str | None = None


class Absent(Record):
    """The paths that a node lacks."""

    paths: tuple[str, ...] = Field(default=(), max_length=MAX_NAMES)
    more: bool = False
    """Whether it still reads them: it is to be asked again."""


class Hashes(Record):
    """Files by hash."""

    hashes: tuple[Hash, ...] = Field(default=(), max_length=1_000_000)


class Piece(Record):
    """The place of a piece in a file."""

    sha: Hash
    offset: int = Field(ge=0)
    size: int = Field(ge=0)
    """Of the whole file."""


class Pieces(Record):
    """Pieces of files; their bytes are sent beside, in the same order."""

    pieces: tuple[Piece, ...]


class Begin(Record):
    """A request to start a run."""

    ticket: str
    assignment: Assignment
    files: Tree
    """Of the commit that is ordered."""
    whole: Tree | None = None
    """Of the start commit, for the evaluator."""


class Follow(Record):
    """A request for news of a run."""

    ticket: str
    events: int = Field(ge=0)
    """How many are known."""
    logs: dict[str, tuple[int, int]] = {}
    """What is known of each log: which file it was, as in Growth, and how many bytes."""
    seconds: float = Field(ge=0, le=60)
    """How long to wait for any."""


class Ticket(Record):
    """A run that was started."""

    ticket: str


class Empty(Record):
    """A message without content."""


class Seen(Record):
    """Progress of a training."""

    kind: Literal["started", "progress", "scoring", "checking", "note"]
    fraction: float = 0.0
    loss: float = 0.0
    text: Annotated[str, Field(max_length=10_000)] = ""
    """Of a note, or the command of a check."""


class Growth(Record):
    """Growth of a log; its bytes are sent beside, in the same order."""

    log: Log
    file: int
    """Which file of this name, from 1: another number for one that took its place."""
    offset: int = Field(ge=0)
    """Where the bytes belong; 0 for a new file."""
    size: int = Field(ge=0, le=MAX_BLOB)


class Ending(Record):
    """How a run ended. A cancelled run has neither a result nor checks."""

    result: Result | None = None
    checks: Checks | None = None
    fault: str = ""
    """Why the node could not do it: a failure of the harness or of the machine there."""


class News(Record):
    """Events of a run since the last answer."""

    events: tuple[Seen, ...] = Field(default=(), max_length=MAX_EVENTS)
    logs: tuple[Growth, ...] = Field(default=(), max_length=MAX_NAMES)
    more: bool = False
    """Whether a log has grown further."""
    ending: Ending | None = None
    """Only once the logs are told to their end."""


class Reply(Record):
    """The answer to a question, or why there is none."""

    fault: Annotated[str, Field(max_length=20_000)] = ""
    """Why it could not be; empty where it was."""
    next_command: Annotated[str, Field(max_length=2_000)] = ""
    body: Annotated[str, Field(max_length=MAX_JSON)] = ""
    """The JSON of the answer."""
