"""A repository of several files that edits may touch, and attempts on it."""

from pathlib import Path

from agent.edit.files import Sources, apply_edits, fingerprint_of
from agent.history.history import History
from agent.history.sources import sources_in
from agent.project.find import Project, find_project
from agent.project.settings import read_settings
from agent.records.edits import (
    Edit,
)
from agent.records.objective import Objective
from tests.agent.study import proposal, settings_of
from tests.e2e.researcher import git

TRAIN = "from model.net import WIDTH\n\nLR = 0.1\nprint('val_bpb:', LR * WIDTH)\n"
FILES = {
    "train.py": TRAIN,
    "model/net.py": "WIDTH = 4\n",
    "conf/base.yaml": "lr: 0.1  # [0.01 .. 1 log]\n",
    "notes.txt": "one\ntwo\n",
    "run.sh": "#!/bin/sh\necho 1\necho 2\n",
    "prepare.py": "MAX = 1\n",
    "program.md": "# Goal\n",
    "data.csv": "1,2\n",
}
GLOBS = ("train.py", "model/**", "conf/*.yaml", "*.txt", "*.sh")


def repository(
    folder: Path,
    globs: tuple[str, ...] = GLOBS,
    files: dict[str, str | bytes] | None = None,
    *options: str,
) -> Path:
    """A committed repository with autoresearch.toml."""
    folder.mkdir(parents=True, exist_ok=True)
    listing = ", ".join(f'"{glob}"' for glob in globs)
    texts = {**FILES, "autoresearch.toml": f"files = [{listing}]\n", **(files or {})}
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    git(folder, "init", "-q", "-b", "main", *options)
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "start")
    return folder


def project_of(folder: Path) -> Project:
    return find_project(folder, read_settings(folder))


def read(folder: Path) -> Sources:
    return sources_in(project_of(folder), "HEAD")


def begin(folder: Path, **changes: object) -> History:
    """A new run t on the repository."""
    project = project_of(folder)
    objective = Objective(metric="val_bpb", files=project.files)
    return History.create(project, settings_of(project, objective=objective, **changes))


def made(history: History, *edits: Edit) -> str:
    """The commit of an attempt with these edits."""
    sources = apply_edits(history.sources, edits)
    assert isinstance(sources, Sources), sources
    attempt = history.draft(history.next_number, proposal(*edits), sources)
    fresh = sources_in(history.project, attempt.commit)
    assert fresh == sources, "what is read from the commit is what was put in"
    assert fingerprint_of(fresh) == fingerprint_of(sources)
    return attempt.commit


def modes_of(folder: Path, commit: str) -> dict[str, str]:
    modes = {}
    for line in git(folder, "ls-tree", "-r", commit).splitlines():
        head, _, path = line.partition("\t")
        modes[path] = head.split()[0]
    return modes
