"""Carries out one session of work on a run: signals, display, summary."""

import os
import shlex
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import typer
from rich.console import Console, RenderableType
from rich.text import Text

from agent.cli.build import Kit, bench_of, open_ledger
from agent.cli.detach import tell_ready
from agent.cli.news import News
from agent.cli.researching import research_of
from agent.cli.run_log import RunLog
from agent.cli.signals import handling
from agent.cli.stop import FINISH
from agent.cli.streams import leave_terminal, terminals
from agent.display import Display, choose_display
from agent.display.format import formatter_for, open_console
from agent.display.places_file import PlacesFile
from agent.display.table import summary
from agent.errors import Fault
from agent.evaluate.neighbours import session
from agent.history.history import History
from agent.history.runs import trackers_folder
from agent.history.waits import Waits
from agent.project.find import Project
from agent.project.program import read_program
from agent.project.resolve import SessionOptions
from agent.propose import Proposer
from agent.records.events import PATIENCE, Event, Note, RunStarted
from agent.records.results import Trial
from agent.records.steering import steering_of
from agent.run.bounds import Bounds, Renewal
from agent.run.drafting import Staff
from agent.run.inbox import Inbox
from agent.run.loop import ALONE, Loop
from agent.trackers import Trackers, open_trackers
from agent.trackers.targets import targets_of

GONE = "the terminal is gone"


def trackers_of(
    project: Project, tag: str, names: Sequence[str] | None, notify: str | None
) -> Trackers:
    """Return the trackers of a session. Raise UsageFault for one that cannot work.

    notify: the command that was typed, or `none`.
    """
    targets = targets_of(os.environ, Path(project.root), notify)
    return open_trackers(names or (), targets, trackers_folder(project, tag))


def bounds_of(options: SessionOptions) -> Bounds:
    """Return the bounds of a session."""
    return Bounds(
        trials=options.trials.value, hours=options.hours.value, max_cost=options.max_cost.value
    )


def talk_line(tag: str) -> str:
    """Return a line that says how to talk to a run while it works."""
    return (
        f"talk to it from any terminal: autoresearch tell 'an idea' {tag}; "
        "also try, pause, skip, hold, set, brief"
    )


def measured_count(trials: Sequence[Trial]) -> int:
    """Return how many trials were measured, baselines not counted."""
    return sum(trial.result is not None and trial.status != "baseline" for trial in trials)


@contextmanager
def outliving(log: RunLog) -> Iterator[None]:
    """Keep a command running when its terminal is closed; its output then goes to `log`.

    A fault is also written to the log if the log has begun or the terminal is gone. A hang-up
    signal that was ignored before stays ignored.
    """
    had = terminals()

    def hang_up(*_: object) -> None:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        with suppress(Fault, OSError):
            log.line(f"{GONE}: `autoresearch status --watch {log.tag}` shows the run")
            leave_terminal(had, log.descriptor)

    def leave(*_: object) -> None:
        raise KeyboardInterrupt

    with handling({signal.SIGHUP: hang_up, FINISH: leave}):
        try:
            yield
        except typer.Exit:
            raise
        except BaseException as error:
            if (log.begun or had - terminals()) and not log.is_stderr():
                log.fault(error)
            raise
        finally:
            log.close()


