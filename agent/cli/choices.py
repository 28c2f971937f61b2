"""Chooses a run's options and proposer from what was typed, the project and the environment."""

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import typer

from agent.cli.build import Place
from agent.cli.news import News
from agent.cli.reach import kept_from_models
from agent.display.format import formatter_for, open_console
from agent.display.waiting import waiting
from agent.errors import ModelAway, UsageFault
from agent.history.history import History
from agent.history.runs import transcripts_of
from agent.llm.deferred import Deferred
from agent.llm.effort import Effort
from agent.llm.lifting import clock_text
from agent.llm.model import Model
from agent.llm.recorded import Recorded
from agent.llm.resolve import LISTING_SECONDS, default_model, open_model, sends_no_bill
from agent.project.budgets import reads_budget
from agent.project.find import Project
from agent.project.flags import Flags
from agent.project.option import Option, Origin
from agent.project.program import FrontMatter
from agent.project.resolve import (
    Inferred,
    ModelNeed,
    SessionOptions,
    StartOptions,
    start_options,
)
from agent.project.settings import RunSettings
from agent.project.staffing import AUTO, NO_FILL, NOBODY
from agent.project.time_options import TimeInferred
from agent.project.trust import REPLAY
from agent.project.upstream import time_budget
from agent.propose import Method, Proposer, find_method
from agent.propose.replay import Replay
from agent.run.drafting import Staff

# An overloaded or unreachable model may be back after a while; only then does the run end.
MODEL_DEADLINE_SECONDS = 30 * 60.0
ASKED_IN_VAIN = (
    "it has not named its models yet; `autoresearch models` shows who answers, and "
    "`--model none` asks nobody"
)


def options_of(
    flags: Flags,
    place: Place,
    front_matter: FrontMatter,
    parent: RunSettings | None = None,
    commit: str | None = None,
) -> StartOptions:
    """Return the options of a new run. Raise UsageFault if they contradict each other.

    parent: the record of the run that it begins at. commit: the state of it.
    """
    project = place.project
    with waiting("the keyring"):
        available = None if flags.model else default_model(os.environ)
    asked = flags.model or available
    inferred = Inferred(
        model=available,
        bills=asked is not None and not sends_no_bill(asked, os.environ),
        time=TimeInferred(
            budget=time_budget(project, commit),
            file=project.prepare or "",
            sealed=project.score == "sealed",
            reads_budget=reads_budget(project, place.settings),
        ),
    )
    return start_options(flags, front_matter, place.settings, inferred, _need_of, parent)


def method_of(run: RunSettings, asked: str | None) -> Method:
    """Return the method that a run continues with. asked: what was typed behind --method.

    Raise UsageFault if that is another method than the run's, or if the run's is not here.
    """
    if asked is not None and asked != run.method:
        raise UsageFault(
            f"This run was started with --method {run.method}, not {asked}.",
            f"autoresearch start --from {run.tag} --method {asked}   # from its newest state",
        )
    return find_method(run.method, typed=asked is not None)


def _need_of(name: str) -> ModelNeed:
    return find_method(name, typed=True).model


def say_origins(options: StartOptions, err: bool = False) -> None:
    """Print which options do not come from the command line. err: to stderr."""
    for line in options.lines():
        typer.echo(line, err=err)
    if options.model.origin is Origin.INFERRED and options.model.value:
        typer.echo(
            f"no --model given: {options.model.value}, by the keys in the environment; "
            "--model none searches without one",
            err=err,
        )
    bound = options.max_cost
    if bound.origin is Origin.DEFAULT and bound.value is not None:
        typer.echo(
            f"no bound on the cost given: ${bound.value:.2f} at most; "
            "`autoresearch resume --max-cost none` lifts it",
            err=err,
        )


@dataclass(frozen=True)
class Asked:
    """The options about a run's model."""

    model: str | None
    effort: Effort | None = None


def build_staff(method: Method, model: str | None, options: SessionOptions) -> Staff:
    """Return who writes the proposals of a session.

    Filling in needs a model that is waited for. Raise UsageFault for a method that cannot fill in.
    """
    if options.writers.value == NOBODY:
        return Staff(writers=NOBODY)
    filler = _filler(options.fill)
    if model is None or model.startswith(REPLAY) or method.is_search:
        return Staff()
    writers = options.writers.value
    several = None if writers == AUTO else writers
    return Staff(writers=several if method.several else 1, filler=filler)


def _filler(fill: Option[str]) -> Proposer | None:
    if fill.value == NO_FILL:
        return None
    method = find_method(fill.value, typed=fill.origin is Origin.FLAG)
    if not method.is_search:
        raise UsageFault(
            f"The method {fill.value!r} is no search method: it cannot fill in for a model.",
            "autoresearch methods",
        )
    return method.build(None)


def build_proposer(
    method: Method,
    asked: Asked,
    project: Project,
    tag: str,
    cancel: threading.Event,
    news: News,
) -> Proposer:
    """Return the method, with its model behind one retry layer.

    `replay:BRANCH` as a model stands for the proposals on that branch. news: hears of retries.
    A model whose provider cannot name it for now is asked for its name later. Raise
    ModelFault for an unknown model or a missing key.
    """
    model = asked.model
    if model is None:
        return method.build(None)
    if model.startswith(REPLAY):
        return Replay(model, History.read(project, model.removeprefix(REPLAY)).trials)
    hidden = kept_from_models(project)

    def opened(listing_seconds: float) -> Model:
        seconds = MODEL_DEADLINE_SECONDS
        return open_model(
            model, os.environ, seconds, cancel, hidden, news, asked.effort, listing_seconds
        )

    with (
        waiting(f"the provider of {model} to answer", ASKED_IN_VAIN) as wait,
        news.to(wait.because),
    ):
        opened_model = _opened_or_deferred(model, opened)
    if isinstance(opened_model, Deferred):
        _say_deferred(opened_model)
    return method.build(Recorded(opened_model, transcripts_of(project, tag)))


def _opened_or_deferred(name: str, opened: Callable[[float], Model]) -> Model:
    """Return the model, or one that is opened later if its provider cannot name it now.

    Until then the run goes on without its model. opened: opens the model; its argument is how many
    seconds the list of models may take.
    """
    try:
        return opened(LISTING_SECONDS)
    except ModelAway as away:
        # No one waits at the terminal by then, so the list may take as long as an answer.
        return Deferred(name, lambda: opened(MODEL_DEADLINE_SECONDS), away)


def _say_deferred(model: Deferred) -> None:
    now = datetime.now(UTC)
    away = model.away
    reason = formatter_for(open_console(stderr=True)).line(away.message)
    typer.echo(
        f"{model.name} is asked from {clock_text(away.until, now)} on; the run begins without it "
        f"({reason})",
        err=True,
    )
