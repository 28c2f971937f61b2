"""Gathers what agent/project/trust.py lists, from the repository, its settings and the run, and has it confirmed."""

import hashlib
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from agent.cli.consent import Consent
from agent.cli.scaffold import written_files
from agent.errors import ProjectFault
from agent.git.cache import cache_folders
from agent.git.plumbing import Plumbing
from agent.git.repository import repository_programs
from agent.history.checkout import export
from agent.history.history import History
from agent.history.runs import first_commit
from agent.project.data import OWN_FOLDERS, NetworkWanted, Source
from agent.project.find import Project
from agent.project.program import FrontMatter, read_program
from agent.project.settings import RunSettings, Settings
from agent.project.template import corpus_places
from agent.project.trust import REPLAY, SCRIPTED, Asking, Item, Reach, check_readable, network_item

# Below the user's home. Not all of Hugging Face's folder: its token lies beside the hub's cache.
USUAL_CACHES = (".cache/autoresearch", ".cache/huggingface/hub")
# Settings that our git commands override (agent/git/plumbing.py), or that only a user's own commands heed.
NEVER_HEEDED = (
    "core.hookspath=",
    "core.fsmonitor=",
    "core.pager=",
    "core.editor=",
    "pager.",
    "alias.",
    "sequence.editor=",
)
WANDB_SETTINGS = ("wandb/settings", ".wandb/settings")
TEMPLATE_PREPARE = "workspace/prepare.py"


def readable_paths(project: Project, settings: Settings) -> tuple[str, ...]:
    """What a training may read besides its own folder: as the settings say, else where upstream's layout keeps its data."""
    if settings.read_only or project.score == "sealed":
        return settings.read_only
    return tuple(
        str(path) for name in USUAL_CACHES if _holds_others_data(path := Path.home() / name)
    )


def _holds_others_data(cache: Path) -> bool:
    """Return whether there is more in a folder than what autoresearch itself prepared."""
    try:
        own = {cache / name for name in OWN_FOLDERS}
        return bool(set(cache.iterdir()) - own)
    except OSError:
        return False


def kept_from_models(project: Project) -> tuple[Path, ...]:
    """The folders that a model's own command must not see: validation data, its corpus, and this machine's copies of the runs."""
    return (*cache_folders(), *corpus_places(), project.home)


def agree_to_start(
    project: Project,
    settings: Settings,
    consent: Consent,
    *,
    commit: str,
    model: str | None,
    max_cost: float | None,
    trackers: Sequence[str] = (),
) -> None:
    """Return once the user agreed to all that a new run from `commit` reaches; TrustFault where he does not.

    model, max_cost: his own words for it. What a later resume of his own run would ask is settled with it.
    """
    front_matter = _front_matter(project, commit)
    asking = None
    if max_cost is None and front_matter.max_cost is not None and _costs(model):
        asking = Asking(None, front_matter.max_cost, False, project.program or "program.md")
    consent.require(_reach(project, settings, trackers, asking).items())
    consent.remember(_reach(project, settings, trackers).items())


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
) -> Iterator[History]:
    """The run on `branch`, opened, once the user agreed to all that working on it reaches; TrustFault where he does not.

    asks: whether its model is asked. bound_typed: whether the user named a bound on its cost.
    """
    history = History.open(project, branch)
    try:
        asking = (
            _recorded(history, bound_typed)
            if asks and not consent.is_own(_first(history))
            else None
        )
        consent.require(_reach(project, settings, trackers, asking).items())
    except BaseException:
        history.__exit__(None, None, None)
        raise
    with history:
        yield history


def remember_run(consent: Consent, history: History) -> None:
    """What the record of this run says is the user's own word."""
    if history.run.model is not None:
        consent.remember_run(_first(history))


def network_wish(source: Source, want: NetworkWanted) -> tuple[Item, ...]:
    """What the user must agree to before prepare.py gets a network: nothing where `init` wrote it."""
    if source.text in written_files(TEMPLATE_PREPARE):
        return ()
    return (network_item(source.name, want.sha256, want.sources, want.last_line),)


def prepare_source(project: Project, commit: str) -> Source:
    """The prepare.py of `commit`. ProjectFault where there is none, or only a link to one."""
    if project.prepare is None:
        raise ProjectFault("a sealed score needs a prepare.py beside train.py", "autoresearch init")
    git = Plumbing(Path(project.root))
    mode = git("ls-tree", commit, "--", project.prepare).partition(" ")[0]
    if mode not in ("100644", "100755"):
        hint = f"git ls-tree {commit[:12]} {shlex.quote(project.prepare)}"
        raise ProjectFault(f"{project.prepare} is no file in the commit {commit[:12]}", hint)
    beside = project.workspace if Path(project.prepare).is_relative_to(project.workspace) else ""

    def write(folder: Path) -> None:
        export(git, commit, beside, folder)

    text = git.bytes("cat-file", "blob", f"{commit}:{project.prepare}")
    return Source(text, str(Path(project.prepare).relative_to(beside)), write, project.prepare)


def _reach(
    project: Project, settings: Settings, trackers: Sequence[str], asking: Asking | None = None
) -> Reach:
    readable = readable_paths(project, settings)
    root = Path(project.root)
    hidden = (project.home,) if project.score == "printed" else (project.home, *cache_folders())
    check_readable(settings.read_only, root, hidden)
    return Reach(
        root=root,
        readable=readable,
        programs=_programs(root),
        asking=asking,
        trackers=tuple(_tracker_files(trackers)),
    )


def _tracker_files(trackers: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The settings that Weights & Biases looks for in the working folder, where it is asked for."""
    if not any(name.partition(":")[0] == "wandb" for name in trackers):
        return
    for name in WANDB_SETTINGS:
        path = Path(name)
        if path.exists():
            content = path.read_bytes() if path.is_file() else b""
            yield name, hashlib.sha256(content).hexdigest()


def _programs(root: Path) -> tuple[str, ...]:
    """The settings of the repository by which a git command of ours would run something."""
    return tuple(
        text
        for text in repository_programs(Plumbing(root))
        if not text.lower().startswith(NEVER_HEEDED)
    )


def _front_matter(project: Project, commit: str) -> FrontMatter:
    """Of program.md at `commit`; nothing where there is none, which is told later."""
    text = (
        Plumbing(Path(project.root)).try_("cat-file", "blob", f"{commit}:{project.program}")
        if project.program
        else None
    )
    return read_program(text or "").front_matter


def _recorded(history: History, bound_typed: bool) -> Asking | None:
    run: RunSettings = history.run
    if run.model is None or run.model.startswith(REPLAY):
        return None
    where = f"the run's first commit {_first(history)[:12]}"
    return Asking(run.model, run.max_cost, bound_typed, where)


def _first(history: History) -> str:
    first = first_commit(Plumbing(Path(history.project.root)), history.tip)
    assert first is not None, "an open history is a run's"
    return first


def _costs(model: str | None) -> bool:
    return model is not None and not model.startswith((SCRIPTED, REPLAY))
