"""Diffs over several files, as git and as models write them."""

import subprocess
from pathlib import Path

import pytest

from agent.edit.files import Sources, apply_edits
from agent.propose.code.patch import patch_edits
from agent.records.edits import Refused
from tests.agent.edit.files.projects import changed, packages, project
from tests.e2e.researcher import git

FILES = {
    "train.py": "LR = 0.1\nWD = 0.2\n",
    "model/net.py": "A = 1\nB = 2\nC = 3\n",
    "query.sql": "-- first\nselect 1;\n-- last\n",
    "open.txt": "one\ntwo",
    "windows.txt": "one\r\ntwo\r\n",
}
PROJECT = Sources(FILES, patterns=("**",))


def after(patch: str, old: Sources = PROJECT) -> Sources:
    edits = patch_edits(old, patch)
    assert not isinstance(edits, Refused), edits
    new = apply_edits(old, edits)
    assert isinstance(new, Sources), new
    return new


def write(folder: Path, sources: Sources) -> None:
    for path, text in sources.files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(text.encode())


def diff_of(folder: Path, old: Sources, new: Sources, *options: str) -> str:
    """What git says of two states."""
    git(folder, "rm", "-rfq", "--ignore-unmatch", ".")
    write(folder, old)
    git(folder, "add", "-A", "--force")
    git(folder, "commit", "-qm", "old", "--allow-empty")
    git(folder, "rm", "-rfq", ".")
    write(folder, new)
    git(folder, "add", "-A", "--force")
    command = ["git", "diff", "--cached", "--no-color", *options]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True).stdout.decode()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q")
    git(tmp_path, "config", "core.autocrlf", "false")
    git(tmp_path, "config", "core.quotePath", "false")
    return tmp_path


def with_plain_ends(sources: Sources) -> dict[str, str]:
    """The texts; new lines end as the file's others do, whatever a diff says."""
    return {path: text.replace("\r\n", "\n") for path, text in sources.files.items()}


def test_real_diffs_of_real_projects(folder: Path) -> None:
    """What people do to installed packages, as git tells it, with names by renames and without."""
    checked = 0
    for seed in range(16):
        old = project(packages()[seed % len(packages())], seed)
        if old is None:
            continue
        new = changed(old, seed)
        options = ("-M",) if seed % 2 else ("--no-renames",)
        patch = diff_of(folder, old, new, *options)
        if old != new and len(patch) < 100_000:
            assert with_plain_ends(after(patch, old)) == with_plain_ends(new), seed
            checked += 1
    assert checked > 1


def test_parts_about_one_file_build_on_each_other() -> None:
    """As a model writes them: a fence for each place, or the names again before each hunk."""
    one = "--- a/train.py\n+++ b/train.py\n@@\n-LR = 0.1\n+LR = 0.3\n"
    two = "--- a/train.py\n+++ b/train.py\n@@\n-WD = 0.2\n+WD = 0.4\n"
    assert after(one + two).text == "LR = 0.3\nWD = 0.4\n"
    assert after(f"{one}\n{two}").text == "LR = 0.3\nWD = 0.4\n"


def test_two_files() -> None:
    new = after(
        "--- a/train.py\n+++ b/train.py\n@@ -1 +1 @@\n-LR = 0.1\n+LR = 0.3\n"
        "--- a/model/net.py\n+++ b/model/net.py\n@@ -2,2 +2,1 @@\n B = 2\n-C = 3\n"
    )
    assert new.text == "LR = 0.3\nWD = 0.2\n"
    assert new.files["model/net.py"] == "A = 1\nB = 2\n"


def test_lines_that_look_like_names_of_files() -> None:
    """A comment of SQL that is taken away reads `--- first`, one that is added `+++ …`."""
    new = after(
        "--- a/query.sql\n+++ b/query.sql\n@@ -1,3 +1,3 @@\n--- first\n+-- other\n select 1;\n"
        "--- last\n+++ b\n"
    )
    assert new.files["query.sql"] == "-- other\nselect 1;\n++ b\n"


