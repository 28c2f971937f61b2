"""Resuming as people type it: on the run's branch, in a clone of it, and from a subfolder."""

import os
import pty
import select
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.researcher import (
    AUTORESEARCH,
    clean_environment,
    fsck,
    git,
    ledger,
    miniature,
    type_in,
)

pytestmark = pytest.mark.slow

BRANCH = "autoresearch/nov24"
START = (
    *("start", "--model", "none", "--method", "random", "--budget", "1steps"),
    *("--baseline-repeats", "1", "--tag", "nov24", "--trials", "1"),
)


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with the run nov24, and a newer one, of a trial each."""
    home = miniature(tmp_path_factory.mktemp("night") / "r")
    for tag in ("nov24", "nov25"):
        run = type_in(home, *START, "--tag", tag)
        assert run.returncode == 0, run.stderr
    return home


@pytest.fixture
def clone(night: Path, tmp_path: Path) -> Path:
    """A clone that has the branch checked out, as `git clone -b` leaves it."""
    git(tmp_path, "clone", "-q", "-b", BRANCH, str(night), "clone")
    return tmp_path / "clone"


def trial_count(folder: Path) -> int:
    return len(ledger(folder, "nov24"))


def state_of(folder: Path) -> Iterator[bytes]:
    """Every file of the checkout, and what git says of it."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not {".git", ".autoresearch"} & set(path.parts):
            yield path.read_bytes()
    yield git(folder, "status", "--porcelain").encode()


def test_a_clone_of_the_branch_goes_on(clone: Path) -> None:
    before = list(state_of(clone))
    tip = git(clone, "rev-parse", "HEAD")
    trials = trial_count(clone)
    run = type_in(clone, "resume", "--trials", "1")
    assert run.returncode == 0, run.stderr
    assert f"this checkout left {BRANCH}" in run.stderr
    assert trial_count(clone) == trials + 1
    assert git(clone, "rev-parse", "HEAD") == tip and list(state_of(clone)) == before
    assert git(clone, "rev-parse", BRANCH) != tip
    assert git(clone, "branch", "--show-current") == ""
    again = type_in(clone, "resume", "nov24", "--trials", "1")
    assert again.returncode == 0 and "this checkout left" not in again.stderr
    git(clone, "merge", "-q", "--ff-only", BRANCH)
    fsck(clone)


def test_the_branch_that_only_the_remote_has_is_switched_to_and_resumed(
    night: Path, tmp_path: Path
) -> None:
    git(tmp_path, "clone", "-q", str(night), "clone")
    clone = tmp_path / "clone"
    assert git(clone, "branch", "--list", "autoresearch/*") == ""
    git(clone, "switch", "-q", BRANCH)
    trials = trial_count(clone)
    (clone / "src").mkdir()
    run = type_in(clone / "src", "resume", "--trials", "1", "--leave-branch")
    assert run.returncode == 0, run.stderr
    assert trial_count(clone) == trials + 1, "the branch that is checked out, not the newest"
    assert git(clone, "for-each-ref", "refs/heads/autoresearch/nov25") == ""


def test_changes_that_are_not_committed_stop_it_and_stay(clone: Path) -> None:
    train = clone / "train.py"
    train.write_text(train.read_text() + "# mine\n")
    (clone / "notes.txt").write_text("mine")
    before = list(state_of(clone))
    for words in ((), ("--leave-branch",)):
        run = type_in(clone, "resume", "--trials", "1", *words)
        assert run.returncode == 3
        assert "changes that are not committed" in run.stderr and "M train.py" in run.stderr
        assert list(state_of(clone)) == before
        assert git(clone, "branch", "--show-current") == BRANCH
    command = run.stderr.rpartition("next: ")[2].partition(" #")[0]
    subprocess.run(
        command,
        shell=True,
        check=True,
        cwd=clone,
        env=clean_environment(
            GIT_COMMITTER_NAME="r",
            GIT_COMMITTER_EMAIL="r@example.org",
            GIT_AUTHOR_NAME="r",
            GIT_AUTHOR_EMAIL="r@example.org",
        ),
    )
    assert type_in(clone, "resume", "--trials", "1").returncode == 0
    git(clone, "stash", "pop", "-q")
    assert list(state_of(clone)) == before


def test_a_terminal_asks_first(clone: Path) -> None:
    code, shown = in_terminal(clone, "n", "resume", "--trials", "1")
    assert code == 3 and "Detach this checkout?" in shown
    assert git(clone, "branch", "--show-current") == BRANCH
    trials = trial_count(clone)
    code, shown = in_terminal(clone, "", "resume", "--trials", "1")
    assert code == 0, shown
    assert f"this checkout left {BRANCH}" in " ".join(shown.split())
    assert trial_count(clone) == trials + 1


def in_terminal(folder: Path, answer: str, *arguments: str) -> tuple[int, str]:
    """Type a command in a terminal, and `answer` at its question; return code and output."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [str(AUTORESEARCH), *arguments],
        cwd=folder,
        env=clean_environment(TERM="dumb"),
        stdin=follower,
        stdout=follower,
        stderr=follower,
        start_new_session=True,
    )
    os.close(follower)
    shown = ""
    asked = False
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if not select.select([leader], [], [], 0.2)[0]:
            continue
        try:
            shown += os.read(leader, 1 << 16).decode(errors="replace")
        except OSError:  # the terminal's last user has ended
            break
        if not asked and "[Y/n]" in shown:
            os.write(leader, f"{answer}\n".encode())
            asked = True
    os.close(leader)
    return process.wait(timeout=60), shown


def test_every_command_that_reads_a_run_works_below_the_top_folder(night: Path) -> None:
    below = night / "src" / "deep"
    below.mkdir(parents=True, exist_ok=True)
    worktree = night / ".autoresearch" / "worktrees" / "nov24"
    for words in (
        ("status", "--json"),
        ("log",),
        ("log", "--json"),
        ("show", "1"),
        ("diff", "0", "1"),
        ("export",),
        ("compare", "nov24", "nov25"),
        ("report", "--markdown"),
    ):
        above = type_in(night, *words)
        assert above.returncode == 0, above.stderr
        assert type_in(below, *words).stdout == above.stdout, words
    assert '"autoresearch/nov24"' in type_in(worktree, "status", "--json").stdout
    for words in (
        ("plot", "progress", "-o", "p.svg"),
        ("export", "--format", "optuna", "-o", "s.db"),
    ):
        run = type_in(below, *words)
        assert run.returncode == 0, run.stderr
    assert (below / "p.svg").is_file() and (below / "s.db").is_file()
    started = type_in(below, *START, "--tag", "other")
    assert started.returncode == 3 and "next:  cd ../..\n" in started.stderr
