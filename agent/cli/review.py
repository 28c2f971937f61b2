"""The commands that look back: `status`, `log`, `show`, `diff` and `export`. They take no lock and change nothing."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from agent.cli import app, epilog
from agent.cli.terminal import pager, watch_status
from agent.dashboard.view import log_paths, own_diffs
from agent.display.format import formatter_for, open_console
from agent.display.show import attempt_page, diff_view, trial_page, verdict_view
from agent.display.status import status_page
from agent.display.suspects import fate_of, fates
from agent.display.table import trial_table, warm_text
from agent.errors import Fault, UsageFault
from agent.exchange.write import FORMATS
from agent.history.history import History
from agent.history.runs import list_runs, newest
from agent.judge.comparison import Comparison, replication_of
from agent.judge.decide import incumbent_of, noise_of
from agent.project.find import Project, find_project
from agent.project.settings import read_settings
from agent.records.results import KEPT, TAKEN, Attempt, Trial
from sandbox.ground.record import Record

Branch = Annotated[
    str | None,
    typer.Argument(help="autoresearch/TAG or TAG; without it, the run that goes on, or the last."),
]
OfBranch = Annotated[str | None, typer.Option("--branch", "-b", help="As the BRANCH of the log.")]


def _numbers() -> list[str]:
    """Trial numbers for a shell's completion; never a hypothesis: shells evaluate what completion scripts print."""
    try:
        with reading(None) as history:
            return [str(trial.number) for trial in history.trials]
    except Fault:
        return []


Number = Annotated[
    int,
    typer.Argument(
        min=0,
        metavar="N",
        help="The trial's number, as in the log.",
        autocompletion=lambda: _numbers(),
    ),
]
Json = Annotated[bool, typer.Option("--json", help="JSON on stdout, of a stable form.")]

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
    """What `export` writes: the names of agent.display.export.FORMATS, and optuna's storage."""

    TSV = "tsv"
    JSONL = "jsonl"
    CSV = "csv"
    OPTUNA = "optuna"


@app.command(epilog=epilog(*STATUS_EXAMPLES))
def status(
    branch: Branch = None,
    as_json: Json = False,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Keep looking until the run ends or Ctrl-C.")
    ] = False,
) -> None:
    """Whether a run goes on, and how far it is.

    With what is in training, the best so far, the counts by verdict, and the cost.
    """
    with reading(branch) as history:
        if watch and not as_json:
            watch_status(history)
            return
        standing = _standing(history)
        if as_json:
            _print_json(standing.model_dump(mode="json"))
        else:
            console = open_console()
            warm = warm_text(history.prior, history.run.warm) if history.run.warm else ""
            console.print(
                status_page(
                    standing.branch, standing.pid, standing.in_flight, history.trials, console, warm
                )
            )
            if standing.replicated:
                console.print(f"again   {standing.replicated}, against the baseline")
        _tell_warnings(history)


@app.command(epilog=epilog(*LOG_EXAMPLES))
def log(
    branch: Branch = None,
    kept: Annotated[
        bool, typer.Option("--kept", help="Only the baseline and what was kept or adopted.")
    ] = False,
    as_json: Json = False,
    patch: Annotated[bool, typer.Option("--patch", "-p", help="With each trial's diff.")] = False,
) -> None:
    """The table of a run's trials.

    A wide terminal shows more of each; --json holds all of it.
    """
    with reading(branch) as history:
        trials = [trial for trial in history.trials if not kept or trial.status in KEPT | TAKEN]
        diffs = own_diffs(history, trials) if patch else {}
        _tell_warnings(history)
    if as_json:
        _print_json([trial.model_dump(mode="json") for trial in trials])
    else:
        console = open_console()
        with pager(console):
            if not patch:
                console.print(trial_table(trials, console))
                for line in fates(history.trials, history.rejections):
                    console.print(formatter_for(console).line(line))
            for trial in trials if patch else ():
                console.print(
                    verdict_view(trial, console),
                    diff_view(diffs[trial.number], console),
                    "",
                    sep="\n",
                )


@app.command(epilog=epilog(*SHOW_EXAMPLES))
def show(number: Number, branch: OfBranch = None, as_json: Json = False) -> None:
    """One trial in full.

    The claim beside what changed, scores, curve, where it came from, the diff, and where the log lies.
    """
    with reading(branch) as history:
        found = _find(history, number)
        if as_json:
            _print_json(found.model_dump(mode="json"))
            return
        console, text = open_console(), _own_diff(history, found)
        if isinstance(found, Attempt):
            console.print(attempt_page(found, text, console))
        else:
            against = next(
                (trial for trial in history.trials if trial.number == found.against), None
            )
            console.print(
                trial_page(
                    found, text, _log_path(history, number), console, against, history.measurements
                )
            )
            if found.status == "suspect":
                console.print(
                    formatter_for(console).line(
                        f"suspect: {fate_of(number, history.trials, history.rejections)}"
                    )
                )


