"""Where a new run begins: at this folder's last commit, or at a state of another run."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from agent.cli.build import Place, find_place, place_around
from agent.cli.choices import options_of
from agent.cli.overview import Row
from agent.cli.reach import front_matter_at
from agent.cli.unreadable import refuse_unreadable
from agent.edit.files import Sources
from agent.errors import Fault, ProjectFault, UsageFault
from agent.git.listing import plain_file
from agent.git.plumbing import Plumbing, content_of
from agent.history.branch import has_file
from agent.history.lineage import EXAMPLE, State, find_state
from agent.history.runs import brief_at, head_of
from agent.history.sources import refuse_idle_globs, sources_in
from agent.project.find import PREPARE, PROGRAM, Project, find_project
from agent.project.flags import Flags
from agent.project.inherit import inherited
from agent.project.names import refuse_unknown_names
from agent.project.objective import left_behind, objective_of, recorded
from agent.project.program import FrontMatter, read_program
from agent.project.resolve import StartOptions
from agent.project.settings import FILE, Settings, settings_in, settings_text
from agent.project.toml_text import MAX_BYTES
from agent.records.lineage import Parent
from agent.records.objective import Objective
from agent.records.results import Attempt

CHECKOUT = "checkout"
RUN = "run"


@dataclass(frozen=True)
class Origin:
    """The state and the settings that a new run begins with."""

    place: Place
    front_matter: FrontMatter
    objective: Objective
    state: State | None = None
    """The state of another run; None for the last commit of this folder's project."""
    rows: tuple[Row, ...] = ()
    """The rows of the overview about that state."""

    @property
    def parent(self) -> Parent | None:
        """The parent in the new run's record; None without one."""
        return self.state.parent if self.state else None

    @property
    def reference(self) -> str:
        """The name of the start commit for git."""
        return self.state.commit if self.state else "HEAD"

    @property
    def before(self) -> tuple[str, ...]:
        """The commit that the other run began at: the settings may name what was there then."""
        return (self.state.run.start_commit,) if self.state else ()

    def options(self, flags: Flags) -> StartOptions:
        """Return the options of the new run. Raise UsageFault if they contradict each other."""
        if self.state is None:
            return options_of(flags, self.place, self.front_matter)
        state = self.state
        return options_of(flags, self.place, self.front_matter, state.run, state.commit)

    def settle(self) -> str:
        """Ask for consent to what the repository reaches, and return the start commit.

        Raise HistoryFault if that is this folder's last commit and the files differ from it.
        """
        if self.state:
            return self.state.commit
        project = self.place.project
        head = head_of(project)
        if read_program(brief_at(project, head)).front_matter != self.front_matter:
            raise ProjectFault("HEAD changed while you were asked.", "autoresearch start")
        return head

    def sources(self, commit: str) -> Sources:
        """Return the files that edits may touch at the commit that the run begins at.

        Raise ProjectFault for one that is not UTF-8, and for names and globs that mean nothing.
        """
        project = self.place.project
        sources = sources_in(project, commit)
        refuse_unreadable(project, sources)
        refuse_idle_globs(project, sources)
        states = (sources, *(sources_in(project, before) for before in self.before))
        refuse_unknown_names(project, self.place.settings, self.front_matter, states)
        return sources


def find_origin(where: Path, flags: Flags, name: str | None, governs: str | None) -> Origin:
    """Return the origin of a run that is started in the folder `where`.

    name: RUN#N. governs: whose autoresearch.toml counts, `checkout` or `run`; None for this
    folder's where it differs from that of the state.
    """
    if name is not None:
        return _at_state(where, flags, name, governs)
    if governs is not None:
        raise UsageFault("--settings is about the run of --from, and none is named.", EXAMPLE)
    place = find_place(where)
    front_matter = front_matter_at(place.project, "HEAD")
    objective = objective_of(place.project, place.settings, front_matter, flags)
    return Origin(place, front_matter, objective)


def _at_state(where: Path, flags: Flags, name: str, governs: str | None) -> Origin:
    place = place_around(where)
    state = find_state(place.project, name)
    folder = Path(place.project.root) / place.project.base
    here = settings_text(folder)
    there = _toml_at(place.project, state.commit)
    differs = here is not None and here != there
    choice = governs or (CHECKOUT if differs else RUN)
    if choice == CHECKOUT and here is None:
        raise UsageFault(f"There is no {FILE} in {folder}.", f"autoresearch start --from {name}")
    settings = place.settings
    if choice == RUN:
        settings = settings_in(there or "", folder, f"{FILE} of {state.parent}")
    project = _project_at(folder, settings, state)
    front_matter = front_matter_at(project, state.commit)
    if governs == CHECKOUT:
        objective = objective_of(project, settings, front_matter, flags)
    else:
        now = objective_of(project, settings, front_matter, Flags())
        then = _objective_then(folder, project, state) or state.run.goal
        objective = inherited(project, state.run.goal, then, now, flags)
    as_recorded = project.as_recorded(recorded(objective))
    why = _why(state, choice, governs, here, differs)
    rows = (
        _from_row(state),
        _settings_row(state, objective, choice, why),
        *_brief_rows(place.project, as_recorded, state),
    )
    return Origin(Place(as_recorded, settings), front_matter, objective, state, rows)


