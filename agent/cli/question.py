"""Builds the first question of a start to a model, without starting anything."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from agent.cli.build import Place, find_place, open_ledger, place_around, space_of
from agent.cli.choices import options_of
from agent.cli.reach import front_matter_at
from agent.cli.researching import shown_research
from agent.cli.session import bounds_of
from agent.errors import ProjectFault
from agent.git.plumbing import Plumbing
from agent.history.history import History
from agent.history.imported import imported_modules
from agent.history.runs import brief_at, list_runs, public_at, text_at, tip_of, usual_run
from agent.history.sources import sources_in
from agent.llm.model import LooksBy, Reply, Request
from agent.project.find import Project
from agent.project.flags import read_flags
from agent.project.objective import objective_of
from agent.project.program import read_program
from agent.project.resolve import StartOptions, recorded_caps
from agent.propose import METHODS, Context, Method, find_method
from agent.propose.code.code import Code
from agent.propose.code.policy import Policy
from agent.propose.hybrid import Hybrid
from agent.propose.looking import never_awaited
from agent.propose.views.prompt import Refusal, again_text
from agent.records.events import PATIENCE
from agent.records.objective import Objective
from agent.records.results import PriorTrial
from agent.records.spending import spending_of
from agent.run.bounds import Bounds
from agent.space import read_constants
from sandbox.ground.budget import allowance_text

EDITING = (Code.name, Hybrid.name)
"""Methods whose model is asked for edits of code."""


class _Asked(Exception):
    """Raised with the question when the model that never answers is asked."""

    def __init__(self, request: Request) -> None:
        super().__init__()
        self.request = request


class _Nobody:
    """A model that never answers, to capture its first question."""

    name = "nobody"
    looks: LooksBy = "calls"
    origin: Literal["llm", "scripted"] = "scripted"

    def estimate(self, request: Request) -> float | None:  # noqa: ARG002
        return None

    def complete(self, request: Request) -> Reply:
        raise _Asked(request)


@dataclass(frozen=True)
class Question:
    """The next question of a run or a start, with its method."""

    method: Method
    context: Context
    request: Request | None
    """None where the method's next proposal asks no model."""

    @property
    def after_refusal(self) -> str | None:
        """The message after a refused draft, with placeholders in capitals."""
        if self.method.name not in EDITING:
            return None
        refusal = Refusal(reason="THE REASON", draft="THE DRAFT", language="json")
        return again_text([refusal], last=False)


def next_question(branch: str | None, method: str | None) -> Question:
    """Return the next question of a run, or the first one of a start if there is no run yet.

    method: the method that asks; by default the run's own, or the coding agent if that asks no
    model or is not ours.
    """
    context, own = _next_context(branch)
    code = METHODS[Code.name]
    asking = find_method(method, typed=True) if method else METHODS.get(own, code)
    if asking.model == "none":
        asking = code
    return Question(asking, context, first_question(asking, context))


def _next_context(branch: str | None) -> tuple[Context, str]:
    """Return the context of the next question, and the method of the run or start."""
    place = place_around(Path.cwd())
    if branch is None and not list_runs(place.project):
        return _before_a_run()
    with History.read(place.project, branch or usual_run(place.project, Path.cwd())) as history:
        run = history.run
        pending = tuple(attempt.proposal for attempt in history.in_flight)
        judged = [trial.proposal for trial in history.trials]
        cost = spending_of([*judged, *pending]).dollars
        bounds = Bounds(trials=run.trials, hours=run.hours, max_cost=run.max_cost)
        measured = sum(trial.result is not None for trial in history.trials)
        remaining = bounds.left(max(0, measured - 1), 0.0, cost)
        caps = recorded_caps(run, place.settings)
        ledger = open_ledger(history, place.settings, caps, run.workers)
        context = ledger.context(pending, remaining, bounds.dollars(cost))
        research = shown_research(place, history.tag, run.look)
        return research.equip(context, never_awaited), run.method


def _before_a_run() -> tuple[Context, str]:
    place = find_place(Path.cwd())
    project = place.project
    flags = read_flags("start")
    front_matter = front_matter_at(project, "HEAD")
    options = options_of(flags, place, front_matter)
    objective = objective_of(project, place.settings, front_matter, flags)
    context = first_context(place, last_commit(project), options, objective)
    research = shown_research(place, "", options.look.value)
    return research.equip(context, never_awaited), options.method.value


def last_commit(project: Project) -> str:
    """Return the commit that a run would start from; uncommitted changes are ignored.

    The checkout is not compared with it: that could run programs which the repository's git
    configuration names, without consent. Raise ProjectFault if there is no commit.
    """
    commit = tip_of(Plumbing(Path(project.root)), "HEAD")
    if commit is None:
        raise ProjectFault(
            "The repository has no commit yet.", "git add . && git commit -m 'Start'"
        )
    return commit


def first_context(
    place: Place,
    commit: str,
    options: StartOptions,
    objective: Objective,
    prior: Sequence[PriorTrial] = (),
) -> Context:
    """Return the context of a run that starts at `commit`, before its first trial."""
    project = place.project
    program = read_program(brief_at(project, commit))
    sources = sources_in(project, commit)
    fixed = read_constants(text_at(project, commit, project.prepare)) if project.prepare else {}
    bounds = bounds_of(options)
    git = Plumbing(Path(project.root))
    front_matter = program.front_matter
    return Context(
        program=program.brief,
        sources=sources,
        space=space_of(sources, fixed, place.settings),
        trials=(),
        pending=(),
        seed=options.seed.value,
        budget=allowance_text(options.budget.value, options.limit.value),
        remaining=bounds.left(0, 0.0, 0.0),
        dollars=bounds.dollars(0.0),
        policy=Policy(patience=front_matter.patience or PATIENCE, kinds=front_matter.explore),
        objective=objective,
        score=project.score,
        protected=tuple(sorted({*place.settings.protected, *front_matter.protected})),
        public=public_at(project, commit),
        imported=imported_modules(git, commit, project, sources),
        prior=tuple(prior),
    )


def first_question(method: Method, context: Context) -> Request | None:
    """Return the first question of a method; None if it begins without one."""
    if method.model == "none":
        return None
    nobody = _Nobody()
    proposer = Code(nobody) if method.name in EDITING else method.build(nobody)
    try:
        proposer.propose(context)
    except _Asked as asked:
        return asked.request
    return None
