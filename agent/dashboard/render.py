"""Renders views as HTML, whole pages and the parts that the dashboard serves; escapes whatever it is given."""

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
from agent.dashboard.highlight import diff_lines
from agent.dashboard.importance import importances
from agent.dashboard.parallel import Parallel
from agent.dashboard.proposers import proposers
from agent.dashboard.tree import Tree
from agent.dashboard.view import Local, View, differences, when
from agent.display.format import (
    STYLES,
    Formatter,
    bpb,
    duration,
    loss_at,
    memory,
    proposer,
    spending,
)
from agent.display.show import measured, provenance, written
from agent.display.table import next_commands
from agent.errors import UsageFault
from agent.judge.comparison import afterwards
from agent.records.results import Attempt, Trial
from sandbox.score.printed import Point

PEN = Formatter()
# A question holds a train.py and a ledger; what is longer than this is not read in a browser.
MAX_CHARACTERS = 200_000
# Column -> heading, and how it is sorted and aligned.
COLUMNS = (
    ("number", "#", "num"),
    ("status", "status", ""),
    ("value", "val_bpb", "num"),
    ("delta", "delta", "num"),
    ("sigmas", "÷ noise", "num"),
    ("seconds", "time", "num"),
    ("memory", "memory", "num"),
    ("method", "method", ""),
    ("said", "hypothesis", ""),
)


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    trial: Trial
    sigmas: float | None
    seconds: float | None
    memory: float | None
    method: str


@dataclass(frozen=True)
class Flight:
    """A trial in training as far as its log tells. ahead: its loss minus the incumbent's at the same share of the budget."""

    attempt: Attempt
    curve: tuple[Point, ...] = ()
    incumbent: tuple[Point, ...] = ()

    @property
    def curves(self) -> Curves | None:
        """The picture, once there is a point."""
        return Curves(self.curve, self.incumbent) if self.curve else None

    @property
    def fraction(self) -> float:
        """Share of the budget that is used."""
        return self.curve[-1][0]

    @property
    def loss(self) -> float:
        """The last loss that train.py printed."""
        return self.curve[-1][1]

    @property
    def ahead(self) -> float | None:
        """Loss minus the incumbent's there; negative is better."""
        return self.loss - loss_at(self.incumbent, self.fraction) if self.incumbent else None


def flights_of(view: View, curves: Mapping[int, tuple[Point, ...]]) -> list[Flight]:
    """The attempts in flight with their `curves` so far, by number."""
    best = view.best.result.curve if view.best and view.best.result else ()
    return [Flight(one, curves.get(one.number, ()), best) for one in view.in_flight]


def report(view: View, diffs: Mapping[int, str]) -> str:
    """The whole run as one file that loads nothing from anywhere; `diffs` is each trial's unified diff by number."""
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
) -> str:
    """A run's page. `nonce` names the page's own style and script to its security policy; without `details` it is live."""
    known, _, unknown = spending(view.trials).partition(" (")
    shares, unimportant = _importances(view)
    return page(
        "run.html",
        nonce,
        details is not None,
        view=view,
        flights=flights,
        details=details or (),
        columns=COLUMNS,
        rows=[_row(view, trial) for trial in view.trials],
        staircase=Staircase(view),
        slices=slices(view),
        spent=(known, unknown.rstrip(")")),
        commands=next_commands(view.branch, view.trials),
        conditions=list(_conditions(view)),
        caption=conditions(view),
        tree=Tree(view),
        proposers=proposers(view),
        parallel=Parallel(view, list(shares)),
        shares=shares,
        unimportant=unimportant,
    )


def runs_page(views: Sequence[View], nonce: str) -> str:
    """All runs of a repository, a line each."""
    return page("runs.html", nonce, False, views=views)


def compare_page(views: Sequence[View], nonce: str) -> str:
    """Several runs beside each other."""
    return page(
        "compare.html",
        nonce,
        False,
        views=views,
        overlay=Overlay(views),
        differences=differences(views),
    )


