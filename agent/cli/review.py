"""The commands that look back: `status`, `log`, `show`, `diff` and `export`.

They take no lock and change nothing.
"""

import json
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from agent.cli import app, epilog
from agent.cli.completion import complete_trials
from agent.cli.options import AlsoColumns, Branch, Json, Number, OfBranch, Pareto
from agent.cli.reading import reading
from agent.cli.run_state import print_state, state_of
from agent.cli.terminal import pager, watch_status
from agent.dashboard.view import log_paths, own_diffs
from agent.display.format import formatter_for, open_console
from agent.display.pareto import pareto_page, points_json
from agent.display.scores import about_scores
from agent.display.show import attempt_page, diff_view, trial_page, verdict_view
from agent.display.steering import input_lines
from agent.display.suspects import AWAITING, fate_of, fates
from agent.display.table import trial_table
from agent.errors import UsageFault
from agent.exchange.write import FORMATS
from agent.git.repository import writable
from agent.history.history import History
from agent.history.lineage import parent_text
from agent.judge.pareto import points_of, two_axes
from agent.project.around import project_around
from agent.records.results import KEPT, TAKEN, Attempt, Trial

STATUS_EXAMPLES = (
    "autoresearch status --watch",
    "autoresearch status",
    "autoresearch status nov24 --json",
)
LOG_EXAMPLES = (
    "autoresearch log",
    "autoresearch log --kept -p",
    "autoresearch log nov24 --kept",
    "autoresearch log --json | jq '.[].reason'",
)
SHOW_EXAMPLES = ("autoresearch show 3", "autoresearch show 3 --branch nov24")
DIFF_EXAMPLES = ("autoresearch diff 3", "autoresearch diff 0 12")
EXPORT_EXAMPLES = (
    "autoresearch export --format tsv --output results.tsv",
    "autoresearch export --format optuna --output study.db",
)


class Format(StrEnum):
    """What `export` writes: the names of agent.exchange.write.FORMATS, and Optuna's storage."""

    TSV = "tsv"
    JSONL = "jsonl"
    CSV = "csv"
    OPTUNA = "optuna"


@app.command(epilog=epilog(*STATUS_EXAMPLES))
def status(
    branch: Branch = None,
    as_json: Json = False,
    watch: Annotated[
        bool,
        typer.Option(
            "--watch", "-w", help="Keep updating until the run ends; Ctrl-C leaves it running."
        ),
    ] = False,
) -> None:
    """Show whether a run is active, and how far it is.

    With what is in training, the best trial so far, the counts by verdict, and the cost.
    """
    with reading(branch) as history:
        if watch and not as_json:
            watch_status(history)
            return
        state = state_of(history)
        if as_json:
            _print_json(state.model_dump(mode="json"))
        else:
            print_state(history, state)
        _print_warnings(history)


@app.command(epilog=epilog(*LOG_EXAMPLES))
def log(
    branch: Branch = None,
    kept: Annotated[
        bool, typer.Option("--kept", help="Only the baseline, and trials kept or adopted.")
    ] = False,
    as_json: Json = False,
    patch: Annotated[
        bool, typer.Option("--patch", "-p", help="Show each trial's diff instead of a table.")
    ] = False,
    also: AlsoColumns = False,
    pareto: Pareto = None,
) -> None:
    """Show the table of a run's trials.

    A wider terminal shows more of each trial; --json holds everything.
    """
    with reading(branch) as history:
        objective = history.run.goal
        axes = two_axes(pareto, objective) if pareto else None
        trials = [trial for trial in history.trials if not kept or trial.status in KEPT | TAKEN]
        diffs = own_diffs(history, trials) if patch else {}
        parent = parent_text(history.project, history.run)
        _print_warnings(history)
    if as_json and axes:
        _print_json(points_json(points_of(trials, *axes, objective), axes))
        return
    if as_json:
        _print_json([trial.model_dump(mode="json") for trial in trials])
        return
    console = open_console()
    with pager(console):
        if patch:
            for trial in trials:
                patch_text = diff_view(diffs[trial.number], console)
                console.print(verdict_view(trial, console, objective), patch_text, "", sep="\n")
            return
        if axes:
            points = points_of(trials, *axes, objective)
            console.print(pareto_page(points, axes, console, objective))
            return
        console.print(trial_table(trials, console, objective, also))
        _print_below_table(history, trials, parent, console)


def _print_below_table(
    history: History, trials: Sequence[Trial], parent: str, console: Console
) -> None:
    """Print where a run began, how its scores were measured, and what was said to it."""
    formatter = formatter_for(console, history.run.goal)
    if parent:
        console.print(f"from: {formatter.line(parent)}", soft_wrap=True)
    about = about_scores(trials, formatter)
    if about:
        console.print(f"scores: {about}")
    lines = [*fates(history.trials, history.rejections), *input_lines(history.inputs)]
    if history.openings:
        lines.append(f"test split: opened {len(history.openings)} times")
    for line in lines:
        console.print(formatter.line(line))


