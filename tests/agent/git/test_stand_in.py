"""The .git of a trial's copy: git answers, and nothing is hidden in it."""

import subprocess
from pathlib import Path

import pytest

from agent.git.plumbing import Plumbing
from agent.git.stand_in import File, write_stand_in
from agent.git.store import Store
from agent.history.checkout import export
from tests.e2e.researcher import git

NAMES = ("train.py", "a/b.py", "a.txt", "a/c/d.py", "a-b", f"deep/{'x' * 200}/{'y' * 200}", "ü.py")


def copy_of(home: Path, kind: str) -> Path:
    """Return the copy of a repository with NAMES, an executable and a link, as a trial gets it."""
    git(home, "init", "-q", f"--object-format={kind}")
    for name in NAMES:
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(name)
    (home / "a-b").chmod(0o755)
    (home / "link").symlink_to("a.txt")
    git(home, "add", "-A")
    git(home, "commit", "-qm", "secret words")
    copy = home.parent / "copy"
    entries = export(Store(Plumbing(home)), "HEAD", "", copy)
    files = [File(entry.path, entry.mode, entry.name) for entry in entries]
    write_stand_in(copy, files, "the files of a trial")
    return copy


@pytest.mark.parametrize("kind", ["sha1", "sha256"])
def test_git_answers_in_a_copy(tmp_path: Path, kind: str) -> None:
    home = tmp_path / "home"
    home.mkdir()
    copy = copy_of(home, kind)
    assert git(copy, "rev-parse", "HEAD^{tree}") == git(home, "rev-parse", "HEAD^{tree}")
    assert git(copy, "status", "--porcelain") == ""
    assert git(copy, "ls-files", "-z") == git(home, "ls-files", "-z")
    head = git(copy, "rev-parse", "HEAD").strip()
    assert head.startswith(git(copy, "describe", "--always", "--dirty").strip())
    assert git(copy, "log", "--format=%s").strip() == "the files of a trial"
    assert git(copy, "remote") == ""
    (copy / "train.py").write_text("changed")
    (copy / "out").write_text("new")
    assert git(copy, "status", "--porcelain").split("\n")[:2] == ["M train.py", "?? out"]
    assert git(copy, "diff", "HEAD").splitlines()[-4:-1:2] == ["-train.py", "+changed"]
    assert git(copy, "show", "HEAD:a-b") == "a-b"
    assert git(copy, "fsck", "--strict", "--full") == ""
    assert "-dirty" in git(copy, "describe", "--always", "--dirty")


def test_nothing_of_the_history_is_in_a_copy(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    copy = copy_of(home, "sha1")
    kinds = subprocess.run(
        ["git", "cat-file", "--batch-all-objects", "--batch-check"],
        cwd=copy,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert {line.split()[1] for line in kinds.splitlines()} == {"commit", "tree", "blob"}
    assert sum(line.split()[1] == "commit" for line in kinds.splitlines()) == 1
    assert sum(line.split()[1] == "blob" for line in kinds.splitlines()) == len(NAMES)
    assert "secret words" not in git(copy, "log", "--all", "--raw", "--format=%B")


def test_what_a_filter_wrote_is_no_contents_of_a_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name of a blob is kept, and so is the limit on contents."""
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitattributes").write_text("*.crlf text eol=crlf\n")
    (home / "a.crlf").write_text("one\ntwo\n")
    (home / "large").write_text("x" * 100)
    monkeypatch.setattr("agent.git.stand_in.MOST_CONTENTS", 90)
    copy = copy_of(home, "sha1")
    assert (copy / "a.crlf").read_bytes() == b"one\r\ntwo\r\n"
    listing = git(copy, "ls-tree", "HEAD", "a.crlf", "large", ".gitattributes")
    names = [line.split()[2] for line in listing.splitlines()]
    kept = [name for name in names if "missing" not in type_of(copy, name)]
    assert len(names) == 3 and len(kept) == 1, "the attributes alone"


def type_of(copy: Path, name: str) -> str:
    command = ["git", "cat-file", "--batch-check"]
    done = subprocess.run(command, cwd=copy, input=name, capture_output=True, text=True, check=True)
    return done.stdout
