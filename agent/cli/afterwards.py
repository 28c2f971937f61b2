"""The commands for the morning after: `replicate`, `ablate` and `finalize`. None of them changes what the run's branch holds."""

from pathlib import Path
from typing import Annotated

import typer

from agent.cli import app, epilog
from agent.cli.review import Json, OfBranch
from agent.cli.run import Trust
from agent.errors import UsageFault
from agent.history.history import History
from agent.history.runs import newest
from agent.judge.decide import incumbent_of

Seeds = Annotated[
    int, typer.Option(min=2, help="Fresh seeds under which everything is trained once.")
]
Unsafe = Annotated[
    bool, typer.Option("--unsafe-no-sandbox", help="Run generated code with your rights.")
]


@app.command(epilog=epilog("autoresearch replicate 8 --seeds 5"))
def replicate(
    number: Annotated[
        int | None, typer.Argument(min=0, metavar="[N]", help="As in the log; the best without it.")
    ] = None,
    seeds: Seeds = 3,
    branch: OfBranch = None,
    as_json: Json = False,
    trust: Trust = False,
    unsafe: Unsafe = False,
) -> None:
    """Measure a trial again, beside the baseline.

    Under seeds by which nothing was decided: what is left of a claim when luck has no say. The figure goes on the run's branch.
    """
    from agent.afterwards.remeasure import state_of
    from agent.cli.lab import baseline_of, lab, measured, record, tell, trial_of

    with lab(branch, unsafe, trust) as (history, bench):
        trial = trial_of(history, number)
        reference = state_of(baseline_of(history))
        found = measured(history, bench, [state_of(trial)], reference, seeds)
        tell(
            history,
            record(history, "replicate", found, f"the baseline #{reference.number}"),
            as_json,
        )


@app.command(epilog=epilog("autoresearch ablate --seeds 4"))
def ablate(
    seeds: Seeds = 4,
    branch: OfBranch = None,
    as_json: Json = False,
    trust: Trust = False,
    unsafe: Unsafe = False,
) -> None:
    """Take each kept change out of the final state, and see what is lost.

    `worse` without a change: it matters. `not to be told from noise`, or `better`: it could go. The figures go on the branch.
    """
    from agent.afterwards.remeasure import State, kept_changes
    from agent.cli.lab import ablations, lab, measured, record, tell

    with lab(branch, unsafe, trust) as (history, bench):
        kept = kept_changes(history.trials)
        if not kept:
            raise UsageFault(
                "nothing was kept, so there is nothing to take out", "autoresearch log --kept"
            )
        states, gone = ablations(history, kept)
        best = incumbent_of(history.trials)
        assert best is not None
        found = measured(
            history, bench, states, State("the final state", history.tip, best.number), seeds
        )
        tell(history, record(history, "ablate", [*found, *gone], "the final state"), as_json)


@app.command(epilog=epilog("autoresearch finalize --drop 7 --to tuned"))
def finalize(
    to: Annotated[
        str, typer.Option(help="The branch to make, off the commit that the run started from.")
    ] = "",
    drop: Annotated[
        list[int] | None,
        typer.Option(help="A kept trial to leave out, by its number; may be repeated."),
    ] = None,
    branch: OfBranch = None,
) -> None:
    """Write what was kept as clean commits, one a change, each with its measured effect, ready to be reviewed and merged."""
    from agent.afterwards.finalize import finalize_run
    from agent.cli.session import find_place
    from agent.display.format import formatter_for, open_console

    place = find_place(Path.cwd())
    with History.read(place.project, branch or newest(place.project)) as history:
        name = to or f"{history.run.tag}-final"
        console = open_console()
        for line in finalize_run(history, name, frozenset(drop or ())):
            console.print(formatter_for(console).line(line))
