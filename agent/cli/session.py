"""Builds one session of work on a run out of its parts, and sees it through: signals, display, faults."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from shlex import quote
from types import FrameType

import typer
from rich.text import Text

from agent.cli.consent import Consent
from agent.cli.reach import kept_from_models, network_wish, prepare_source, readable_paths
from agent.display import choose_display
from agent.display.format import formatter_for, open_console
from agent.display.table import summary, warm_text
from agent.edit.encoding import foreign_encoding
from agent.errors import ProjectFault, UsageFault
from agent.evaluate.bench import Bench, Plan
from agent.evaluate.machine import total_memory
from agent.evaluate.slots import Slot
from agent.exchange.read import read_prior
from agent.git.cache import cache_folders
from agent.git.home import HOME, below
from agent.history.history import History
from agent.history.runs import sinks_folder, text_at, transcripts_of, trials_folder
from agent.llm.recorded import Recorded
from agent.llm.resolve import default_model, open_model
from agent.project.data import NetworkWanted, Prepared, prepare_data
from agent.project.find import Project, find_project
from agent.project.leaks import search_room
from agent.project.program import read_program
from agent.project.settings import Caps, Settings, read_settings
from agent.project.template import PREPARE, is_retired
from agent.project.unseen import held_out, records, shown
from agent.propose import METHODS, Proposer
from agent.propose.replay import Replay
from agent.records.events import Note, RunStarted
from agent.records.proposals import Configuration
from agent.records.results import PriorTrial
from agent.run.bounds import Bounds
from agent.run.ledger import Fixed, Ledger
from agent.run.loop import Loop
from agent.space import Space, read_constants, read_space
from agent.trackers import Trackers, open_trackers
from sandbox.ground.devices import for_one_process
from sandbox.tiers.choose import Chosen, choose_runner

# Leave a fifth of the memory to the machine: a trial that takes the harness down with it takes the night.
MEMORY_SHARE = 0.8
# A model that is overloaded or unreachable at 3 a.m. may be back at 3:20; only then is the run ended, resumable.
MODEL_DEADLINE_SECONDS = 30 * 60.0
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
        raise UsageFault(
            f"no method is called {method!r}; there are {', '.join(METHODS)}",
            "autoresearch methods",
        )
    if METHODS[method].needs_model and model is None:
        raise UsageFault(
            f"the method {method!r} needs a model",
            f"autoresearch start --method {method} --model opus",
        )
    return (None if METHODS[method].model == "none" else model), method


def build_proposer(
    method: str, model: str | None, project: Project, tag: str, cancel: threading.Event
) -> Proposer:
    """The method, with its model behind one retry layer; ModelFault where there is no key for it or no such model.

    `replay:BRANCH` as a model stands for the proposals on that branch.
    """
    if method not in METHODS:
        raise UsageFault(
            f"the run asks for the method {method!r}, which this version does not have",
            "autoresearch methods",
        )
    if model is None:
        return METHODS[method].build(None)
    if model.startswith(REPLAY):
        return Replay(model, History.read(project, model.removeprefix(REPLAY)).trials)
    opened = open_model(
        model, os.environ, MODEL_DEADLINE_SECONDS, cancel, hidden=kept_from_models(project)
    )
    return METHODS[method].build(Recorded(opened, transcripts_of(project, tag)))


def refuse_foreign_encoding(path: str, source: str) -> None:
    """Raise ProjectFault where Python reads the train.py at `path` in another encoding than UTF-8: edits could not be trusted."""
    if fault := foreign_encoding(source):
        raise ProjectFault(
            f"{path} must be UTF-8: {fault}",
            f"$EDITOR {quote(path)}   # save it as UTF-8, and commit it",
        )


def proven(unsafe: bool, source: str, project: Project, slots: Sequence[Slot]) -> Chosen:
    """The sandbox to train `source` in; that torch loads inside takes most of the proof, and is shown to a source that names it.

    Where the slots have accelerators, torch must also compute on them. Proving it takes seconds, and so does the data: a
    terminal is told what it waits for.
    """
    _tell("proving the sandbox")
    gpus = tuple(device for slot in slots for device in slot.gpus)
    imports = ("torch",) if "torch" in source else ()
    return choose_runner(unsafe, imports, for_one_process(gpus), proof_folder(project))


def proof_folder(project: Project) -> Path:
    """Where a sandbox is proven: where the project's trials run, so that one that cannot run there is not chosen."""
    return below(Path(project.root), HOME, make=True)


def _tell(*words: str) -> None:
    if sys.stderr.isatty():
        open_console(stderr=True).print(f"{' '.join(words)} ...", style="dim")


@contextmanager
def prepared(
    place: Place, commit: str, sandbox: Chosen | None, consent: Consent, wanted: str | None = None
) -> Iterator[Prepared | None]:
    """Yield the data that prepare.py, as of `commit`, makes in `sandbox`; None for a printed score, whose data is the user's.

    sandbox: None only where the score is printed. wanted: the fingerprint of data that need not be made again. prepare.py
    gets a network only after the user's consent.
    """
    if place.project.score == "printed" or sandbox is None:
        yield None
        return
    source = prepare_source(place.project, commit)
    if is_retired(source.text.decode("utf-8", "replace")):
        raise ProjectFault(
            f"{source.name} takes its validation text from Python's own library, which every training can read",
            f"autoresearch init NEW && cp NEW/{PREPARE} {source.name}   # and commit; `autoresearch resume` renews a run itself",
        )
    read_only = place.settings.read_only
    _tell("preparing the data")
    with ExitStack() as stack:
        try:
            data = stack.enter_context(
                prepare_data(source, sandbox.runner, read_only=read_only, wanted=wanted)
            )
        except NetworkWanted as want:
            consent.require(network_wish(source, want))
            _tell("preparing the data, with the network", *want.sources)
            data = stack.enter_context(
                prepare_data(source, sandbox.runner, read_only=read_only, network=True)
            )
        yield data


