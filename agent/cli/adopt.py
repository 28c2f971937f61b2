"""The command `adopt`: another loop's branch or results.tsv becomes a run of ours, to be gone on from with `resume`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from agent.cli import app, epilog
from agent.cli.run import BudgetText, Model, Trust, Unsafe, allowance_of
from agent.errors import UsageFault
from agent.history.history import History
from agent.records.results import Trial

RESULTS = "results.tsv"


@app.command(
    epilog=epilog(
        "autoresearch adopt exp/H100/mar8",
        "autoresearch adopt autoresearch/mar5 --results results.tsv",
    )
)
def adopt(
    what: Annotated[
        str,
        typer.Argument(
            metavar="BRANCH|RESULTS.TSV",
            help="A branch or commit; or a results.tsv, whose commits are here.",
        ),
    ],
    results: Annotated[
        Path | None,
        typer.Option(
            help="What was written down of the branch. Default: the results.tsv in its last commit."
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            help="The commit before the first experiment. Default: where the branch began."
        ),
    ] = None,
    model: Model = None,
    method: Annotated[
        str | None, typer.Option(help="The method that a resume goes on with; as for start.")
    ] = None,
    budget: BudgetText = None,
    tag: Annotated[
        str | None,
        typer.Option(
            help="Name of the run; its branch is autoresearch/TAG. Default: today's date."
        ),
    ] = None,
    trust: Trust = False,
    unsafe: Unsafe = False,
) -> None:
    """Take over another loop's experiments, as a run to go on with.

    In karpathy/autoresearch's style: each commit changes train.py, its message is the hypothesis, and results.tsv holds scores.
    Every change becomes typed edits that give its train.py byte for byte. Scores are recorded as what others say: nothing is
    measured here, and nothing is judged against them. `autoresearch resume` first measures the newest state as the baseline.
    """
    from agent.adopt import changed_beside, find_span, read_rows, steps_between, take_over
    from agent.cli.consent import Consent
    from agent.cli.reach import agree_to_start, remember_run
    from agent.cli.session import (
        choose_model,
        find_place,
        prepared,
        proven,
        refuse_foreign_encoding,
    )
    from agent.git.plumbing import Plumbing
    from agent.history.runs import brief_at, next_tag, text_at
    from agent.project.program import read_program
    from agent.project.settings import RunSettings

    place = find_place(Path.cwd())
    project = place.project
    consent = Consent(project, trust)
    git = Plumbing(Path(project.root))
    branch, file = (None, Path(what)) if what.endswith(".tsv") else (what, results)
    rows = read_rows(_text(file), str(file)) if file else ()
    span = find_span(git, branch, since, rows)
    if file is None and (beside := git.try_("cat-file", "blob", f"{span.tip}:{RESULTS}")):
        typer.echo(f"scores from {span.name}:{RESULTS}")
        rows = read_rows(beside, f"{span.name}:{RESULTS}")
    _refuse_start_without(
        project.program, git.try_("ls-tree", span.start, "--", project.program or "."), span.start
    )
    refuse_foreign_encoding(project.train, text_at(project, span.start, project.train))
    chosen, method = choose_model(model, method)
    agree_to_start(project, place.settings, consent, commit=span.start, model=chosen, max_cost=None)
    front_matter = read_program(brief_at(project, span.start)).front_matter
    sandbox = proven(unsafe, "", project, ()) if project.score == "sealed" else None
    with prepared(place, span.start, sandbox, consent) as data:
        fingerprint = data.fingerprint if data else None
    run = RunSettings(
        tag=tag or next_tag(project),
        method=method,
        model=chosen,
        budget=allowance_of(budget or front_matter.budget, project),
        seed=0,
        workers=1,
        trials=front_matter.trials,
        hours=front_matter.hours,
        max_cost=front_matter.max_cost,
        baseline_repeats=3,
        data_fingerprint=fingerprint,
        start_commit=span.start,
        score=project.score,
    )
    steps = list(steps_between(git, project, span, rows))
    if not steps:
        raise UsageFault(
            f"no commit since {span.start[:12]} changes {project.train}",
            f"git log {span.start[:12]}..{span.name}",
        )
    with History.create(project, run) as history:
        remember_run(consent, history)
        trials = list(take_over(history, steps))
        _report(
            history,
            trials,
            sum(step.taken for step in steps),
            span.name,
            changed_beside(git, project, span),
        )


def _report(
    history: History, trials: Sequence[Trial], changes: int, name: str, beside: tuple[str, ...]
) -> None:
    adopted = sum(trial.status == "adopted" for trial in trials)
    start = history.run.start_commit[:12]
    typer.echo(
        f"adopted {adopted} of {changes} changes of {_plain(name)} since {start}, byte for byte, on {history.branch}"
    )
    if len(trials) > adopted:
        typer.echo(
            f"{len(trials) - adopted} more are reported only: `autoresearch log {history.run.tag}` says of each why"
        )
    if beside:
        typer.echo(
            f"not taken over: {', '.join(map(_plain, beside))}, which the branch changed as well; here it is as at {start}"
        )
    for warning in history.warnings:
        typer.echo(f"note: {_plain(warning)}")
    typer.echo(
        "nothing was measured here: a resume first measures the newest state as the baseline, and judges against that"
    )
    typer.echo(f"next: autoresearch resume {history.branch}")


def _refuse_start_without(program: str | None, entry: str | None, start: str) -> None:
    if program and not entry:
        raise UsageFault(
            f"{start[:12]} has no {program}, which the checkout has",
            "autoresearch adopt BRANCH --since COMMIT",
        )


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise UsageFault(
            f"cannot read {file}: {error.strerror}",
            "autoresearch adopt BRANCH --results results.tsv",
        ) from None


def _plain(name: str) -> str:
    return ascii(name)[1:-1]
