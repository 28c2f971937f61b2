"""Finds the research in a repository: its train.py, prepare.py and program.md, and its score."""

import json
import re
from pathlib import Path, PurePosixPath
from shlex import quote

from agent.errors import HistoryFault, ProjectFault, UsageFault, unknown
from agent.git.home import HOME
from agent.git.plumbing import Plumbing
from agent.git.repository import no_repository, refuse_foreign, refuse_links
from agent.project.candidates import find_candidates, way_out
from agent.project.evaluator import check_evaluator, text_of
from agent.project.settings import FILE, ScoreKind, Settings
from agent.records.evaluator import Evaluator
from agent.records.objective import VAL_BPB, Objective
from agent.records.patterns import EXCEPT, covers, folder_around, matches
from sandbox.ground.plain_files import is_file
from sandbox.ground.record import Record
from sandbox.ground.text import one_line

_LAYOUTS: tuple[tuple[str, ScoreKind], ...] = (("workspace", "sealed"), ("", "printed"))

PREPARE = "prepare.py"
PROGRAM = "program.md"
CORPORA = "corpora.py"
"""What prepare.py imports, in the same folder. Older and foreign prepare.py files have none."""
MAX_BYTES = 1 << 24
"""Of train.py, prepare.py and program.md."""
MAX_NAMED = 4
"""Scripts that may be the training and that a message names."""


