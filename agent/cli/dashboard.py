"""The commands that make pages: `report`, `dashboard` and `plot`.

They take no lock and change nothing in the repository.
"""

import os
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from agent.cli import app, epilog
from agent.cli.completion import complete_runs
from agent.cli.options import Branch
from agent.cli.reading import reading
from agent.cli.steering import user_name
from agent.display.format import Formatter
from agent.errors import UsageFault
from agent.git.repository import writable
from agent.project.around import project_around
from agent.serve.token import CONTROL, token_of
from sandbox.ground.text import one_line

STDOUT = Path("-")


@app.command(
    epilog=epilog(
        "autoresearch report",
        "autoresearch report nov24 --output night.html",
        "autoresearch report --markdown",
    )
)
def report(
    branch: Branch = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="The file to write; - is stdout. Default: TAG.html, or stdout for Markdown.",
        ),
    ] = None,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Markdown for a pull request instead of HTML.")
    ] = False,
) -> None:
    """Write a run as one HTML file to read or to send.

    Made from the branch alone; the file loads nothing. It shows the best score and the noise, the
    changes that mattered, every trial with its claim, record, curve and diff, the constants, and
    the cost.
    """
    from agent.dashboard.markdown import markdown_report
    from agent.dashboard.render import report as html_report
    from agent.dashboard.view import own_diffs, read_view

    with reading(branch) as history:
        view = read_view(history)
        if markdown:
            text = markdown_report(view)
            path = output or STDOUT
        else:
            text = html_report(view, own_diffs(history, view.trials))
            path = output or _new_file(f"{view.run.tag}.html")
    write(text, path)


def _new_file(name: str) -> Path:
    """Return the path of a default file name. Raise UsageFault if it is a link.

    A repository may contain such a link, and writing would follow it.
    """
    path = Path(name)
    if path.is_symlink():
        raise UsageFault(
            f"{name} is a symbolic link to {one_line(str(path.readlink()))}.",
            "autoresearch report --output OTHER.html",
        )
    return path


def write(text: str, output: Path) -> None:
    """Write `text` to a file and print its name on stderr; for `-`, write to stdout.

    Raise UsageFault if the file cannot be written.
    """
    if output == STDOUT:
        typer.echo(text, nl=False)
        return
    try:
        writable(output).write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise UsageFault(
            f"Cannot write {output}: {error.strerror}.", "autoresearch report --output report.html"
        ) from error
    typer.echo(f"wrote {Formatter().line(str(output))}", err=True)


@app.command(
    epilog=epilog("autoresearch dashboard", "autoresearch dashboard --host 0.0.0.0 --port 8787")
)
def dashboard(
    host: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS",
            help="Address to listen on. Visitors from other machines need the token.",
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int,
        typer.Option(
            min=0, max=65535, metavar="N", help="Port to listen on; 0 takes any free one."
        ),
    ] = 8787,
    control: Annotated[
        bool,
        typer.Option(
            "--control",
            help="Allow whoever has the token to tell, try, pause, skip, star, note, approve and "
            "reject.",
        ),
    ] = False,
    token_file: Annotated[
        Path | None,
        typer.Option(
            "--token-file",
            metavar="FILE",
            help="Where the token for --control is, or is put if there is no such file. Default: "
            "the variable AUTORESEARCH_CONTROL_TOKEN, else a new token that is printed once.",
        ),
    ] = None,
) -> None:
    """Serve the runs of this repository as live web pages, until Ctrl-C.

    The pages are read-only without --control, and by default for this machine only. From
    elsewhere: ssh -L 8787:localhost:8787 MACHINE.
    """
    from agent.dashboard.control import Control
    from agent.dashboard.server import serve
    from agent.dashboard.watch import Watch

    project = project_around(Path.cwd()).project
    watch = Watch(project)
    controls = None
    if control:
        token, is_new = token_of(token_file, os.environ, CONTROL)
        controls = Control(project, watch, token, f"{user_name()} (dashboard)")
        if is_new:
            typer.echo(f"control token: {token}", err=True)
    try:
        serve(watch, host, port, typer.echo, controls)
    except KeyboardInterrupt:
        return


class Picture(StrEnum):
    """What `plot` draws: the names of agent.dashboard.figures.FIGURES."""

    PROGRESS = "progress"
    CURVES = "curves"
    IMPORTANCE = "importance"
    METRICS = "metrics"
    PARETO = "pareto"
    COMPARE = "compare"


@app.command(
    epilog=epilog(
        "autoresearch plot progress", "autoresearch plot compare nov24 nov25 --output compare.png"
    )
)
def plot(
    picture: Annotated[
        Picture,
        typer.Argument(
            help="progress, curves, importance, metrics (those beside the main one), pareto (each "
            "against the main one), or compare (of several runs)."
        ),
    ],
    branches: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="RUN",
            help="Which runs: TAG or autoresearch/TAG. Default: the one checked out here, else the "
            "active one, else the newest.",
            autocompletion=complete_runs,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="An .svg or .png file. Default: TAG-PICTURE.svg.",
        ),
    ] = None,
) -> None:
    """Draw a figure of a run as SVG or PNG.

    Its caption states seeds, noise, the hardware where it is recorded, and the command.
    """
    from agent.dashboard.figures import FIGURES, save
    from agent.dashboard.view import read_view

    views = []
    wanted: Sequence[str | None] = branches or [None]
    for branch in wanted:
        with reading(branch) as history:
            views.append(read_view(history))
    if len(views) > 1 and picture != Picture.COMPARE:
        raise UsageFault(
            f"{picture} draws one run, not {len(views)}.", "autoresearch plot compare RUN RUN"
        )
    tags = [view.run.tag for view in views]
    path = output or _new_file("-".join([*tags, f"{picture}.svg"]))
    save(FIGURES[picture](views), path)
    typer.echo(f"wrote {Formatter().line(str(path))}", err=True)
