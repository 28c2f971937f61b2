"""A received repository: what it tracks, where its links lead, which programs it names."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agent.cli import app
from agent.dashboard.view import log_paths
from agent.errors import Fault, HistoryFault, ProjectFault, UsageFault
from agent.git.plumbing import Plumbing
from agent.git.repository import repository_programs
from agent.history.history import History
from agent.history.runs import head_of, list_runs, trackers_folder
from agent.project.settings import Settings
from tests.agent.study import (
    ListProposer,
    change,
    loop_of,
    make_repository,
    project_of,
    proposal,
    settings_of,
    study,
)
from tests.e2e.researcher import git


def tracks(folder: Path, name: str) -> None:
    """Commit `name` as a link to a file of the user's, without such a file in the checkout."""
    blob = Plumbing(folder)(
        "hash-object", "-w", "--stdin", stdin=str(folder.parent / "bashrc").encode()
    ).strip()
    git(folder, "update-index", "--add", "--cacheinfo", f"120000,{blob},{name}")
    git(folder, "commit", "-qm", "a link")


@pytest.mark.parametrize(
    "name",
    [
        ".autoresearch/runs/t/trials/0000/train-0.log",
        ".autoresearch",
        ".autoresearch/x",
        ".AutoResearch/runs",
    ],
)
@pytest.mark.parametrize("staged", [True, False])
def test_a_repository_that_tracks_our_folder(tmp_path: Path, name: str, staged: bool) -> None:
    folder = make_repository(tmp_path / "r")
    tracks(folder, name)
    if not staged:
        git(folder, "rm", "-q", "--cached", name)
    with pytest.raises(HistoryFault, match="tracks") as fault:
        project_of(folder)
    command = str(fault.value.next_command)
    assert command.startswith(f"git rm -r --cached {name.split('/')[0]}")
    if staged:
        git(folder, *command.split(" && ")[0].split()[1:])
    git(folder, "commit", "-qm", "untrack")
    project_of(folder)


def test_a_submodule_in_the_place_of_our_folder(tmp_path: Path) -> None:
    folder = make_repository(tmp_path / "r")
    git(
        folder,
        "update-index",
        "--add",
        "--cacheinfo",
        f"160000,{git(folder, 'rev-parse', 'HEAD')},.autoresearch",
    )
    git(folder, "commit", "-qm", "a submodule")
    with pytest.raises(HistoryFault, match="tracks"):
        project_of(folder)


def test_a_folder_of_that_name_further_down_is_the_users(tmp_path: Path) -> None:
    folder = make_repository(tmp_path / "r")
    (folder / "sub" / ".autoresearch").mkdir(parents=True)
    (folder / "sub" / ".autoresearch" / "x").write_text("")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "further down")
    project_of(folder)


def test_a_branch_that_tracks_it_is_not_resumed(tmp_path: Path) -> None:
    with study(tmp_path / "r") as history:
        worktree = history.worktree
    (worktree / ".autoresearch").mkdir()
    (worktree / ".autoresearch" / "x").write_text("")
    git(worktree, "add", "-f", ".")
    git(worktree, "commit", "-qm", "by hand")
    with pytest.raises(HistoryFault, match="tracks"):
        History.open(project_of(tmp_path / "r"), "t")


def test_a_commit_that_tracks_it_is_not_started_from(tmp_path: Path) -> None:
    folder = make_repository(tmp_path / "r")
    project = project_of(folder)
    tracks(folder, ".autoresearch/x")
    with pytest.raises(HistoryFault, match="tracks"):
        History.create(project, settings_of(project))


# ---------------------------------------------------------------- links


@pytest.mark.parametrize("name", ["train.py", "prepare.py", "program.md", "autoresearch.toml"])
def test_a_file_of_the_project_is_no_link(tmp_path: Path, name: str) -> None:
    folder = make_repository(tmp_path / "r")
    (tmp_path / "outside").write_text("")
    (folder / name).unlink(missing_ok=True)
    (folder / name).symlink_to(tmp_path / "outside")
    with pytest.raises(Fault, match=f"{name}.* a symbolic link"):
        project_of(folder)


def test_a_workspace_is_no_link(tmp_path: Path) -> None:
    folder = make_repository(tmp_path / "r")
    (tmp_path / "outside").mkdir()
    (folder / "train.py").rename(tmp_path / "outside" / "train.py")
    (folder / "workspace").symlink_to(tmp_path / "outside")
    with pytest.raises(ProjectFault, match="workspace is a symbolic link"):
        project_of(folder)