class Project(Record):
    """Where the research is; all paths but the first are below `root`, with forward slashes."""

    root: str
    """The repository's top folder."""
    workspace: str
    """The folder that a trial gets a copy of; "" is the whole repository."""
    train: str
    prepare: str | None
    program: str | None
    score: ScoreKind
    files: tuple[str, ...] = ()
    """Globs of the files that edits may touch; () for train.py alone."""
    base: str = ""
    """The folder of autoresearch.toml; "" is the top."""
    evaluate: Evaluator | None = None
    """The project's own evaluator, its paths relative to the workspace."""

    @property
    def home(self) -> Path:
        """The folder of everything that is written besides commits."""
        return Path(self.root) / HOME

    @property
    def recorded_folder(self) -> str | None:
        """The folder that a trial gets, where its record has to say so."""
        workspace = self.workspace
        return None if workspace == folder_around(self.train, self.files) else workspace or "."

    def as_recorded(self, objective: Objective | None) -> "Project":
        """Return the project as a run's record has it, whatever its settings say by now.

        A record that names no folder is of a run whose trials get the folder around train.py and
        all files that edits may touch. Raise ProjectFault for a folder in which train.py is not.
        """
        files = objective.files if objective else ()
        folder = objective.folder if objective else None
        workspace = folder_around(self.train, files) if folder is None else folder
        if not PurePosixPath(self.train).is_relative_to(workspace):
            raise ProjectFault(
                f"The run's trials get the folder {workspace}, in which {self.train} is not.",
                "autoresearch list",
            )
        own = "" if workspace == "." else workspace
        evaluate = objective.evaluate if objective else None
        return self.model_copy(update={"files": files, "workspace": own, "evaluate": evaluate})

    def running(self, train: str | None) -> "Project":
        """Return the project with the script that a run's record names, whatever settings say.

        Raise ProjectFault for one outside the repository.
        """
        if train is None or train == self.train:
            return self
        if train.startswith("/") or ".." in train.split("/") or "\0" in train:
            raise ProjectFault(
                f"The run's trials run {one_line(train)}, which is outside the repository.",
                "autoresearch list",
            )
        prepare = PurePosixPath(train).with_name(PREPARE)
        is_there = (Path(self.root) / prepare).is_file()
        return self.model_copy(
            update={"train": train, "prepare": str(prepare) if is_there else None}
        )

    def edits(self, path: str) -> bool:
        """Return whether edits may touch the file at this path of the repository."""
        if not self.files:
            return path == self.train
        return matches(path, self.files) and not self.measures(path)

    def measures(self, path: str) -> bool:
        """Return whether the file at this path of the repository decides how trials are measured.

        No edit touches it.
        """
        return path in self.fixed or self.hides(path)

    @property
    def concealed(self) -> tuple[str, ...]:
        """The paths and globs in the workspace that the evaluator hides, its script first."""
        own = self.evaluate
        return (own.script, *own.hidden, *own.test) if own else ()

    def hides(self, path: str) -> bool:
        """Return whether no run, no model and no proposer may see the file at this path.

        Every door asks this function: what a trial gets and its .git, prompts, diffs, imports, the
        tools of outside agents. What may be read about the evaluator is shown wherever it lies.
        """
        if path in self.unseen:
            return True
        if self.evaluate and self.evaluate.public and path == self.inside(self.evaluate.public):
            return False
        return self._covers(path, self.concealed)

    def tests(self, path: str) -> bool:
        """Return whether the file at this path of the repository belongs to the test split."""
        return self._covers(path, self.evaluate.test if self.evaluate else ())

    def _covers(self, path: str, patterns: tuple[str, ...]) -> bool:
        below = f"{self.workspace}/" if self.workspace else ""
        return path.startswith(below) and covers(path.removeprefix(below), patterns)

    def inside(self, path: str) -> str:
        """Return the path in the repository of a path in the workspace."""
        return f"{self.workspace}/{path}" if self.workspace else path

    def outside(self, path: str) -> str:
        """Return the path in the workspace of a path in the repository; a glob likewise."""
        if path.startswith(EXCEPT):
            return EXCEPT + self.outside(path.removeprefix(EXCEPT))
        return path.removeprefix(f"{self.workspace}/") if self.workspace else path

    @property
    def fixed(self) -> tuple[str, ...]:
        """The files that decide how trials are measured, there or not: no edit touches them."""
        folder = PurePosixPath(self.train).parent
        around = (folder, *folder.parents)
        prepare = self.prepare or str(folder / PREPARE)
        briefs = (self.program,) if self.program else tuple(str(up / PROGRAM) for up in around)
        settings = (str(up / FILE) for up in around)
        return (prepare, *self.unseen, *briefs, *settings, *self.evaluator_files)

    @property
    def named(self) -> tuple[str, ...]:
        """The script, prepare.py, the brief and the evaluator's files, by their paths there."""
        named = (self.train, self.prepare, self.program, *self.evaluator_files)
        return tuple(path for path in named if path)

    @property
    def evaluator_files(self) -> tuple[str, ...]:
        """The evaluator's script, and what may be read of it, by their paths in the repository."""
        if self.evaluate is None:
            return ()
        named = (self.evaluate.script, self.evaluate.public)
        return tuple(self.inside(path) for path in named if path)

    @property
    def unseen(self) -> tuple[str, ...]:
        """The files of the workspace that no trial gets.

        Where the score is sealed, prepare.py and its corpora.py: they say which data is held out.
        """
        if self.score != "sealed" or not self.prepare:
            return ()
        return (self.prepare, str(PurePosixPath(self.prepare).with_name(CORPORA)))


def find_project(where: Path, settings: Settings, hint: bool = True) -> Project:
    """Return the project in the folder `where`.

    Raise ProjectFault where there is no repository, or no train.py in it. hint: whether it then
    names the scripts that may be the training, for which the repository is read.
    """
    root = root_of(where)
    refuse_foreign(Plumbing(root), root)
    base = PurePosixPath(where.resolve().relative_to(root).as_posix())
    train, score = _train(root, base, settings, hint)
    prepare = base / settings.prepare if settings.prepare else train.parent / PREPARE
    program = base / (settings.program or PROGRAM)
    refuse_links(root, str(train), str(prepare), str(program), str(base / FILE))
    _refuse_giants(root, str(train), str(prepare), str(program))
    named = {"prepare": settings.prepare, "program": settings.program}
    for key, path in named.items():
        if path and not (root / base / path).is_file():
            raise _no_file(root, base, key, path)
    project = Project(
        root=str(root),
        workspace="",
        train=str(train),
        prepare=str(prepare) if (root / prepare).is_file() else None,
        program=str(program) if (root / program).is_file() else None,
        score=settings.score or _score_of(settings, score),
        base="" if str(base) == "." else str(base),
        evaluate=settings.evaluate,
    )
    files = tuple(_below(base, pattern) for pattern in settings.files)
    # A script or an evaluator that is named may use what lies anywhere in the project.
    whole = settings.train or settings.evaluate
    workspace = str(base) if whole else folder_around(str(train), files)
    own = "" if workspace == "." else workspace
    project = project.model_copy(update={"files": files, "workspace": own})
    _refuse_fixed(project, files, base)
    for place in settings.keep_seeds:
        _refuse_nowhere(project, place)
    if settings.evaluate:
        check_evaluator(Path(project.root), project.base, settings.evaluate)
        _refuse_hidden(project, base)
    return project


