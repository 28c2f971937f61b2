"""Edits of several files as trees of commits: bytes, modes, line ends, exports."""

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.edit.files import Sources, apply_edits
from agent.errors import HistoryFault
from agent.history.history import History
from agent.history.sources import sources_in
from agent.records.edits import (
    AddFile,
    DeleteFile,
    RenameFile,
    ReplaceText,
    RewriteFile,
    SetConstant,
)
from tests.agent.history.files import (
    GLOBS,
    begin,
    made,
    modes_of,
    read,
    repository,
)
from tests.e2e.researcher import git


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return repository(tmp_path / "home")


@pytest.fixture
def history(home: Path) -> Iterator[History]:
    with begin(home) as opened:
        yield opened


def test_edits_change_only_their_files(home: Path, history: History) -> None:
    commit = made(
        history,
        SetConstant(file="conf/base.yaml", name="lr", value="0.2"),
        ReplaceText(file="notes.txt", old="two", new="three"),
        DeleteFile(file="run.sh"),
        AddFile(file="model/deep/block.py", code="X = 1\n"),
    )
    listing = git(home, "diff", "--name-status", history.tip, commit).splitlines()
    assert listing == [
        "M\tconf/base.yaml",
        "A\tmodel/deep/block.py",
        "M\tnotes.txt",
        "D\trun.sh",
    ]


def test_a_script_stays_executable(tmp_path: Path) -> None:
    home = repository(tmp_path / "home")
    (home / "run.sh").chmod(0o755)
    git(home, "commit", "-qam", "executable")
    with begin(home) as history:
        edited = made(history, ReplaceText(file="run.sh", old="echo 1", new="echo 3"))
        assert modes_of(home, edited)["run.sh"] == "100755"
        moved = made(history, RenameFile(file="run.sh", to="go.sh"))
        assert modes_of(home, moved)["go.sh"] == "100755"
        both = made(
            history,
            RenameFile(file="run.sh", to="go.sh"),
            ReplaceText(file="go.sh", old="echo 1", new="echo 3"),
        )
        assert modes_of(home, both)["go.sh"] == "100755"
        assert modes_of(home, both)["train.py"] == "100644"
        history.export(both, tmp_path / "room")
        assert (tmp_path / "room" / "go.sh").stat().st_mode & stat.S_IXUSR


def test_a_file_becomes_a_folder_and_a_folder_a_file(home: Path, history: History) -> None:
    folder = made(
        history,
        DeleteFile(file="model/net.py"),
        AddFile(file="model/net.py/x.py", code="WIDTH = 3\n"),
        RewriteFile(code="LR = 1\n"),
    )
    assert git(home, "show", f"{folder}:model/net.py/x.py") == "WIDTH = 3"
    file = made(
        history,
        DeleteFile(file="model/net.py"),
        AddFile(file="model.txt", code="x\n"),
        RewriteFile(code="LR = 2\n"),
    )
    assert git(home, "show", f"{file}:model.txt") == "x"


def test_every_path_that_may_be_added_can_be_committed_and_exported(
    tmp_path: Path, history: History
) -> None:
    """What git or the file system refuses would end the night: it is refused before."""
    for number, path in enumerate(STRANGE):
        edit = AddFile(file=path, code="x\n")
        sources = apply_edits(history.sources, [edit])
        if not isinstance(sources, Sources):
            continue
        commit = made(history, edit)
        history.export(commit, tmp_path / f"room{number}")
        assert (tmp_path / f"room{number}" / path).read_text() == "x\n"


STRANGE = [
    "git~1/x.txt",
    "GIT~1.txt",
    f"{'a' * 300}.txt",
    f"{'é' * 140}.txt",
    f"model/{'/'.join(['deep' * 10] * 11)}/x.txt",
    "con.txt",
    "aux.txt",
    "x .txt",
    " x.txt",
    "model/x.txt ",
    "model/x.",
    "-x.txt",
    "model/$(id).txt",
    "model/%s.txt",
    "model/a'b.txt",
    "model/caf\u00e9.txt",
    "model/cafe\u0301.txt",
    "model/\u0430.txt",
    "model/.git/config",
    "model/a\\b.txt",
    "model/:(top)x.txt",
    "model/new\nline.txt",
    "model/nul\0.txt",
    "notes.TXT",
    "Notes.txt",
    "MODEL/x.txt",
    "model",
    "model/net.py/x",
]


def test_a_repository_of_sha256(tmp_path: Path) -> None:
    home = repository(tmp_path / "home", GLOBS, None, "--object-format=sha256")
    with begin(home) as history:
        commit = made(
            history,
            DeleteFile(file="run.sh"),
            SetConstant(file="conf/base.yaml", name="lr", value="0.3"),
        )
        assert len(commit) == 64
        assert "run.sh" not in modes_of(home, commit)


def test_filters_and_line_ends_do_not_touch_bytes(tmp_path: Path) -> None:
    """What .gitattributes says is for checkouts: edits work on what is committed."""
    attributes = "*.txt text eol=crlf\n*.yaml ident\nmodel/*.py working-tree-encoding=UTF-16\n"
    files: dict[str, str | bytes] = {"conf/base.yaml": "# $Id$\nlr: 1\n", "crlf.txt": "a\r\nb\r\n"}
    home = repository(tmp_path / "home", files=files)
    (home / ".gitattributes").write_text(attributes)
    git(home, "add", ".gitattributes")
    git(home, "commit", "-qm", "attributes")
    with begin(home) as history:
        assert history.sources.files["crlf.txt"] == "a\r\nb\r\n"
        commit = made(
            history,
            SetConstant(file="conf/base.yaml", name="lr", value="2"),
            ReplaceText(file="crlf.txt", old="b", new="c"),
            ReplaceText(file="notes.txt", old="two", new="three"),
        )
        sources = sources_in(history.project, commit)
        assert sources.files["conf/base.yaml"] == "# $Id$\nlr: 2\n"
        assert sources.files["crlf.txt"] == "a\r\nc\r\n"
        assert sources.files["notes.txt"] == "one\nthree\n"


def test_a_broken_object_is_told(home: Path) -> None:
    blob = git(home, "rev-parse", "HEAD:model/net.py")
    (home / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(HistoryFault):
        read(home)


def test_a_human_s_notes_that_edits_may_touch_are_no_notes(home: Path, history: History) -> None:
    """notes.txt is usually a human's; here `files` fits it, so a change of it is a new state."""
    changed = made(history, ReplaceText(file="notes.txt", old="two", new="three"))
    assert history._files.run_differently(history.tip, changed)
