"""The command `space`: every constant, its range, why it is searched or not, how to change that."""

import json
from pathlib import Path

import typer

from agent.cli import app, epilog
from agent.cli.options import Json, RunIfNamed
from agent.display.format import open_console
from agent.errors import ProjectFault
from agent.history.history import History
from agent.history.runs import tip_of
from agent.history.sources import refuse_idle_globs, sources_in
from agent.project.around import project_around
from agent.project.find import Project
from agent.project.program import FrontMatter
from agent.records.sources import Sources

EXAMPLES = ("autoresearch space", "autoresearch space nov24 --json")


@app.command(epilog=epilog(*EXAMPLES))
def space(branch: RunIfNamed = None, as_json: Json = False) -> None:
    """Show every constant: its range, why it is searched or not, and how to change that.

    Without RUN, those of the last commit here: what a start would work with. The last column is
    what to write below [ranges] in autoresearch.toml to have it otherwise.
    """
    from agent.cli.constants import print_choices, record_of
    from agent.cli.more_files import advice
    from agent.project.names import refuse_unknown_names
    from agent.space import read_choices

    place = project_around(Path.cwd())
    if branch is None:
        sources = _at_head(place.project)
        refuse_idle_globs(place.project, sources)
        refuse_unknown_names(place.project, place.settings, FrontMatter(), (sources,))
    else:
        with History.read(place.project, branch) as history:
            sources = history.sources
    choices = read_choices(sources, place.settings.stated_ranges)
    if as_json:
        typer.echo(json.dumps([record_of(choice) for choice in choices], indent=1))
        return
    print_choices(open_console(), choices, sources, advice(place.project, sources))


def _at_head(project: Project) -> Sources:
    from agent.git.plumbing import Plumbing

    head = tip_of(Plumbing(Path(project.root)), "HEAD")
    if head is None:
        raise ProjectFault(
            "The repository has no commit yet.", "git add . && git commit -m 'Start'"
        )
    return sources_in(project, head)
