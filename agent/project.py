"""Finds the research in a repository: which files are train.py, prepare.py and program.md, and how it is scored."""

from pathlib import Path, PurePosixPath

import git

from agent.errors import ProjectFault
from agent.settings import ScoreKind, Settings
from sandbox.record import Record

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


def find_project(where: Path, settings: Settings) -> Project:
    """The project in the folder `where`; ProjectFault if there is no repository or no train.py in it."""
    root = _root(where)
    base = PurePosixPath(where.resolve().relative_to(root).as_posix())
    train, score = _train(root, base, settings)
    workspace = train.parent
    prepare = base / settings.prepare if settings.prepare else workspace / "prepare.py"
    program = base / (settings.program or "program.md")
    return Project(
        root=str(root),
        workspace="" if str(workspace) == "." else str(workspace),
        train=str(train),
        prepare=str(prepare) if (root / prepare).is_file() else None,
        program=str(program) if (root / program).is_file() else None,
        score=settings.score or score,
    )


def _root(where: Path) -> Path:
    try:
        with git.Repo(where, search_parent_directories=True) as repo:
            if repo.working_tree_dir is None:
                raise ProjectFault(f"{where} is a bare repository", "git clone it, and start there")
            return Path(repo.working_tree_dir).resolve()
    except (git.InvalidGitRepositoryError, git.NoSuchPathError):
        raise ProjectFault(f"{where} is not in a git repository", "autoresearch init") from None


def _train(root: Path, base: PurePosixPath, settings: Settings) -> tuple[PurePosixPath, ScoreKind]:
    candidates = [(base / folder / "train.py", score) for folder, score in _LAYOUTS]
    if settings.train:
        candidates = [(base / settings.train, "printed")]
    for path, score in candidates:
        if (root / path).is_symlink():
            raise ProjectFault(
                f"{path} is a symbolic link; a trial needs the file itself", f"cp --remove-destination $(realpath {path}) {path}"
            )
        if (root / path).is_file():
            return path, score
    looked = " or ".join(str(path) for path, _ in candidates)
    raise ProjectFault(f"no {looked} in {root}", "autoresearch init")
