"""The command `adopt`."""

from collections.abc import Mapping
from pathlib import Path
from shlex import quote
from typing import Annotated

import typer

from agent.cli import app, epilog
from agent.cli.completion import complete_runs, complete_states
from agent.cli.options import BudgetOption, LimitOption, Method, Model, Tag, Trust, Unsafe
from agent.errors import UsageFault
from agent.project.flags import read_flags


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
            help="For a run: the run in which its changes are measured. Default: the one checked "
            "out here, else the one that it began at, else the newest other one.",
            autocompletion=complete_runs,
        ),
    ] = None,
    together: Annotated[
        bool,
        typer.Option("--together", help="For a run: measure all that it kept as one trial."),
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

    A branch of another loop is read in the style of karpathy/autoresearch: each commit changes
    train.py, its message is the hypothesis, and results.tsv holds the scores. Every change becomes
    typed edits that reproduce its train.py byte for byte. Nothing is measured: scores are recorded
    as reported by others, and no trial is judged against them. `autoresearch resume` first measures
    the newest state as the baseline.
    """
    from agent.cli.foreign import adopt_branch
    from agent.cli.sister import adopt_run, is_run

    if is_run(Path.cwd(), what):
        of_a_branch = {
            "--results": results,
            "--since": since,
            "--model": model,
            "--method": method,
            "--budget": budget,
            "--tag": tag,
        }
        _refuse_for_a_run(what, of_a_branch)
        adopt_run(what, into, together, trust, unsafe)
        return
    if into is not None or together:
        option = "--together" if into is None else "--into"
        raise UsageFault(f"{option} is for a run, and there is no run {what}.", "autoresearch list")
    flags = read_flags("adopt BRANCH", model=model, method=method, budget=budget, limit=limit)
    adopt_branch(what, results, since, tag, flags, trust, unsafe)


def _refuse_for_a_run(name: str, typed: Mapping[str, object]) -> None:
    """Raise UsageFault if an option was typed that is for another loop's branch."""
    for option, value in typed.items():
        if value is not None:
            message = f"{option} is for a branch of another loop, and {name} is a run."
            raise UsageFault(message, f"autoresearch adopt {quote(name)}")
