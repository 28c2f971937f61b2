"""The command `adopt`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from agent.cli import app, epilog
from agent.cli.completion import complete_runs, complete_states
from agent.cli.options import BudgetOption, LimitOption, Method, Model, Tag, Trust, Unsafe
from agent.errors import UsageFault
from agent.history.history import History
from agent.project.flags import read_flags
from agent.records.results import Trial
from sandbox.ground.text import one_line

RESULTS = "results.tsv"


@app.command(
    epilog=epilog(
        "autoresearch adopt nov25 --into nov24",
        "autoresearch adopt exp/H100/mar8",
        "autoresearch adopt autoresearch/mar5 --results results.tsv",
    )
)
def adopt(
    what: Annotated[
        str,
        typer.Argument(
            metavar="RUN|RUN#N|BRANCH|RESULTS.TSV",
            help="A run here, or one of its trials; a branch or commit of another loop; or a "
            "results.tsv, whose commits are in this repository.",
            autocompletion=complete_states,
        ),
    ],
    results: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The scores of the branch. Default: the results.tsv in its last commit.",
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="COMMIT",
            help="The commit before the first experiment. Default: where the branch began.",
        ),
    ] = None,
    into: Annotated[
        str | None,
        typer.Option(
            metavar="RUN",
            help="Of a run: the run in which its changes are measured. Default: the one checked "
            "out here, else the one that it began at, else the newest other one.",
            autocompletion=complete_runs,
        ),
    ] = None,
    together: Annotated[
        bool,
        typer.Option("--together", help="Of a run: measure all that it kept as one trial."),
    ] = False,
    model: Model = None,
    method: Method = None,
    budget: BudgetOption = None,
    limit: LimitOption = None,
    tag: Tag = None,
    trust: Trust = False,
    unsafe: Unsafe = False,
) -> None:
    """Measure what another run kept in this one, or turn another loop's branch into a run.

    Each change that a run kept is proposed to the other one, the oldest first, and measured and
    judged there like any other trial: what is kept is on its branch. RUN#N proposes the change of
    one trial, kept or not.

    Of another loop it reads branches in the style of karpathy/autoresearch: each commit changes
    train.py, its message is the hypothesis, and results.tsv holds the scores. Every change becomes
    typed edits that reproduce its train.py byte for byte. Nothing is measured: scores are recorded
    as reported by others, and no trial is judged against them. `autoresearch resume` first measures
    the newest state as the baseline.
    """
    from agent.cli.sister import adopt_run, is_run

    if is_run(Path.cwd(), what):
        typed = {
            "--results": results,
            "--since": since,
            "--model": model,
            "--method": method,
            "--budget": budget,
            "--tag": tag,
        }
        for option, value in typed.items():
            if value is not None:
                message = f"{option} is for a branch of another loop, and {what} is a run."
                raise UsageFault(message, f"autoresearch adopt {what}")
        adopt_run(what, into, together, trust, unsafe)
        return
    if into is not None or together:
        option = "--together" if into is None else "--into"
        raise UsageFault(f"{option} is for a run, and there is no run {what}.", "autoresearch list")
    from agent.adopt import changed_beside, find_span, read_rows, steps_between, take_over
    from agent.cli.build import find_place, prepared, proven, refuse_foreign_encodings
    from agent.cli.choices import options_of, say_origins
    from agent.cli.consent import Consent
    from agent.cli.reach import agree_to_start, front_matter_at, remember_run
    from agent.git.plumbing import Plumbing
    from agent.history.runs import next_tag
    from agent.history.sources import sources_in
    from agent.project.names import refuse_unknown_names
    from agent.project.objective import objective_of, recorded
    from agent.project.run_python import recorded_python

    flags = read_flags("adopt BRANCH", model=model, method=method, budget=budget, limit=limit)
    place = find_place(Path.cwd())
    project = place.project
    consent = Consent(project, trust)
    git = Plumbing(Path(project.root))
    branch: str | None = what
    file = results
    if what.endswith(".tsv"):
        branch = None
        file = Path(what)
    rows = read_rows(_text(file), str(file)) if file else ()
    span = find_span(git, branch, since, rows)
    if file is None and (beside := git.try_("cat-file", "blob", f"{span.tip}:{RESULTS}")):
        typer.echo(f"scores from {one_line(span.name)}:{RESULTS}")
        rows = read_rows(beside, f"{span.name}:{RESULTS}")
    program = git.try_("ls-tree", span.start, "--", project.program or ".")
    _refuse_start_without(project.program, program, span.start)
    sources = sources_in(project, span.start)
    refuse_foreign_encodings(project, sources)
    front_matter = front_matter_at(project, span.start)
    refuse_unknown_names(project, place.settings, front_matter, (sources,))
    options = options_of(flags, place, front_matter)
    say_origins(options)
    agree_to_start(project, place.settings, consent, options)
    sandbox = proven(unsafe, "", place, ()) if project.score == "sealed" else None
    with prepared(place, span.start, sandbox, consent) as data:
        fingerprint = data.fingerprint if data else None
    run = options.record(
        tag=tag or next_tag(project),
        start_commit=span.start,
        score=project.score,
        data_fingerprint=fingerprint,
        objective=recorded(objective_of(project, place.settings, front_matter, flags)),
        interpreter=recorded_python(project, place.settings),
    )
    steps = list(steps_between(git, project, span, rows))
    if not steps:
        raise UsageFault(
            f"No commit since {span.start[:12]} changes {project.train}.",
            f"git log {span.start[:12]}..{span.name}",
        )
    with History.create(project, run) as history:
        remember_run(consent, history)
        trials = list(take_over(history, steps))
        counted = _Adopted(
            trials=trials,
            changes=sum(step.taken for step in steps),
            name=one_line(span.name),
            beside=changed_beside(git, project, span),
        )
        _report(history, counted)


@dataclass(frozen=True)
class _Adopted:
    """What was taken over."""

    trials: Sequence[Trial]
    changes: int
    """Commits of the branch that change train.py."""
    name: str
    """Of the branch, printable."""
    beside: tuple[str, ...]
    """Other files that the branch changed."""


def _report(history: History, adopted: _Adopted) -> None:
    count = sum(trial.status == "adopted" for trial in adopted.trials)
    start = history.run.start_commit[:12]
    typer.echo(
        f"adopted {count} of {adopted.changes} changes of {adopted.name} since {start}, "
        f"byte for byte, on {history.branch}"
    )
    only_reported = len(adopted.trials) - count
    if only_reported:
        typer.echo(
            f"{only_reported} more are only reported; "
            f"`autoresearch log {history.run.tag}` gives the reason for each"
        )
    if adopted.beside:
        names = ", ".join(one_line(name) for name in adopted.beside)
        typer.echo(
            f"not taken over: {names}, which the branch changed as well; the run has them as at "
            f"{start}"
        )
    for warning in history.warnings:
        typer.echo(f"note: {one_line(warning)}")
    typer.echo("nothing was measured: resume first measures the newest state as the baseline")
    typer.echo(f"next: autoresearch resume {history.branch}")


def _refuse_start_without(program: str | None, entry: str | None, start: str) -> None:
    if program and not entry:
        raise UsageFault(
            f"The commit {start[:12]} has no {program}, but the checkout has one.",
            "autoresearch adopt BRANCH --since COMMIT",
        )


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise UsageFault(
            f"Cannot read {file}: {error.strerror}.",
            "autoresearch adopt BRANCH --results results.tsv",
        ) from None
