"""Commits that unpack to more files than there is room for are refused before any command."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from agent.cli import app
from agent.errors import Fault, HistoryFault
from agent.git import endless
from agent.git.plumbing import Plumbing
from agent.git.store import Store
from tests.agent.study import make_repository, study
from tests.e2e.researcher import git


def folders(folder: Path, levels: int, empty: bool = False) -> str:
    """Return a tree with 10 to the power of `levels` files, all of them one blob.

    empty: folders without files instead.
    """
    plumbing = Plumbing(folder)
    entry = f"100644 blob {git(folder, 'rev-parse', 'HEAD:train.py')}"
    if empty:
        entry = f"040000 tree {plumbing('mktree', stdin=b'').strip()}"
    for _ in range(levels):
        lines = "".join(f"{entry}\t{number}\n" for number in range(10))
        entry = f"040000 tree {plumbing('mktree', stdin=lines.encode()).strip()}"
    return entry.split()[2]


def bomb(folder: Path, levels: int, parent: str = "HEAD") -> str:
    """Return a commit on a parent, with its files and a folder that has far more."""
    entries = f"{git(folder, 'ls-tree', parent)}\n040000 tree {folders(folder, levels)}\tbomb\n"
    tree = Plumbing(folder)("mktree", stdin=entries.encode()).strip()
    return git(folder, "commit-tree", tree, "-p", parent, "-m", "a bomb")


def test_a_commit_of_a_few_folders_that_unpacks_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_repository(tmp_path / "r")
    with Store(Plumbing(folder)) as objects:
        with pytest.raises(HistoryFault, match="more than 1000000 files"):
            objects.refuse_endless(folders(folder, 10))
        with pytest.raises(HistoryFault, match="more than 1000000 files and folders"):
            objects.refuse_endless(folders(folder, 10, empty=True))
        objects.refuse_endless(bomb(folder, 2))
        monkeypatch.setattr(endless, "MAX_FILES", 100)
        with pytest.raises(HistoryFault, match="more than 100 files"):
            objects.refuse_endless(bomb(folder, 2))
        monkeypatch.undo()
        monkeypatch.setattr(endless, "MAX_DEPTH", 5)
        with pytest.raises(HistoryFault, match="5 deep"):
            objects.refuse_endless(bomb(folder, 5))


@pytest.mark.parametrize(
    "words",
    [
        ("diff-tree", "-r", "-z", "--name-only", "HEAD", "{bomb}", "--", "."),
        ("diff-tree", "-r", "HEAD^{{tree}}", "{tree}"),
        ("diff", "{bomb}", "HEAD", "--", "train.py"),
        ("diff", "refs/heads/received", "HEAD"),
        ("ls-tree", "-r", "-z", "--full-tree", "{bomb}", "--"),
        ("read-tree", "-m", "{tree}", "HEAD"),
        ("grep", "-l", "-F", "-eLR", "{bomb}", "--", "."),
        ("diff-tree", "--stdin", "-r", "-p"),
    ],
    ids=" ".join,
)
def test_no_command_goes_through_its_files(tmp_path: Path, words: tuple[str, ...]) -> None:
    folder = make_repository(tmp_path / "r")
    commit = bomb(folder, 10)
    git(folder, "update-ref", "refs/heads/received", commit)
    names = {"bomb": commit, "tree": git(folder, "rev-parse", f"{commit}^{{tree}}")}
    child = git(folder, "commit-tree", "HEAD^{tree}", "-p", commit, "-m", "without it again")
    with pytest.raises(HistoryFault, match="more than 1000000 files"):
        Plumbing(folder)(*(word.format(**names) for word in words), stdin=f"{child}\n".encode())
    assert "train.py" in Plumbing(folder)("ls-tree", commit)


@pytest.mark.parametrize("words", [("log",), ("show", "1"), ("diff", "1"), ("resume", "t")])
def test_a_received_run_with_one_among_its_commits_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    with study(tmp_path) as history:
        tip = history.tip
    back = git(tmp_path, "rev-parse", f"{tip}^{{tree}}")
    commit = bomb(tmp_path, 10, tip)
    child = git(tmp_path, "commit-tree", back, "-p", commit, "-m", "nothing to be seen")
    git(tmp_path, "update-ref", "refs/heads/autoresearch/t", child)
    monkeypatch.chdir(tmp_path)
    fault = CliRunner().invoke(app, words).exception
    assert isinstance(fault, Fault)
    assert "has more than 1000000 files" in fault.message


def test_a_received_checkout_of_one_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_repository(tmp_path / "r")
    git(folder, "update-ref", "HEAD", bomb(folder, 10))
    monkeypatch.chdir(folder)
    fault = CliRunner().invoke(app, ["start", "--model", "none", "--trust"]).exception
    assert isinstance(fault, Fault)
    assert "has more than 1000000 files" in fault.message