@app.command(epilog=epilog(*SHOW_EXAMPLES))
def show(number: Number, branch: OfBranch = None, as_json: Json = False) -> None:
    """Show one trial in full.

    The claim and what really changed, scores, the training curve, who proposed it, the diff, and
    the path of the log.
    """
    with reading(branch) as history:
        entry = _entry(history, number)
        if as_json:
            _print_json(entry.model_dump(mode="json"))
            return
        console = open_console()
        text = _own_diff(history, entry)
        if isinstance(entry, Attempt):
            console.print(attempt_page(entry, text, console))
            return
        against = next((trial for trial in history.trials if trial.number == entry.against), None)
        logs = _log_paths(history, number)
        again = history.measurements
        goal = history.run.goal
        console.print(trial_page(entry, text, logs, console, against, again, goal))
        if entry.status not in KEPT | TAKEN and entry.proposal.edits and entry.status != "refused":
            begin = f"autoresearch start --from {history.tag}#{number}   # a run that begins here"
            console.print(Text(f"next: {begin}", "dim"), soft_wrap=True)
        if isinstance(entry, Trial) and entry.status in AWAITING:
            fate = fate_of(number, history.trials, history.rejections)
            console.print(formatter_for(console).line(f"{entry.status}: {fate}"))


@app.command(epilog=epilog(*DIFF_EXAMPLES))
def diff(
    number: Number,
    other: Annotated[
        int | None,
        typer.Argument(
            min=0,
            metavar="M",
            help="Compare the states after trials N and M.",
            autocompletion=complete_trials,
        ),
    ] = None,
    branch: OfBranch = None,
) -> None:
    """Show what a trial changed, or how two states differ.

    With N alone: what trial N changed, kept or not. With M too: what was kept between the
    verdicts on N and on M.
    """
    with reading(branch) as history:
        if other is None:
            text = _own_diff(history, _entry(history, number))
        else:
            text = history.diff(_trial(history, number).verdict, _trial(history, other).verdict)
    console = open_console()
    console.print(diff_view(text, console))


@app.command(epilog=epilog(*EXPORT_EXAMPLES))
def export(
    branch: Branch = None,
    form: Annotated[
        Format, typer.Option("--format", help="tsv is karpathy/autoresearch's results.tsv.")
    ] = Format.TSV,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write this file instead of stdout."),
    ] = None,
) -> None:
    """Write the trials as tsv, jsonl, csv or an Optuna study.

    The tsv has the columns and statuses of karpathy/autoresearch: every failed trial is a crash
    with the score 0.000000; refused proposals and pruned trainings have no row. jsonl and csv
    hold every trial as it is. optuna writes an SQLite file for optuna.load_study and
    `optuna-dashboard sqlite:///FILE`.
    """
    with reading(branch) as history:
        if form == Format.OPTUNA:
            _export_study(history, output)
            return
        text = FORMATS[form](history.trials, history.run.goal)
    if output is None:
        typer.echo(text, nl=False)
        return
    try:
        writable(output).write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise UsageFault(
            f"Cannot write {output}: {error.strerror}.", "autoresearch export --output results.tsv"
        ) from error


def _export_study(history: History, output: Path | None) -> None:
    from agent.cli.build import space_reader
    from agent.exchange.optuna import write_study

    if output is None:
        raise UsageFault(
            "An Optuna study needs a file of its own.",
            "autoresearch export --format optuna --output study.db",
        )
    space = space_reader(history, project_around(Path.cwd()).settings)(history.sources)
    write_study(writable(output), history.run, history.trials, space)


def _entry(history: History, number: int) -> Trial | Attempt:
    """Return the trial `number`, or the attempt if it has no verdict yet."""
    entries: tuple[Trial | Attempt, ...] = (*history.trials, *history.in_flight)
    for entry in entries:
        if entry.number == number:
            return entry
    raise UsageFault(
        f"There is no trial #{number} in autoresearch/{history.run.tag}.",
        f"autoresearch log {history.run.tag}",
    )


def _trial(history: History, number: int) -> Trial:
    entry = _entry(history, number)
    if isinstance(entry, Attempt):
        raise UsageFault(
            f"#{number} has no verdict yet, so no state to compare.", f"autoresearch diff {number}"
        )
    return entry


def _own_diff(history: History, entry: Trial | Attempt) -> str:
    commit = entry.commit if isinstance(entry, Attempt) else entry.attempt
    return history.diff(f"{commit}^", commit)


def _log_paths(history: History, number: int) -> str | None:
    """The logs of a trial's trainings, where this machine has them."""
    return ", ".join(str(path) for path in log_paths(history, number)) or None


def _print_warnings(history: History) -> None:
    """Print warnings about the branch to stderr."""
    console = open_console(stderr=True)
    for warning in history.warnings:
        console.print(Text(f"note: {formatter_for(console).line(warning)}", "yellow"))


def _print_json(data: Any) -> None:
    # ASCII: the form does not depend on the terminal, and no letter of a model reaches it raw.
    typer.echo(json.dumps(data, indent=2))
