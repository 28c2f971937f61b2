"""Carries out one session of work on a run: signals, display, summary."""

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from types import FrameType

from rich.text import Text

from agent.cli.build import Kit, bench_of, open_ledger
from agent.cli.news import News
from agent.display import choose_display
from agent.display.format import formatter_for, open_console
from agent.display.table import summary
from agent.evaluate.neighbours import session
from agent.history.history import History
from agent.history.runs import sinks_folder
from agent.project.find import Project
from agent.project.resolve import SessionOptions
from agent.propose import Proposer
from agent.records.events import Note, RunStarted
from agent.records.results import Trial
from agent.run.bounds import Bounds
from agent.run.loop import Loop
from agent.trackers import Trackers, open_trackers

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def trackers_of(
    project: Project, tag: str, names: Sequence[str] | None, notify: str | None
) -> Trackers:
    """Return where results go besides the branch; raise UsageFault for what cannot work."""
    return open_trackers(names or (), notify, sinks_folder(project, tag))


def bounds_of(options: SessionOptions) -> Bounds:
    """Return the bounds of a session."""
    return Bounds(
        trials=options.trials.value, hours=options.hours.value, max_cost=options.max_cost.value
    )


def measured_count(trials: Sequence[Trial]) -> int:
    """Return how many trials were measured, without baselines."""
    return sum(trial.result is not None and trial.status != "baseline" for trial in trials)


def work(
    history: History,
    kit: Kit,
    proposer: Proposer,
    bounds: Bounds,
    cancel: threading.Event,
    trackers: Trackers | None = None,
    only_new: bool = False,
    as_json: bool = False,
    news: News | None = None,
) -> None:
    """Run the loop on `history` until a bound, Ctrl-C or a fault, then print a summary.

    only_new: leave attempts in flight to a later resume. as_json: print each event as a line of
    JSON, and nothing else. news: what the model's retries say, which becomes notes of the run.
    """
    trackers = trackers or Trackers()
    cores = len(kit.slots[0].cpus) or None
    ledger = open_ledger(history, kit.settings, kit.caps, len(kit.slots), cores)
    loop = Loop(ledger, bench_of(history, kit), proposer, bounds, cancel, only_new)
    news = news or News()
    here = session(history.project.root, history.branch)
    try:
        with here, news.to(loop.tell), trackers, _signals(loop), choose_display(as_json) as display:
            for event in chain([_started(history, kit, bounds)], loop.events()):
                display.handle(event)
                for warning in trackers.warnings():
                    display.handle(Note(warning))
                trackers.handle(event)
    finally:
        console = open_console(stderr=as_json)
        if not as_json:
            console.print(summary(history.branch, history.trials, console))
        for warning in (*history.warnings, *trackers.warnings()):
            console.print(Text(f"note: {formatter_for(console).line(warning)}", "yellow"))


def _started(history: History, kit: Kit, bounds: Bounds) -> RunStarted:
    run = history.run
    return RunStarted(
        tag=run.tag,
        branch=history.branch,
        method=run.method,
        model=run.model,
        budget=str(run.budget),
        tier=kit.sandbox.tier,
        workers=len(kit.slots),
        trials=history.trials,
        planned=bounds.trials,
        start_commit=run.start_commit,
    )


@contextmanager
def _signals(loop: Loop) -> Iterator[None]:
    """Make the first Ctrl-C finish the trials in training, and anything after it stop at once.

    A hang-up or a termination stops at once. A signal that was ignored before stays ignored:
    `nohup autoresearch start &` outlives its terminal.
    """
    stopping = False

    def interrupt(number: int, _: FrameType | None) -> None:
        nonlocal stopping
        if stopping or number != signal.SIGINT:
            loop.abort()
        else:
            stopping = True
            loop.stop()

    heeded = [number for number in STOPPING if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, interrupt) for number in heeded}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