@pytest.mark.parametrize(
    "name",
    [
        ".git",
        ".git/refs",
        ".git/refs/heads/autoresearch",
        ".git/logs",
        ".git/logs/refs/heads/autoresearch",
        ".git/worktrees",
    ],
)
def test_gits_own_folders_lead_nowhere_else(tmp_path: Path, name: str) -> None:
    folder = make_repository(tmp_path / "r")
    path = folder / name
    if path.exists():
        path.rename(tmp_path / "moved")
    else:
        (tmp_path / "moved").mkdir()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(tmp_path / "moved")
    with pytest.raises(ProjectFault, match="symbolic link"):
        project_of(folder)


def test_the_users_own_excludes_are_not_written_to(tmp_path: Path) -> None:
    folder = make_repository(tmp_path / "r")
    foreign = tmp_path / "bashrc"
    foreign.write_text("export A=1\n")
    exclude = folder / ".git" / "info" / "exclude"
    exclude.unlink(missing_ok=True)
    exclude.parent.mkdir(exist_ok=True)
    exclude.symlink_to(foreign)
    project = project_of(folder)
    with History.create(project, settings_of(project)):
        assert git(folder, "status", "--porcelain") == "", "and yet our folder is not in the way"
    assert foreign.read_text() == "export A=1\n"


@pytest.mark.parametrize("where", ["above", "beside"])
def test_a_checkout_that_the_config_puts_elsewhere(tmp_path: Path, where: str) -> None:
    folder = make_repository(tmp_path / "home" / "r")
    target = tmp_path / "home" if where == "above" else tmp_path / "other"
    target.mkdir(exist_ok=True)
    git(folder, "config", "core.worktree", str(target))
    with pytest.raises(ProjectFault) as fault:
        project_of(folder)
    assert fault.value.next_command == "git config --unset core.worktree" or where == "beside"
    assert not (target / ".autoresearch").exists()


def log_as_link(folder: Path, foreign: Path) -> None:
    (folder / "train-0.log").symlink_to(foreign)


def log_as_second_name(folder: Path, foreign: Path) -> None:
    os.link(foreign, folder / "train-0.log")


def log_as_pipe(folder: Path, foreign: Path) -> None:
    os.mkfifo(folder / "train-0.log")


@pytest.mark.parametrize("make", [log_as_link, log_as_second_name, log_as_pipe])
def test_a_log_that_is_there_already_is_replaced(
    tmp_path: Path, make: Callable[[Path, Path], None]
) -> None:
    """Not tracked, as an archive brings it along."""
    foreign = tmp_path / "bashrc"
    foreign.write_text("export A=1\n")
    folder = make_repository(tmp_path / "r")
    place = folder / ".autoresearch" / "runs" / "t" / "trials" / "0000"
    place.mkdir(parents=True)
    make(place, foreign)
    project = project_of(folder)
    with History.create(project, settings_of(project)) as history:
        assert log_paths(history, 0) == [] or make is log_as_second_name, "nor is it shown"
        list(loop_of(history, ListProposer([proposal(LR=0.3)]), trials=1).events())
        assert [trial.status for trial in history.trials] == ["baseline", "keep"]
    assert foreign.read_text() == "export A=1\n"
    assert "val_bpb" in (place / "train-0.log").read_text()


@pytest.mark.parametrize("name", ["runs", "runs/t", "runs/t/trials", "runs/t/trials/0000"])
def test_a_folder_that_is_a_link_is_refused_before_anything_is_written(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / "outside").mkdir()
    folder = make_repository(tmp_path / "r")
    path = folder / ".autoresearch" / name
    path.parent.mkdir(parents=True)
    path.symlink_to(tmp_path / "outside")
    project = project_of(folder)
    with (
        pytest.raises(Fault, match="symbolic link"),
        History.create(project, settings_of(project)) as history,
    ):
        list(loop_of(history, ListProposer([proposal(LR=0.3)]), trials=1).events())
    assert list((tmp_path / "outside").iterdir()) == []


def test_a_lock_through_a_link_does_not_hide_from_a_list(tmp_path: Path) -> None:
    with study(tmp_path / "r"):
        pass
    runs = tmp_path / "r" / ".autoresearch" / "runs"
    runs.rename(tmp_path / "moved")
    runs.symlink_to(tmp_path / "moved")
    with pytest.raises(HistoryFault, match="symbolic link"):
        list_runs(project_of(tmp_path / "r"))