def _toml_at(project: Project, commit: str) -> str | None:
    """Return the text of autoresearch.toml at a commit; None if there is no such plain file."""
    git = Plumbing(Path(project.root))
    path = f"{project.base}/{FILE}" if project.base else FILE
    data = plain_file(git, commit, path)
    if data is None:
        return None
    if len(data) > MAX_BYTES:
        raise UsageFault(
            f"{path} of the commit {commit[:12]} is longer than {MAX_BYTES} bytes.",
            f"git show {commit[:12]}:{quote(path)}",
        )
    return data.decode("utf-8-sig", "replace")


def _project_at(folder: Path, settings: Settings, state: State) -> Project:
    """Return the project of these settings with the files of the state.

    Raise ProjectFault for a state without train.py.
    """
    project = find_project(folder, settings)
    git = Plumbing(Path(project.root))
    if not has_file(git, state.commit, project.train):
        raise ProjectFault(
            f"{state.parent} has no {project.train}, which is what edits change here.",
            f"git ls-tree -r --name-only {state.commit[:12]}   # and train = in {FILE}",
        )
    beside = Path(project.train).parent
    places = {
        "prepare": _below(project, settings.prepare) or str(beside / PREPARE),
        "program": _below(project, settings.program or PROGRAM),
    }
    for name, path in places.items():
        if path and not has_file(git, state.commit, path):
            places[name] = None
    return project.model_copy(update=places)


def _below(project: Project, path: str | None) -> str | None:
    return str(Path(project.base) / path) if path else None


def _objective_then(folder: Path, project: Project, state: State) -> Objective | None:
    """Return the objective that the files stated when the other run began; None if unknown."""
    start = state.run.start_commit
    try:
        settings = settings_in(_toml_at(project, start) or "", folder)
        then = find_project(folder, settings)
        return objective_of(then, settings, front_matter_at(project, start), Flags())
    except Fault:
        return None


# ---------------------------------------------------------------- rows of the overview


def _from_row(state: State) -> Row:
    trial = state.trial
    if trial is None:
        return Row("from", f"the newest state of {state.parent}", "--from RUN#N")
    attempt = isinstance(trial, Attempt)
    what = f"{state.parent} ({state.status}): {trial.proposal.hypothesis}"
    why = "" if attempt or state.status != "suspect" else "; its score is not believed"
    return Row("from", what + why, "--from RUN#N")


def _settings_row(state: State, objective: Objective, choice: str, why: str) -> Row:
    """Return a row on which settings govern, why, and how the objective differs."""
    tag = state.parent.tag
    # The limit of a training is an option; the row of bounds shows it.
    measured_so = objective.model_copy(update={"limit": state.run.goal.limit})
    others = left_behind(state.run, measured_so, tag)
    measured = f"measured as in {tag}"
    if others:
        measured = f"another objective: {', '.join(others)}".replace(" here now", "")
    if choice == CHECKOUT:
        return Row("settings", f"this folder's {FILE}: {why}; {measured}", "--settings run")
    return Row("settings", f"those of {state.parent}: {why}; {measured}", "toml, --settings")


def _why(state: State, choice: str, governs: str | None, here: str | None, differs: bool) -> str:
    """Return why these settings govern."""
    if governs is not None:
        return "as typed" + (", though this folder's differ" if differs and choice == RUN else "")
    if choice == CHECKOUT:
        return f"it differs from that of {state.parent}, and so it governs"
    if here is None:
        return f"this folder has no {FILE}"
    return f"this folder's {FILE} says the same"


def _brief_rows(here: Project, project: Project, state: State) -> Iterator[Row]:
    """Yield a row if this folder's program.md differs from the state's."""
    path = Path(here.root) / (project.program or here.program or PROGRAM)
    try:
        mine = path.read_bytes() if path.is_file() else None
    except OSError:
        return
    theirs = None
    if project.program:
        name = f"{state.commit}:{project.program}"
        theirs = content_of(Plumbing(Path(here.root)), name)
    if mine is None or mine == theirs:
        return
    command = "autoresearch brief --from-checkout"
    whose = f"that of {state.parent}" if theirs is not None else f"none, as in {state.parent}"
    yield Row("brief", f"{whose}; this folder's {PROGRAM} is another one, and is not used", command)
