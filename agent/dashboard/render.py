"""Renders views as HTML pages and parts of pages; everything printed is escaped."""

import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from agent.dashboard.captions import command, conditions, hardware, seeds
from agent.dashboard.charts import Curves, Overlay, Staircase, slices, title_of
from agent.dashboard.data import hrefs_of
from agent.dashboard.flights import Flight, curve_of, flights_of
from agent.dashboard.highlight import diff_lines
from agent.dashboard.importance import importances
from agent.dashboard.local import Local
from agent.dashboard.metrics import MOST, clouds_of, series_of
from agent.dashboard.parallel import Parallel
from agent.dashboard.proposers import proposers
from agent.dashboard.slots import Slots, clock
from agent.dashboard.training import training
from agent.dashboard.tree import Tree
from agent.dashboard.view import View, comparable, differences
from agent.display.claims import written
from agent.display.format import (
    HEAD,
    STYLES,
    USUAL,
    Formatter,
    duration,
    memory,
    noise_text,
    pace_text,
    proposer,
    spending,
    times,
    utc_time,
)
from agent.display.held import guard_lines
from agent.display.scores import WORDS
from agent.display.show import conditions_met, looked, measured, provenance
from agent.display.table import next_commands
from agent.errors import UsageFault
from agent.judge.comparison import afterwards
from agent.judge.pareto import axes_of
from agent.records.inputs import words_of
from agent.records.marks import marks_of
from agent.records.objective import VAL_BPB
from agent.records.results import Trial, also_of
from sandbox.ground.text import shortened

FORMATTER = Formatter()
# A question holds a train.py and a ledger; nobody reads more than this in a browser.
MAX_CHARACTERS = 200_000
SCRIPTS = ("curves.js", "contour.js", "zoom.js", "pair.js", "page.js")
# Columns: key, heading ("" for the metric's name), and class (how it is sorted and aligned).
COLUMNS = (
    ("number", "#", "num"),
    ("status", "status", ""),
    ("value", "", "num"),
    ("delta", "delta", "num"),
    ("sigmas", "÷ noise", "num"),
    ("seconds", "time", "num"),
    ("memory", "memory", "num"),
    ("method", "method", ""),
    ("hypothesis", "hypothesis", ""),
)


@dataclass(frozen=True)
class Controls:
    """The controls of a visitor; without a `secret` only the form to sign in."""

    secret: str
    """The secret in every form of the session."""


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    trial: Trial
    sigmas: float | None
    seconds: float | None
    memory: float | None
    method: str
    further: tuple[tuple[float | None, bool], ...]
    """The value of each further metric, and whether it breaks a guard."""


def report(view: View, diffs: Mapping[int, str]) -> str:
    """Return a run as one HTML file that loads nothing else. diffs: unified diffs, by number."""
    details = [
        (trial.number, trial_part(view, trial, diffs.get(trial.number, "")))
        for trial in view.trials
    ]
    return run_page(view, secrets.token_urlsafe(16), flights_of(view, {}), details)


def run_page(
    view: View,
    nonce: str,
    flights: Sequence[Flight],
    details: Sequence[tuple[int, Markup]] | None = None,
    control: Controls | None = None,
) -> str:
    """Return a run's page, live unless it has the `details` of every trial.

    nonce: names the page's own style and script to its security policy. control: None for a page
    without controls.
    """
    spent, _, unknown = spending(view.proposed).partition(" (")
    shares, unimportant = _importances(view)
    return page(
        "run.html",
        nonce,
        details is not None,
        view=view,
        control=control,
        flights=flights,
        details=details or (),
        columns=list(_columns(view)),
        rows=[_row(view, trial) for trial in view.trials],
        staircase=Staircase(view),
        slices=slices(view),
        guards=list(guard_lines(view.trials, view.run.goal)),
        series=series_of(view),
        clouds=clouds_of(view),
        further=view.run.goal.further[:MOST],
        gains=_unit_of_gains(view),
        spent=(spent, unknown.rstrip(")")),
        commands=next_commands(view.branch, view.trials),
        conditions=list(_conditions(view)),
        caption=conditions(view),
        tree=Tree(view),
        slots=Slots(view),
        training=training(view, {flight.attempt.number: flight.curve for flight in flights}),
        proposers=proposers(view),
        parallel=Parallel(view, list(shares)),
        shares=shares,
        unimportant=unimportant,
        directions=[axis.direction for axis in axes_of(view.run.goal)[: MOST + 1]],
        data=hrefs_of(view, flights, embedded=details is not None),
    )