def test_files_added_deleted_and_renamed() -> None:
    new = after(
        "--- /dev/null\n+++ b/model/new.py\n@@ -0,0 +1,2 @@\n+X = 1\n+Y = 2\n"
        "--- a/query.sql\n+++ /dev/null\n@@ -1,3 +0,0 @@\n--- first\n-select 1;\n--- last\n"
        "diff --git a/open.txt b/kept.txt\nsimilarity index 100%\n"
        "rename from open.txt\nrename to kept.txt\n"
        "--- a/model/net.py\n+++ b/model/core.py\n@@\n-A = 1\n+A = 9\n"
    )
    assert dict(new.files) == {
        "train.py": FILES["train.py"],
        "model/new.py": "X = 1\nY = 2\n",
        "kept.txt": "one\ntwo",
        "model/core.py": "A = 9\nB = 2\nC = 3\n",
        "windows.txt": FILES["windows.txt"],
    }


def test_the_end_of_a_file_without_a_line_break() -> None:
    head = "--- a/open.txt\n+++ b/open.txt\n@@ -1,2 +1,3 @@\n one\n"
    none = "\\ No newline at end of file\n"
    assert after(f"{head}-two\n{none}+TWO\n{none}").files["open.txt"] == "one\nTWO"
    assert after(f"{head}-two\n{none}+two\n").files["open.txt"] == "one\ntwo\n"
    assert after(f"{head} two\n+three\n").files["open.txt"] == "one\ntwo\nthree\n"


def test_lines_that_stay_keep_their_bytes() -> None:
    old = PROJECT.with_file("mixed.txt", "one  \r\ntwo\x0cstill two\nthree\n")
    new = after("--- a/mixed.txt\n+++ b/mixed.txt\n@@\n one\n two\x0cstill two\n-three\n+3\n", old)
    assert new.files["mixed.txt"] == "one  \r\ntwo\x0cstill two\n3\n"
    windows = after("--- a/windows.txt\n+++ b/windows.txt\n@@\n one\n-two\n+2\n")
    assert windows.files["windows.txt"] == "one\r\n2\r\n"


@pytest.mark.parametrize(
    ("patch", "where"),
    [
        ("--- a/nope.py\n+++ b/nope.py\n@@\n-a\n+b\n", "nope.py, which does not exist"),
        ("--- a/model/net.py\n+++ b/model/net.py\n@@\n-Z = 1\n+Z = 2\n", "model/net.py: hunk 1"),
        ("--- a/train.py\n+++ b/train.py\n", "the diff"),
        ("x" * (2**18 + 1), "the diff"),
        ("--- a/\n+++ b/\n@@\n-a\n+b\n", "hunk 1"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_file(patch: str, where: str) -> None:
    refused = patch_edits(PROJECT, patch)
    assert isinstance(refused, Refused)
    assert where in refused.where


@pytest.mark.parametrize(
    "path", ["../x.py", "/etc/passwd", ".git/config", "a/../../x", ".github/x.yml"]
)
def test_no_diff_leaves_the_project(path: str) -> None:
    for patch in (
        f"--- /dev/null\n+++ b/{path}\n@@ -0,0 +1 @@\n+x\n",
        f"diff --git a/open.txt b/{path}\nrename from open.txt\nrename to {path}\n",
    ):
        edits = patch_edits(PROJECT, patch)
        assert isinstance(edits, Refused) or isinstance(apply_edits(PROJECT, edits), Refused)


def test_a_project_of_one_file_takes_any_name() -> None:
    one = Sources.of("LR = 0.1\n")
    assert after("--- a/src/main.py\n+++ b/src/main.py\n@@\n-LR = 0.1\n+LR = 1\n", one).text == (
        "LR = 1\n"
    )
    assert after("--- a/train.py\n+++ /dev/null\n@@\n-LR = 0.1\n+LR = 1\n", one).text == "LR = 1\n"
