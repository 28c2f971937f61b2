"""The commands that do work: `init`, `start` and `resume`."""

import math
import threading
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from agent.cli import app, epilog
from agent.errors import UsageFault
from agent.evaluate.slots import make_slots, this_machine
from agent.history.history import History
from agent.history.runs import brief_at, head_of, newest, next_tag, text_at
from agent.project.find import Project
from agent.project.program import read_program
from agent.project.settings import Caps, RunSettings, size_in_bytes
from agent.records.results import Trial
from agent.run.bounds import Bounds
from sandbox.ground.budget import Budget

# Seconds; a constant beyond a month is no budget.
MAX_TIME_BUDGET = 30 * 24 * 3600

Model = Annotated[
    str | None,
    typer.Option(
        help="opus, sonnet, gpt, local, a full model name, claude-code, codex, replay:BRANCH, scripted:FILE or none; see "
        "`autoresearch models`. Without it: Claude, GPT or a local server, whichever there is a key or an address for, else none."
    ),
]
BudgetText = Annotated[
    str | None,
    typer.Option(
        help="Training budget of a trial: 5m, 20s or 200steps. Default: 5m, or the TIME_BUDGET of upstream's prepare.py. "
        "Steps are the weaker promise: the harness caps their time by the baseline's, and does not count them."
    ),
]
Trials = Annotated[int | None, typer.Option(min=1, help="Stop after this many measured trials.")]
Hours = Annotated[float | None, typer.Option(min=0, help="Stop after this many hours.")]
MaxCost = Annotated[
    float | None,
    typer.Option(min=0, help="Stop when the run has spent this many dollars, resumes included."),
]
Memory = Annotated[
    int | None,
    typer.Option(
        parser=size_in_bytes,
        metavar="SIZE",
        help="Memory of a trial: 8GiB. Default: its share of four fifths.",
    ),
]
Vram = Annotated[
    int | None,
    typer.Option(
        parser=size_in_bytes,
        metavar="SIZE",
        help="Memory of a trial on its GPUs. Default: all there is.",
    ),
]
Disk = Annotated[
    int | None,
    typer.Option(
        parser=size_in_bytes,
        metavar="SIZE",
        help="What a trial may write, its weights among it. Default: 2GiB.",
    ),
]
Output = Annotated[
    int | None,
    typer.Option(
        parser=size_in_bytes, metavar="SIZE", help="What a trial may print. Default: 256MiB."
    ),
]
Warm = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="Trials of another run to begin with: an optuna SQLite file (FILE#STUDY), JSON, JSON lines, tsv or csv. The method "
        "learns from them; they are no attempts of this run.",
    ),
]
FalseKeeps = Annotated[
    float,
    typer.Option(min=0.5, max=25, help="Keeps that 100 trials which change nothing may give."),
]
TrackerNames = Annotated[
    list[str] | None,
    typer.Option(
        "--tracker",
        metavar="KIND[:WHERE]",
        help="Tell verdicts there too: tensorboard:DIR, mlflow:URI or wandb:PROJECT.",
    ),
]
NotifyCommand = Annotated[
    str | None,
    typer.Option(
        "--notify",
        metavar="COMMAND",
        help="Run this at a keep, an error and the end; $AUTORESEARCH_TEXT says what.",
    ),
]
Trust = Annotated[
    bool,
    typer.Option(
        "--trust",
        help="Agree to what reaches out of the project, which is listed; asked once in a terminal.",
    ),
]
Unsafe = Annotated[
    bool,
    typer.Option(
        "--unsafe-no-sandbox", help="Run generated code with your rights. Every record says so."
    ),
]


class Judgement(StrEnum):
    """How verdicts are reached: the names of agent.judge.VerdictRule."""

    SEQUENTIAL = "sequential"
    GREEDY = "greedy"


class Pruning(StrEnum):
    """Which trainings are given up: the names of agent.pruning.PruneRule."""

    OFF = "off"
    MEDIAN = "median"


@app.command(epilog=epilog("autoresearch init my-research --preset gpu"))
def init(
    folder: Annotated[
        Path, typer.Argument(help="Where to put workspace/ and program.md.")
    ] = Path(),
    preset: Annotated[str, typer.Option(help="cpu, gpu or h100: a set of constants.")] = "cpu",
) -> None:
    """Write a research folder to begin with.

    A train.py to improve, the prepare.py it reads its data through, and a program.md for you to edit.
    """
    from agent.cli.scaffold import scaffold

    for line in scaffold(folder, preset):
        typer.echo(line)


