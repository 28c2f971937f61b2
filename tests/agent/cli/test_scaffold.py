"""`autoresearch init`: in an empty folder, in a repository, among other files; and its presets."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from agent.cli.scaffold import scaffold
from agent.errors import ProjectFault, UsageFault
from agent.history.runs import head_of
from agent.project.find import find_project
from agent.project.presets import PRESETS, RANGES
from agent.project.settings import read_settings
from agent.space import read_space
from tests.agent.study import make_repository
from tests.e2e.researcher import git

FILES = ["program.md", "workspace/corpora.py", "workspace/prepare.py", "workspace/train.py"]


@pytest.fixture(autouse=True)
def _a_user_without_git_settings(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No name, no address, and settings that would stand in the way of a commit."""
    home = tmp_path_factory.mktemp("home")
    lines = """[user]
useConfigOnly = true
[commit]
gpgsign = true
[gpg]
program = /bin/false
[init]
defaultBranch = Odd/Name
"""
    (home / ".gitconfig").write_text(
        f"{lines}[core]\nautocrlf = true\nsafecrlf = true\nexcludesFile = {home}/ignore\n"
    )
    (home / "ignore").write_text("workspace/\n*.md\n")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)


def made(folder: Path, preset: str = "cpu") -> list[str]:
    return list(scaffold(folder, preset))


def test_in_an_empty_folder_it_makes_a_repository_that_can_be_started(tmp_path: Path) -> None:
    folder = tmp_path / "my 'research' ü"
    lines = made(folder)
    assert git(folder, "ls-files").splitlines() == FILES
    assert git(folder, "status", "--porcelain") == ""
    assert (
        git(folder, "log", "--format=%an %s") == "autoresearch Start from the autoresearch template"
    )
    assert git(folder, "branch", "--show-current") == "main"
    project = find_project(folder, read_settings(folder))
    assert (project.score, project.train, project.program) == (
        "sealed",
        "workspace/train.py",
        "program.md",
    )
    assert head_of(project)
    shown = subprocess.run(
        ["sh", "-c", lines[-1].strip().replace("autoresearch start --model opus", "pwd")],
        capture_output=True,
        text=True,
    )
    assert shown.stdout.strip() == str(folder), "what it says to type can be typed"


def test_a_folder_with_files_keeps_them_out_of_the_commit(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("1\n")
    (tmp_path / "workspace").mkdir()
    (tmp_path / "workspace" / "notes.txt").write_text("mine")
    made(tmp_path)
    assert git(tmp_path, "ls-files").splitlines() == FILES
    assert (tmp_path / "data.csv").read_text() == "1\n"


@pytest.mark.parametrize("folder", ["", "research", "a/b"])
def test_a_relative_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str) -> None:
    monkeypatch.chdir(tmp_path)
    made(Path(folder))
    assert git(tmp_path / folder, "ls-files").splitlines() == FILES


@pytest.mark.parametrize("inner", ["", "papers/one"])
def test_in_a_repository_it_leaves_the_commit_to_its_owner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inner: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    home = make_repository(tmp_path / "r")
    (home / "program.md").unlink()
    git(home, "commit", "-qam", "room for ours")
    before = git(home, "rev-parse", "HEAD"), (home / ".git" / "index").read_bytes()
    lines = made(home / inner)
    assert (git(home, "rev-parse", "HEAD"), (home / ".git" / "index").read_bytes()) == before
    assert not (home / inner / ".git").exists() or inner == ""
    [advice] = [line for line in lines if line.startswith("commit them: ")]
    add = advice.removeprefix("commit them: ").split(" && git commit")[0]
    subprocess.run(["sh", "-c", add], cwd=tmp_path, check=True)
    assert len(git(home, "diff", "--cached", "--name-only").splitlines()) == len(FILES)


@pytest.mark.parametrize("name", ["program.md", "workspace/train.py", "workspace/prepare.py"])
@pytest.mark.parametrize("link", [False, True])
def test_what_is_there_is_not_overwritten(tmp_path: Path, name: str, link: bool) -> None:
    path = tmp_path / "r" / name
    path.parent.mkdir(parents=True)
    if link:
        path.symlink_to(tmp_path / "elsewhere")
    else:
        path.write_text("mine")
    with pytest.raises(ProjectFault, match="exists already; nothing was written"):
        made(tmp_path / "r")
    assert not (tmp_path / "elsewhere").exists()
    assert [entry for entry in (tmp_path / "r").rglob("*") if not entry.is_dir()] == [path]


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ProjectFault, match="Cannot write"):
        made(tmp_path / "file" / "inside")
    with pytest.raises(ProjectFault, match="Cannot write"):
        made(tmp_path / "file")


def test_an_unknown_preset_names_the_known(tmp_path: Path) -> None:
    with pytest.raises(UsageFault, match=r"Unknown preset 'tpu'\. Did you mean 'gpu'\?"):
        made(tmp_path / "r", "tpu")
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_parses_and_has_the_space_that_it_says(tmp_path: Path, preset: str) -> None:
    made(tmp_path, preset)
    for name in ("train.py", "prepare.py"):
        ast.parse((tmp_path / "workspace" / name).read_text())
    settings = read_settings(tmp_path)
    assert settings.ranges == RANGES[preset]
    space = read_space((tmp_path / "workspace" / "train.py").read_text(), settings.ranges)
    assert set(RANGES[preset]) <= {parameter.name for parameter in space.parameters}
    assert git(tmp_path, "status", "--porcelain") == "", "autoresearch.toml is in the first commit"


@pytest.mark.slow
@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_builds_its_model_on_the_cpu(tmp_path: Path, preset: str) -> None:
    """Shapes only (torch's meta device): the large ones would take gigabytes."""
    made(tmp_path, preset)
    program = (
        "import torch, train, prepare\n"
        "with torch.device('meta'): model = train.build_model(prepare.VOCAB_SIZE)\n"
        "print(sum(p.numel() for p in model.parameters()))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path / "workspace",
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 100_000
