"""Finds the research in a repository: which files are train.py, prepare.py and program.md, and how it is scored."""

import re
from pathlib import Path, PurePosixPath

from agent.errors import HistoryFault, ProjectFault
from agent.git.home import HOME
from agent.git.plumbing import Plumbing
from agent.git.repository import refuse_foreign, refuse_links
from agent.project.settings import FILE, ScoreKind, Settings
from sandbox.ground.record import Record

_LAYOUTS: tuple[tuple[str, ScoreKind], ...] = (("workspace", "sealed"), ("", "printed"))


class Project(Record):
    """Where the research is. root: the repository's top folder; the rest are paths from there, with forward slashes.

    workspace: the folder that a trial gets a copy of ("" for the whole repository).
    """

    root: str
    workspace: str
    train: str
    prepare: str | None
    program: str | None
    score: ScoreKind

    @property
    def home(self) -> Path:
        """Everything that is written besides commits lies here."""
        return Path(self.root) / HOME

    @property
    def unseen(self) -> tuple[str, ...]:
        """Files of the workspace that no trial gets: where the score is sealed, the one that says which data is held out."""
        return (self.prepare,) if self.score == "sealed" and self.prepare else ()


def find_project(where: Path, settings: Settings) -> Project:
    """The project in the folder `where`; ProjectFault if there is no repository or no train.py in it."""
    root = _root(where)
    refuse_foreign(Plumbing(root), root)
    base = PurePosixPath(where.resolve().relative_to(root).as_posix())
    train, score = _train(root, base, settings)
    workspace = train.parent
    prepare = base / settings.prepare if settings.prepare else workspace / "prepare.py"
    program = base / (settings.program or "program.md")
    refuse_links(root, str(train), str(prepare), str(program), str(base / FILE))
    return Project(
        root=str(root),
        workspace="" if str(workspace) == "." else str(workspace),
        train=str(train),
        prepare=str(prepare) if (root / prepare).is_file() else None,
        program=str(program) if (root / program).is_file() else None,
        score=settings.score or score,
    )


def _root(where: Path) -> Path:
    """The top folder of the repository around `where`, as git finds it: a linked worktree, a submodule and a `.git` file too."""
    try:
        root = Path(Plumbing(where)("rev-parse", "--show-toplevel").removesuffix("\n")).resolve()
    except HistoryFault as fault:
        if "not a git repository" in fault.message or not where.is_dir():
            raise ProjectFault(f"{where} is not in a git repository", "autoresearch init") from None
        if "must be run in a work tree" in fault.message:
            raise ProjectFault(
                f"{where} is in a bare repository or a .git folder", "git clone it, and start there"
            ) from None
        command = re.search(
            r"^\s*(git config .*)$", fault.message, re.MULTILINE
        )  # for a repository of another user's
        raise ProjectFault(fault.message, command[1] if command else fault.next_command) from None
    if not where.resolve().is_relative_to(root):
        raise ProjectFault(
            f"the repository around {where} says that its files are in {root}",
            "git config --unset core.worktree",
        )
    return root


def _train(root: Path, base: PurePosixPath, settings: Settings) -> tuple[PurePosixPath, ScoreKind]:
    candidates = [(base / folder / "train.py", score) for folder, score in _LAYOUTS]
    if settings.train:
        candidates = [(base / settings.train, "printed")]
    elif base.name == _LAYOUTS[0][0] and (root / base / "train.py").is_file():
        raise ProjectFault(f"{base} is the workspace of the project above it", "cd ..")
    for path, score in candidates:
        refuse_links(root, str(path))
        if (root / path).is_file():
            return path, score
    looked = " or ".join(str(path) for path, _ in candidates)
    raise ProjectFault(f"no {looked} in {root}", "autoresearch init")