def warm_start(path: str, place: Place, commit: str) -> tuple[PriorTrial, ...]:
    """The prior trials of a file, and a line on them; UsageFault where none of their constants is searched here."""
    project = place.project
    source = text_at(project, commit, project.train)
    fixed = read_constants(text_at(project, commit, project.prepare)) if project.prepare else {}
    names = set(space_of(source, fixed, place.settings).names)
    told = read_prior(path)
    common = sorted(names & {name for trial in told for name in trial.configuration})
    if not common:
        theirs = (
            ", ".join(sorted({name for trial in told for name in trial.configuration})[:8])
            or "none"
        )
        message = f"no constant of the trials in {path} ({theirs}) is searched here ({', '.join(sorted(names)[:8])})"
        raise UsageFault(message, "$EDITOR autoresearch.toml   # [ranges]")
    typer.echo(
        f"{warm_text(told, path)}, with {len(common)} of the {len(names)} constants searched here"
    )
    return told


def open_ledger(
    history: History, settings: Settings, caps: Caps, workers: int, cores: int | None = None
) -> Ledger:
    """The ledger of a run, with the project's settings; opening it writes nothing. caps: asked for beside the settings'."""
    protected = (*settings.protected, *read_program(history.program).front_matter.protected)
    settings = settings.model_copy(update={"protected": protected})
    memory = _trial_memory(caps.over(settings), workers) / 2**20
    return Ledger(
        history, space_reader(history, settings), _fixed(history.project, settings), memory, cores
    )


def trackers_of(
    project: Project, tag: str, asked: Sequence[str] | None, notify: str | None
) -> Trackers:
    """Where the verdicts of a run go besides its branch; UsageFault for what cannot be."""
    return open_trackers(asked or (), notify, sinks_folder(project, tag))


def work(
    history: History,
    kit: Kit,
    proposer: Proposer,
    bounds: Bounds,
    cancel: threading.Event,
    trackers: Trackers | None = None,
    only_new: bool = False,
) -> None:
    """Run the loop on `history` until a bound, Ctrl-C or a fault, then print what came of it. trackers: who is told besides.

    only_new: as in Loop.
    """
    trackers = trackers or Trackers()
    run = history.run
    ledger = open_ledger(
        history, kit.settings, kit.caps, len(kit.slots), len(kit.slots[0].cpus) or None
    )
    loop = Loop(ledger, bench_of(history, kit), proposer, bounds, cancel, only_new)
    started = RunStarted(
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
    try:
        with trackers, _signals(loop), choose_display() as display:
            for event in chain([started], loop.events()):
                for told in (event, *map(Note, trackers.warnings())):
                    display.handle(told)
                trackers.handle(event)
    finally:
        console = open_console()
        console.print(summary(history.branch, history.trials, console))
        for warning in (*history.warnings, *trackers.warnings()):
            console.print(Text(f"note: {formatter_for(console).line(warning)}", "yellow"))


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
    return read_space(
        source, {**settings.ranges, **dict.fromkeys(settings.protected, "fixed")}, fixed
    )


def bench_of(history: History, kit: Kit) -> Bench:
    """Where the attempts of `history` are measured. ProjectFault where a training would see what it is scored on."""
    run, settings, project = history.run, kit.settings, history.project
    caps = kit.caps.over(settings)
    hidden = _hidden(history, kit.data)
    plan = Plan(
        score=project.score,
        train=os.path.relpath(project.train, project.workspace or "."),
        data=kit.data.data if kit.data else None,
        read_only=shown(readable_paths(project, settings), hidden),
        budget=run.budget,
        memory_bytes=_trial_memory(caps, len(kit.slots)),
        vram_bytes=caps.vram,
        disk_bytes=caps.disk,
        output_bytes=caps.output,
        hidden=hidden,
    )
    folder = trials_folder(project, history.tag)
    if kit.data:
        _tell("looking for validation text in what a training sees")
        search_room(
            folder / "search", plan, kit.data, lambda room: history.export(history.tip, room)
        )
    return Bench(plan, kit.sandbox.runner, kit.slots, folder, history.export)


def _hidden(history: History, data: Prepared | None) -> tuple[str, ...]:
    """What no run of `history` may see: the repository's records and, with a sealed score, whatever holds validation text."""
    own = records(history.project)
    if data is None or history.project.prepare is None:
        return (*own, *map(str, cache_folders()))
    return (*own, *held_out(data.data, history.file_at(history.tip, history.project.prepare)))


def _trial_memory(caps: Caps, workers: int) -> int:
    """Bytes of main memory that one trial may use."""
    return caps.memory or int(total_memory() * MEMORY_SHARE / workers)


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
