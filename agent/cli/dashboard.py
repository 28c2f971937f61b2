"""The commands that make pages: `report`, `dashboard` and `plot`. They take no lock and change nothing in the repository."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from agent.cli import app, epilog
from agent.cli.review import Branch, reading
from agent.display.format import Formatter
from agent.errors import UsageFault
from agent.project.find import find_project
from agent.project.settings import read_settings


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
            help="The file to write; - is stdout. Default: TAG.html, or stdout for Markdown.",
        ),
    ] = None,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Markdown for a pull request instead of a page.")
    ] = False,
) -> None:
    """A run as one HTML file to look at or to send.

    Made from the branch alone. The file loads nothing from anywhere: best and noise, what did it, the staircase, every trial
    with its claim, record, curve and diff, the constants, and the cost.
    """
    from agent.dashboard.markdown import markdown_report
    from agent.dashboard.render import report as html_report
    from agent.dashboard.view import own_diffs, read_view

    with reading(branch) as history:
        view = read_view(history)
        text = (
            markdown_report(view)
            if markdown
            else html_report(view, own_diffs(history, view.trials))
        )
    write(text, output or (Path("-") if markdown else _new_file(f"{view.run.tag}.html")))


def _new_file(name: str) -> Path:
    """The file of a name that nobody typed; UsageFault where a repository has put a link there, which writing would follow."""
    path = Path(name)
    if path.is_symlink():
        raise UsageFault(
            f"{name} is a symbolic link to {ascii(str(path.readlink()))[1:-1]}",
            "autoresearch report --output OTHER.html",
        )
    return path


def write(text: str, output: Path) -> None:
    """Write `text` into a file and say so, or to stdout for `-`; UsageFault where it cannot be written."""
    if str(output) == "-":
        typer.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise UsageFault(
            f"cannot write {output}: {error.strerror}", "autoresearch report --output report.html"
        ) from error
    typer.echo(f"wrote {Formatter().line(str(output))}", err=True)


@app.command(
    epilog=epilog("autoresearch dashboard", "autoresearch dashboard --host 0.0.0.0 --port 8787")
)
def dashboard(
    host: Annotated[
        str,
        typer.Option(help="Address to listen on. Beyond this machine a visitor needs the token."),
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on; 0 is any free one.")
    ] = 8787,
) -> None:
    """The runs of this repository as live web pages, until Ctrl-C.

    Read-only, for this machine alone unless told otherwise. From elsewhere: ssh -L 8787:localhost:8787 MACHINE.
    """
    from agent.dashboard.server import serve
    from agent.dashboard.watch import Watch

    folder = Path.cwd()
    watch = Watch(find_project(folder, read_settings(folder)))
    try:
        serve(watch, host, port, typer.echo)
    except KeyboardInterrupt:
        return


class Picture(StrEnum):
    """What `plot` draws: the names of agent.pages.figures.FIGURES."""

    PROGRESS = "progress"
    CURVES = "curves"
    IMPORTANCE = "importance"
    COMPARE = "compare"


@app.command(
    epilog=epilog(
        "autoresearch plot progress", "autoresearch plot compare nov24 nov25 --output compare.png"
    )
)
def plot(
    picture: Annotated[
        Picture, typer.Argument(help="progress, curves, importance, or compare (of several runs).")
    ],
    branches: Annotated[
        list[str] | None, typer.Argument(metavar="[BRANCH]...", help="As the BRANCH of the log.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="An .svg or .png file. Default: TAG-PICTURE.svg."),
    ] = None,
) -> None:
    """A figure of a run as SVG or PNG.

    Its caption states seeds, noise, hardware as far as it is recorded, and the command.
    """
    from agent.dashboard.figures import FIGURES, save
    from agent.dashboard.view import read_view

    views, wanted = [], list[str | None](branches or []) or [None]
    for branch in wanted:
        with reading(branch) as history:
            views.append(read_view(history))
    if len(views) > 1 and picture != Picture.COMPARE:
        raise UsageFault(
            f"{picture} is of one run, not of {len(views)}", "autoresearch plot compare RUN RUN"
        )
    path = output or _new_file("-".join([*(view.run.tag for view in views), f"{picture}.svg"]))
    save(FIGURES[picture](views), path)
    typer.echo(f"wrote {Formatter().line(str(path))}", err=True)
