"""Shows the plan of a start, without a branch, a training or a question to a model."""

import json
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.text import Text

from agent.cli.build import proven_for, slots_for
from agent.cli.carried_notes import written_notes
from agent.cli.choices import build_staff
from agent.cli.constants import value_text
from agent.cli.origin import find_origin
from agent.cli.overview import Chosen, rows, say_overview
from agent.cli.planned_places import planned_places
from agent.cli.question import first_context, first_question, last_commit
from agent.cli.reach import kept_from_models
from agent.cli.researching import shown_research
from agent.cli.session import trackers_of
from agent.cli.starting import Typed
from agent.cli.warm import warm_start
from agent.display.folding import FoldingTable
from agent.display.format import Formatter, formatter_for, open_console
from agent.display.waiting import waiting
from agent.errors import Fault, UnknownModel
from agent.evaluate.neighbours import sessions
from agent.history.runs import next_tag, text_at
from agent.llm.model import Request
from agent.llm.resolve import open_model, sends_no_bill
from agent.project.find import Project
from agent.project.flags import Flags
from agent.project.resolve import StartOptions
from agent.project.trust import REPLAY
from agent.propose import find_method
from agent.propose.context import Context
from agent.propose.looking import never_awaited
from agent.records.results import PriorTrial
from agent.space import Space

RUNS_A_TRIAL = 1.25
"""Of the sequential verdict, repeats included: docs/measurements.md."""
OVERHEAD_SECONDS = {"sealed": 5.0, "evaluated": 2.0, "printed": 1.0}
"""Taken for start-up and scoring of a run, until the baseline has shown them."""
ANSWER_TOKENS = 2_000
"""Of a usual answer."""
QUESTIONS = {"llambo": 2, "llambo-paper": 11}
"""A proposal's, of the methods that ask more than one."""
PRICE_SECONDS = 20.0


@dataclass(frozen=True)
class Forecast:
    """The expected size of a run; None for what is unknown before the baseline."""

    trials: int | None
    """None without a bound on trials or hours."""
    hours: float | None
    trials_an_hour: float | None
    dollars: float | None
    """0 where no model is asked, or no bill is expected."""


@dataclass(frozen=True)
class Price:
    """The cost of one question in dollars; None if the price is unknown."""

    usual: float | None
    most: float | None
    why: str = ""
    """Why nothing is known."""


def show_plan(flags: Flags, typed: Typed) -> None:
    """Print the plan of `start` with these flags. Raise Fault for what it would refuse."""
    manner = typed.manner
    as_json = manner.as_json
    origin = find_origin(Path.cwd(), flags, typed.source, typed.governs)
    place = origin.place
    project = place.project
    options = origin.options(flags)
    manner.check(options)
    tag = typed.tag or next_tag(project)
    _refuse_unknown(project, options, tag, typed)
    objective = origin.objective
    head = origin.state.commit if origin.state else last_commit(project)
    sources = origin.sources(head)
    slots = slots_for(manner.where, options.workers.value)
    prior: tuple[PriorTrial, ...] = ()
    if typed.warm:
        prior = warm_start(typed.warm, place, head, objective, err=as_json)
    tier = proven_for(manner.where, manner.unsafe, sources.code, place, slots).tier
    prepare = text_at(project, head, project.prepare) if project.prepare else ""
    where = "" if manner.where.is_local else str(manner.where)
    begins = origin.rows
    chosen = Chosen(place, options, slots, tier, sources, prepare, objective, begins, where=where)
    places = planned_places(manner, place, options, slots, tag)
    research = shown_research(place, "", options.look.value)
    context = first_context(place, head, options, objective, prior)
    context = research.equip(context, never_awaited)
    request = _first_request(options, context)
    price = _price(options.model.value, request, chosen)
    repeats = options.verdict.value == "sequential" and objective.noise != "none"
    forecast = forecast_of(options, project.score, places.workers, price, repeats)
    if as_json:
        record = _record(chosen, context.space, request, price, forecast)
        typer.echo(json.dumps({**record, **places.plain()}, indent=1))
        return
    say_overview(chosen)
    console = open_console()
    formatter = formatter_for(console, objective)
    _say_space(console, formatter, context.space)
    question = _question_line(options.model.value, request, price)
    for line in (question, _forecast_line(chosen, forecast)):
        console.print(Text(formatter.line(line)), soft_wrap=True)
    places.say(console)
    console.print("nothing was started, and no model was asked; without --dry-run it starts")


def _refuse_unknown(project: Project, options: StartOptions, tag: str, typed: Typed) -> None:
    """Raise Fault for a method, a tracker or a run that is named and not here."""
    manner = typed.manner
    method = find_method(options.method.value, typed=True)
    build_staff(method, options.model.value, options)
    trackers_of(project, tag, manner.tracker, manner.notify)
    if typed.notes:
        written_notes(project, typed.notes)


def _first_request(options: StartOptions, context: Context) -> Request | None:
    """Return the first question to the model; None without a model, or for a replay."""
    model = options.model.value
    if not model or model.startswith(REPLAY):
        return None
    return first_question(find_method(options.method.value, typed=True), context)