@app.command(epilog=epilog("autoresearch start --model opus --budget 5m --hours 8"))
def start(
    model: Model = None,
    method: Annotated[
        str | None,
        typer.Option(
            help="One of `autoresearch methods`. Default: hybrid with a model, trust without."
        ),
    ] = None,
    budget: BudgetText = None,
    trials: Trials = None,
    hours: Hours = None,
    max_cost: MaxCost = None,
    workers: Annotated[
        int,
        typer.Option(min=1, help="Trials at once: an accelerator or a share of the cores each."),
    ] = 1,
    tag: Annotated[
        str | None,
        typer.Option(
            help="Name of the run; its branch is autoresearch/TAG. Default: today's date."
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option(help="Seed of the first run of each trial and of the search.")
    ] = 0,
    baseline_repeats: Annotated[
        int, typer.Option(min=1, help="Runs of the baseline, under as many seeds.")
    ] = 3,
    verdict: Annotated[
        Judgement, typer.Option(help="greedy keeps whatever scores better once.")
    ] = Judgement.SEQUENTIAL,
    false_keeps: FalseKeeps = 0.5,
    warm: Warm = None,
    prune: Annotated[
        Pruning,
        typer.Option(
            help="median gives a training up whose loss is far above the median of the earlier ones."
        ),
    ] = Pruning.OFF,
    memory: Memory = None,
    vram: Vram = None,
    disk: Disk = None,
    output: Output = None,
    tracker: TrackerNames = None,
    notify: NotifyCommand = None,
    trust: Trust = False,
    unsafe: Unsafe = False,
) -> None:
    """Start a run, on a branch of its own.

    It works on the train.py of this folder's last commit; your checkout stays as it is. Ctrl-C once finishes the trial in
    training, twice stops at once; either way `autoresearch resume` goes on.
    """
    from agent.cli.consent import Consent
    from agent.cli.reach import agree_to_start, remember_run
    from agent.cli.session import (
        Kit,
        build_proposer,
        choose_model,
        find_place,
        prepared,
        proven,
        refuse_foreign_encoding,
        trackers_of,
        warm_start,
        work,
    )

    place, cancel = find_place(Path.cwd()), threading.Event()
    project = place.project
    consent = Consent(project, trust)
    tag = tag or next_tag(project)
    chosen, method = choose_model(model, method)
    if model is None and chosen:
        typer.echo(
            f"no --model given: {chosen}, by the keys that are here; --model none searches without one"
        )
    agree_to_start(
        project,
        place.settings,
        consent,
        commit="HEAD",
        model=chosen,
        max_cost=max_cost,
        trackers=tracker or (),
    )
    head = head_of(project)
    front_matter = read_program(brief_at(project, head)).front_matter
    trials, hours, max_cost = (
        trials or front_matter.trials,
        hours or front_matter.hours,
        max_cost or front_matter.max_cost,
    )
    allowance = allowance_of(budget or front_matter.budget, project)
    slots = make_slots(workers, *this_machine())
    proposer = build_proposer(method, chosen, project, tag, cancel)
    prior = warm_start(warm, place, head) if warm else ()
    trackers = trackers_of(project, tag, tracker, notify)
    source = text_at(project, head, project.train)
    refuse_foreign_encoding(project.train, source)
    sandbox = proven(unsafe, source, project, slots)
    caps = _caps(memory=memory, vram=vram, disk=disk, output=output)
    bounds = Bounds(trials=trials, hours=hours, max_cost=max_cost)
    with prepared(place, head, sandbox, consent) as data:
        run = RunSettings(
            tag=tag,
            method=method,
            model=chosen,
            budget=allowance,
            seed=seed,
            workers=workers,
            trials=trials,
            hours=hours,
            max_cost=max_cost,
            baseline_repeats=baseline_repeats,
            data_fingerprint=data.fingerprint if data else None,
            start_commit=head,
            score=project.score,
            caps=caps,
            verdict=verdict.value,
            false_keeps=false_keeps,
            warm=Path(warm).name if warm else None,
            prune=prune.value,
            plausible=front_matter.plausible or place.settings.plausible,
        )
        with History.create(project, run, prior) as history:
            remember_run(consent, history)
            work(
                history,
                Kit(place.settings, slots, sandbox, data, caps),
                proposer,
                bounds,
                cancel,
                trackers,
            )


@app.command(epilog=epilog("autoresearch resume autoresearch/nov24 --trials 20"))
def resume(
    branch: Annotated[
        str | None, typer.Argument(help="autoresearch/TAG or TAG; the newest run without it.")
    ] = None,
    trials: Trials = None,
    hours: Hours = None,
    max_cost: MaxCost = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Trials at once on this machine; as at the start without it."),
    ] = None,
    memory: Memory = None,
    vram: Vram = None,
    disk: Disk = None,
    output: Output = None,
    tracker: TrackerNames = None,
    notify: NotifyCommand = None,
    trust: Trust = False,
    unsafe: Unsafe = False,
) -> None:
    """Go on with a run, from its branch alone.

    After a stop, after a crash, in a fresh clone or on another machine. Bounds and limits that are not given are those of the
    start.
    """
    from agent.cli.consent import Consent
    from agent.cli.reach import agreed_run
    from agent.cli.renewal import data_of_run
    from agent.cli.session import (
        Kit,
        build_proposer,
        find_place,
        proven,
        refuse_foreign_encoding,
        trackers_of,
        work,
    )

    place = find_place(Path.cwd())
    project, consent = place.project, Consent(place.project, trust)
    name = branch or newest(project)
    with agreed_run(
        project,
        place.settings,
        consent,
        name,
        asks=True,
        bound_typed=max_cost is not None,
        trackers=tracker or (),
    ) as history:
        run, cancel = history.run, threading.Event()
        slots = make_slots(workers or run.workers, *this_machine())
        proposer = build_proposer(run.method, run.model, place.project, run.tag, cancel)
        trackers = trackers_of(place.project, run.tag, tracker, notify)
        refuse_foreign_encoding(place.project.train, history.source)
        sandbox = proven(unsafe, history.source, place.project, slots)
        bounds = Bounds(
            trials=trials or _left(run, history.trials),
            hours=hours or run.hours,
            max_cost=max_cost or run.max_cost,
        )
        caps = _caps(memory=memory, vram=vram, disk=disk, output=output).over(run.caps)
        with data_of_run(place, history, sandbox, consent) as data:
            work(
                history,
                Kit(place.settings, slots, sandbox, data, caps),
                proposer,
                bounds,
                cancel,
                trackers,
            )