def work(
    history: History,
    kit: Kit,
    proposer: Proposer,
    bounds: Bounds,
    cancel: threading.Event,
    log: RunLog,
    trackers: Trackers | None = None,
    only_new: bool = False,
    as_json: bool = False,
    news: News | None = None,
    staff: Staff = ALONE,
    resume: str = "",
) -> Renewal | None:
    """Run the loop on `history` until a bound, Ctrl-C or a fault, then print a summary.

    log: gets everything that is printed. only_new: leave attempts in flight to a later resume.
    as_json: print each event as a line of JSON, and nothing else. news: messages about the model's
    retries, which become notes of the run. staff: who writes the proposals. resume: the command
    that goes on where this session works. Return the bounds of the next session if another number
    of workers was asked for (agent/cli/detach.py).
    """
    trackers = trackers or Trackers()
    cores = (len(kit.slots[0].cpus) or None) if kit.slots else None
    ledger = open_ledger(history, kit.settings, kit.caps, len(kit.slots), cores)
    inbox = None if only_new else Inbox(history.project, history.tag)
    bench = bench_of(history, kit)
    research = research_of(history, kit, cancel)
    loop = Loop(ledger, bench, proposer, bounds, cancel, only_new, inbox, research, staff)
    log.line(f"process {os.getpid()} works on {history.branch}: {shlex.join(sys.argv)}")
    if not as_json:
        open_console().print(Text(f"log: {log.path}", "dim"), soft_wrap=True)
    if inbox is not None and not as_json:
        open_console().print(Text(talk_line(history.tag), "dim"), soft_wrap=True)
    news = news or News()
    here = session(history.project.root, history.branch)
    kept = Waits(history.project, history.tag)
    try:
        with (
            here,
            news.to(loop.tell),
            trackers,
            _signals(loop),
            kept as waits,
            choose_display(as_json) as display,
        ):
            places = PlacesFile(Path(history.project.root), history.tag)
            started = _started(history, kit, bounds)
            is_here = kit.elsewhere is None
            _listen(loop, started, trackers, log, display, places, waits, is_here)
    finally:
        _summarise(history, trackers, log, as_json, resume)
    return loop.renewal


def _listen(
    loop: Loop,
    started: RunStarted,
    trackers: Trackers,
    log: RunLog,
    display: Display,
    places: PlacesFile,
    waits: Waits,
    is_here: bool,
) -> None:
    """Run the loop, and pass every event to all listeners.

    is_here: whether trials run on this machine. Elsewhere the session has begun once a place was
    found, which the first event tells.
    """

    def hear(event: Event) -> None:
        waits.hear(event)
        for each in (event, *map(Note, trackers.warnings())):
            log.handle(each)
            display.handle(each)
        places.handle(event)
        trackers.handle(event)

    with closing(loop.events()) as events:
        try:
            hear(started)
            if is_here:
                tell_ready()
            for event in events:
                tell_ready()
                hear(event)
        except BaseException:
            # Nobody reads what is printed, say: what trains or was proposed stays for a resume.
            loop.abort()
            for event in events:
                log.handle(event)
            raise


def _summarise(
    history: History, trackers: Trackers, log: RunLog, as_json: bool, resume: str
) -> None:
    """Print a summary of the session, and warnings."""
    console = open_console(stderr=as_json)

    def page(target: Console) -> RenderableType:
        return summary(history.branch, history.trials, target, history.run.goal, resume)

    log.page(page(log.console))
    if not as_json:
        console.print(page(console))
    for warning in (*history.warnings, *trackers.warnings()):
        log.line(f"note: {warning}")
        console.print(Text(f"note: {formatter_for(console).line(warning)}", "yellow"))


def _started(history: History, kit: Kit, bounds: Bounds) -> RunStarted:
    run = history.run
    return RunStarted(
        tag=run.tag,
        branch=history.branch,
        method=run.method,
        model=run.model,
        budget=run.allowance,
        tier=kit.sandbox.tier,
        workers=len(kit.slots),
        trials=history.trials,
        planned=bounds.trials,
        start_commit=run.start_commit,
        objective=run.goal,
        max_cost=bounds.max_cost,
        patience=_patience(history),
        inputs=history.inputs,
    )


def _patience(history: History) -> int:
    """Return after how many measured trials without a keep a plateau begins."""
    from_inputs = steering_of(history.inputs, len(history.trials)).patience
    return from_inputs or read_program(history.program).front_matter.patience or PATIENCE


@contextmanager
def _signals(loop: Loop) -> Iterator[None]:
    """Make the first Ctrl-C finish the trials in training, and the second stop at once.

    A termination stops at once; FINISH, however often, finishes the trials in training.
    """
    stopping = False

    def interrupt(*_: object) -> None:
        nonlocal stopping
        if stopping:
            loop.abort()
        else:
            finish()

    def finish(*_: object) -> None:
        nonlocal stopping
        stopping = True
        loop.stop()

    def terminate(*_: object) -> None:
        loop.abort()

    handlers = {signal.SIGINT: interrupt, signal.SIGTERM: terminate, FINISH: finish}
    with handling(handlers):
        yield
