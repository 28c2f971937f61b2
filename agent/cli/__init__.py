"""The command line: the only place that builds objects, reads the environment and prints."""

import os
import sys
from importlib import import_module
from importlib.metadata import version
from typing import Annotated

import typer

from agent import errors
from agent.cli.ending import (
    close_output,
    ended,
    keep_to_own_modules,
    keep_to_own_programs,
    open_streams,
    report,
    watch_threads,
)

__all__ = ["EXIT_CODES", "app", "epilog", "main", "report"]

EXIT_CODES = (
    "Exit codes: " + ", ".join(f"{code} {what}" for code, what in errors.EXIT_CODES.items()) + "."
)


def epilog(*examples: str) -> str:
    """Return the end of a command's --help: its examples, then the exit codes."""
    lines = "\n".join(f"  {example}" for example in examples)
    return f"\b\nExample:\n{lines}\n\n{EXIT_CODES}"


app = typer.Typer(
    name="autoresearch",
    help="Improve a training script automatically: propose typed edits, train each in a sandbox, "
    "keep what beats the noise, and record everything in git.",
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
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the `autoresearch` command and end the process with its exit code.

    Whatever goes wrong, the user reads what is wrong and what to type next, never a traceback.
    """
    open_streams()
    watch_threads()
    code = _run()
    sys.exit(close_output() or code)


def _run() -> int:
    """Run the command that was typed, and return its exit code."""
    try:
        keep_to_own_modules()
        app(prog_name="autoresearch")
    except BaseException as error:
        return ended(error)
    return 0


# Without git, GitPython would refuse to be imported, and nobody could be told what is missing.
os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
# GitPython runs git as soon as it is imported.
keep_to_own_programs()

# Each module registers its commands on `app`, in the order in which --help lists them.
for module in (
    "init",
    "start",
    "resume",
    "stop",
    "runs",
    "adopt",
    "review",
    "afterwards",
    "suspects",
    "compare",
    "dashboard",
    "doctor",
    "methods",
    "model",
    "benchmark",
):
    import_module(f"agent.cli.{module}")
