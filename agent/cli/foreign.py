"""Turns a branch of another loop into a run, for `autoresearch adopt BRANCH`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

import typer

from agent.adopt import (
    Row,
    Span,
    changed_beside,
    find_span,
    read_rows,
    steps_between,
    take_over,
)
from agent.cli.build import Place, find_place, prepared, proven
from agent.cli.choices import options_of, say_origins
from agent.cli.consent import Consent
from agent.cli.reach import agree_to_start, front_matter_at, remember_run
from agent.cli.unreadable import refuse_unreadable
from agent.errors import UsageFault
from agent.git.answers import MAX_FILE
from agent.git.plumbing import Plumbing
from agent.history.history import History
from agent.history.runs import next_tag
from agent.history.sources import sources_in
from agent.project.flags import Flags
from agent.project.names import refuse_unknown_names
from agent.project.objective import objective_of, recorded
from agent.project.run_python import recorded_python
from agent.project.settings import RunSettings
from agent.records.results import Trial
from sandbox.ground.plain_files import named_file
from sandbox.ground.text import one_line

MAX_RESULTS = 64 << 20
"""Bytes of a results.tsv."""

RESULTS = "results.tsv"


def adopt_branch(
    what: str,
    results: Path | None,
    since: str | None,
    tag: str | None,
    flags: Flags,
    trust: bool,
    unsafe: bool,
) -> None:
    """Record the changes of a branch, or of a results.tsv, as trials of a new run.

    what: the branch, commit or results.tsv. results: the scores of the branch; None for those in
    its last commit. since: the commit before the first change; None for where the branch began.
    tag: of the new run; None for the next free one. Raise UsageFault for what cannot be taken over.
    """
    place = find_place(Path.cwd())
    project = place.project
    consent = Consent(project, trust)
    git = Plumbing(Path(project.root))
    matter = front_matter_at(project, "HEAD")
    metric = objective_of(project, place.settings, matter, flags).metric
    span, rows = _span_and_scores(git, what, results, since, metric)
    program = git.try_("ls-tree", span.start, "--", project.program or ".")
    _refuse_start_without(project.program, program, span.start)
    run = _new_run(place, span, tag, flags, consent, unsafe)
    steps = list(steps_between(git, project, span, rows))
    if not steps:
        raise UsageFault(
            f"No commit since {span.start[:12]} changes {project.train}.",
            f"git log {quote(f'{span.start[:12]}..{span.name}')}",
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


def _span_and_scores(
    git: Plumbing, what: str, results: Path | None, since: str | None, metric: str
) -> tuple[Span, tuple[Row, ...]]:
    """Return the commits to take over, and the scores of a metric that were reported for them."""
    branch: str | None = what
    file = results
    if what.endswith(".tsv"):
        branch = None
        file = Path(what)
    rows = read_rows(_text(file), str(file), metric) if file else ()
    span = find_span(git, branch, since, rows)
    name = f"{span.tip}:{RESULTS}"
    if file is None and (beside := git.try_("cat-file", "blob", name, most=MAX_FILE)):
        typer.echo(f"scores from {one_line(span.name)}:{RESULTS}")
        rows = read_rows(beside, f"{span.name}:{RESULTS}", metric)
    return span, rows


def _new_run(
    place: Place, span: Span, tag: str | None, flags: Flags, consent: Consent, unsafe: bool
) -> RunSettings:
    """Return the record of the run that begins where the branch began, once that is agreed to."""
    project = place.project
    sources = sources_in(project, span.start)
    refuse_unreadable(project, sources)
    front_matter = front_matter_at(project, span.start)
    refuse_unknown_names(project, place.settings, front_matter, (sources,))
    options = options_of(flags, place, front_matter)
    say_origins(options)
    agree_to_start(project, place.settings, consent, options)
    sandbox = proven(unsafe, "", place, ()) if project.score == "sealed" else None
    with prepared(place, span.start, sandbox, consent) as data:
        fingerprint = data.fingerprint if data else None
    return options.record(
        tag=tag or next_tag(project),
        start_commit=span.start,
        score=project.score,
        data_fingerprint=fingerprint,
        objective=recorded(objective_of(project, place.settings, front_matter, flags)),
        interpreter=recorded_python(project, place.settings),
        train=project.train,
    )


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
    typer.echo(f"next: autoresearch resume {history.tag}")


def _refuse_start_without(program: str | None, entry: str | None, start: str) -> None:
    if program and not entry:
        raise UsageFault(
            f"The commit {start[:12]} has no {program}, but the checkout has one.",
            "autoresearch adopt BRANCH --since COMMIT",
        )


def _text(file: Path) -> str:
    try:
        return named_file(file, MAX_RESULTS).decode("utf-8", "replace")
    except OSError as error:
        raise UsageFault(
            f"Cannot read {file}: {error.strerror}.",
            "autoresearch adopt BRANCH --results results.tsv",
        ) from None
