"""Builds the objects of a session: project, sandbox, data, ledger and bench."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from shlex import quote

from agent.cli.consent import Consent
from agent.cli.reach import items_of_network, prepare_source, readable_paths
from agent.display.waiting import waiting
from agent.edit.files import Sources
from agent.errors import Fault, ProjectFault
from agent.evaluate.bench import Measures, Plan
from agent.evaluate.cluster.terms import Terms
from agent.evaluate.engines import find_engine
from agent.evaluate.machine import total_memory
from agent.evaluate.slots import Slot, make_slots, this_machine
from agent.evaluate.where import LOCAL, Where
from agent.git.cache import cache_folders
from agent.git.home import HOME, below
from agent.history.history import History
from agent.history.runs import trials_folder
from agent.history.unstarted import Unstarted
from agent.project.around import project_around
from agent.project.command_words import split_command
from agent.project.data import NetworkWanted, Prepared, Source, prepare_data, stage_of
from agent.project.find import CORPORA, Project, find_project
from agent.project.interpreter import Interpreter, interpreter_of
from agent.project.layout import import_roots
from agent.project.leaks import search_room
from agent.project.objective import metric_of
from agent.project.packages import require_packages
from agent.project.prepare_code import Code
from agent.project.program import read_program
from agent.project.run_python import settings_of_run
from agent.project.settings import Caps, RunSettings, Settings, read_settings
from agent.project.template import PREPARE, is_retired
from agent.project.unseen import held_out, hidden_on_disk, records, shown, test_on_disk
from agent.project.variables import handed_on
from agent.records.proposals import Configuration
from agent.run.admission import Fixed
from agent.run.ledger import Ledger
from agent.space import Space, read_constants, read_space
from sandbox.ground.devices import for_one_process
from sandbox.score.evaluator.evaluation import Evaluation
from sandbox.tiers.choose import Chosen, choose_runner
from sandbox.tiers.plain import Plain

MEMORY_SHARE = 0.8
"""The rest is left to the machine: a trial that takes the harness down takes the night."""
OF_NODES = "of each node"
"""What stands for the tier of a sandbox where none is needed on this machine."""
PROOF = "a probe tries to get out of it, and the libraries of train.py are loaded inside"
"""Why a sandbox is not ready at once."""


@dataclass(frozen=True)
class Place:
    """The project of a session, with its settings."""

    project: Project
    settings: Settings

    def of_run(self, run: RunSettings, python: str | None = None) -> "Place":
        """Return the project of a run, with the score and interpreter of its record.

        python: another interpreter that the user typed. Raise ProjectFault if the run's is gone.
        """
        settings = settings_of_run(self.project, self.settings, run, python)
        return Place(self.project.model_copy(update={"score": run.score}), settings)


@dataclass(frozen=True)
class Kit:
    """The sandbox, slots and data of a session."""

    settings: Settings
    slots: tuple[Slot, ...]
    """Of this machine; none where trials run elsewhere."""
    sandbox: Chosen
    """Proven on this machine."""
    data: Prepared | None
    """Of sealed scores only."""
    caps: Caps
    """The limits of one trial, resolved."""
    elsewhere: "Elsewhere | None" = None
    """Where trials run, if that is not this machine."""


@dataclass(frozen=True)
class Elsewhere:
    """The cluster for the trials of a session, and its options."""

    where: Where
    workers: int | None
    """How many trials may train at once; None for as many as there is room for."""
    unsafe: bool
    source: str
    """The text of the files that edits may touch."""


def elsewhere_of(where: Where, workers: int | None, unsafe: bool, source: str) -> Elsewhere | None:
    """Return the cluster of a session; None if its trials run on this machine."""
    return None if where.is_local else Elsewhere(where, workers, unsafe, source)


def find_place(where: Path) -> Place:
    """Return the project in the folder `where`, for a new run.

    Raise ProjectFault if there is none; it names a project in a folder above.
    """
    settings = read_settings(where)
    try:
        return Place(find_project(where, settings), settings)
    except ProjectFault as fault:
        raise _elsewhere(where, fault) from None


def _elsewhere(where: Path, fault: ProjectFault) -> ProjectFault:
    """Return the fault for a folder without a project; it names the project around, if any."""
    try:
        around = project_around(where)
    except Fault:
        return fault
    up = os.path.relpath(around.folder, where)
    return ProjectFault(
        f"{where} is inside the project of {around.folder}; a run is started there.",
        f"cd {quote(up)}",
    )


def place_around(where: Path) -> Place:
    """Return the project that contains `where`, for an existing run."""
    around = project_around(where)
    return Place(around.project, around.settings)


def proven(unsafe: bool, source: str, place: Place, slots: Sequence[Slot]) -> Chosen:
    """Return the sandbox to train `source` in, after a proof on this machine.

    If the source names torch, it must load inside, in the project's interpreter, and compute on the
    accelerators of the slots.
    """
    project = place.project
    interpreter = interpreter_of(project, place.settings)
    require_packages(project, source, interpreter)
    gpus = tuple(chain.from_iterable(slot.gpus for slot in slots))
    imports = imports_of(interpreter, source)
    with waiting("the sandbox to prove itself", PROOF):
        return choose_runner(
            unsafe, imports, for_one_process(gpus), proof_folder(project), interpreter.path
        )


def proven_for(
    where: Where, unsafe: bool, source: str, place: Place, slots: Sequence[Slot]
) -> Chosen:
    """Return the sandbox that a session needs on this machine; see `proven`.

    If trials run on a cluster, each node proves its own sandbox, and one is needed here only to
    make the data of a sealed score.
    """
    if where.is_local or place.project.score == "sealed":
        return proven(unsafe, source, place, slots)
    return Chosen(Plain(), OF_NODES)


def imports_of(interpreter: Interpreter, source: str) -> tuple[str, ...]:
    """Return the modules that must be importable inside the sandbox for `source`."""
    return ("torch",) if "torch" in source and interpreter.has("torch") else ()


def slots_for(where: Where, workers: int) -> tuple[Slot, ...]:
    """Return this machine's slots for a session; () if its trials run on a cluster."""
    return make_slots(workers, *this_machine()) if where.is_local else ()


