"""A probe: a short run of code on training data that shows its output, without a score."""

import re
import threading
from pathlib import Path

from agent.records.proposals import Proposal, Provenance
from agent.records.results import Attempt
from sandbox.ground.budget import Budget
from sandbox.ground.outcome import Cancelled, Finished, Outcome, Runner, TimedOut
from sandbox.ground.record import Record
from sandbox.ground.text import tail
from sandbox.score.failure import failure
from sandbox.score.job import Job, training_of
from sandbox.score.metric import Metric
from sandbox.score.printed import read_curve
from sandbox.score.room import NoProgram, place_data
from sandbox.score.weights import FOLDER

TAIL = 8_000
"""Characters of what it printed."""
BUDGET_SHARE = 0.5
"""Of its seconds that a training which keeps to a budget is told: starting up takes some, too."""
HELD_OUT = re.compile(r"(?<![a-z])(val|valid|validation|test|eval|dev|holdout)(?![a-z])", re.I)
LEFT_OUT = "(a line about held-out data is left out)"


class Probe(Record):
    """The code and the terms of a probe."""

    commit: str
    """Whose files it starts from."""
    seed: int
    seconds: float
    """That it may take."""
    texts: dict[str, str] = {}
    """Files of it, by path in the project's folder, that have this text instead."""
    removed: tuple[str, ...] = ()
    """Files of it that are not there."""

    def attempt(self) -> Attempt:
        """Return a placeholder attempt; a probe has no number in the ledger."""
        by = Provenance(method="probe", origin="llm")
        proposal = Proposal(hypothesis="a probe", by=by)
        return Attempt(number=0, commit=self.commit, parent=self.commit, proposal=proposal)


class Probed(Record):
    """The outcome of a probe."""

    ended: str
    """How it ended, in words."""
    seconds: float
    tail: str = ""
    """The end of what it printed, without lines about held-out data."""
    curve: tuple[tuple[float, float], ...] = ()
    peak_memory_mb: float | None = None


def put_files(folder: Path, probe: Probe) -> None:
    """Make the files of an exported folder those of a probe."""
    for path in probe.removed:
        (folder / path).unlink(missing_ok=True)
    for path, text in probe.texts.items():
        file = folder / path
        mode = file.stat().st_mode if file.exists() else None
        file.unlink(missing_ok=True)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode("utf-8", "surrogateescape"))
        if mode is not None:
            file.chmod(mode)


def run_probe(job: Job, probe: Probe, runner: Runner, cancel: threading.Event) -> Probed:
    """Run a probe in place of a training of `job`, without a score. Raise SandboxFault only.

    With a sealed or evaluated score, the training data holds no held-out data. If the run prints
    its own score, lines that name it or held-out data are removed from the output. Code that prints
    the score under another name is not detected, but gains nothing: a probe decides nothing.
    """
    (Path(job.scratch) / FOLDER).mkdir(parents=True, exist_ok=True)
    if job.checkout:
        place_data(Path(job.folder), Path(job.checkout), job.read_only)
    budget = job.budget
    if budget and budget.unit == "s":
        amount = max(1, int(probe.seconds * BUDGET_SHARE))
        budget = Budget(amount=min(amount, budget.amount), unit="s")
    limits = job.limits.model_copy(update={"wall_seconds": probe.seconds})
    changed = {"budget": budget, "deadline": None, "limits": limits, "evaluation": None}
    try:
        spec = training_of(job.model_copy(update=changed))
    except NoProgram as reason:
        return Probed(ended=str(reason), seconds=0.0)
    outcome = runner.run(spec, cancel)
    log = Path(job.log)
    printed = job.metric if job.score == "printed" else None
    memory = outcome.usage.peak_memory_bytes
    return Probed(
        ended=_without_scores(_ended(outcome, log), printed),
        seconds=outcome.usage.seconds,
        tail=_without_scores(tail(log, TAIL), printed),
        curve=tuple((point[0], point[1]) for point in read_curve(log)),
        peak_memory_mb=round(memory / 2**20, 1) if memory else None,
    )


def _ended(outcome: Outcome, log: Path) -> str:
    if isinstance(outcome, Finished):
        return "it ended by itself"
    if isinstance(outcome, TimedOut):
        return f"it was ended after {outcome.usage.seconds:.0f} s"
    if isinstance(outcome, Cancelled):
        return "the run ends"
    return failure(outcome, log, None)[1]


def _without_scores(text: str, metric: Metric | None) -> str:
    """Return a text without lines about scores. metric: the one that the run prints."""
    if metric is None:
        return text
    names = [name.casefold() for name in (metric.name, *metric.also)]

    def tells(line: str) -> bool:
        folded = line.casefold()
        return any(name in folded for name in names) or HELD_OUT.search(folded) is not None

    return "\n".join(LEFT_OUT if tells(line) else line for line in text.split("\n"))
