"""Builds one session of work on a run out of its parts, and sees it through: signals, display, faults."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from types import FrameType

import typer
from rich.text import Text

from agent.bench import Bench, Plan
from agent.bounds import Bounds
from agent.data import Prepared, prepare_data
from agent.display import choose_display
from agent.display.pen import open_console
from agent.display.table import summary, warm_text
from agent.errors import ProjectFault, UsageFault
from agent.events import Note, RunStarted
from agent.foreign import read_foreign
from agent.history import History
from agent.ledger import Fixed, Ledger
from agent.llm.recorded import Recorded
from agent.llm.resolve import default_model, open_model
from agent.loop import Loop
from agent.program import read_program
from agent.project import Project, find_project
from agent.propose import METHODS, Proposer
from agent.propose.replay import Replay
from agent.records import Configuration, Foreign
from agent.runs import text_at, transcripts_of
from agent.settings import Caps, Settings, read_settings
from agent.sinks import Sinks, open_sinks
from agent.slots import Slot
from agent.space import Space, read_constants, read_space
from sandbox.choose import Chosen, choose_runner

# Leave a fifth of the memory to the machine: a trial that takes the harness down with it takes the night.
MEMORY_SHARE = 0.8
# A model that is overloaded or unreachable at 3 a.m. may be back at 3:20; only then is the run ended, resumable.
MODEL_DEADLINE_SECONDS = 30 * 60.0
# Below the user's home. Not all of Hugging Face's folder: its token lies beside the hub's cache.
USUAL_CACHES = (".cache/autoresearch", ".cache/huggingface/hub")

REPLAY = "replay:"

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class Place:
    """Where a session works: the project and its settings."""

    project: Project
    settings: Settings


@dataclass(frozen=True)
class Kit:
    """What a session measures with: the project's settings, the slots, the proven sandbox, the prepared data (sealed scores
    only), and the caps asked for, which go before those of the settings."""

    settings: Settings
    slots: tuple[Slot, ...]
    sandbox: Chosen
    data: Prepared | None
    caps: Caps


def find_place(where: Path) -> Place:
    """The project around `where`."""
    settings = read_settings(where)
    return Place(find_project(where, settings), settings)


def choose_model(asked: str | None, method: str | None) -> tuple[str | None, str]:
    """The model and the method to use, from what was asked for; says so where it chose. UsageFault where they do not fit."""
    model = None if asked == "none" else asked or default_model(os.environ)
    method = method or ("hybrid" if model else "trust")
    if method not in METHODS:
        raise UsageFault(f"no method is called {method!r}; there are {', '.join(METHODS)}", "autoresearch methods")
    if METHODS[method].needs_model and model is None:
        raise UsageFault(f"the method {method!r} needs a model", f"autoresearch start --method {method} --model opus")
    return (None if METHODS[method].model == "none" else model), method


def build_proposer(method: str, model: str | None, project: Project, tag: str, cancel: threading.Event) -> Proposer:
    """The method, with its model behind one retry layer; ModelFault where there is no key for it or no such model.

    `replay:BRANCH` as a model stands for the proposals on that branch.
    """
    if model is None:
        return METHODS[method].build(None)
    if model.startswith(REPLAY):
        return Replay(model, History.read(project, model.removeprefix(REPLAY)).trials)
    opened = open_model(model, os.environ, MODEL_DEADLINE_SECONDS, cancel)
    return METHODS[method].build(Recorded(opened, transcripts_of(project, tag)))


def proven(unsafe: bool, source: str) -> Chosen:
    """The sandbox to train `source` in; that torch loads inside takes most of the proof, and is shown to a source that names it.

    Proving it takes seconds, and so does the data: a terminal is told what it waits for.
    """
    _tell("proving the sandbox")
    return choose_runner(unsafe, ("torch",) if "torch" in source else ())


def _tell(what: str) -> None:
    if sys.stderr.isatty():
        open_console(stderr=True).print(f"{what} ...", style="dim")


def prepared(project: Project, checkout: Path) -> Prepared | None:
    """The data that prepare.py, as it stands in `checkout`, makes; None for a printed score, whose data is the user's affair."""
    if project.score == "printed":
        return None
    if project.prepare is None:
        raise ProjectFault("a sealed score needs a prepare.py beside train.py", "autoresearch init")
    _tell("preparing the data")
    return prepare_data(checkout / project.prepare)


def warm_start(path: str, place: Place, commit: str) -> tuple[Foreign, ...]:
    """The foreign trials of a file, and a line on them; UsageFault where none of their constants is searched here."""
    project = place.project
    source = text_at(project, commit, project.train)
    fixed = read_constants(text_at(project, commit, project.prepare)) if project.prepare else {}
    names = set(space_of(source, fixed, place.settings).names)
    told = read_foreign(path)
    common = sorted(names & {name for trial in told for name in trial.configuration})
    if not common:
        theirs = ", ".join(sorted({name for trial in told for name in trial.configuration})[:8]) or "none"
        message = f"no constant of the trials in {path} ({theirs}) is searched here ({', '.join(sorted(names)[:8])})"
        raise UsageFault(message, "$EDITOR autoresearch.toml   # [ranges]")
    typer.echo(f"{warm_text(told, path)}, with {len(common)} of the {len(names)} constants searched here")
    return told