def proof_folder(project: Project) -> Path:
    """Return the folder in which to prove a sandbox: where the project's trials run."""
    return below(Path(project.root), HOME, make=True)


@contextmanager
def prepared(
    place: Place, commit: str, sandbox: Chosen | None, consent: Consent, wanted: str | None = None
) -> Iterator[Prepared | None]:
    """Yield the data that prepare.py of `commit` makes in `sandbox`; None without a sealed score.

    sandbox: may be None only without a sealed score. wanted: the fingerprint of data that need not
    be made again. prepare.py gets a network only after the user's consent.
    """
    if place.project.score != "sealed" or sandbox is None:
        yield None
        return
    source = prepare_source(place.project, commit)
    if is_retired(source.text.decode("utf-8", "replace")):
        raise ProjectFault(
            f"{source.name} takes its validation text from Python's own library, "
            "which every training can read.",
            f"autoresearch init NEW && cp NEW/{PREPARE} NEW/workspace/{CORPORA} "
            f"{Path(source.name).parent}   # and commit; `autoresearch resume` renews a run itself",
        )
    read_only = place.settings.read_only
    python = interpreter_of(place.project, place.settings)
    source = replace(source, names_python=python.origin == "settings")
    with ExitStack() as stack:
        try:
            data = _data(stack, source, sandbox, read_only, python, wanted=wanted)
        except NetworkWanted as want:
            consent.require(items_of_network(source, want, this_machine()[1]))
            data = _data(stack, source, sandbox, read_only, python, agreed=want.code)
        yield data


def _data(
    stack: ExitStack,
    source: Source,
    sandbox: Chosen,
    read_only: tuple[str, ...],
    python: Interpreter,
    agreed: Code | None = None,
    wanted: str | None = None,
) -> Prepared:
    """Return the data that `source` makes, unchanged until the stack is closed.

    agreed: the code that may use the network; None for none.
    """
    what = f"the data of {source.name}" + (", with the network" if agreed else "")
    with waiting(what, look=lambda: stage_of(source)) as wait:
        return stack.enter_context(
            prepare_data(
                source,
                sandbox.runner,
                read_only=read_only,
                python=python.path,
                agreed=agreed,
                wanted=wanted,
                tell=wait.because,
            )
        )


def open_ledger(
    history: History, settings: Settings, caps: Caps, workers: int, cores: int | None = None
) -> Ledger:
    """Return the ledger of a run with the project's settings, without writing anything.

    workers: the number that share this machine; 0 if trials run on a cluster.
    """
    protected = (*settings.protected, *read_program(history.program).front_matter.protected)
    settings = settings.model_copy(update={"protected": protected})
    is_limited = caps.memory is not None or workers
    megabytes = trial_memory(caps, workers) / 2**20 if is_limited else None
    fixed = _fixed(history.project, settings)
    return Ledger(history, space_reader(history, settings), fixed, megabytes, cores)


def _fixed(project: Project, settings: Settings) -> Fixed:
    """Return the names that edits may not touch: the user's, and the scorer's entry point."""
    required = {"build_model"} if project.score == "sealed" else set()
    return Fixed(protected=frozenset(settings.protected), required=frozenset(required))


