"""The output of `status`: what a run is doing, its progress, and its inputs."""

from collections import Counter
from pathlib import Path

from rich.text import Text

from agent.cli.slurm import job_of
from agent.display.format import formatter_for, open_console
from agent.display.places import HERE, Places
from agent.display.places_file import read_places
from agent.display.status import status_page
from agent.display.steering import state_lines
from agent.display.table import warm_text
from agent.display.waits import wait_words
from agent.errors import Fault
from agent.history.brief import brief_difference
from agent.history.history import History
from agent.history.lineage import parent_text
from agent.history.runs import log_path
from agent.history.waits import awaited_by
from agent.judge.comparison import Comparison, replication_of
from agent.judge.decide import incumbent_of
from agent.judge.noise import noise_of
from agent.project.around import project_around
from agent.project.objective import stated_otherwise
from agent.project.program import read_program
from agent.records.inputs import Admitted
from agent.records.losses import Loss
from agent.records.pace import pace_of
from agent.records.results import Attempt, Trial
from agent.records.spending import spending_of
from agent.records.steering import steering_of
from agent.run.inbox import Inbox
from sandbox.ground.record import Record


class State(Record):
    """The record that `status --json` prints."""

    branch: str
    running: bool
    pid: int | None
    """The process that works on the run; None where none does."""
    method: str
    model: str | None
    budget: str
    in_flight: tuple[Attempt, ...]
    losses: dict[int, tuple[Loss, ...]]
    """Places that were lost under runs of an attempt in flight, by its number."""
    places: Places
    """Where it trains what now; none where that is this machine alone."""
    counts: dict[str, int]
    """Trials by status."""
    metric: str
    direction: str
    scale: str
    best: Trial | None
    replicated: Comparison | None
    """The best against the baseline, where `replicate` has measured it."""
    noise: float | None
    """The standard deviation of losses of equal code."""
    training_seconds: float
    """Over all trials and seeds."""
    elapsed_seconds: float | None
    """From the first training to the last verdict, without pauses between sessions."""
    trials_per_hour: float | None
    """Trained ones; None before the second."""
    cost: float
    """US dollars, without proposals whose price is not known; see unpriced."""
    unpriced: int
    """Proposals of models whose price is not known."""
    parent: str | None
    """The state of another run that it began at: `nov24#7`."""
    warm: str | None
    """The file or the run whose prior trials the run began with."""
    prior: int
    """How many there are."""
    inputs: tuple[Admitted, ...]
    """What was said to the run, with the answers."""
    paused: bool
    model_until: str | None
    """Until when its model is not asked, for a limit or an outage; None if it is asked."""
    model_reason: str | None
    """What its provider says, or why it does not answer."""
    held: bool
    """Whether what would be kept waits for a human's word."""
    waiting: int
    """Inputs that no process has read yet."""
    log: str
    """The file of what the run's sessions on this machine said."""
    job: str | None
    """Its allocation on Slurm, while that waits or works."""


def state_of(history: History) -> State:
    """Return the state of a run."""
    run = history.run
    best = incumbent_of(history.trials)
    work: tuple[Trial | Attempt, ...] = (*history.trials, *history.in_flight)
    spending = spending_of(entry.proposal for entry in work)
    pace = pace_of(history.trials)
    steering = steering_of(history.inputs, len(history.trials))
    awaited = awaited_by(history.project, history.tag) if history.owner else None
    job = job_of(history.project, history.tag)
    return State(
        branch=history.branch,
        running=history.owner is not None,
        pid=history.owner,
        method=run.method,
        model=run.model,
        budget=run.allowance,
        in_flight=history.in_flight,
        losses=_losses(history),
        places=read_places(Path(history.project.root), history.tag) if history.owner else HERE,
        counts=dict(Counter(trial.status for trial in history.trials)),
        metric=run.goal.metric,
        direction=run.goal.direction,
        scale=run.goal.scale,
        best=best,
        replicated=replication_of(history.measurements, best),
        noise=noise_of(history.trials, history.run.sense).sd,
        training_seconds=pace.training,
        elapsed_seconds=pace.elapsed,
        trials_per_hour=pace.per_hour,
        cost=spending.dollars,
        unpriced=spending.unpriced,
        parent=str(run.parent) if run.parent else None,
        warm=run.warm,
        prior=len(history.prior),
        inputs=history.inputs,
        paused=steering.paused is not None,
        model_until=awaited.until if awaited else None,
        model_reason=awaited.reason if awaited else None,
        held=steering.held is not None,
        waiting=Inbox(history.project, history.tag).count(),
        log=str(log_path(history.project, history.tag)),
        job=job.text if job else None,
    )


def _losses(history: History) -> dict[int, tuple[Loss, ...]]:
    losses = {attempt.number: history.losses(attempt) for attempt in history.in_flight}
    return {number: lost for number, lost in losses.items() if lost}


def print_state(history: History, state: State) -> None:
    """Print it as a page."""
    console = open_console()
    warm = warm_text(history.prior, state.warm) if state.warm else ""
    goal = history.run.goal
    page = status_page(
        state.branch,
        state.pid,
        state.in_flight,
        history.trials,
        console,
        warm,
        goal,
        state.losses,
        state.places,
    )
    console.print(page)
    formatter = formatter_for(console)

    def say(label: str, text: str, style: str = "") -> None:
        console.print(Text(f"{label:<8}{formatter.line(text)}", style), soft_wrap=True)

    if state.parent:
        say("from", parent_text(history.project, history.run))
    if Path(state.log).exists():
        say("log", state.log)
    if state.job:
        say("slurm", state.job)
    if state.replicated:
        say("again", f"{state.replicated}, against the baseline")
    if state.model_until and state.model_reason is not None:
        say("model", wait_words(state.model_until, state.model_reason), "yellow")
    for line in state_lines(steering_of(history.inputs, len(history.trials))):
        say("said", line)
    if state.waiting:
        next_reader = "" if state.running else f": `autoresearch resume {history.tag}` reads that"
        say("inbox", f"{state.waiting} waiting{next_reader}")
    for line in _stated_elsewhere(history):
        console.print(Text(f"note: {formatter.line(line)}", "yellow"), soft_wrap=True)


def _stated_elsewhere(history: History) -> list[str]:
    """Return a line for each file of settings that differs from the run's record."""
    try:
        place = project_around(Path.cwd())
        front_matter = read_program(history.program).front_matter
    except Fault:
        return []
    lines = stated_otherwise(history.run, place.project, place.settings, front_matter)
    return [*lines, *brief_difference(history, place.project)]
