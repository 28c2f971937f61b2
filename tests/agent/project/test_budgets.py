"""What the files of a project say of its time: a budget that is named, and one that is fixed."""

import subprocess
from pathlib import Path

import pytest

from agent.project.budgets import NOTHING_READS, reads_budget, time_words
from agent.project.settings import Settings
from agent.project.upstream import time_budget
from sandbox.ground.budget import Budget, Limit
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


@pytest.mark.parametrize(
    ("budget", "limit", "why", "words"),
    [
        (
            "5m",
            None,
            NOTHING_READS,
            "takes 250.0 s with its start-up, and keeps to the budget of 300s",
        ),
        ("1h", "1.1x", "", "after 250.0 s, of a budget of 3600s: limit 1.1x, at most 275.0 s"),
        (None, "2x", "", "trainings end by themselves after 250.0 s: limit 2x, at most 500.0 s"),
        ("1h", "90s", NOTHING_READS, "3600s; nothing reads AUTORESEARCH_BUDGET: limit 90s, at"),
        (None, None, "", "after 250.0 s: limit 1.1x, at most 275.0 s"),
    ],
)
def test_the_words_about_time_say_what_holds(
    budget: str | None, limit: str | None, why: str, words: str
) -> None:
    given = Budget.parse(budget) if budget else None
    assert words in time_words(250, given, Limit.parse(limit) if limit else None, why)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("300", 300),
        ("2.2", 3),
        ("2_591_999", 2_591_999),
        ("0", None),
        ("-1", None),
        ("2_592_000", None),
        ("True", None),
        ("'300'", None),
        ("300  # until the next\nTIME_BUDGET = 5", None),
    ],
)
def test_the_time_budget_of_upstreams_layout(
    tmp_path: Path, value: str, seconds: int | None
) -> None:
    project = project_of(make_repository(tmp_path))
    (tmp_path / "prepare.py").write_text(f"TIME_BUDGET = {value}\n")
    budget = None if seconds is None else Budget(amount=seconds)
    assert time_budget(project) == budget
    assert time_budget(project.model_copy(update={"score": "printed"})) == budget


def test_of_a_commit_its_own_time_budget_counts_and_of_a_sealed_score_none(tmp_path: Path) -> None:
    project = project_of(make_repository(tmp_path))
    (tmp_path / "prepare.py").write_text("TIME_BUDGET = 5\n")
    assert time_budget(project, "HEAD") is None
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qam", "more"]
    subprocess.run(git, cwd=tmp_path, check=True)
    (tmp_path / "prepare.py").write_text("TIME_BUDGET = 6\n")
    assert time_budget(project, "HEAD") == Budget(amount=5)
    assert time_budget(project.model_copy(update={"score": "sealed"})) is None
    assert time_budget(project.model_copy(update={"prepare": None})) is None