def _refuse_giants(root: Path, *paths: str) -> None:
    """Raise ProjectFault for a file of the project that is too large to be code or a brief."""
    for path in paths:
        place = root / path
        size = place.stat().st_size if place.is_file() else 0
        if size > MAX_BYTES:
            message = f"{place} has {size} bytes, which no code and no brief has"
            raise ProjectFault(message, f"ls -l {quote(str(place))}")


def _refuse_nowhere(project: Project, place: str) -> None:
    """Raise UsageFault where a file or function of keep_seeds is not there."""
    name, _, function = place.partition(":")
    text = text_of(Path(project.root) / project.base / name)
    missing = ""
    if not text:
        missing = f"no file {name} with text"
    elif function and not re.search(rf"\bdef\s+{function}\b", text):
        missing = f"no function {function} in {name}"
    if missing:
        raise UsageFault(
            f"{FILE}: keep_seeds: there is {missing}.",
            f"$EDITOR {quote(str(Path(project.root) / project.base / FILE))}",
        )


def _score_of(settings: Settings, usual: ScoreKind) -> ScoreKind:
    """Return how the score comes about where nobody says: only val_bpb is ever sealed."""
    if settings.evaluate:
        return "evaluated"
    own = settings.metric not in (None, VAL_BPB.metric) or settings.pattern is not None
    return "printed" if own else usual


def _below(base: PurePosixPath, pattern: str) -> str:
    """Return a glob of autoresearch.toml as one from the top of the repository."""
    mark = EXCEPT if pattern.startswith(EXCEPT) else ""
    return mark + str(base / pattern.removeprefix(EXCEPT))


def _refuse_fixed(project: Project, files: tuple[str, ...], base: PurePosixPath) -> None:
    """Raise UsageFault for a glob that fits a file which decides how trials are measured."""
    for path in project.fixed:
        if matches(path, files) and (Path(project.root) / path).is_file():
            own = str(PurePosixPath(path).relative_to(base))
            raise UsageFault(
                f"{FILE}: files: they fit {own}, which is part of how trials are measured; "
                f'add "!{own}" behind them.',
                f"$EDITOR {quote(str(Path(project.root) / base / FILE))}",
            )


def _refuse_hidden(project: Project, base: PurePosixPath) -> None:
    """Raise UsageFault where edits or runs would touch the evaluator or what it hides."""
    evaluator = project.evaluate
    for path in evaluator.outputs if evaluator else ():
        place = project.inside(path)
        if project.hides(place) or place in project.evaluator_files:
            raise UsageFault(
                f"{FILE}: [evaluate] names {path} in outputs, and hides it or shows it to models: "
                "the evaluator would read the run's file in its place.",
                f"$EDITOR {quote(str(Path(project.root) / base / FILE))}",
            )
    if evaluator and evaluator.program and project.hides(project.inside(evaluator.program)):
        raise UsageFault(
            f"{FILE}: [evaluate] hides {evaluator.program}, which is what it measures.",
            f"$EDITOR {quote(str(Path(project.root) / base / FILE))}",
        )
    if project.hides(project.train):
        raise UsageFault(
            f"{FILE}: [evaluate] hides {project.train}, which is what trials run.",
            f"$EDITOR {quote(str(Path(project.root) / base / FILE))}",
        )
    if not project.files:
        return
    listing = Plumbing(Path(project.root))("ls-files", "-z", "--cached")
    for path in listing.split("\0"):
        if path and matches(path, project.files) and project.hides(path):
            shown = project.outside(path)
            raise UsageFault(
                f"{FILE}: files: they fit {shown}, which [evaluate] hides; "
                f'add "!{shown}" behind them.',
                f"$EDITOR {quote(str(Path(project.root) / base / FILE))}",
            )


