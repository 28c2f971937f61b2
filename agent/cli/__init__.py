"""The command line: the only place that builds objects, reads the environment, prints, and ends the process."""

import os
import sys
from importlib.metadata import version
from typing import Annotated

import typer

from agent.display.pen import open_console, pen_for
from agent.errors import Fault

EXIT_CODES = (
    "Exit codes: 0 fine, 1 the harness or its surroundings failed, 2 a flag or setting that makes no sense, "
    "3 no project, no data, or a branch that cannot be read or written, 4 no sandbox, 5 no model, 130 interrupted."
)


def epilog(*examples: str) -> str:
    """What ends a command's --help: its examples, then the exit codes."""
    lines = "\n".join(f"  {example}" for example in examples)
    return f"\b\nExample:\n{lines}\n\n{EXIT_CODES}"


app = typer.Typer(
    name="autoresearch",
    help="Autonomous research on a train.py: typed edits, isolated runs, sealed scores, git as the lab notebook.",
    epilog=epilog("autoresearch start --model none --trials 4 --budget 20s", "autoresearch log"),
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"autoresearch {version('autoresearch')}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """The `autoresearch` command. A Fault ends it with one line on what is wrong, one on what to type next, and its exit code."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that lacks a letter shows its code: a character is never worth a night's crash.
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        app(prog_name="autoresearch")
    except KeyboardInterrupt:
        sys.exit(130)
    except Fault as fault:
        sys.exit(report(fault))


def report(fault: Fault) -> int:
    """Print `fault` to stderr; its exit code."""
    console = open_console(stderr=True)
    pen = pen_for(console)
    console.print(f"error: {pen.block(fault.message)}", style="red", soft_wrap=True)
    if fault.next_command:
        console.print(f"next:  {pen.line(fault.next_command)}", soft_wrap=True)
    return fault.exit_code


# Without git, GitPython would refuse to be imported, and nobody could be told what is missing.
os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")

# Each of these registers its commands on `app`, in the order in which --help lists them.
from agent.cli import run, adopt, review, compare, pages, afterwards, methods, contest, model, doctor  # noqa: E402, F401, I001