@app.command(epilog=epilog(*DIFF_EXAMPLES))
def diff(
    number: Number,
    other: Annotated[
        int | None,
        typer.Argument(min=0, metavar="M", help="Compare the states after N and after M."),
    ] = None,
    branch: OfBranch = None,
) -> None:
    """What a trial changed, or two states apart.

    With N alone, what trial N changed, kept or not; with M, what was really kept between the verdicts on N and on M.
    """
    with reading(branch) as history:
        if other is None:
            text = _own_diff(history, _find(history, number))
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
        Path | None, typer.Option("--output", "-o", help="A file to write instead of stdout.")
    ] = None,
) -> None:
    """The trials as tsv, jsonl, csv or an optuna study.

    The tsv's columns and statuses are upstream's: a trial that failed in whatever way is a crash of 0.000000, and a
    refused proposal, which never ran, has no row, like a training that was given up. jsonl and csv hold every trial and no
    such stand-in. optuna writes an SQLite file, as `optuna-dashboard sqlite:///FILE` and optuna.load_study open it.
    """
    with reading(branch) as history:
        if form == Format.OPTUNA:
            _export_study(history, output)
            return
        text = FORMATS[form](history.trials)
    if output is None:
        typer.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise UsageFault(
            f"cannot write {output}: {error.strerror}", "autoresearch export --output results.tsv"
        ) from error


def _export_study(history: History, output: Path | None) -> None:
    from agent.cli.session import space_reader
    from agent.exchange.optuna import write_study

    if output is None:
        raise UsageFault(
            "an optuna study is a file of its own",
            "autoresearch export --format optuna --output study.db",
        )
    space = space_reader(history, read_settings(Path.cwd()))(history.source)
    write_study(output, history.run, history.trials, space)


class Standing(Record):
    """What `status --json` says. cost in US dollars, as far as it is known. prior: trials of `warm` that the run began with."""

    branch: str
    running: bool
    pid: int | None
    method: str
    model: str | None
    budget: str
    in_flight: tuple[Attempt, ...]
    counts: dict[str, int]
    best: Trial | None
    replicated: Comparison | None
    """The best against the baseline, where `replicate` has measured it."""
    noise: float | None
    cost: float
    warm: str | None
    prior: int


def _standing(history: History) -> Standing:
    run, trials, pid, best = (
        history.run,
        history.trials,
        history.owner,
        incumbent_of(history.trials),
    )
    counts: dict[str, int] = {}
    for trial in trials:
        counts[trial.status] = counts.get(trial.status, 0) + 1
    return Standing(
        branch=history.branch,
        running=pid is not None,
        pid=pid,
        method=run.method,
        model=run.model,
        budget=str(run.budget),
        in_flight=history.in_flight,
        counts=counts,
        best=best,
        replicated=replication_of(history.measurements, best),
        noise=noise_of(trials).sd,
        cost=sum(trial.proposal.by.cost or 0.0 for trial in trials),
        warm=run.warm,
        prior=len(history.prior),
    )


@contextmanager
def reading(branch: str | None) -> Iterator[History]:
    """The history of `branch`, or of the run at hand."""
    folder = Path.cwd()
    project = find_project(folder, read_settings(folder))
    with History.read(project, branch or _at_hand(project)) as history:
        yield history


def _at_hand(project: Project) -> str:
    """The branch of the run that is going on; without one, of the run that was worked on last."""
    going_on = (run.branch for run in list_runs(project) if run.pid is not None)
    return next(going_on, None) or newest(project)


def _find(history: History, number: int) -> Trial | Attempt:
    known: dict[int, Trial | Attempt] = {attempt.number: attempt for attempt in history.in_flight}
    known |= {trial.number: trial for trial in history.trials}
    if number in known:
        return known[number]
    raise UsageFault(
        f"there is no trial #{number} in autoresearch/{history.run.tag}",
        f"autoresearch log {history.run.tag}",
    )


def _trial(history: History, number: int) -> Trial:
    found = _find(history, number)
    if isinstance(found, Attempt):
        raise UsageFault(
            f"#{number} has no verdict yet, so no state to compare", f"autoresearch diff {number}"
        )
    return found


def _own_diff(history: History, found: Trial | Attempt) -> str:
    commit = found.commit if isinstance(found, Attempt) else found.attempt
    return history.diff(f"{commit}^", commit)


def _log_path(history: History, number: int) -> str | None:
    """The logs of a trial's runs, where this machine has them."""
    return ", ".join(map(str, log_paths(history, number))) or None


def _tell_warnings(history: History) -> None:
    """What is odd about the branch, beside the output and not in it."""
    console = open_console(stderr=True)
    for warning in history.warnings:
        console.print(Text(f"note: {warning}", "yellow"))


def _print_json(data: Any) -> None:
    # ASCII: the form does not depend on the terminal, and no letter that a model wrote reaches it raw.
    typer.echo(json.dumps(data, indent=2))