# ---------------------------------------------------------------- programs


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("filter.up.smudge", "sh evil"),
        ("filter.a.b.clean", "sh evil"),
        ("filter.x.process", "evil"),
        ("diff.x.textconv", "evil"),
        ("diff.x.command", "evil"),
        ("core.sshCommand", "evil"),
        ("core.hooksPath", "hooks"),
        ("core.fsmonitor", "./evil"),
        ("core.gitProxy", "evil"),
        ("credential.helper", "!evil"),
        ("credential.https://x.helper", "!evil"),
        ("remote.origin.uploadpack", "evil"),
        ("merge.x.driver", "evil"),
        ("gpg.program", "evil"),
        ("gpg.ssh.program", "evil"),
        ("protocol.ext.allow", "always"),
        ("alias.status", "!evil"),
        ("submodule.x.update", "!evil"),
        ("core.pager", "evil"),
        ("core.editor", "evil"),
        ("diff.external", "evil"),
    ],
)
def test_a_program_in_the_repositorys_own_config_is_named(
    tmp_path: Path, name: str, value: str
) -> None:
    folder = make_repository(tmp_path / "r")
    git(folder, "config", name, value)
    [found] = repository_programs(Plumbing(folder))
    assert str(found).lower() == f"{name}={value}".lower()


def test_what_it_includes_and_what_its_worktree_says_count_too(tmp_path: Path) -> None:
    folder = make_repository(tmp_path / "r")
    (folder / ".git" / "more").write_text('[filter "x"]\n\tsmudge = evil\n')
    git(folder, "config", "include.path", "more")
    git(folder, "config", "extensions.worktreeConfig", "true")
    git(folder, "config", "--worktree", "core.sshCommand", "evil")
    assert [str(program) for program in repository_programs(Plumbing(folder))] == [
        "core.sshcommand=evil",
        "filter.x.smudge=evil",
        "include.path=more",
    ]


def test_settings_of_the_users_and_switches_are_not_the_repositorys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_repository(tmp_path / "r")
    (tmp_path / "gitconfig").write_text(
        '[filter "lfs"]\n\tsmudge = git-lfs smudge -- %f\n[core]\n\tsshCommand = ssh -4\n'
    )
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    git(folder, "config", "core.fsmonitor", "true")
    git(folder, "config", "filter.x.required", "true")
    assert repository_programs(Plumbing(folder)) == ()
    assert project_of(folder).train == "train.py"
    assert Settings().train is None


def test_a_submodule_has_a_config_of_its_own(tmp_path: Path) -> None:
    """Its programs are named too, and looking for changes does not run them."""
    library = make_repository(tmp_path / "library")
    folder = make_repository(tmp_path / "r")
    git(
        folder,
        "-c",
        "protocol.file.allow=always",
        "submodule",
        "--quiet",
        "add",
        str(library),
        "library",
    )
    git(folder, "commit", "-qm", "with a library")
    trace = tmp_path / "trace"
    evil = tmp_path / "evil"
    evil.write_text(f"#!/bin/sh\ntouch {trace}\n")
    evil.chmod(0o755)
    git(folder / "library", "config", "core.fsmonitor", str(evil))
    [program] = repository_programs(Plumbing(folder))
    assert str(program) == f"library: core.fsmonitor={evil}"
    assert program.home == str(folder / ".git" / "modules" / "library")
    change(folder / "library" / "train.py")
    assert head_of(project_of(folder))
    assert not trace.exists()


def test_a_tracker_is_sent_through_no_link(tmp_path: Path) -> None:
    folder = make_repository(tmp_path / "r")
    place = folder / ".autoresearch" / "runs" / "t" / "trackers" / "mlflow"
    place.mkdir(parents=True)
    (place / "mlflow.db").symlink_to(tmp_path / "outside")
    with pytest.raises(HistoryFault, match="symbolic link"):
        trackers_folder(project_of(folder), "t")


@pytest.mark.parametrize(
    ("words", "name"), [(("report",), "t.html"), (("plot", "progress"), "t-progress.svg")]
)
def test_a_page_is_not_written_through_a_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], name: str
) -> None:
    """Under a name that nobody typed, and that the repository knew."""
    foreign = tmp_path / "bashrc"
    foreign.write_text("export A=1\n")
    with study(tmp_path / "r") as history:
        list(loop_of(history, ListProposer([proposal(LR=0.3)]), trials=1).events())
    (tmp_path / "r" / name).symlink_to(foreign)
    monkeypatch.chdir(tmp_path / "r")
    error = CliRunner().invoke(app, words).exception
    assert isinstance(error, UsageFault)
    assert foreign.read_text() == "export A=1\n"
