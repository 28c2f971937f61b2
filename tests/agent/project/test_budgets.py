"""Whether anything of a project names the budget, by its last commit."""

import subprocess
from pathlib import Path

import pytest

from agent.project.budgets import reads_budget
from agent.project.settings import Settings
from tests.agent.study import make_repository, project_of

READS = 'import os\nprint(os.environ["AUTORESEARCH_BUDGET"])\n'


def reads(folder: Path, command: str | None = None, **files: str) -> bool:
    """Return what is found in a repository with these files."""
    make_repository(folder)
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    author = ["-c", "user.name=t", "-c", "user.email=t@t"]
    for arguments in (["add", "."], ["commit", "-q", "--allow-empty", "-m", "more"]):
        subprocess.run(["git", *author, *arguments], cwd=folder, check=True)
    return reads_budget(project_of(folder), Settings(command=command))


def test_nothing_reads_it(tmp_path: Path) -> None:
    assert not reads(tmp_path)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("train_py", READS),
        ("lib__clock_py", "DEADLINE = 'AUTORESEARCH_DEADLINE'\n"),
        ("main_c", 'getenv("AUTORESEARCH_BUDGET");\n'),
        ("conf__base_yaml", "budget: ${oc.env:AUTORESEARCH_BUDGET}\n"),
    ],
)
def test_any_file_of_a_trial_may_read_it(tmp_path: Path, name: str, text: str) -> None:
    assert reads(tmp_path, **{name: text})


@pytest.mark.parametrize("name", ["README_md", "docs__notes_rst", "autoresearch_toml"])
def test_prose_reads_nothing(tmp_path: Path, name: str) -> None:
    assert not reads(tmp_path, **{name: "# AUTORESEARCH_BUDGET is what trainings keep to\n"})


def test_a_command_may_hand_it_on(tmp_path: Path) -> None:
    assert reads(tmp_path, "sh -c 'python train.py --seconds $AUTORESEARCH_BUDGET'")


def test_the_last_commit_counts(tmp_path: Path) -> None:
    assert not reads(tmp_path)
    (tmp_path / "train.py").write_text(READS)
    assert not reads_budget(project_of(tmp_path), Settings()), "a run starts from a commit"