def open_ledger(history: History, settings: Settings, caps: Caps, workers: int) -> Ledger:
    """The ledger of a run, with the project's settings; opening it writes nothing. caps: asked for beside the settings'."""
    protected = (*settings.protected, *read_program(history.program).wishes.protected)
    settings = settings.model_copy(update={"protected": protected})
    memory = _trial_memory(caps.over(settings), workers) / 2**20
    return Ledger(history, space_reader(history, settings), _fixed(history.project, settings), memory)


def sinks_of(project: Project, tag: str, asked: Sequence[str] | None, notify: str | None) -> Sinks:
    """Where the verdicts of a run go besides its branch; UsageFault for what cannot be."""
    return open_sinks(asked or (), notify, project.home / "runs" / tag / "sinks")


def work(
    history: History, kit: Kit, proposer: Proposer, bounds: Bounds, cancel: threading.Event, sinks: Sinks | None = None
) -> None:
    """Run the loop on `history` until a bound, Ctrl-C or a fault, then print what came of it. sinks: who is told besides."""
    sinks = sinks or Sinks()
    run = history.run
    ledger = open_ledger(history, kit.settings, kit.caps, len(kit.slots))
    loop = Loop(ledger, bench_of(history, kit), proposer, bounds, cancel)
    started = RunStarted(
        tag=run.tag, branch=history.branch, method=run.method, model=run.model, budget=str(run.budget),
        tier=kit.sandbox.tier, workers=len(kit.slots), trials=history.trials, planned=bounds.trials,
        start_commit=run.start_commit,
    )  # fmt: skip
    try:
        with sinks, _signals(loop), choose_display() as display:
            for event in chain([started], loop.events()):
                for told in (event, *map(Note, sinks.warnings())):
                    display.handle(told)
                sinks.handle(event)
    finally:
        console = open_console()
        console.print(summary(history.branch, history.trials, console))
        for warning in (*history.warnings, *sinks.warnings()):
            console.print(Text(f"note: {warning}", "yellow"))


def _fixed(project: Project, settings: Settings) -> Fixed:
    """What the user protects, and the name by which the scorer builds the model."""
    required = {"build_model"} if project.score == "sealed" else set()
    return Fixed(protected=frozenset(settings.protected), required=frozenset(required))


def space_reader(history: History, settings: Settings) -> Callable[[str], Space]:
    """Reads the search space of a train.py; prepare.py's constants (a sequence length, say) bound some of its own."""
    prepare = history.project.prepare
    fixed = read_constants(history.file_at(history.tip, prepare)) if prepare else {}
    return lambda source: space_of(source, fixed, settings)


def space_of(source: str, fixed: Configuration, settings: Settings) -> Space:
    """The search space of a train.py. fixed: prepare.py's constants."""
    return read_space(source, {**settings.ranges, **dict.fromkeys(settings.protected, "fixed")}, fixed)


def bench_of(history: History, kit: Kit) -> Bench:
    """Where the attempts of `history` are measured."""
    run, settings, project = history.run, kit.settings, history.project
    caps = kit.caps.over(settings)
    plan = Plan(
        score=project.score,
        train=os.path.relpath(project.train, project.workspace or "."),
        data=kit.data.data if kit.data else None,
        read_only=settings.read_only or _usual_caches(project),
        budget=run.budget,
        memory_bytes=_trial_memory(caps, len(kit.slots)),
        vram_bytes=caps.vram,
        disk_bytes=caps.disk,
        output_bytes=caps.output,
    )
    folder = project.home / "runs" / run.tag / "trials"
    return Bench(plan, kit.sandbox.runner, kit.slots, folder, history.export)


def _usual_caches(project: Project) -> tuple[str, ...]:
    """Where a repository in upstream's layout keeps its data and kernels: prepare.py and a first run by hand put them there."""
    if project.score == "sealed":
        return ()
    return tuple(str(path) for name in USUAL_CACHES if (path := Path.home() / name).is_dir())


def _trial_memory(caps: Caps, workers: int) -> int:
    """Bytes of main memory that one trial may use."""
    return caps.memory or int(_total_memory() * MEMORY_SHARE / workers)


def _total_memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


@contextmanager
def _signals(loop: Loop) -> Iterator[None]:
    """Ctrl-C once finishes the trials in training, twice stops them; a hang-up or a termination is the second at once.

    A signal that was ignored when we came stays ignored: `nohup autoresearch start &` outlives its terminal.
    """
    asked = False

    def interrupt(number: int, _: FrameType | None) -> None:
        nonlocal asked
        if asked or number != signal.SIGINT:
            loop.abort()
        else:
            asked = True
            loop.stop()

    heeded = [number for number in STOPPING if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, interrupt) for number in heeded}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
