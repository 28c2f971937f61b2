"""The files that edits may touch, in real repositories: read, put into trees, exported."""

import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.edit.files import Sources, apply_edits, fingerprint_of
from agent.edit.files.sources import MAX_FILES
from agent.edit.source import MAX_CHARACTERS
from agent.errors import Fault, HistoryFault, ProjectFault
from agent.history.history import History
from agent.history.sources import refuse_idle_globs, sources_in
from agent.project.find import Project, find_project
from agent.project.settings import read_settings
from agent.records.edits import (
    AddFile,
    DeleteFile,
    Edit,
    RenameFile,
    ReplaceText,
    RewriteFile,
    SetConstant,
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


def begin(folder: Path) -> History:
    """A new run t on the repository."""
    project = project_of(folder)
    objective = Objective(metric="val_bpb", files=project.files)
    return History.create(project, settings_of(project, objective=objective))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return repository(tmp_path / "home")


@pytest.fixture
def history(home: Path) -> Iterator[History]:
    with begin(home) as opened:
        yield opened


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


# ------------------------------------------------------------ read


def test_the_globs_say_which_files_are_read(home: Path) -> None:
    sources = read(home)
    assert set(sources.files) == {
        "train.py",
        "model/net.py",
        "conf/base.yaml",
        "notes.txt",
        "run.sh",
    }
    assert "data.csv" in sources.others


def test_what_is_no_text_is_named_and_not_read(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "model/weights.bin": b"\x00\x01",
        "model/latin.txt": "é".encode("latin-1"),
        "model/huge.txt": "x" * (MAX_CHARACTERS + 1),
        "model/wide.txt": "é" * MAX_CHARACTERS,
        "model/odd:name.txt": "x",
    }
    home = repository(tmp_path / "home", files=files)
    (home / "model" / "link.py").symlink_to("/etc/passwd")
    (home / "model" / "folder").symlink_to("/etc")
    git(home, "add", ".")
    git(home, "commit", "-qm", "links")
    sources = read(home)
    assert {path for path in sources.files if path.startswith("model/")} == {
        "model/net.py",
        "model/wide.txt",
    }
    for path in (
        "model/weights.bin",
        "model/latin.txt",
        "model/huge.txt",
        "model/link.py",
        "model/folder",
    ):
        assert sources.others[path], path
        refused = apply_edits(sources, [RewriteFile(file=path, code="x")])
        assert not isinstance(refused, Sources)
    into = apply_edits(sources, [AddFile(file="model/folder/passwd.py", code="")])
    assert not isinstance(into, Sources), "no file goes through a link"


def test_a_submodule_is_not_edited(tmp_path: Path) -> None:
    other = repository(tmp_path / "other")
    home = repository(tmp_path / "home")
    git(home, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(other), "model/sub")
    git(home, "commit", "-qm", "submodule")
    sources = read(home)
    assert sources.others["model/sub"]
    refused = apply_edits(sources, [AddFile(file="model/sub/x.py", code="")])
    assert not isinstance(refused, Sources)


def test_too_many_files_are_an_error_that_says_so(tmp_path: Path) -> None:
    home = repository(tmp_path / "home")
    blob = git(home, "rev-parse", "HEAD:model/net.py")
    listing = "".join(f"100644 {blob}\tmodel/m{number}.py\n" for number in range(MAX_FILES))
    subprocess.run(
        ["git", "update-index", "--index-info"], cwd=home, input=listing, text=True, check=True
    )
    git(home, "commit", "-qm", "many")
    with pytest.raises(ProjectFault, match="at most") as fault:
        read(home)
    assert "autoresearch.toml" in fault.value.next_command


@pytest.mark.parametrize("glob", ["**", "**/*", "*.py", "*.*"])
def test_globs_that_fit_what_measures_are_an_error(tmp_path: Path, glob: str) -> None:
    home = repository(tmp_path / "home", (glob,))
    with pytest.raises(Fault, match='add "!') as fault:
        project_of(home)
    assert "autoresearch.toml" in fault.value.next_command


def test_what_measures_cannot_be_added_either(tmp_path: Path) -> None:
    """Where there is no prepare.py and no brief, the next start would find the model's."""
    home = repository(tmp_path / "home", ("**", "!autoresearch.toml"))
    git(home, "rm", "-q", "prepare.py", "program.md")
    git(home, "commit", "-qm", "neither")
    sources = read(home)
    for path in ("prepare.py", "program.md", "autoresearch.toml"):
        refused = apply_edits(sources, [AddFile(file=path, code="MAX = 2\n")])
        assert not isinstance(refused, Sources), path
        moved = apply_edits(sources, [RenameFile(file="notes.txt", to=path)])
        assert not isinstance(moved, Sources), path
    assert isinstance(apply_edits(sources, [AddFile(file="model/prepare.py", code="")]), Sources)


def test_a_sealed_project_hides_its_corpora(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "workspace/train.py": TRAIN,
        "workspace/prepare.py": "import corpora\n",
        "workspace/corpora.py": "TEXTS = 1\n",
    }
    globs = ("workspace/*.py", "!workspace/prepare.py")
    home = repository(tmp_path / "home", globs, files)
    with pytest.raises(Fault, match=r"corpora\.py"):
        project_of(home)


@pytest.mark.parametrize("glob", ["", "/etc/*", "../x.py", ".git/config", ".github/*", "a//b", "!"])
def test_globs_that_mean_nothing_are_an_error(tmp_path: Path, glob: str) -> None:
    home = repository(tmp_path / "home", ("train.py", glob))
    with pytest.raises(Fault, match=r"autoresearch\.toml"):
        project_of(home)


def test_our_own_folder_is_never_edited(tmp_path: Path) -> None:
    globs = ("**", "!prepare.py", "!program.md", "!autoresearch.toml")
    home = repository(tmp_path / "home", globs)
    with begin(home) as history:
        assert not [path for path in history.sources.files if ".autoresearch" in path]
        refused = apply_edits(history.sources, [AddFile(file=".autoresearch/x.py", code="")])
        assert not isinstance(refused, Sources)


def test_a_glob_that_fits_nothing_is_an_error(tmp_path: Path) -> None:
    home = repository(tmp_path / "home", ("train.py", "modle/*.py"))
    with pytest.raises(ProjectFault, match=r"modle/\*\.py fits no file"):
        refuse_idle_globs(project_of(home), read(home))


def test_a_file_that_is_not_committed_is_an_error(tmp_path: Path) -> None:
    home = repository(tmp_path / "home", ("train.py", "new/*.yaml"))
    (home / "new").mkdir()
    (home / "new" / "a.yaml").write_text("lr: 1\n")
    with pytest.raises(ProjectFault, match="not committed") as fault:
        refuse_idle_globs(project_of(home), read(home))
    assert fault.value.next_command == "git add new/a.yaml && git commit"


def test_a_glob_that_fits_only_what_is_not_edited_says_why(tmp_path: Path) -> None:
    home = repository(tmp_path / "home", ("train.py", "*.bin"), {"w.bin": b"\0"})
    with pytest.raises(ProjectFault, match="binary"):
        refuse_idle_globs(project_of(home), read(home))


def test_all_globs_that_fit_are_fine(home: Path) -> None:
    refuse_idle_globs(project_of(home), read(home))


def test_a_project_in_a_subfolder(tmp_path: Path) -> None:
    top = tmp_path / "top"
    files = {
        "sub/src/train.py": "LR = 0.1\n",
        "sub/conf/a.yaml": "lr: 1\n",
        "sub/other.txt": "x",
        "program.md": "# of another project\n",
    }
    for name, text in files.items():
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_text(text)
    (top / "sub" / "autoresearch.toml").write_text(
        'train = "src/train.py"\nfiles = ["src/*.py", "conf/*"]\n'
    )
    git(top, "init", "-q", "-b", "main")
    git(top, "add", ".")
    git(top, "commit", "-qm", "start")
    project = project_of(top / "sub")
    assert project.workspace == "sub"
    sources = sources_in(project, "HEAD")
    assert dict(sources.files) == {"src/train.py": "LR = 0.1\n", "conf/a.yaml": "lr: 1\n"}
    objective = Objective(metric="val_bpb", files=project.files)
    with History.create(project, settings_of(project, objective=objective)) as history:
        commit = made(history, SetConstant(file="conf/a.yaml", name="lr", value="2"))
        assert git(top, "show", f"{commit}:sub/conf/a.yaml") == "lr: 2"
        added = made(history, AddFile(file="src/net.py", code="W = 1\n"))
        assert git(top, "show", f"{added}:sub/src/net.py") == "W = 1"
        names = git(top, "diff", "--name-only", history.tip, added).splitlines()
        assert names == ["sub/src/net.py"]


# ------------------------------------------------------------ written


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
