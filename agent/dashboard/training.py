"""The training curves of a run as data, which the page's script draws in one chart."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TypedDict

from agent.dashboard.view import View
from agent.display.format import Formatter
from agent.records.curves import Curve
from agent.records.proposals import Proposal

# The curves shown at first: the baseline and the newest keeps.
SHOWN = 4
# More of a hypothesis does not fit on a line of the legend.
CHARACTERS = 200
FORMATTER = Formatter()


class Drawn(TypedDict):
    """One curve with its legend."""

    number: int
    status: str
    name: str
    points: list[tuple[float, float]]


class Training(TypedDict):
    """Every curve of a run, and the numbers of those that are shown at first."""

    curves: list[Drawn]
    shown: list[int]


def training(view: View, flights: Mapping[int, Curve]) -> Training:
    """Return the curves of a run; `flights` are those of attempts in training, by number."""
    curves = [*_judged(view), *_flying(view, flights)]
    drawn = {curve["number"] for curve in curves}
    kept = [trial.number for trial in view.reigns if trial.number in drawn]
    return {"curves": curves, "shown": _some(kept)}


def _some(kept: Sequence[int]) -> list[int]:
    """Return the first one and the newest ones."""
    return list(kept) if len(kept) <= SHOWN else [kept[0], *kept[1 - SHOWN :]]


def _judged(view: View) -> Iterator[Drawn]:
    for trial in view.trials:
        if trial.result and trial.result.curve:
            yield _drawn(trial.number, trial.status, trial.proposal, trial.result.curve)


def _flying(view: View, flights: Mapping[int, Curve]) -> Iterator[Drawn]:
    for attempt in view.in_flight:
        curve = flights.get(attempt.number)
        if curve:
            yield _drawn(attempt.number, "in training", attempt.proposal, curve)


def _drawn(number: int, status: str, proposal: Proposal, curve: Curve) -> Drawn:
    return {
        "number": number,
        "status": status,
        "name": FORMATTER.line(proposal.hypothesis)[:CHARACTERS],
        "points": [(round(share, 4), _rounded(loss)) for share, loss in curve],
    }


def _rounded(loss: float) -> float:
    """Return a loss with six digits: more cannot be seen, and a page of many trials stays small."""
    return float(f"{loss:.6g}")
