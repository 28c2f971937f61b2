"""A trial's copy, and the worktree: files as a checkout has them, and the user's left alone."""

import shutil
from pathlib import Path

import pytest

from agent.errors import HistoryFault, ProjectFault
from agent.git.plumbing import Plumbing
from agent.git.programs import heed
from agent.git.store import Store
from agent.history.checkout import export, leave_branch
from agent.history.history import History
from agent.history.mend import bring_worktree
from tests.agent.study import (
    ListProposer,
    loop_of,
    make_repository,
    project_of,
    proposal,
    settings_of,
    study,
)
from tests.e2e.researcher import fsck, git


def committed(folder: Path, files: dict[str, str | bytes]) -> Path:
    """A repository with a workspace/ that holds `files` too, by their path in the repository."""
    (folder / "workspace").mkdir(parents=True)
    base: dict[str, str | bytes] = {
        "workspace/train.py": "LR = 0.1\n",
        "workspace/prepare.py": "",
        "program.md": "# Goal\n",
    }
    for name, content in {**base, **files}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "start")
    return folder


def exported(folder: Path, out: Path) -> dict[str, bytes]:
    project = project_of(folder)
    with History.create(project, settings_of(project)) as history:
        history.export(history.tip, out)
    return {
        str(path.relative_to(out)): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file() and ".git" not in path.relative_to(out).parts
    }


def test_a_trial_gets_the_workspace_and_nothing_else(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "secret.env": "x",
        "workspace/a b/ü.bin": b"\0\xff\r\n",
        "workspace/run.sh": "#!/bin/sh\n",
        "workspace/[x].txt": "x",
        "x.txt": "no",
    }
    home = committed(tmp_path / "r", files)
    (home / "workspace" / "run.sh").chmod(0o755)
    git(home, "commit", "-qam", "executable")
    (home / "workspace" / "untracked.py").write_text("")
    got = exported(home, tmp_path / "out")
    assert sorted(got) == ["[x].txt", "a b/ü.bin", "run.sh", "train.py"], (
        "the recipe of sealed data stays out"
    )
    assert got["a b/ü.bin"] == b"\0\xff\r\n"
    assert (tmp_path / "out" / "run.sh").stat().st_mode & 0o100
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "r"], (
        "nothing is left beside it"
    )


def test_attributes_of_the_whole_repository_count(tmp_path: Path) -> None:
    """As with git-lfs, whose rules name paths from the top."""
    home = committed(
        tmp_path / "r",
        {".gitattributes": "workspace/*.bin filter=up\nworkspace/helper.py export-ignore\n"},
    )
    git(home, "config", "filter.up.clean", "tr a-z A-Z")
    git(home, "config", "filter.up.smudge", "tr A-Z a-z")
    (home / "workspace" / "weights.bin").write_text("payload")
    (home / "workspace" / "helper.py").write_text("")
    git(home, "add", ".")
    git(home, "commit", "-qm", "filtered")
    assert git(home, "cat-file", "blob", "HEAD:workspace/weights.bin") == "PAYLOAD"
    with Store(Plumbing(home)) as store:
        export(store, "HEAD", "workspace", tmp_path / "unasked")
    assert (tmp_path / "unasked" / "weights.bin").read_text() == "PAYLOAD", "nobody agreed"
    heed(str(home / ".git"), "filter.up.smudge", "tr A-Z a-z")
    got = exported(home, tmp_path / "out")
    assert got["weights.bin"] == b"payload"
    assert "helper.py" in got


