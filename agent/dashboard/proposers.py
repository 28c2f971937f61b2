"""Compares the methods and models that proposed in a run, by the ledger alone."""

from dataclasses import dataclass

from agent.dashboard.view import View
from agent.display.format import spending
from agent.records.pace import seconds_of
from agent.records.results import FAILED, TAKEN, Trial


@dataclass(frozen=True)
class Row:
    """One method with one model."""

    name: str
    trials: int
    kept: int
    refused: int
    failed: float | None
    """Share of failures among the trained trials; None if none was trained."""
    best: float | None
    gain: float
    """The largest gain, and all of them, as differences of losses; positive is better."""
    hours: float
    """Hours of proposing, training and scoring, summed over workers."""
    tokens: tuple[int, int]
    """Input tokens and output tokens of models."""
    spent: str
    """The cost in dollars, as text."""

    @property
    def per_hour(self) -> float | None:
        """Return the gain per hour; None if it took no time."""
        return self.gain / self.hours if self.hours else None


def proposers(view: View) -> tuple[Row, ...]:
    """Return a row for each method with its model, the largest gain first.

    A trial that repeats another one counts for the other one's proposer.
    """
    groups: dict[str, list[Trial]] = {}
    for trial in view.trials:
        by = trial.proposal.by
        if by.origin != "baseline":
            name = f"{by.method} with {by.model}" if by.model else by.method
            groups.setdefault(name, []).append(trial)
    rows = [_row(name, trials) for name, trials in groups.items()]
    return tuple(sorted(rows, key=lambda row: (-row.gain, row.name)))


def _row(name: str, trials: list[Trial]) -> Row:
    ran = [trial for trial in trials if trial.status != "refused"]
    gains = [-(trial.delta or 0.0) for trial in trials if trial.status in TAKEN]
    paid = [trial.proposal.by for trial in trials]
    return Row(
        name=name,
        trials=len(trials),
        kept=len(gains),
        refused=len(trials) - len(ran),
        failed=sum(trial.status in FAILED for trial in ran) / len(ran) if ran else None,
        best=max(gains, default=None),
        gain=sum(gains),
        hours=sum(map(seconds_of, trials)) / 3600,
        tokens=(sum(by.input_tokens for by in paid), sum(by.output_tokens for by in paid)),
        spent=spending(trials),
    )
