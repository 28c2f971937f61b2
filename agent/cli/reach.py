"""Collects what reaches out of a project (agent/project/trust.py), and has it confirmed."""

import hashlib
import os
import shlex
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from agent.cli.consent import Consent
from agent.cli.leaving import leave_checked_out
from agent.cli.scaffold import needy_preset, written_files
from agent.errors import ProjectFault
from agent.git.answers import MAX_FILE
from agent.git.cache import cache_folders
from agent.git.listing import plain_file
from agent.git.plumbing import Plumbing
from agent.git.programs import Program
from agent.git.repository import git_folder, repository_programs
from agent.git.store import Store
from agent.history.checkout import export
from agent.history.firsts import first_commit
from agent.history.history import History
from agent.project.data import OWN_FOLDERS, NetworkWanted, Source
from agent.project.find import CORPORA, Project
from agent.project.interpreter import interpreter_of
from agent.project.option import Origin
from agent.project.program import FrontMatter, read_program
from agent.project.resolve import StartOptions, may_cost, with_bounds
from agent.project.run_python import settings_of_run
from agent.project.settings import RunSettings, Settings
from agent.project.template import PREPARE, beside_prepare, corpus_places
from agent.project.trust import (
    REPLAY,
    Asking,
    Item,
    Reach,
    check_readable,
    inputs_item,
    network_item,
    notes_item,
)
from agent.project.unseen import hidden_on_disk
from agent.records.inputs import Input, Set
from agent.records.notes import notes_of
from agent.records.steering import steering_of
from agent.run.inbox import Inbox
from agent.trackers.targets import config_file
from agent.trackers.wandb import SETTINGS
from sandbox.ground.agreed import agree
from sandbox.ground.devices import Device
from sandbox.ground.outcome import SYSTEM

USUAL_CACHES = (".cache/autoresearch", ".cache/huggingface/hub")
"""Below the user's home; Hugging Face's token lies beside its hub folder, so not the whole."""
NEVER_HEEDED = ("core.hookspath", "core.fsmonitor", "core.pager", "core.editor", "sequence.editor")
"""Settings of a repository that our git commands override (agent/git/plumbing.py)."""
ONLY_TYPED = ("pager.", "alias.")
"""How settings begin that only users' own commands heed."""


def readable_paths(project: Project, settings: Settings) -> tuple[str, ...]:
    """Return the paths that a training may read besides its own folder.

    They are those of the settings, else the data folders of karpathy/autoresearch.
    """
    if settings.read_only or project.score == "sealed" or project.prepare is None:
        return settings.read_only
    caches = [Path.home() / name for name in USUAL_CACHES]
    return tuple(str(cache) for cache in caches if _holds_others_data(cache))


def _holds_others_data(cache: Path) -> bool:
    """Return whether a folder holds data that autoresearch did not prepare."""
    try:
        own = {cache / name for name in OWN_FOLDERS}
        return bool(set(cache.iterdir()) - own)
    except OSError:
        return False


def kept_from_models(project: Project) -> tuple[Path, ...]:
    """Return the folders that a model's own command must not see.

    They hold validation data, the corpus it is cut from, local copies of runs, and the user's
    settings, in which addresses have keys.
    """
    hidden = map(Path, hidden_on_disk(project))
    objects = [git_folder(Path(project.root))] if project.evaluate else []
    own = config_file().parent
    return (*cache_folders(), *corpus_places(), project.home, own, *hidden, *objects)


def agree_to_start(
    project: Project,
    settings: Settings,
    consent: Consent,
    options: StartOptions,
    trackers: Sequence[str] = (),
) -> None:
    """Ask for consent to all that a new run and its later resumes reach.

    Raise TrustFault without it.
    """
    asking = None
    bound = options.max_cost
    if bound.origin is Origin.FRONT_MATTER and may_cost(options.model.value):
        asking = Asking(None, bound.value, False, project.program or "program.md")
    consent.require(_reach(project, settings, trackers, asking).items())
    consent.remember(_reach(project, settings, trackers).items())


def agree_to_read(project: Project, settings: Settings, consent: Consent) -> None:
    """Ask for consent to all that a training reaches. Raise TrustFault without it."""
    consent.require(_reach(project, settings, ()).items())


