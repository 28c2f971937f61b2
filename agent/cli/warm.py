"""Reads the prior trials that a new run begins with, from a file or another run."""

from pathlib import Path

import typer

from agent.cli.build import Place, space_of
from agent.display.table import warm_text
from agent.errors import UsageFault
from agent.exchange.read import prior_of_run, read_prior
from agent.git.home import is_tag
from agent.git.plumbing import Plumbing
from agent.history.branch import run_tags
from agent.history.history import History
from agent.history.runs import text_at
from agent.history.sources import sources_in
from agent.project.find import Project
from agent.records.objective import Objective
from agent.records.results import PriorTrial
from agent.space import read_constants
from sandbox.ground.text import one_line

MAX_NAMED = 8
"""Constants that a message names."""
BRANCH = "autoresearch/"


def name_of(warm: str) -> str:
    """Return the name of the source of --warm for the run's record."""
    return Path(warm).name


def prior_trials(warm: str, project: Project, objective: Objective) -> tuple[PriorTrial, ...]:
    """Return the trials of a file, or if there is no such file, of a run.

    Raise UsageFault if there are none, HistoryFault for a run that cannot be read.
    """
    if Path(warm.partition("#")[0]).exists() or not _may_be_run(warm, project):
        return read_prior(warm, objective)
    with History.read(project, warm) as history:
        return prior_of_run(history, objective)


def _may_be_run(warm: str, project: Project) -> bool:
    """Return whether a name without a file is a run's, or looks like one."""
    tag = warm.removeprefix(BRANCH)
    if not is_tag(tag):
        return False
    return tag in run_tags(Plumbing(Path(project.root))) or not Path(tag).suffix


def warm_start(
    warm: str, place: Place, commit: str, objective: Objective, err: bool = False
) -> tuple[PriorTrial, ...]:
    """Return the prior trials of a file or a run, and print a line about them. err: to stderr.

    Raise UsageFault if none of their constants is searched here.
    """
    project = place.project
    sources = sources_in(project, commit)
    fixed = read_constants(text_at(project, commit, project.prepare)) if project.prepare else {}
    searched = set(space_of(sources, fixed, place.settings).names)
    trials = prior_trials(warm, project, objective)
    theirs: set[str] = set()
    for trial in trials:
        theirs.update(trial.configuration)
    common = searched & theirs
    if not common:
        raise UsageFault(
            f"No constant of the trials in {warm} ({_named(theirs)}) is searched here "
            f"({_named(searched)}).",
            "$EDITOR autoresearch.toml   # [ranges]",
        )
    text = f"{warm_text(trials, warm)}, with {len(common)} of the {len(searched)} constants "
    typer.echo(one_line(f"{text}searched here"), err=err)
    return trials


def _named(names: set[str]) -> str:
    return ", ".join(sorted(names)[:MAX_NAMED]) or "none"