def runs_page(views: Sequence[View], nonce: str) -> str:
    """Return the page of a repository's runs, a line for each."""
    return page("runs.html", nonce, False, views=views)


def compare_page(views: Sequence[View], nonce: str) -> str:
    """Return the page of several runs side by side."""
    names = {
        "overlay": Overlay(views),
        "differences": differences(views),
        "comparable": comparable(views),
    }
    return page("compare.html", nonce, False, views=views, **names)


def now_part(view: View, flights: Sequence[Flight]) -> str:
    """Return the part of a page that shows what is running."""
    return environment().get_template("now.html").render(view=view, flights=flights)


def trial_part(
    view: View,
    trial: Trial,
    diff: str,
    local: Local | None = None,
    control: Controls | None = None,
) -> Markup:
    """Return one trial in full. local: None for a file that is read on other machines."""
    incumbent = view.beaten_by(trial)
    curve = curve_of(trial)
    template = environment().get_template("trial.html")
    html = template.render(
        trial=trial,
        view=view,
        control=control,
        marks=marks_of(view.inputs, trial.number),
        waits=trial.status in ("suspect", "held"),
        facts=list(_facts(view, trial)),
        beside=_beside(view, trial),
        diff=diff_lines(diff),
        logs=local.logs if local else (),
        curves=Curves(curve, curve_of(incumbent)) if curve else None,
        over=incumbent.number if incumbent else None,
        asked=trial.proposal.by.calls,
        exchanges=local.exchanges if local else (),
        here=local is not None,
        traces=local.traces if local else (),
    )
    return Markup(html)


def page(template: str, nonce: str, standalone: bool, **names: Any) -> str:
    """Return a whole page of any kind; `names` are the variables of its template."""
    scripts = (
        _asset(name) for name in ("curves.js", "contour.js", "zoom.js", "pair.js", "page.js")
    )
    assets = {"css": _asset("page.css"), "js": Markup("\n").join(scripts)}
    page = environment().get_template(template)
    return page.render(nonce=nonce, standalone=standalone, **assets, **names)