def space_reader(history: History, settings: Settings) -> Callable[[Sources], Space]:
    """Return a reader of a project's search space, which constants of prepare.py may bound."""
    prepare = history.project.prepare
    fixed = read_constants(history.file_at(history.tip, prepare)) if prepare else {}
    return lambda sources: space_of(sources, fixed, settings)


def space_of(sources: Sources, fixed: Configuration, settings: Settings) -> Space:
    """Return the search space of a project; fixed: the constants of prepare.py."""
    return read_space(sources, settings.stated_ranges, fixed)


def bench_of(history: History | Unstarted, kit: Kit) -> Measures:
    """Return the bench that measures the attempts of `history`.

    Raise ProjectFault if a training could see the data that it is scored on.
    """
    project = history.project
    interpreter = interpreter_of(project, kit.settings)
    plan = _plan_of(history, kit, interpreter)
    folder = trials_folder(project, history.tag)
    if kit.data:
        with waiting("a search of what a training sees for validation text"):
            search_room(
                folder / "search", plan, kit.data, lambda room: history.export(history.tip, room)
            )
    whole = [history.export_whole] if plan.evaluation else []
    if kit.elsewhere is None:
        runner = kit.sandbox.runner
        return find_engine(LOCAL)(plan, runner, kit.slots, folder, history.export, *whole)
    terms = terms_of(kit.elsewhere, kit.caps, interpreter)
    open_engine = find_engine(kit.elsewhere.where.engine)
    return open_engine(plan, terms, folder, history.export, *whole)


def _plan_of(history: History | Unstarted, kit: Kit, interpreter: Interpreter) -> Plan:
    """Return what all trainings of a run have in common."""
    project = history.project
    run = history.run
    caps = kit.caps
    hidden = _hidden(history, kit.data)
    checkout = Path(project.root) / project.workspace
    train = os.path.relpath(project.train, project.workspace or ".")
    script = history.file_at(history.tip, project.train)
    return Plan(
        score=project.score,
        train=train,
        data=kit.data.data if kit.data else None,
        read_only=shown(readable_paths(project, kit.settings), hidden),
        budget=run.budget,
        limit=run.goal.time_limit,
        memory_bytes=trial_memory(caps, max(1, len(kit.slots))),
        vram_bytes=caps.vram,
        disk_bytes=caps.disk,
        output_bytes=caps.output,
        hidden=hidden,
        python=interpreter.path,
        import_from=import_roots(train, script, checkout, interpreter),
        checkout=str(checkout),
        environment=handed_on(kit.settings.environment, os.environ),
        command=split_command(run.goal.command),
        metric=metric_of(run.goal),
        evaluation=_evaluation(project),
        seed_argument=run.goal.seed_argument,
        keep_seeds=tuple(_in_workspace(project, place) for place in run.goal.keep_seeds),
        sense=run.sense,
    )


def terms_of(elsewhere: Elsewhere, caps: Caps, interpreter: Interpreter) -> Terms:
    """Return the terms of a session for its places on a cluster."""
    return Terms(
        address=elsewhere.where.address,
        workers=elsewhere.workers,
        has_memory_limit=caps.memory is not None,
        unsafe=elsewhere.unsafe,
        imports=imports_of(interpreter, elsewhere.source),
        own_python=not interpreter.is_own,
    )


def _in_workspace(project: Project, place: str) -> str:
    """Return a path of autoresearch.toml as one of the folder that a trial gets a copy of."""
    return project.outside(f"{project.base}/{place}" if project.base else place)


def _evaluation(project: Project) -> Evaluation | None:
    """Return the settings of the project's evaluator; None without one."""
    own = project.evaluate
    if own is None:
        return None
    test = test_on_disk(project)
    stale = tuple(path for path in own.outputs if not project.edits(project.inside(path)))
    return Evaluation(
        script=own.script,
        arguments=own.arguments,
        outputs=own.outputs,
        stale=stale,
        hidden=tuple(path for path in hidden_on_disk(project) if path not in test),
        test=test,
        program=own.program,
    )


def _hidden(history: History | Unstarted, data: Prepared | None) -> tuple[str, ...]:
    """Return the paths that no training may see: records of runs and validation data."""
    own = (*records(history.project), *hidden_on_disk(history.project))
    prepare = history.project.prepare
    if data is None or prepare is None:
        return (*own, *map(str, cache_folders()))
    return (*own, *held_out(data.data, history.file_at(history.tip, prepare)))


def trial_memory(caps: Caps, workers: int) -> int:
    """Return the memory limit of one trial in bytes."""
    if caps.memory is not None:
        return caps.memory
    return int(total_memory() * MEMORY_SHARE / workers)
