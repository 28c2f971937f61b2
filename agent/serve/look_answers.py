"""Answers of the researcher's own tools: trials side by side, a constant, notes, the machine."""

from agent.records.proposals import Value
from agent.serve.quoted import Block
from agent.serve.tool_answers import Answer, Curve, Row, Text


class ComparedText(Text):
    """What others wrote about the trials."""

    diff: Block
    """From the files of the first trial to those of the second."""


class Compared(Answer):
    """Two trials side by side."""

    run: str
    rows: tuple[Row, Row]
    curves: tuple[Curve, Curve]
    peak_memory_mb: tuple[float | None, float | None]
    untrusted: ComparedText


class TriedValueText(Text):
    """One change of the constant."""

    before: Value | None
    after: Value | None
    reason: str


class TriedValue(Answer):
    """One trial that changed the constant."""

    number: int
    status: str
    delta: float | None
    """The loss minus the incumbent's; negative is better."""
    others: int
    """How many other constants the trial changed."""
    untrusted: TriedValueText


class ConstantTrials(Answer):
    """All trials that changed one constant."""

    run: str
    trials: tuple[TriedValue, ...]
    left_out: int
    """Older ones that are not shown."""


class NoteText(Text):
    """A note in words."""

    text: str
    sender: str


class NoteLine(Answer):
    """One note of the researcher."""

    number: int
    after: int
    """How many trials the ledger had when it was written."""
    untrusted: NoteText


class Notes(Answer):
    """The notes that are not dropped, oldest first."""

    run: str
    notes: tuple[NoteLine, ...]
    most: int
    """The most notes that a run keeps at once."""


class MachineText(Text):
    """What names of the machine say."""

    system: str
    accelerators: tuple[str, ...]
    """All accelerators of the machine; each trial gets its share of them."""
    packages: dict[str, str]
    """Main packages of the trainings' Python, and their versions."""


class MachinePage(Answer):
    """What trials run on."""

    slots: int
    """Trials that run at once."""
    cores: int
    """CPU cores of one trial."""
    memory_gb: float
    """Main memory of the machine."""
    trial_memory_gb: float | None
    """Main memory that one trial may use; None for no limit."""
    python: str
    """Version of the trainings' Python."""
    untrusted: MachineText


class ProbeText(Text):
    """What the run printed."""

    ended: str
    tail: Block


class ProbePage(Answer):
    """A short run on training data. It has no score, and decides nothing."""

    seconds: float
    peak_memory_mb: float | None
    curve: Curve
    untrusted: ProbeText
