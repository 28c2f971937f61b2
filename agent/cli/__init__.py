"""The command line: the only place that builds objects, reads the environment and prints."""

import os
import sys
from importlib import import_module
from importlib.metadata import version
from typing import Annotated

import typer
from typer.exceptions import TyperException

from agent.cli.ending import (
    close_output,
    ended,
    keep_to_own_modules,
    keep_to_own_programs,
    open_streams,
    report,
    watch_threads,
)
from agent.cli.grouping import Command, Commands
from agent.cli.usage import usage_fault
from agent.errors import EXIT_INTERRUPTED, UsageFault

__all__ = ["app", "epilog", "main", "report"]


def epilog(*examples: str) -> str:
    """Return the end of a command's --help: its examples."""
    lines = "\n".join(f"  {example}" for example in examples)
    return f"\b\nExample:\n{lines}"


app = typer.Typer(
    name="autoresearch",
    cls=Commands,
    help="Improve a training script automatically: propose typed edits, train each in a sandbox, "
    "keep what beats the noise, and record everything in git.",
    epilog=epilog("autoresearch start --model none --trials 4 --budget 20s", "autoresearch log"),
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"autoresearch {version('autoresearch')}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(UsageFault.exit_code)


def main() -> None:
    """Run the `autoresearch` command and end the process with its exit code.

    Whatever goes wrong, the user reads what is wrong and what to type next, never a traceback.
    """
    open_streams()
    watch_threads()
    sys.exit(close_output(_run()))


def _run() -> int:
    """Run the command that was typed, and return its exit code."""
    try:
        keep_to_own_modules()
        code = app(prog_name="autoresearch", standalone_mode=False)
    except TyperException as error:
        return report(usage_fault(error))
    except typer.Abort:
        return EXIT_INTERRUPTED
    except BaseException as error:
        return ended(error)
    return code if isinstance(code, int) else 0


# The searches' matrices are small: threads for them take longer than they save, and take cores
# from what trains. Read when NumPy and SciPy load; a run's own environment is made from nothing.
for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")
keep_to_own_programs()

# Each module registers its commands on `app`; grouping.py says in which order --help lists them.
for module in (
    "init",
    "start",
    "resume",
    "stop",
    "steer",
    "giving",
    "runs",
    "adopt",
    "review",
    "afterwards",
    "suspects",
    "compare",
    "dashboard",
    "mcp",
    "skill",
    "doctor",
    "notify",
    "space",
    "noise",
    "methods",
    "model",
    "benchmark",
):
    import_module(f"agent.cli.{module}")
for command in app.registered_commands:
    command.cls = Command
