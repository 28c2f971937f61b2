"""The commands that give a run something of one's own: `try` and `brief`."""

import os
from pathlib import Path
from shlex import quote
from typing import Annotated

import click
import typer

from agent.cli import app, epilog
from agent.cli.consent import is_terminal
from agent.cli.say import say
from agent.cli.steering import Steered, run_to_steer, say_to_run
from agent.errors import Fault, UsageFault
from agent.git.home import no_link, run_folder
from agent.git.repository import refuse_links
from agent.history.history import History
from agent.history.homes import Run
from agent.project.find import root_of
from agent.project.program import read_program
from agent.records.inputs import MAX_BRIEF, Brief, Try
from sandbox.ground.plain_files import named_file

TRY_EXAMPLES = (
    "autoresearch try",
    "autoresearch try --set LR=0.05 -m 'a smaller step'",
    "autoresearch try --patch idea.patch",
)
BRIEF_EXAMPLES = ("autoresearch brief", "autoresearch brief --from-checkout")
DRAFT = "brief.md"
MAX_BYTES = 4 * MAX_BRIEF
"""Of a brief: a character has four at most."""


@app.command("try", epilog=epilog(*TRY_EXAMPLES))
def try_(
    branch: Steered = None,
    values: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="Set a constant, named as in `autoresearch space`. May be repeated.",
        ),
    ] = None,
    patch: Annotated[
        Path | None, typer.Option("--patch", metavar="FILE", help="A patch, as of `git diff`.")
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--branch", metavar="NAME", help="What a branch or commit changed since the run began."
        ),
    ] = None,
    message: Annotated[
        str | None,
        typer.Option("--message", "-m", metavar="TEXT", help="The hypothesis, for the record."),
    ] = None,
) -> None:
    """Give a run a change of your own as its next trial; without options, your working tree's.

    The change becomes typed edits of the run's newest state. It is refused, trained and judged like
    any other trial, and recorded with your name.
    """
    from agent.run.given import Giver

    if sum(bool(option) for option in (values, patch, source)) > 1:
        message = "Give one of --set, --patch and --branch: each names the whole change."
        raise UsageFault(message, TRY_EXAMPLES[1])
    run = run_to_steer(branch)
    with History.read(run.home, run.summary.branch) as history:
        giver = Giver(history, root_of(Path.cwd()))
        if values:
            given = giver.of_values(values)
        elif patch:
            given = giver.of_patch_file(patch)
        elif source:
            given = giver.of_branch(source)
        else:
            given = giver.of_working_tree()
    say_to_run(run, Try(hypothesis=given.hypothesis(message or ""), edits=given.edits))


@app.command(epilog=epilog(*BRIEF_EXAMPLES))
def brief(
    branch: Steered = None,
    file: Annotated[
        Path | None, typer.Option("--file", metavar="FILE", help="Take this file.")
    ] = None,
    from_checkout: Annotated[
        bool, typer.Option("--from-checkout", help="Take the program.md of this checkout.")
    ] = False,
) -> None:
    """Edit the program.md of a run; without options, in $EDITOR.

    It holds from the next proposal on. Your checkout's program.md stays as it is: a run has its own
    from its start on.
    """
    run = run_to_steer(branch)
    with History.read(run.home, run.summary.branch) as history:
        program = history.project.program
        now = history.program
    if not program:
        raise UsageFault("This project has no program.md.", "autoresearch tell 'a remark'")
    if file and from_checkout:
        raise UsageFault("Give --file or --from-checkout, not both.", BRIEF_EXAMPLES[1])
    if from_checkout:
        root = root_of(Path.cwd())
        refuse_links(root, program)
        file = root / program
    text = _text_of(file) if file else _edited(now)
    if text == now:
        say(f"That is the program.md that {run.summary.branch} has; nothing was sent.")
        return
    try:
        read_program(text)
        say_to_run(run, _brief(text))
    except Fault:
        if file is None:
            _save(run, text)
        raise


def _brief(text: str) -> Brief:
    if len(text) > MAX_BRIEF:
        message = f"A program.md may have {MAX_BRIEF} characters, and this one has {len(text)}."
        raise UsageFault(message, "autoresearch brief")
    return Brief(text=text)


def _text_of(file: Path) -> str:
    try:
        return named_file(file, MAX_BYTES).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        message = f"Cannot read {file}: {reason}."
        raise UsageFault(message, f"ls -l {quote(str(file))}") from None


def _edited(text: str) -> str:
    """Return the text after the user has edited it in $EDITOR."""
    if not is_terminal():
        raise UsageFault("There is no terminal to edit in.", "autoresearch brief --file FILE")
    try:
        edited = click.edit(text, extension=".md", require_save=True)
    except click.ClickException as error:
        command = "EDITOR=nano autoresearch brief"
        raise UsageFault(f"The editor failed: {error.message}", command) from None
    return text if edited is None else edited


def _save(run: Run, text: str) -> None:
    """Save a text that was not accepted, so that it is not lost."""
    path = run_folder(Path(run.home.root), run.tag, make=True) / DRAFT
    descriptor = no_link(str(path), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    typer.echo(
        f"note: your text is in {path}; `autoresearch brief --file FILE` takes it.", err=True
    )