def _price(model: str | None, request: Request | None, chosen: Chosen) -> Price:
    """Return the cost of a question. At most the provider's list of models is requested."""
    if model is None or sends_no_bill(model, os.environ):
        return Price(0.0, 0.0)
    if request is None:
        return Price(None, None, "its first proposals ask no model")
    try:
        with waiting(f"the provider of {model} to answer"):
            hidden = kept_from_models(chosen.place.project)
            opened = open_model(model, os.environ, PRICE_SECONDS, threading.Event(), hidden)
    except UnknownModel:
        raise
    except Fault as fault:
        return Price(None, None, fault.message)
    tokens = min(ANSWER_TOKENS, request.max_output_tokens)
    usual = opened.estimate(request.model_copy(update={"max_output_tokens": tokens}))
    return Price(usual, opened.estimate(request), "the list of prices does not have it")


def forecast_of(
    options: StartOptions, score: str, workers: int, price: Price, repeats: bool
) -> Forecast:
    """Return the hours and dollars that a run would take, from its budget and its bounds.

    repeats: whether promising trials are run again.
    """
    seconds = None
    budget = options.budget.value
    if budget and budget.unit == "s":
        seconds = (budget.amount + OVERHEAD_SECONDS[score]) / workers
    rate = None
    if seconds is not None:
        rate = 3600 / (seconds * (RUNS_A_TRIAL if repeats else 1.0))
    baseline = (seconds or 0.0) * options.baseline_repeats.value / 3600
    hours = options.hours.value
    bounds = [options.trials.value, _affordable(options, price)]
    if rate is not None and hours is not None:
        bounds.append(round(max(0.0, hours - baseline) * rate))
    trials = min((bound for bound in bounds if bound is not None), default=None)
    if rate is not None and trials is not None:
        needed = baseline + trials / rate
        hours = needed if hours is None else min(hours, needed)
    return Forecast(trials, hours, rate, _dollars(options, price, trials))


def _affordable(options: StartOptions, price: Price) -> int | None:
    """Return how many trials the bound on dollars pays for; None for any number."""
    bound = options.max_cost.value
    if bound is None or not price.usual:
        return None
    return int(bound / (price.usual * QUESTIONS.get(options.method.value, 1)))


def _dollars(options: StartOptions, price: Price, trials: int | None) -> float | None:
    if not price.usual:
        return price.usual
    if trials is None:
        return None
    return trials * QUESTIONS.get(options.method.value, 1) * price.usual


def _say_space(console: Console, formatter: Formatter, space: Space) -> None:
    table = FoldingTable(("constant", "value", "range"))
    for parameter in space.parameters:
        cells = (parameter.name, value_text(parameter.default), str(parameter))
        table.add_row(*(Text(formatter.line(cell)) for cell in cells))
    console.print()
    if space.parameters:
        console.print(table)
        console.print()


def _question_line(model: str | None, request: Request | None, price: Price) -> str:
    if model is None:
        return "question: no model is asked"
    if request is None:
        return f"question: {model} is asked nothing at first"
    text = f"question: about {request.tokens:,} tokens to {model} (autoresearch prompt)"
    if price.usual is None:
        return f"{text}; its price is unknown: {price.why}"
    if not price.usual:
        return text
    return (
        f"{text}; about ${price.usual:.3f} with an answer of {ANSWER_TOKENS:,} tokens, "
        f"at most ${price.most:.3f}; it grows with the ledger"
    )


def _forecast_line(chosen: Chosen, forecast: Forecast) -> str:
    """Return the forecast in words; a run that prints its score may end before its budget."""
    printed = chosen.place.project.score != "sealed"
    parts = []
    if forecast.trials is not None:
        parts.append(f"{forecast.trials} trials")
    if forecast.hours is not None:
        parts.append(f"{'at most' if printed else 'about'} {_hours_text(forecast.hours)}")
    if forecast.trials_an_hour is None:
        parts.append("how long a training takes is shown by the baseline")
    else:
        least = "at least" if printed else "about"
        parts.append(f"{least} {forecast.trials_an_hour:.3g} trials an hour")
    if forecast.trials is None and forecast.hours is None:
        parts.append("no end but Ctrl-C")
    parts.append(_dollars_text(forecast.dollars, chosen.options.max_cost.value))
    return f"forecast: {', '.join(parts)}"


def _hours_text(hours: float) -> str:
    return f"{hours:.1f} hours" if hours >= 1 else f"{max(1, round(hours * 60))} minutes"


def _dollars_text(dollars: float | None, bound: float | None) -> str:
    if dollars is not None:
        return f"about ${dollars:.2f}" if dollars else "no dollars"
    return "dollars unknown" if bound is None else f"at most ${bound:.2f}"


def _record(
    chosen: Chosen, space: Space, request: Request | None, price: Price, forecast: Forecast
) -> dict[str, Any]:
    searched = [{"name": p.name, "value": p.default, "range": str(p)} for p in space.parameters]
    return {
        "objective": chosen.objective.model_dump(mode="json"),
        "overview": {row.name: row.text for row in rows(chosen, os.environ, sessions())},
        "space": searched,
        "question": request and request.model_dump(mode="json"),
        "tokens": request and request.tokens,
        "dollars_a_question": {"usual": price.usual, "most": price.most},
        "forecast": {
            "trials": forecast.trials,
            "hours": forecast.hours,
            "trials_an_hour": forecast.trials_an_hour,
            "dollars": forecast.dollars,
        },
    }
