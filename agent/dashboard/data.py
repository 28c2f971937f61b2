"""The data behind each figure of a run's page, as CSV."""

import base64
import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence

from agent.dashboard.charts import values_of, walk_of
from agent.dashboard.flights import Flight
from agent.dashboard.metrics import MOST
from agent.dashboard.proposers import proposers
from agent.dashboard.slots import Slots
from agent.dashboard.training import training
from agent.dashboard.view import View
from agent.display.format import Formatter
from agent.errors import HistoryFault
from agent.exchange.write import cell_of, flat_csv
from agent.records.results import also_of, on_newest_data

Cell = str | int | float | bool | None
Rows = Iterator[Sequence[Cell]]
FORMATTER = Formatter()


def csv_of(name: str, view: View, flights: Sequence[Flight]) -> str:
    """Return the data behind a figure; raise HistoryFault if there is no such figure."""
    if name == "trials":
        return flat_csv(view.trials, view.run.goal)
    if name not in FIGURES:
        raise HistoryFault(
            f"there is no figure {FORMATTER.line(name)[:40]!r}: {', '.join(FIGURES)}",
            f"autoresearch export {view.run.tag} --format csv",
        )
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerows(map(cell_of, row) for row in FIGURES[name](view, flights))
    return file.getvalue()


def hrefs_of(view: View, flights: Sequence[Flight], embedded: bool) -> Mapping[str, str]:
    """Return the target of each figure's link to its data: the data itself if `embedded`."""
    if not embedded:
        return {name: f"/run/{view.run.tag}/data/{name}.csv" for name in NAMES}
    return {name: _embedded(csv_of(name, view, flights)) for name in NAMES}


def _embedded(text: str) -> str:
    data = base64.b64encode(text.encode("utf-8", "replace")).decode()
    return f"data:text/csv;charset=utf-8;base64,{data}"


def _staircase(view: View, _: Sequence[Flight]) -> Rows:
    yield "trial", "status", view.formatter.metric, "incumbent", "noise_band"
    for trial in view.trials:
        tip = view.tips[trial.number]
        yield trial.number, trial.status, trial.value, tip.value if tip else None, view.band or None


def _gains(view: View, _: Sequence[Flight]) -> Rows:
    """Yield each gain and its 95 % interval as changes of the metric, which the list shows."""
    change = view.formatter.objective.sense.change
    yield "trial", "change", "low", "high", "times_noise", "hypothesis"
    for gain in view.gains:
        low, high = sorted(map(change, gain.trial.interval or ())) or (None, None)
        name = gain.trial.proposal.hypothesis
        yield gain.trial.number, change(-gain.size), low, high, gain.sigmas, name


def _curves(view: View, flights: Sequence[Flight]) -> Rows:
    yield "trial", "share_of_budget", "training_loss"
    flying = {flight.attempt.number: flight.curve for flight in flights}
    for curve in training(view, flying)["curves"]:
        for share, loss in curve["points"]:
            yield curve["number"], share, loss


def _slots(view: View, _: Sequence[Flight]) -> Rows:
    yield "trial", "slot", "begin", "end", "training_and_scoring_seconds"
    slots = Slots(view)
    for bar in () if slots.empty else slots.bars:
        yield bar.span.number, bar.lane + 1, bar.span.begin, bar.span.end, bar.span.trained


def _constants(view: View, _: Sequence[Flight]) -> Rows:
    """Yield the score, the further metrics and the constants of each trial on the newest data."""
    trials = [trial for trial in on_newest_data(view.trials) if trial.configuration]
    further = view.run.goal.further[:MOST]
    names = list(values_of(trials))
    yield "trial", "status", view.formatter.metric, *further, *names
    for trial in trials:
        also = also_of(trial)
        metrics = [also.get(name) for name in further]
        values = [trial.configuration.get(name) for name in names]
        yield trial.number, trial.status, trial.value, *metrics, *values


def _tree(view: View, _: Sequence[Flight]) -> Rows:
    yield "trial", "status", "proposed_on"
    for trial in view.trials:
        parent = view.parents[trial.number]
        yield trial.number, trial.status, parent.number if parent else None


def _proposers(view: View, _: Sequence[Flight]) -> Rows:
    yield "proposer", "trials", "kept", "refused", "failed_share", "best_gain", "gain", "hours"
    for row in proposers(view):
        counts = (row.trials, row.kept, row.refused)
        yield row.name, *counts, row.failed, row.best, row.gain, row.hours


def _progress(view: View, _: Sequence[Flight]) -> Rows:
    yield "training_seconds", "best_so_far"
    yield from walk_of(view)


FIGURES: Mapping[str, Callable[[View, Sequence[Flight]], Rows]] = {
    "staircase": _staircase,
    "gains": _gains,
    "curves": _curves,
    "slots": _slots,
    "constants": _constants,
    "tree": _tree,
    "proposers": _proposers,
    "progress": _progress,
}
NAMES = ("trials", *FIGURES)
