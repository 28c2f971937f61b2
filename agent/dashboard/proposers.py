"""Who proposed in a run, and what came of it: methods and models side by side, from the ledger alone."""

from dataclasses import dataclass

from agent.dashboard.view import View
from agent.display.format import spending
from agent.records.results import FAILED, TAKEN, Trial


@dataclass(frozen=True)
class Row:
    """What one method with one model did. failed: of those that were trained. best, gain: bits per byte, positive is better.

    hours: of proposing, training and scoring, summed over workers. spent: dollars in words.
    """

    name: str
    trials: int
    kept: int
    refused: int
    failed: float | None
    best: float | None
    gain: float
    hours: float
    tokens: tuple[int, int]
    spent: str

    @property
    def per_hour(self) -> float | None:
        """Gain an hour of its own; None where it took no time."""
        return self.gain / self.hours if self.hours else None


def proposers(view: View) -> tuple[Row, ...]:
    """A row for each method with its model, whoever gained most first. What is tried again counts for who proposed it first."""
    groups: dict[str, list[Trial]] = {}
    for trial in view.trials:
        by = trial.proposal.by
        if by.origin != "baseline":
            groups.setdefault(f"{by.method} with {by.model}" if by.model else by.method, []).append(
                trial
            )
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
        hours=sum(map(_seconds, trials)) / 3600,
        tokens=(sum(by.input_tokens for by in paid), sum(by.output_tokens for by in paid)),
        spent=spending(trials),
    )


def _seconds(trial: Trial) -> float:
    ran = trial.result
    return trial.proposal.by.seconds + (ran.seconds + ran.score_seconds if ran else 0.0)