@contextmanager
def agreed_run(
    project: Project,
    settings: Settings,
    consent: Consent,
    branch: str,
    *,
    asks: bool,
    bound_typed: bool = False,
    trackers: Sequence[str] = (),
    leave: bool = False,
    python: str | None = None,
) -> Iterator[History]:
    """Ask for consent to all that work on the run reaches, and open it.

    asks: whether its model is asked. bound_typed: whether the user typed a bound on its cost.
    leave: whether the user typed that the checkout may leave the branch. python: an interpreter
    that the user typed. Raise TrustFault without consent.
    """
    history = History.open(project, branch)
    try:
        settings = settings_of_run(history.project, settings, history.run, python)
        asking = None
        raised = not bound_typed and _is_raised(history)
        if asks and (raised or not consent.is_own(_first(history))):
            asking = _recorded(history, bound_typed)
        # The evaluator is the one of the run's record, not the one of the checkout's settings.
        items = _reach(history.project, settings, trackers, asking).items()
        if asks and history.run.model is not None:
            items += (*items_of_notes(history, consent), *_items_of_inputs(history, consent))
        consent.require(items)
        leave_checked_out(project, branch, leave)
    except BaseException:
        history.close()
        raise
    with history:
        yield history


def remember_run(consent: Consent, history: History) -> None:
    """Remember that this user started the run, so that its record needs no consent."""
    if history.run.model is not None:
        consent.remember_run(_first(history))


def items_of_notes(history: History, consent: Consent) -> tuple[Item, ...]:
    """Return the items to agree to before a model reads the notes of a run."""
    texts = [note.text for note in notes_of(history.inputs)]
    if not texts or consent.is_own(_first(history)):
        return ()
    return (notes_item(history.branch, texts),)


def _items_of_inputs(history: History, consent: Consent) -> tuple[Item, ...]:
    """Return the items to agree to before inputs that wait raise what a run with a model may spend.

    An archive may bring them along.
    """
    if consent.is_own(_first(history)):
        return ()
    waiting = Inbox(history.project, history.tag).read()
    asked = [item for item in waiting if isinstance(item, Input) and _raises_cost(item)]
    if not asked:
        return ()
    return (inputs_item(history.branch, asked),)


def _raises_cost(asked: Input) -> bool:
    """Return whether an input may raise or lift the bound on cost."""
    ask = asked.ask
    if not isinstance(ask, Set) or ask.only_down:
        return False
    return ask.max_cost is not None or "max_cost" in ask.lift


def items_of_network(
    source: Source, want: NetworkWanted, gpus: Sequence[Device]
) -> tuple[Item, ...]:
    """Return the items to agree to before prepare.py gets a network.

    There are none if all that it can run is what `init` wrote for this kind of machine. gpus: its
    accelerators.
    """
    if _is_own(source.text, source.corpora) and not want.code.places:
        preset = None if gpus else needy_preset(PREPARE, source.text)
        return (_vain_download(source, preset),) if preset else ()
    return (network_item(source.name, want.code, want.sources, want.last_line),)


def _vain_download(source: Source, preset: str) -> Item:
    line = (
        f"{source.name} downloads gigabytes for the preset {preset}, and this machine has no "
        "accelerator that it was made for; `autoresearch init NEW --preset cpu` fits here"
    )
    return Item(kind="network", what=(source.sha256, "no accelerator"), line=line)


def prepare_source(project: Project, commit: str) -> Source:
    """Return the prepare.py of `commit`. Raise ProjectFault if it is no plain file.

    It sees no file that edits may touch. One that `init` wrote sees its corpora.py alone.
    """
    if project.prepare is None:
        raise ProjectFault(
            "A sealed score needs a prepare.py beside train.py.", "autoresearch init"
        )
    git = Plumbing(Path(project.root))
    text = plain_file(git, commit, project.prepare)
    if text is None:
        hint = f"git ls-tree {commit[:12]} {shlex.quote(project.prepare)}"
        raise ProjectFault(f"{project.prepare} is no file in the commit {commit[:12]}", hint)
    own = (project.prepare, str(Path(project.prepare).with_name(CORPORA)))
    corpora = plain_file(git, commit, own[1])
    beside = project.workspace if Path(project.prepare).is_relative_to(project.workspace) else ""
    alone = _is_own(text, corpora)

    def hides(path: str) -> bool:
        return path not in own if alone else project.edits(path)

    def write(folder: Path) -> None:
        with Store(git) as store:
            export(store, commit, beside, folder, hides)

    inside = str(Path(project.prepare).relative_to(beside))
    return Source(text, inside, write, project.prepare, corpora, Path(project.root))


def _is_own(text: bytes, corpora: bytes | None) -> bool:
    """Return whether `init` wrote a prepare.py, and the corpora.py beside it if there is one."""
    own = corpora is None or corpora.decode("utf-8", "replace") in beside_prepare().values()
    return own and text in written_files(PREPARE)


def front_matter_at(project: Project, commit: str) -> FrontMatter:
    """Return the front matter of program.md at `commit`; empty without such a file."""
    text = None
    if project.program:
        git = Plumbing(Path(project.root))
        name = f"{commit}:{project.program}"
        text = git.try_("cat-file", "blob", name, most=MAX_FILE)
    return read_program(text or "").front_matter


