"""A commit of more bytes than the disk has is not written, and a giant file of one not read."""

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agent.cli import app
from agent.errors import Fault, HistoryFault, Unanswered
from agent.git.answers import MAX_FILE
from agent.git.plumbing import Plumbing
from agent.git.room import Room
from agent.git.store import Store
from agent.history.checkout import export
from agent.history.history import History
from agent.history.sources import sources_in
from agent.history.veiled import refuse_veiled
from tests.agent.study import make_repository, project_of, study
from tests.e2e.researcher import git

SIZE = 1 << 24


def bomb(folder: Path, parent: str = "HEAD") -> str:
    """Return a commit with one long file under so many names that no disk here has room."""
    (folder / "zeros").write_bytes(b"\0" * SIZE)
    blob = git(folder, "hash-object", "-w", "zeros")
    (folder / "zeros").unlink()
    count = shutil.disk_usage(folder).free // SIZE + 2
    lines = "".join(f"100644 blob {blob}\tzeros{number}\n" for number in range(count))
    below = Plumbing(folder)("mktree", stdin=lines.encode()).strip()
    entries = f"{git(folder, 'ls-tree', parent)}\n040000 tree {below}\tdata\n"
    tree = Plumbing(folder)("mktree", stdin=entries.encode()).strip()
    return git(folder, "commit-tree", tree, "-p", parent, "-m", "a bomb")


def test_a_trial_of_it_is_not_written(tmp_path: Path) -> None:
    folder = make_repository(tmp_path / "r")
    with Store(Plumbing(folder)) as store:
        with pytest.raises(HistoryFault, match=r"The largest of \d+: data/zeros0 \(16 MiB\)"):
            export(store, bomb(folder), "", tmp_path / "out" / "trial")
        assert not list((tmp_path / "out").iterdir())
        export(store, "HEAD", "", tmp_path / "out" / "trial")
    assert (tmp_path / "out" / "trial" / "train.py").is_file()


@pytest.mark.slow
def test_a_start_from_it_makes_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_repository(tmp_path / "r")
    git(folder, "update-ref", "HEAD", bomb(folder))
    monkeypatch.chdir(folder)
    fault = CliRunner().invoke(app, ["start", "--model", "none", "--trust"]).exception
    assert isinstance(fault, Fault)
    assert "MiB are free on the disk of" in fault.message
    assert not list((folder / ".autoresearch").glob("worktrees/*/data"))


@pytest.mark.slow
def test_a_received_run_that_ends_in_it_is_not_checked_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with study(tmp_path) as history:
        worktree = history.worktree
        tip = history.tip
    git(tmp_path, "update-ref", "refs/heads/autoresearch/t", bomb(tmp_path, tip))
    shutil.rmtree(worktree)
    monkeypatch.chdir(tmp_path)
    fault = CliRunner().invoke(app, ["resume", "t", "--trust"]).exception
    assert isinstance(fault, Fault)
    assert "MiB are free on the disk of" in fault.message
    assert not worktree.exists()


def test_a_worktree_is_not_brought_to_it(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        worktree = history.worktree
        tip = history.tip
    git(tmp_path, "update-ref", "refs/heads/autoresearch/t", bomb(tmp_path, tip))
    with History.open(project_of(tmp_path), "t") as history:
        assert any("MiB are free on the disk" in warning for warning in history.warnings)
    assert not (worktree / "data").exists()


class _Filled(Room):
    """A disk on which somebody else writes, too."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._floor = self._free * 2


def test_a_command_ends_before_the_disk_is_full(tmp_path: Path) -> None:
    folder = make_repository(tmp_path / "r")
    with pytest.raises(Unanswered, match="is nearly full") as raised:
        Plumbing(folder)("checkout-index", "--all", "--force", room=_Filled(folder))
    assert raised.value.next_command is not None
    assert raised.value.next_command.startswith("df -h ")


def test_a_giant_file_of_a_commit_is_not_read(tmp_path: Path) -> None:
    folder = make_repository(tmp_path / "r")
    project = project_of(folder)
    (folder / "train.py").write_bytes(b"x = 1\n" * (MAX_FILE // 6 + 1))
    git(folder, "commit", "-qam", "a giant")
    with pytest.raises(HistoryFault, match="more than 16 MiB") as raised:
        sources_in(project, "HEAD")
    assert raised.value.next_command == "git cat-file blob HEAD:train.py"
    with Store(Plumbing(folder)) as store:
        with pytest.raises(HistoryFault, match=r"more than is read of an object \(16 MiB\)"):
            store.file("HEAD", "train.py")
        assert store.file("HEAD", "program.md")
    refuse_veiled(Plumbing(folder), project, "HEAD")
    assert "Binary files" in Plumbing(folder)("diff", "HEAD^", "HEAD")


def test_a_giant_difference_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.history.files.MAX_CHANGES", 1 << 20)
    with study(tmp_path) as history:
        (history.worktree / "data.txt").write_bytes(b"0123456\n" * (1 << 18))
        git(history.worktree, "add", ".")
        git(history.worktree, "commit", "-qm", "data")
        with pytest.raises(HistoryFault, match="more than 1 MiB") as raised:
            history.diff("refs/heads/autoresearch/t^", "refs/heads/autoresearch/t")
    assert str(raised.value.next_command).startswith("git diff ")


def test_a_giant_message_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.history.commits.MAX_MESSAGE", 1 << 20)
    with study(tmp_path) as history:
        tip = history.tip
    assert History.read(project_of(tmp_path), "t").tip == tip
    message = git(tmp_path, "log", "-1", "--format=%B", tip) + "\n\n" + "x\n" * (1 << 20)
    commit = Plumbing(tmp_path)("commit-tree", f"{tip}^{{tree}}", "-p", tip, stdin=message.encode())
    git(tmp_path, "update-ref", "refs/heads/autoresearch/t", commit.strip())
    with pytest.raises(HistoryFault, match="has 2 MiB, and up to 1 are read"):
        History.read(project_of(tmp_path), "t")