def test_a_filter_that_fails_is_a_fault_with_its_words(tmp_path: Path) -> None:
    home = committed(tmp_path / "r", {})
    with study_of(home) as history:
        (home / ".gitattributes").write_text("*.py filter=lfs\n")
        git(home, "config", "filter.lfs.smudge", "git-lfs-that-is-not-installed smudge")
        git(home, "config", "filter.lfs.required", "true")
        heed(str(home / ".git"), "filter.lfs.smudge", "git-lfs-that-is-not-installed smudge")
        with pytest.raises(HistoryFault, match="filter lfs failed"):
            history.export(history.tip, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def study_of(home: Path, **changes: object) -> History:
    project = project_of(home)
    return History.create(project, settings_of(project, **changes))


def test_a_submodule_comes_along_where_it_is_checked_out(tmp_path: Path) -> None:
    library = committed(tmp_path / "library", {"lib.py": "X = 1\n"})
    home = committed(tmp_path / "r", {})
    for path in ("workspace/library", "elsewhere"):
        git(
            home,
            "-c",
            "protocol.file.allow=always",
            "submodule",
            "--quiet",
            "add",
            str(library),
            path,
        )
    git(home, "commit", "-qm", "with a library")
    with study_of(home) as history:
        history.export(history.tip, tmp_path / "out")
        assert (tmp_path / "out" / "library" / "lib.py").read_text() == "X = 1\n"
        assert not (tmp_path / "out" / "elsewhere").exists()
        git(home, "submodule", "--quiet", "deinit", "-f", "workspace/library")
        history.export(history.tip, tmp_path / "again")
        assert list((tmp_path / "again" / "library").iterdir()) == [], (
            "as empty as in the user's own checkout"
        )
        (home / "workspace" / "library").rmdir()
        (home / "workspace" / "library").symlink_to(library)
        with pytest.raises(ProjectFault, match="workspace/library is a symbolic link"):
            history.export(history.tip, tmp_path / "linked")


def test_a_submodule_that_the_index_lacks_may_name_no_program(tmp_path: Path) -> None:
    library = committed(tmp_path / "library", {"lib.py": "X = 1\n"})
    home = committed(tmp_path / "r", {})
    options = ("-c", "protocol.file.allow=always", "submodule", "--quiet", "add")
    git(home, *options, str(library), "workspace/library")
    git(home, "commit", "-qm", "with a library")
    with study_of(home) as history:
        git(home, "rm", "-q", "--cached", "workspace/library")
        git(home / "workspace" / "library", "config", "core.fsmonitor", "./steal")
        with pytest.raises(HistoryFault, match=r"the index lacks, and names .*core\.fsmonitor"):
            history.export(history.tip, tmp_path / "out")


def test_a_checkout_leaves_the_branch_of_a_run_only_without_changes(tmp_path: Path) -> None:
    home = committed(tmp_path / "r", {"a.py": "A = 1\n"})
    git(home, "switch", "-q", "-c", "mine")
    (home / "a.py").write_text("A = 2\n")
    with pytest.raises(HistoryFault, match="has changes that are not committed") as fault:
        leave_branch(home, "mine")
    assert "a.py" in fault.value.message and "stash" in str(fault.value.next_command)
    git(home, "checkout", "-q", "a.py")
    (home / "new.py").touch()
    assert leave_branch(home, "mine") == git(home, "rev-parse", "HEAD")
    assert git(home, "rev-parse", "--abbrev-ref", "HEAD") == "HEAD"


def test_a_submodule_without_the_commit_is_a_fault(tmp_path: Path) -> None:
    library = committed(tmp_path / "library", {})
    home = committed(tmp_path / "r", {})
    git(
        home,
        "-c",
        "protocol.file.allow=always",
        "submodule",
        "--quiet",
        "add",
        str(library),
        "workspace/library",
    )
    git(home, "update-index", "--cacheinfo", f"160000,{'1' * 40},workspace/library")
    git(home, "commit", "-qm", "a commit that nobody has")
    with (
        study_of(home) as history,
        pytest.raises(HistoryFault, match="does not have its commit") as fault,
    ):
        history.export(history.tip, tmp_path / "out")
    assert fault.value.next_command == "git submodule update --init"


# ---------------------------------------------------------------- the worktree


def keeps(history: History, *values: float) -> None:
    list(
        loop_of(
            history, ListProposer([proposal(LR=value) for value in values]), trials=len(values)
        ).events()
    )


def test_the_worktree_follows_what_is_kept(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        keeps(history, 0.3, 0.9, 0.4)
        assert (history.worktree / "train.py").read_text() == history.sources.text
        assert git(history.worktree, "status", "--porcelain") == ""
        assert git(history.worktree, "branch", "--show-current") == "autoresearch/t"
        assert history.warnings == []


@pytest.mark.parametrize("stage", [False, True])
def test_what_the_user_changes_in_it_stays_and_is_said(tmp_path: Path, stage: bool) -> None:
    with study(tmp_path) as history:
        (history.worktree / "train.py").write_text("mine = 1\n")
        if stage:
            git(history.worktree, "add", ".")
        keeps(history, 0.3)
        assert (history.worktree / "train.py").read_text() == "mine = 1\n"
        assert any("train.py" in warning or "index" in warning for warning in history.warnings)
    with History.open(project_of(tmp_path), "t") as history:
        assert (history.worktree / "train.py").read_text() == "mine = 1\n"
        assert history.warnings


@pytest.mark.parametrize("what", ["link", "folder"])
def test_a_worktree_that_is_gone_does_not_send_git_to_the_users_checkout(
    tmp_path: Path, what: str
) -> None:
    """It lies inside the user's repository: git would look upwards and find that one."""
    with study(tmp_path) as history:
        before = (tmp_path / ".git" / "index").read_bytes()
        if what == "link":
            (history.worktree / ".git").unlink()
            (history.worktree / "mine.txt").write_text("mine")
        else:
            shutil.rmtree(history.worktree)
        keeps(history, 0.3)
        assert history.warnings
        assert (tmp_path / ".git" / "index").read_bytes() == before
        assert "LR = 0.1" in (tmp_path / "train.py").read_text()
    with History.open(project_of(tmp_path), "t") as history:
        assert (history.worktree / "train.py").read_text() == history.sources.text
        assert history.warnings == []
    aside = tmp_path / ".autoresearch" / "worktrees" / "t.old-1" / "mine.txt"
    assert aside.exists() == (what == "link"), "moved aside, not removed"


def test_a_repository_that_was_moved(tmp_path: Path) -> None:
    with study(tmp_path / "old") as history:
        keeps(history, 0.3)
    (tmp_path / "old").rename(tmp_path / "new")
    with History.open(project_of(tmp_path / "new"), "t") as history:
        keeps(history, 0.4)
        assert (history.worktree / "train.py").read_text() == history.sources.text
        assert history.warnings == []
    fsck(tmp_path / "new")


def test_a_copy_of_a_repository_leaves_the_original_alone(tmp_path: Path) -> None:
    """The copied worktree's .git file still leads to the original."""
    with study(tmp_path / "one") as history:
        keeps(history, 0.3)
    shutil.copytree(tmp_path / "one", tmp_path / "two", symlinks=True)
    worktree = tmp_path / "one" / ".autoresearch" / "worktrees" / "t"
    before = worktree.joinpath("train.py").read_text(), git(worktree, "status", "--porcelain")
    for value in (0.4, 0.5):
        with History.open(project_of(tmp_path / "two"), "t") as history:
            keeps(history, value)
            assert history.warnings == []
            assert history.worktree.is_relative_to(tmp_path / "two")
    assert (
        worktree.joinpath("train.py").read_text(),
        git(worktree, "status", "--porcelain"),
    ) == before
    with History.open(project_of(tmp_path / "one"), "t") as history:
        keeps(history, 0.35)
    fsck(tmp_path / "one")
    fsck(tmp_path / "two")


def test_a_branch_that_is_checked_out_elsewhere(tmp_path: Path) -> None:
    """As `git clone -b autoresearch/t` leaves it: a run would move it under the user's files."""
    with study(tmp_path / "r") as history:
        keeps(history, 0.3)
    git(tmp_path, "clone", "-q", "-b", "autoresearch/t", "r", "clone")
    with pytest.raises(HistoryFault, match="checked out in") as fault:
        History.open(project_of(tmp_path / "clone"), "t").__enter__()
    command = str(fault.value.next_command).replace("'", "").split()
    git(tmp_path, *command[1:])
    with History.open(project_of(tmp_path / "clone"), "t") as history:
        keeps(history, 0.4)
        assert history.trials[-1].number == 2
    assert "LR = 0.3" in (tmp_path / "clone" / "train.py").read_text(), (
        "the user's checkout stays as it was"
    )
    assert git(tmp_path / "clone", "status", "--porcelain") == ""


def test_a_worktree_on_another_branch_is_the_users_to_switch_back(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        git(history.worktree, "switch", "-q", "-c", "mine")
    with pytest.raises(HistoryFault, match="not on autoresearch/t") as fault:
        History.open(project_of(tmp_path), "t").__enter__()
    git(tmp_path, *str(fault.value.next_command).replace("'", "").split()[1:])
    with History.open(project_of(tmp_path), "t"):
        pass


def test_two_linked_worktrees_of_a_user_do_not_run_one_branch(tmp_path: Path) -> None:
    """Each has a lock of its own; that the branch is checked out once is what keeps them apart."""
    with study(tmp_path / "main") as history:
        git(tmp_path / "main", "worktree", "add", "-q", "-b", "mine", str(tmp_path / "linked"))
        with pytest.raises(HistoryFault, match="checked out in"):
            History.open(project_of(tmp_path / "linked"), "t").__enter__()
        keeps(history, 0.3)
    with study_of(tmp_path / "linked", tag="u") as other:
        keeps(other, 0.3)
    assert git(tmp_path / "main", "branch", "--show-current") == "main"


def test_a_worktree_of_the_users_that_is_not_there_now_is_not_forgotten(tmp_path: Path) -> None:
    """On a disk that is not mounted, say: `git worktree prune` would drop it."""
    home = make_repository(tmp_path / "r")
    git(home, "worktree", "add", "-q", "-b", "mine", str(tmp_path / "disk"))
    (tmp_path / "disk").rename(tmp_path / "unmounted")
    with study_of(home) as history:
        keeps(history, 0.3)
        shutil.rmtree(history.worktree)
    with History.open(project_of(home), "t"):
        pass
    copy = tmp_path / "copy"
    git(home, "worktree", "add", "-q", "--force", str(copy), "autoresearch/t")
    shutil.rmtree(copy)
    with pytest.raises(HistoryFault, match="which is not there now") as fault:
        History.open(project_of(home), "t").__enter__()
    assert str(fault.value.next_command).startswith(f"git worktree remove --force {copy} ")
    (tmp_path / "unmounted").rename(tmp_path / "disk")
    assert git(tmp_path / "disk", "branch", "--show-current") == "mine"


def test_a_checkout_of_the_users_on_the_runs_branch_is_not_moved(tmp_path: Path) -> None:
    make_repository(tmp_path / "main")
    project = project_of(tmp_path / "main")
    with History.create(project, settings_of(project)) as history:
        worktree = history.worktree
        branch = history.branch
    git(tmp_path / "main", "worktree", "remove", "--force", str(worktree))
    git(tmp_path / "main", "worktree", "add", "-q", str(tmp_path / "linked"), branch)
    bring_worktree(Plumbing(tmp_path / "main"), project, branch, worktree)
    assert (tmp_path / "linked" / ".git").is_file()
    assert not worktree.exists()
