"""A commit that unpacks to more bytes than the disk has is refused before git writes them."""

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agent.cli import app
from agent.errors import Fault, HistoryFault, Unanswered
from agent.git.plumbing import Plumbing
from agent.git.room import Room
from agent.git.store import Store
from agent.history.checkout import export
from agent.history.history import History
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


def test_a_start_from_it_makes_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_repository(tmp_path / "r")
    git(folder, "update-ref", "HEAD", bomb(folder))
    monkeypatch.chdir(folder)
    fault = CliRunner().invoke(app, ["start", "--model", "none", "--trust"]).exception
    assert isinstance(fault, Fault)
    assert "MiB are free on the disk of" in fault.message
    assert not list((folder / ".autoresearch").glob("worktrees/*/data"))


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
