"""The files that edits may touch, read from real repositories."""

import subprocess
from pathlib import Path

import pytest

from agent.edit.files import Sources, apply_edits
from agent.edit.source import MAX_CHARACTERS
from agent.errors import Fault, ProjectFault
from agent.history.history import History
from agent.history.sources import refuse_idle_globs, sources_in
from agent.records.edits import (
    AddFile,
    RenameFile,
    RewriteFile,
    SetConstant,
)
from agent.records.objective import Objective
from agent.records.sources import MAX_FILES
from tests.agent.history.files import GLOBS, TRAIN, begin, made, project_of, read, repository
from tests.agent.study import proposal, settings_of, study
from tests.e2e.researcher import git


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return repository(tmp_path / "home")


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
    with pytest.raises(ProjectFault, match=r"modle/\*\.py matches no file"):
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
    excepting = project_of(home).model_copy(update={"files": (*GLOBS, "!nowhere/*")})
    refuse_idle_globs(excepting, read(home))


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


def test_the_files_of_a_long_night_are_forgotten_and_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.history.files.KEPT_SOURCES", 3)
    monkeypatch.setattr("agent.history.sources.KEPT_TEXTS", 2)
    with study(tmp_path) as history:
        commits = {}
        for number in range(8):
            text = f"LR = {number}\n"
            attempt = history.draft(number, proposal(), history.sources.with_text(text))
            commits[attempt.commit] = text
        for _ in range(2):
            for commit, text in commits.items():
                assert history.sources_at(commit).text == text
        assert history.sources_at(history.tip) is history.sources, "the tip's are kept meanwhile"
        assert len(history._files._sources) == 3