@cache
def environment() -> Environment:
    """Return the templates.

    What they print has its control characters made visible and is escaped, unless it is Markup.
    """
    templates = Environment(
        loader=PackageLoader("agent.dashboard"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_clean,
    )
    templates.globals |= {
        "known": lambda status: status if status in STYLES else "other",
        "noise_text": noise_text,
        "pace_text": pace_text,
        "score": USUAL.score,
        "duration": duration,
        "memory": memory,
        "title_of": title_of,
        "value": written,
        "when": utc_time,
        "words_of": words_of,
        "clock": clock,
        "spending": spending,
        "times": times,
    }
    templates.filters |= {
        "shortened": _shortened,
        "written_out": lambda data: json.dumps(data, indent=1, ensure_ascii=False),
    }
    return templates


def _shortened(text: str) -> str:
    rest = len(text) - MAX_CHARACTERS
    return text if rest <= 0 else f"{text[:MAX_CHARACTERS]}\n… {rest} more characters"


def _clean(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, str) and not isinstance(value, Markup):
        return FORMATTER.block(value)
    return value


@cache
def _asset(name: str) -> Markup:
    loader = environment().loader
    assert loader
    return Markup(loader.get_source(environment(), name)[0])


def _row(view: View, trial: Trial) -> Row:
    result = trial.result
    return Row(
        trial=trial,
        sigmas=view.sigmas(-trial.delta) if trial.delta is not None else None,
        seconds=result.seconds if result else None,
        memory=result.peak_memory_mb if result else None,
        method=proposer(trial.proposal.by),
        further=tuple(_further(view, trial)),
    )


def _further(view: View, trial: Trial) -> Iterator[tuple[float | None, bool]]:
    values = also_of(trial)
    broken = {result.guard.metric for result in trial.guards if result.finding == "outside"}
    for name in view.run.goal.further[:MOST]:
        yield values.get(name), name in broken


def _columns(view: View) -> Iterator[tuple[str, str, str]]:
    """Yield the columns of the table: the metrics beside the main one stand behind the delta."""
    for key, name, kind in COLUMNS:
        yield key, name or view.formatter.head, kind
        if key == "sigmas":
            for place, metric in enumerate(view.run.goal.further[:MOST]):
                yield f"further{place}", shortened(metric, HEAD), "num"


def _unit_of_gains(view: View) -> str:
    """Return a sentence on the unit of the gains."""
    goal = view.run.goal
    if goal == VAL_BPB:
        return "Gains are in bits per byte."
    words = {
        "linear": f"Gains are in {goal.metric}",
        "log": f"Gains are shares of {goal.metric}",
        "logit": f"Gains are on the logit scale of {goal.metric}",
    }
    return f"{words[goal.scale]}: {goal.better}."


def _importances(view: View) -> tuple[dict[str, float], str]:
    """Return the share of each constant, or why there is none."""
    try:
        return importances(view.trials, view.run.goal.direction), ""
    except UsageFault as fault:
        return {}, f"{fault.message[0].upper()}{fault.message[1:]}."


def _beside(view: View, trial: Trial) -> int | None:
    """Return the number of the trial to compare it with by default; None if there is no other."""
    others = [view.beaten_by(trial), view.best, view.baseline]
    numbers = [other.number for other in others if other and other.number != trial.number]
    return numbers[0] if numbers else None


def _facts(view: View, trial: Trial) -> Iterator[tuple[str, str]]:
    parent = view.parents.get(trial.number) if trial.status != "baseline" else None
    if parent:
        yield "proposed on", f"#{parent.number}"
    if trial.result:
        # The losses are drawn as a chart.
        for name, text in measured(trial.result, view.formatter):
            if text and name != "loss":
                yield name, text
    yield from conditions_met(trial)
    yield from afterwards(view.measurements, trial.number)
    yield "proposed by", provenance(trial.proposal.by)
    yield from looked(trial.proposal)
    commits = {"judged": utc_time(trial.at), "attempt": trial.attempt, "verdict": trial.verdict}
    yield from ((name, text) for name, text in commits.items() if text)


BEFORE_ANY = {
    "sealed": WORDS["sealed"],
    "evaluated": WORDS["evaluated"],
    "printed": "self-reported by train.py",
}
"""Names of the kinds of score, for a run without one yet."""


def _conditions(view: View) -> Iterator[tuple[str, str]]:
    run = view.run
    yield "branch", view.branch
    yield "method", f"{run.method} with {run.model}" if run.model else run.method
    yield "time of a trial", run.allowance
    yield "workers", str(run.workers)
    yield "seed", str(run.seed)
    yield "baseline runs", str(run.baseline_repeats)
    yield "seeds measured", seeds(view)
    yield "noise", noise_text(view.noise, view.formatter)
    yield "hardware", hardware(view)
    yield "score", view.about or BEFORE_ANY[run.score]
    yield "sandbox tier", view.tiers
    yield "command", command(view)
    if view.parent:
        yield "began at", view.parent
    yield "start commit", run.start_commit
    yield "validation data", run.data_fingerprint or "the repository's own"
