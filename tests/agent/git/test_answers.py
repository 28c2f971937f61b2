"""Answers of git: what never comes, and what would fill the memory, ends in a fault."""

import os
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agent.cli import app
from agent.errors import Fault, HistoryFault
from agent.git import answers, store
from agent.git.plumbing import Plumbing
from agent.git.store import Store
from tests.agent.study import change, make_repository
from tests.e2e.researcher import git


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "LOOK_MILLISECONDS", 20)
    monkeypatch.setattr(answers, "PATIENCE", 5)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("name", "words"),
    [
        (".git/config", ("rev-parse", "HEAD")),
        (".git/packed-refs", ("for-each-ref",)),
        (".git/refs/heads/autoresearch", ("for-each-ref",)),
        (".gitignore", ("status", "--porcelain")),
        ("sub/.gitignore", ("ls-files", "--others", "--exclude-standard")),
    ],
)
def test_a_pipe_is_not_waited_for(tmp_path: Path, name: str, words: tuple[str, ...]) -> None:
    folder = make_repository(tmp_path / "r")
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    change(folder / "train.py")
    os.mkfifo(path)
    with pytest.raises(HistoryFault, match="did nothing") as fault:
        Plumbing(folder)(*words)
    assert fault.value.next_command == f"rm {path}"


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("name", [".gitignore", ".git/index", ".git/HEAD", ".git/packed-refs"])
def test_a_repository_with_a_pipe_is_not_said_to_be_none(tmp_path: Path, name: str) -> None:
    folder = make_repository(tmp_path / "r")
    git(folder, "pack-refs", "--all")
    (folder / name).unlink(missing_ok=True)
    os.mkfifo(folder / name)
    fault = CliRunner().invoke(app, ["init", "--yes", "--no-run", str(folder)]).exception
    assert isinstance(fault, Fault)
    assert fault.message.endswith(f"did nothing for 0 s; {folder / name} is no file")
    assert fault.next_command == f"rm {folder / name}"


def test_a_log_reads_no_list_of_names(tmp_path: Path) -> None:
    folder = make_repository(tmp_path / "r")
    os.mkfifo(folder / ".mailmap")
    assert Plumbing(folder)("log", "-1", "--format=%s") == "start\n"


@pytest.mark.usefixtures("impatient")
def test_a_command_that_stays_is_not_waited_for_either(tmp_path: Path) -> None:
    folder = make_repository(tmp_path / "r")
    name = git(folder, "rev-parse", "HEAD:train.py")
    path = folder / ".git" / "objects" / name[:2] / name[2:]
    data = path.read_bytes()
    path.unlink()
    os.mkfifo(path)
    with Store(Plumbing(folder)) as objects:
        with pytest.raises(HistoryFault, match="did nothing") as fault:
            objects.file("HEAD", "train.py")
        assert fault.value.next_command == f"rm {path}"
        path.unlink()
        path.write_bytes(data)
        assert objects.file("HEAD", "train.py") == (folder / "train.py").read_bytes()


@pytest.mark.usefixtures("impatient")
def test_a_filter_that_takes_its_time_is_waited_for(tmp_path: Path) -> None:
    """It is the user's own program, which may download."""
    folder = make_repository(tmp_path / "r")
    own = tmp_path / "gitconfig"
    own.write_text('[filter "slow"]\n\tclean = sleep 0.5; cat\n')
    (folder / ".gitattributes").write_text("*.py filter=slow\n")
    change(folder / "train.py")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("GIT_CONFIG_GLOBAL", str(own))
        assert "M train.py" in Plumbing(folder)("status", "--porcelain")


@pytest.mark.parametrize("name", ["info/attributes", "commondir"])
def test_a_command_that_reads_a_device_takes_no_more_memory_than_it_may(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A received .git may have a link to one, which never ends."""
    monkeypatch.setattr("agent.git.answers.MAX_MEMORY", 1 << 28)
    make_repository(tmp_path)
    change(tmp_path / "train.py")  # else git need not look into it
    (tmp_path / ".git" / name).symlink_to("/dev/zero")
    with pytest.raises(HistoryFault, match="GiB of memory") as fault:
        Plumbing(tmp_path)("status", "--porcelain")
    assert f".git/{name} is no file" in fault.value.message
    assert str(fault.value.next_command).startswith("rm ")


def test_more_than_fits_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_repository(tmp_path / "r")
    (folder / "large").write_bytes(bytes(1 << 22))
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "zeros")
    monkeypatch.setattr(answers, "MAX_ANSWER", 1 << 20)
    monkeypatch.setattr(store, "MAX_FILE", 1 << 20)
    with pytest.raises(HistoryFault, match="more than 1 MiB"):
        Plumbing(folder)("cat-file", "blob", "HEAD:large")
    with Store(Plumbing(folder)) as objects:
        with pytest.raises(HistoryFault, match="4194304 bytes, more than is read"):
            objects.file("HEAD", "large")
        assert objects.file("HEAD", "train.py")


@pytest.mark.slow
@pytest.mark.parametrize("name", [".gitattributes", ".gitignore", ".git/info/exclude"])
def test_a_pattern_that_git_would_try_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(answers, "MAX_COMPUTING", 1)
    folder = make_repository(tmp_path / "r")
    deep = folder.joinpath(*["a" * 8] * 28)
    deep.mkdir(parents=True)
    (deep / "ac").write_text("x")
    if name == ".gitattributes":
        git(folder, "add", ".")
    change(folder / "train.py")
    with (folder / name).open("a") as file:
        file.write("*a*a**/" * 10 + "b" + (" text\n" if name == ".gitattributes" else "\n"))
    (deep / "ac").write_text("y")
    words = r"computed for \d+ s; a pattern in \.gitattributes"
    with pytest.raises(HistoryFault, match=words) as fault:
        Plumbing(folder)("status", "--porcelain", "--untracked-files=all")
    assert fault.value.next_command is not None
    listed = subprocess.run(fault.value.next_command, cwd=folder, shell=True, capture_output=True)
    assert b"*a*a**" in listed.stdout


def test_what_a_command_computed_before_it_spoke_does_not_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ticks = iter((0, 100_000, 200_000))
    process = answers._Process(1, "R", 0, 0)
    monkeypatch.setattr(answers, "_processes_of", lambda _: [process._replace(ticks=next(ticks))])
    idle = answers._Idleness(1)
    assert not idle.is_over()
    idle.hear()
    assert not idle.is_over()
    assert idle.is_over()
    assert isinstance(idle.error, answers.Computes)
