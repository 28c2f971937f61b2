"""Finds the research in a repository: its train.py, prepare.py and program.md, and its score."""

import re
from pathlib import Path, PurePosixPath
from shlex import quote

from agent.errors import HistoryFault, ProjectFault, unknown
from agent.git.home import HOME
from agent.git.plumbing import Plumbing
from agent.git.repository import refuse_foreign, refuse_links
from agent.project.settings import FILE, ScoreKind, Settings
from sandbox.ground.record import Record

_LAYOUTS: tuple[tuple[str, ScoreKind], ...] = (("workspace", "sealed"), ("", "printed"))

CORPORA = "corpora.py"
"""What prepare.py imports, in the same folder. Older and foreign prepare.py files have none."""


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

    @property
    def home(self) -> Path:
        """The folder of everything that is written besides commits."""
        return Path(self.root) / HOME

    @property
    def unseen(self) -> tuple[str, ...]:
        """The files of the workspace that no trial gets.

        Where the score is sealed, prepare.py and its corpora.py: they say which data is held out.
        """
        if self.score != "sealed" or not self.prepare:
            return ()
        return (self.prepare, str(PurePosixPath(self.prepare).with_name(CORPORA)))


def find_project(where: Path, settings: Settings) -> Project:
    """Return the project in the folder `where`.

    Raise ProjectFault where there is no repository, or no train.py in it.
    """
    root = root_of(where)
    refuse_foreign(Plumbing(root), root)
    base = PurePosixPath(where.resolve().relative_to(root).as_posix())
    train, score = _train(root, base, settings)
    workspace = train.parent
    prepare = base / settings.prepare if settings.prepare else workspace / "prepare.py"
    program = base / (settings.program or "program.md")
    refuse_links(root, str(train), str(prepare), str(program), str(base / FILE))
    named = {"prepare": settings.prepare, "program": settings.program}
    for key, path in named.items():
        if path and not (root / base / path).is_file():
            raise _no_file(root, base, key, path)
    return Project(
        root=str(root),
        workspace="" if str(workspace) == "." else str(workspace),
        train=str(train),
        prepare=str(prepare) if (root / prepare).is_file() else None,
        program=str(program) if (root / program).is_file() else None,
        score=settings.score or score,
    )


def _no_file(root: Path, base: PurePosixPath, key: str, path: str) -> ProjectFault:
    """Return the fault of a file that autoresearch.toml names and that is not there."""
    folder = root / base
    listing = Plumbing(folder)("ls-files", "-z", "--cached", "--others", "--exclude-standard")
    files = [name for name in listing.split("\0") if name and (folder / name).is_file()]
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


def _no_root(where: Path, fault: HistoryFault) -> ProjectFault:
    if "not a git repository" in fault.message or not where.is_dir():
        return ProjectFault(f"{where} is not in a git repository.", "autoresearch init")
    if "must be run in a work tree" in fault.message:
        return ProjectFault(
            f"{where} is in a bare repository or a .git folder.", "git clone it, and start there"
        )
    # Git suggests a command for a repository that belongs to another user.
    command = re.search(r"^\s*(git config .*)$", fault.message, re.MULTILINE)
    return ProjectFault(fault.message, command[1] if command else fault.next_command)


def _train(root: Path, base: PurePosixPath, settings: Settings) -> tuple[PurePosixPath, ScoreKind]:
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
    raise ProjectFault(f"There is no {paths} in {root}.", "autoresearch init")
