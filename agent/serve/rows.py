"""Trials and runs as the tools show them."""

from collections.abc import Iterator

from agent.dashboard.view import View
from agent.display.claims import recorded
from agent.display.format import Formatter, proposer
from agent.display.learnt import learnt
from agent.display.steering import remark_lines
from agent.history.history import History
from agent.records.results import Attempt, Trial
from agent.records.spending import spending_of
from agent.records.steering import steering_of
from agent.serve.quoted import line
from agent.serve.tool_answers import (
    Column,
    InFlight,
    NowText,
    PlaceNow,
    PlaceText,
    Row,
    RowText,
)

CHANGES = 12
"""The most changes that a row lists."""
WARNINGS = 5
PLACES = 64
NAME = 100
"""The most characters of a name."""


def row_of(entry: Trial | Attempt, formatter: Formatter) -> Row:
    """Return the row of a trial, judged or in flight."""
    by = entry.proposal.by
    if isinstance(entry, Attempt):
        text = RowText(
            hypothesis=line(entry.proposal.hypothesis), reason="", proposed_by=line(proposer(by))
        )
        return Row(
            number=entry.number, status="in flight", origin=by.origin, cost=by.cost, untrusted=text
        )
    text = RowText(
        hypothesis=line(entry.proposal.hypothesis),
        reason=line(entry.reason),
        proposed_by=line(proposer(by)),
        changes=tuple(map(line, recorded(entry)[:CHANGES])),
    )
    return Row(
        number=entry.number,
        status=entry.status,
        origin=by.origin,
        value=entry.value,
        delta=entry.delta,
        change=formatter.change(entry.delta) if entry.delta is not None else "",
        against=entry.against,
        seconds=entry.result.seconds if entry.result else None,
        cost=by.cost,
        at=entry.at,
        untrusted=text,
    )


def flying(attempt: Attempt, progress: float | None, view: View) -> InFlight:
    """Return a trial in flight, and how far its training is."""
    waiting = {waits.number: waits.run for waits in view.places.waiting}
    return InFlight(
        number=attempt.number,
        progress=progress,
        waits_for_run=waiting.get(attempt.number),
        untrusted=row_of(attempt, view.formatter).untrusted,
    )


def places_of(view: View) -> Iterator[PlaceNow]:
    """Yield the machines of a run; those that left come last."""
    for place in view.places.present[:PLACES]:
        text = PlaceText(name=line(place.name, NAME), machine=line(place.machine, NAME))
        slots = len(place.slots)
        yield PlaceNow(state="here", slots=slots, trials=place.trials, untrusted=text)
    for gone in view.places.gone[-PLACES:]:
        text = PlaceText(name=line(gone.name, NAME), why=line(gone.why))
        yield PlaceNow(state="gone", slots=0, untrusted=text)


def text_of(view: View, history: History) -> NowText:
    """Return the untrusted texts about a run as a whole."""
    run = view.run
    return NowText(
        metric=line(run.goal.metric, NAME),
        method=line(run.method, NAME),
        model=line(run.model, NAME) if run.model else None,
        learnt=line(learnt(view.trials, view.formatter), 1000),
        warnings=tuple(map(line, history.warnings[:WARNINGS])),
        said=tuple(map(line, remark_lines(steering_of(history.inputs, len(view.trials))))),
    )


def gain_text(view: View) -> str:
    """Return the gain of the best trial over the baseline, as a change of the metric."""
    gain = view.gain
    return "" if gain is None else view.formatter.change(gain)


def column_of(view: View, history: History) -> Column:
    """Return a run as a column of a comparison."""
    return Column(
        run=history.tag,
        budget=view.run.allowance,
        counts=dict(view.counts),
        best=view.best.value if view.best else None,
        gain=gain_text(view),
        noise=view.noise.scatter,
        trials_per_hour=view.per_hour,
        cost=spending_of(entry.proposal for entry in view.proposed).dollars,
        untrusted=text_of(view, history),
    )
