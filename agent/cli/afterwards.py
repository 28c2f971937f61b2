"""The commands for the morning after: `replicate`, `ablate` and `finalize`.

None of them changes what was kept on the run's branch.
"""

from pathlib import Path
from typing import Annotated

import typer

from agent.cli import app, epilog
from agent.cli.completion import complete_trials
from agent.cli.options import Json, OnCluster, Trust, Unsafe, WorkOnBranch
from agent.errors import UsageFault
from agent.history.history import History
from agent.history.runs import usual_run
from agent.judge.decide import incumbent_of
from sandbox.score.evaluator.evaluation import Split

MAX_SEEDS = 1000
"""A slip of the keyboard would ask for years of training."""
Seeds = Annotated[
    int,
    typer.Option(
        min=2,
        max=MAX_SEEDS,
        metavar="N",
        help="Number of fresh seeds; every state is trained once under each.",
    ),
]


OnTest = Annotated[
    bool,
    typer.Option(
        "--test",
        help="Measure on the test split of the project's own evaluator. Each such look is a commit "
        "that counts itself.",
    ),
]


@app.command(epilog=epilog("autoresearch replicate 8 --seeds 5"))
def replicate(
    number: Annotated[
        int | None,
        typer.Argument(
            min=0,
            metavar="N",
            help="The trial's number. Default: the best.",
            autocompletion=complete_trials,
        ),
    ] = None,
    seeds: Seeds = 3,
    test: OnTest = False,
    branch: WorkOnBranch = None,
    on: OnCluster = None,
    as_json: Json = False,
    trust: Trust = False,
    unsafe: Unsafe = False,
) -> None:
    """Measure a trial and the baseline again under fresh seeds.

    No decision was based on these seeds, so the result is free of selection bias. It is recorded
    on the run's branch.
    """
    from agent.afterwards.remeasure import state_of
    from agent.cli.lab import Question, baseline_of, lab, measure, open_test, trial_of

    with lab(branch, unsafe, trust, on) as (history, bench):
        trial = trial_of(history, number)
        reference = state_of(baseline_of(history))
        states = [state_of(trial)]
        split: Split = "val"
        if test:
            split = "test"
            open_test(history, "replicate", [*states, reference])
        against = f"the baseline #{reference.number}"
        question = Question("replicate", states, reference, against, split)
        measure(history, bench, question, seeds, as_json)


@app.command(epilog=epilog("autoresearch ablate --seeds 4"))
def ablate(
    seeds: Seeds = 4,
    branch: WorkOnBranch = None,
    on: OnCluster = None,
    as_json: Json = False,
    trust: Trust = False,
    unsafe: Unsafe = False,
) -> None:
    """Take each kept change out of the final state, and measure what is lost.

    A change without which the score is worse matters; one whose removal makes no significant
    difference could go. The results are recorded on the run's branch.
    """
    from agent.afterwards.ablation import kept_changes
    from agent.afterwards.side_by_side import State
    from agent.cli.lab import Question, ablations, lab, measure

    with lab(branch, unsafe, trust, on) as (history, bench):
        kept = kept_changes(history.trials)
        if not kept:
            raise UsageFault(
                "Nothing was kept, so there is nothing to take out.", "autoresearch log --kept"
            )
        parts = ablations(history, kept)
        best = incumbent_of(history.trials)
        assert best is not None
        final = State("the final state", history.tip, best.number)
        question = Question(
            "ablate", parts.states, final, "the final state", impossible=parts.impossible
        )
        measure(history, bench, question, seeds, as_json)


@app.command(epilog=epilog("autoresearch finalize --drop 7 --to tuned"))
def finalize(
    to: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="The branch to create from the commit that the run started from. "
            "Default: TAG-final.",
        ),
    ] = "",
    drop: Annotated[
        list[int] | None,
        typer.Option(
            metavar="N",
            help="A kept trial to leave out. May be repeated.",
            autocompletion=complete_trials,
        ),
    ] = None,
    test: OnTest = False,
    seeds: Seeds = 3,
    branch: WorkOnBranch = None,
    on: OnCluster = None,
    trust: Trust = False,
    unsafe: Unsafe = False,
) -> None:
    """Write the kept changes as clean commits on a new branch, ready to review and merge.

    Each commit holds one change and its measured effect. With --test the new branch is then
    compared with the baseline on the test split.
    """
    from agent.afterwards.finalize import finalize_run
    from agent.cli.build import place_around
    from agent.cli.lab import refuse_without_test, test_branch
    from agent.display.format import formatter_for, open_console

    if on is not None and not test:
        message = "--on says where --test measures, and --test is not given"
        raise UsageFault(message, "autoresearch finalize --test")
    place = place_around(Path.cwd())
    with History.read(place.project, branch or usual_run(place.project, Path.cwd())) as history:
        name = to or f"{history.run.tag}-final"
        console = open_console()
        if test:
            refuse_without_test(history)
        for line in finalize_run(history, name, frozenset(drop or ())):
            console.print(formatter_for(console).line(line))
    if test:
        test_branch(name, seeds, branch, unsafe, trust, on)