def now_part(view: View, flights: Sequence[Flight]) -> str:
    """What goes on at this moment."""
    return environment().get_template("now.html").render(view=view, flights=flights)


def trial_part(view: View, trial: Trial, diff: str, local: Local | None = None) -> Markup:
    """One trial in full; `local` is None in a file that is read anywhere."""
    incumbent = view.beaten_by(trial)
    mine = trial.result.curve if trial.result else ()
    theirs = incumbent.result.curve if incumbent and incumbent.result else ()
    html = (
        environment()
        .get_template("trial.html")
        .render(
            trial=trial,
            facts=list(_facts(view, trial)),
            diff=diff_lines(diff),
            logs=local.logs if local else (),
            curves=Curves(mine, theirs) if mine else None,
            over=incumbent.number if incumbent else None,
            asked=trial.proposal.by.calls,
            exchanges=local.exchanges if local else (),
            here=local is not None,
        )
    )
    return Markup(html)


def page(template: str, nonce: str, standalone: bool, **names: Any) -> str:
    """A whole page of any kind."""
    return (
        environment()
        .get_template(template)
        .render(
            nonce=nonce,
            standalone=standalone,
            css=_asset("page.css"),
            js=_asset("page.js"),
            **names,
        )
    )


@cache
def environment() -> Environment:
    """The templates. Whatever they print is freed of control characters and escaped, unless it is markup of our own making."""
    made = Environment(
        loader=PackageLoader("agent.dashboard"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_clean,
    )
    made.globals |= {
        "known": lambda status: status if status in STYLES else "other",
        "bpb": bpb,
        "duration": duration,
        "memory": memory,
        "title_of": title_of,
        "value": written,
        "when": when,
        "spending": spending,
    }
    made.filters |= {
        "shortened": _shortened,
        "written_out": lambda data: json.dumps(data, indent=1, ensure_ascii=False),
    }
    return made


def _shortened(text: str) -> str:
    rest = len(text) - MAX_CHARACTERS
    return text if rest <= 0 else f"{text[:MAX_CHARACTERS]}\n… {rest} more characters"


def _clean(value: Any) -> Any:
    if value is None:
        return ""
    return PEN.block(value) if isinstance(value, str) and not isinstance(value, Markup) else value


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
    )


def _importances(view: View) -> tuple[dict[str, float], str]:
    """The share of each constant, or why there is none."""
    try:
        return importances(view.trials), ""
    except UsageFault as fault:
        return {}, f"{fault.message[0].upper()}{fault.message[1:]}."


def _facts(view: View, trial: Trial) -> Iterator[tuple[str, str]]:
    parent = view.parents.get(trial.number) if trial.status != "baseline" else None
    if parent:
        yield "proposed on", f"#{parent.number}"
    if trial.result:
        yield from (
            (name, said) for name, said in measured(trial.result, PEN) if said and name != "loss"
        )
    yield from afterwards(view.measurements, trial.number)
    yield "proposed by", provenance(trial.proposal.by)
    yield from (
        (name, said)
        for name, said in (
            ("judged", when(trial.at)),
            ("attempt", trial.attempt),
            ("verdict", trial.verdict),
        )
        if said
    )


def _conditions(view: View) -> Iterator[tuple[str, str]]:
    run = view.run
    yield "branch", view.branch
    yield "method", f"{run.method} with {run.model}" if run.model else run.method
    yield "budget of a trial", str(run.budget)
    yield "workers", str(run.workers)
    yield "seed", str(run.seed)
    yield "baseline runs", str(run.baseline_repeats)
    yield "seeds measured", seeds(view)
    yield "noise", str(view.noise)
    yield "hardware", hardware(view)
    yield (
        "score",
        "sealed: computed by the harness" if run.score == "sealed" else "self-reported by train.py",
    )
    yield "sandbox tier", view.tiers
    yield "command", command(view)
    yield "start commit", run.start_commit
    yield "validation data", run.data_fingerprint or "the repository's own"