def _budget(text: str) -> Budget:
    try:
        return Budget.parse(text)
    except ValueError as error:
        raise UsageFault(str(error), "autoresearch start --budget 5m") from None


def allowance_of(asked: str | None, project: Project) -> Budget:
    """The budget of a trial. In upstream's layout it is prepare.py that hands it to train.py, which asks nobody else."""
    own = _time_budget(project)
    if own is None:
        return _budget(asked or "5m")
    if asked and _budget(asked) != own:
        message = f"trainings here keep to TIME_BUDGET in {project.prepare} ({own}), whatever --budget says"
        raise UsageFault(
            message, f"$EDITOR {project.prepare}   # commit it, and start without --budget"
        )
    return own


def _time_budget(project: Project) -> Budget | None:
    from agent.space import read_constants

    if project.score == "sealed" or project.prepare is None:
        return None
    source = (Path(project.root) / project.prepare).read_text(encoding="utf-8", errors="replace")
    seconds = read_constants(source).get("TIME_BUDGET")
    if isinstance(seconds, str | bool | None) or not 0 < seconds < MAX_TIME_BUDGET:
        return None
    return Budget(amount=math.ceil(seconds))


def _caps(**asked: int | None) -> Caps:
    """The limits that were asked for; UsageFault where no training could live with one."""
    try:
        return Caps(**asked)
    except ValidationError as error:
        first = error.errors()[0]
        raise UsageFault(
            f"--{first['loc'][0]}: {first['msg']}", "autoresearch start --memory 8GiB"
        ) from None


def _left(run: RunSettings, trials: tuple[Trial, ...]) -> int | None:
    """How many trials the start's --trials leaves; where it is used up, resuming means as many again."""
    if run.trials is None:
        return None
    measured = sum(trial.result is not None and trial.status != "baseline" for trial in trials)
    return run.trials - measured if measured < run.trials else run.trials