def _no_file(root: Path, base: PurePosixPath, key: str, path: str) -> ProjectFault:
    """Return the fault of a file that autoresearch.toml names and that is not there."""
    folder = root / base
    listing = Plumbing(folder)("ls-files", "-z", "--cached", "--others", "--exclude-standard")
    files = [name for name in listing.split("\0") if name and is_file(folder / name)]
    message = unknown("file", path, sorted(files))
    toml = str(folder / FILE)
    return ProjectFault(f"{toml}: {key}: {message}", f"$EDITOR {quote(toml)}")


def root_of(where: Path) -> Path:
    """Return the top folder of the repository around `where`, as git finds it.

    Git also knows linked worktrees, submodules and `.git` files.
    """
    try:
        root = Path(Plumbing(where)("rev-parse", "--show-toplevel").removesuffix("\n")).resolve()
    except HistoryFault as fault:
        raise _no_root(where, fault) from None
    if not where.resolve().is_relative_to(root):
        raise ProjectFault(
            f"The repository around {where} says that its files are in {root}.",
            "git config --unset core.worktree",
        )
    return root


_BARE = ("must be run in a work tree", "cannot use bare repository")
"""What git says of a repository without a checkout."""


def _no_root(where: Path, fault: HistoryFault) -> ProjectFault:
    if "not a git repository" in fault.message or not where.is_dir():
        return no_repository(where)
    if any(words in fault.message for words in _BARE):
        return ProjectFault(
            f"{where} is in a bare repository or a .git folder.", "git clone it, and start there"
        )
    # Git suggests a command for a repository that belongs to another user.
    command = re.search(r"^\s*(git config .*)$", fault.message, re.MULTILINE)
    return ProjectFault(fault.message, command[1] if command else fault.next_command)


def _train(
    root: Path, base: PurePosixPath, settings: Settings, hint: bool
) -> tuple[PurePosixPath, ScoreKind]:
    candidates = [(base / folder / "train.py", score) for folder, score in _LAYOUTS]
    if settings.train:
        candidates = [(base / settings.train, "printed")]
    elif base.name == _LAYOUTS[0][0] and (root / base / "train.py").is_file():
        raise ProjectFault(f"{base} is the workspace of the project above it.", "cd ..")
    for path, score in candidates:
        refuse_links(root, str(path))
        if (root / path).is_file():
            return path, score
    if settings.train:
        raise _no_file(root, base, "train", settings.train)
    paths = " or ".join(str(path) for path, _ in candidates)
    missing = f"There is no {paths} in {root}."
    raise _no_training(root, base, missing) if hint else ProjectFault(missing, "autoresearch init")


def _no_training(root: Path, base: PurePosixPath, missing: str) -> ProjectFault:
    """Return the fault of a folder without a train.py; it names what may be the training.

    Where nothing below the folder may be, that is looked for in the whole repository.
    """
    candidates = find_candidates(root / base)
    up = ""
    if candidates.best is None and not candidates.notebooks and base.parts:
        candidates = find_candidates(root)
        up = "/".join([".."] * len(base.parts))
    if candidates.best is None and not candidates.notebooks:
        return ProjectFault(missing, "autoresearch init")
    where = f" In {root}:" if up else ""
    if candidates.best is None:
        names = ", ".join(candidates.notebooks[:MAX_NAMED])
        return ProjectFault(
            f"{missing}{where} Notebooks are not run; a script can be made of one: {names}.",
            f"cd {up}" if up else way_out(candidates.notebooks[0]),
        )
    scripts = [f"{script.path} ({script.reason})" for script in candidates.scripts[:MAX_NAMED]]
    line = f"train = {json.dumps(candidates.best.path, ensure_ascii=False)}"
    what = "This may be the training" if len(scripts) == 1 else "One of these may be the training"
    toml = quote(str(root / base / FILE))
    return ProjectFault(
        f"{missing}{where} {what}: {', '.join(scripts)}. {FILE} names it by the line {line}",
        f"cd {up}" if up else f"$EDITOR {toml}   # {line}",
    )
