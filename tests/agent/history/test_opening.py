"""What is looked at before a run is worked on: its name, its size, its remotes, its checkout."""

from pathlib import Path

import pytest

from agent.errors import HistoryFault
from agent.git import endless
from agent.git.home import run_folder
from agent.git.plumbing import Plumbing
from agent.history.commits import times_of
from agent.history.history import History
from agent.history.runs import head_of, sweep_trials, trackers_folder, trials_folder, unlike_remotes
from agent.history.unstarted import passing_tag
from tests.agent.git.test_endless import bomb
from tests.agent.history.nights import commit
from tests.agent.study import make_repository, project_of, settings_of, study
from tests.e2e.researcher import git


def test_a_run_that_is_not_there_leaves_no_folder(tmp_path: Path) -> None:
    project = project_of(make_repository(tmp_path))
    with pytest.raises(HistoryFault, match="There is no run"):
        History.open(project, "nope")
    assert not (tmp_path / ".autoresearch").exists()


def test_a_run_that_unpacks_to_more_than_a_disk_holds_is_not_worked_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endless, "MAX_FILES", 1_000)
    make_repository(tmp_path)
    git(tmp_path, "update-ref", "HEAD", bomb(tmp_path, 4))
    project = project_of(tmp_path)
    History.create(project, settings_of(project)).close()
    with pytest.raises(HistoryFault, match="more than 1000 files"):
        History.open(project, "t")


def test_a_run_is_called_as_its_branch_is_and_scored_as_its_record_says(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        tip = history.tip
    git(tmp_path, "update-ref", "refs/heads/autoresearch/u", tip)
    now = project_of(tmp_path).model_copy(update={"score": "sealed"})
    again = History.read(now, "u")
    assert (again.run.tag, again.project.score) == ("u", "printed")


def test_only_a_remote_copy_of_this_very_run_is_compared_with_it(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        tip = history.tip
        commit(tmp_path, "ahead")
        ahead = git(tmp_path, "rev-parse", "autoresearch/t")
        repository = Plumbing(tmp_path)
        git(tmp_path, "update-ref", "refs/remotes/o/autoresearch/not", ahead)
        assert unlike_remotes(repository, "t", tip) == []
        git(tmp_path, "update-ref", "refs/remotes/o/autoresearch/t", ahead)
        [warning] = unlike_remotes(repository, "t", tip)
        assert warning.startswith("o/autoresearch/t is ahead by 1 commits")


def test_a_commit_whose_time_no_clock_shows_has_none(tmp_path: Path) -> None:
    make_repository(tmp_path)
    odd = git(tmp_path, "cat-file", "commit", "HEAD").replace("> ", "> 99", 2) + "\n"
    name = Plumbing(tmp_path)("hash-object", "-t", "commit", "-w", "--stdin", stdin=odd.encode())
    head = git(tmp_path, "rev-parse", "HEAD")
    assert list(times_of(Plumbing(tmp_path), [head, name.strip()])) == [head]


def test_a_changed_module_that_no_edit_may_touch_is_what_would_run(tmp_path: Path) -> None:
    root = make_repository(tmp_path)
    for name in ("helper.py", "notes.txt"):
        (root / name).write_text("A = 1\n")
    git(root, "add", ".")
    git(root, "commit", "-qm", "more")
    (root / "notes.txt").write_text("A = 2\n")
    assert head_of(project_of(root)) == git(root, "rev-parse", "HEAD")
    (root / "helper.py").write_text("A = 2\n")
    with pytest.raises(HistoryFault, match=r"differ from HEAD:\nM helper\.py$"):
        head_of(project_of(root))
    git(root, "checkout", "-q", "helper.py")
    (root / "new.yaml").touch()
    assert head_of(project_of(root))
    with pytest.raises(HistoryFault, match=r"differ from HEAD:\n\?\? new\.yaml$"):
        head_of(project_of(root).model_copy(update={"files": ("*.yaml", "*.py")}))


def test_nothing_is_removed_or_written_through_a_link_of_a_run(tmp_path: Path) -> None:
    project = project_of(make_repository(tmp_path / "r"))
    (tmp_path / "precious" / "folder").mkdir(parents=True)
    run_folder(tmp_path / "r", "t", "trackers", make=True)
    trials = trials_folder(project, "t")
    (trials / "rooms" / "0").mkdir(parents=True)
    (trials / "0002").symlink_to(tmp_path / "precious")
    with passing_tag(project) as live:
        mode = run_folder(tmp_path / "r", live).stat().st_mode
        assert mode & 0o777 == 0o711, "a training of root's may have another uid"
        dead = run_folder(tmp_path / "r", f"{live[:-8]}00000000", make=True)
        sweep_trials(project, "t")
        assert run_folder(tmp_path / "r", live).exists() and not dead.exists()
    assert (tmp_path / "precious" / "folder").exists()
    assert not list((trials / "rooms").iterdir())
    folder = trackers_folder(project, "t")
    (folder / "mlflow").mkdir()
    assert trackers_folder(project, "t") == folder
    (folder / "mlflow" / "0").symlink_to(tmp_path / "precious")
    with pytest.raises(HistoryFault, match="is a symbolic link, which a tracker would write"):
        trackers_folder(project, "t")


def test_a_commit_that_has_our_own_folder_begins_no_run(tmp_path: Path) -> None:
    root = make_repository(tmp_path)
    project = project_of(root)
    (root / ".autoresearch").mkdir()
    (root / ".autoresearch" / "notes").touch()
    git(root, "add", "-f", ".")
    git(root, "commit", "-qm", "too much")
    with pytest.raises(HistoryFault, match=r"\.autoresearch"):
        History.create(project, settings_of(project))
    assert git(root, "for-each-ref", "refs/heads/autoresearch") == ""