def _reach(
    project: Project, settings: Settings, trackers: Sequence[str], asking: Asking | None = None
) -> Reach:
    root = Path(project.root)
    hidden = (project.home, *cache_folders()) if project.score == "sealed" else (project.home,)
    measured_on = hidden_on_disk(project)
    evaluated = tuple(path for path in measured_on if _leads_out(path, root))
    check_readable((*settings.read_only, *evaluated), root, hidden)
    readable = readable_paths(project, settings)
    for path in (*readable, *measured_on):
        agree(path, os.path.realpath(path))
    return Reach(
        root=root,
        readable=(
            *readable,
            *_foreign_python(project, settings),
            *_tracked_python(project, settings),
            *evaluated,
        ),
        variables=settings.environment,
        programs=_programs(root),
        asking=asking,
        trackers=tuple(_tracker_files(trackers)),
    )


def _leads_out(path: str, root: Path) -> bool:
    """Return whether a path in the checkout leads out of it through a link."""
    return not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root))


def _foreign_python(project: Project, settings: Settings) -> tuple[str, ...]:
    """Return the environment that the settings name, unless it is one of the system's."""
    if not settings.python:
        return ()
    prefix = Path(interpreter_of(project, settings).path).parent.parent
    if prefix == Path(sys.prefix):
        return ()
    return () if str(prefix) in SYSTEM else (str(prefix),)


def _tracked_python(project: Project, settings: Settings) -> tuple[str, ...]:
    """Return what lies outside of an environment that the repository itself tracks.

    Its files say of which Python it is made, and that is shown to trainings: any folder with one.
    It may be found in the project, or be named by the settings or by a run's record.
    """
    root = Path(project.root)
    try:
        interpreter = interpreter_of(project, settings)
    except ProjectFault:
        return ()  # said when trainings need it
    place = Path(interpreter.path).parent.parent
    if not place.is_relative_to(root) or not _is_tracked(root, place):
        return ()
    shown = (str(place), *SYSTEM, sys.prefix, sys.base_prefix)
    paths = [path for path in interpreter.binds if not _lies_in(path, shown)]
    return tuple(dict.fromkeys(str(Path(path).parent) for path in paths))


def _is_tracked(root: Path, place: Path) -> bool:
    """Return whether the repository tracks something in a folder, or the link that it lies behind.

    Git does not say it of what lies in a submodule, which is somebody's, too.
    """
    above = [path for path in place.parents if path != root and path.is_relative_to(root)]
    link = next((path for path in reversed(above) if path.is_symlink()), place)
    return Plumbing(root).try_("ls-files", "--", str(link)) != ""


def _lies_in(path: str, folders: Iterable[str]) -> bool:
    return any(Path(path).is_relative_to(folder) for folder in folders)


def _tracker_files(trackers: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield the settings files that Weights & Biases, if used, reads in the working folder."""
    if not any(name.partition(":")[0] == "wandb" for name in trackers):
        return
    for name in SETTINGS:
        path = Path(name)
        if path.exists():
            yield name, _digest(path)


def _digest(path: Path) -> str:
    """Return the hash of a file, of nothing for what is none."""
    if not path.is_file():
        return hashlib.sha256().hexdigest()
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _programs(root: Path) -> tuple[Program, ...]:
    """Return the repository's git settings by which a git command of ours would run a program."""
    return tuple(
        program
        for program in repository_programs(Plumbing(root))
        if program.path or not _is_never_heeded(program.setting.name)
    )


def _is_never_heeded(name: str) -> bool:
    return name in NEVER_HEEDED or name.startswith(ONLY_TYPED)


def _is_raised(history: History) -> bool:
    """Return whether an input on the branch raised the bound; it may be anybody's."""
    first = history.run.max_cost
    now = bounded_run(history).max_cost
    return first is not None and (now is None or now > first)


def bounded_run(history: History) -> RunSettings:
    """Return the settings of a run, with the bounds that inputs have set since its start."""
    return with_bounds(history.run, steering_of(history.inputs, len(history.trials)).sets)


def _recorded(history: History, bound_typed: bool) -> Asking | None:
    run = bounded_run(history)
    if run.model is None or run.model.startswith(REPLAY):
        return None
    where = f"the run's first commit {_first(history)[:12]}"
    return Asking(run.model, run.max_cost, bound_typed, where)


def _first(history: History) -> str:
    first = first_commit(Plumbing(Path(history.project.root)), history.tip)
    assert first is not None, "an open history is a run's"
    return first
