"""A run that is renamed or deleted: all of it, nothing else, and what a kill left half done."""

import os
import shutil
from pathlib import Path

import pytest

from agent.errors import HistoryFault, RunBusy
from agent.history.history import History
from agent.history.homes import homes
from agent.history.opening import locked
from agent.history.removal import (
    RENAMED,
    delete,
    half_renamed,
    refuse_checked_out,
    remains_of,
    rename,
)
from agent.history.runs import log_path
from agent.records.results import Attempt
from tests.agent.study import project_of, proposal, study
from tests.e2e.researcher import git

BRANCH = "refs/heads/autoresearch"
FLIGHT = "refs/autoresearch"


def begun(folder: Path) -> Attempt:
    """Make a run t with an attempt in flight, a worktree and a log."""
    with study(folder) as history:
        sources = history.sources.with_text("LR = 0.2\n")
        attempt = history.commit_attempt(0, proposal(LR=0.2), sources)
        log_path(history.project, "t").write_text("a line\n")
    return attempt


def references(folder: Path) -> dict[str, str]:
    """Return the commits of the refs of runs."""
    form = "--format=%(refname) %(objectname)"
    lines = git(folder, "for-each-ref", form, BRANCH, FLIGHT).splitlines()
    return dict(line.split(" ") for line in lines)


def local(folder: Path) -> set[str]:
    """Return the local folders of runs, by their paths below .autoresearch."""
    home = folder / ".autoresearch"
    return {str(path.relative_to(home)) for path in home.glob("*/*")}


# ---------------------------------------------------------------- rename


def test_a_renamed_run_has_everything_under_its_new_tag(tmp_path: Path) -> None:
    attempt = begun(tmp_path)
    tip = references(tmp_path)[f"{BRANCH}/t"]
    git(tmp_path, "config", "branch.autoresearch/t.remote", "origin")
    git(tmp_path, "branch", "autoresearch/t2", "main")
    rename(homes(tmp_path), "t", "u")
    moved = {f"{BRANCH}/u": tip, f"{FLIGHT}/u/0": attempt.commit}
    after = references(tmp_path)
    assert after.pop(f"{BRANCH}/t2") == git(tmp_path, "rev-parse", "main").strip()
    assert after == moved
    assert local(tmp_path) == {"runs/u", "worktrees/u"}
    assert {path.name for path in (tmp_path / ".autoresearch/runs/u").iterdir()} == {
        "lock",
        "run.log",
    }
    place = tmp_path / ".autoresearch" / "worktrees" / "u"
    assert str(place) in git(tmp_path, "worktree", "list"), "git knows where it is"
    assert git(place, "symbolic-ref", "HEAD").strip() == f"{BRANCH}/u"
    assert git(tmp_path, "config", "branch.autoresearch/u.remote").strip() == "origin"
    with History.open(project_of(tmp_path), "u") as history:
        assert (history.in_flight, history.warnings) == ((attempt,), [])


def test_a_name_that_anything_is_left_of_is_taken(tmp_path: Path) -> None:
    begun(tmp_path)
    places = homes(tmp_path)
    before = references(tmp_path)
    leftover = tmp_path / ".autoresearch" / "runs" / "u"
    leftover.mkdir()
    with pytest.raises(HistoryFault, match="a run u already, or something is left"):
        rename(places, "t", "u")
    leftover.rmdir()
    git(tmp_path, "update-ref", f"{FLIGHT}/u/7", before[f"{FLIGHT}/t/0"])
    with pytest.raises(HistoryFault, match="something is left of one"):
        rename(places, "t", "u")
    git(tmp_path, "update-ref", "-d", f"{FLIGHT}/u/7")
    with pytest.raises(HistoryFault, match="no local branch autoresearch/v"):
        rename(places, "v", "u")
    assert references(tmp_path) == before
    assert local(tmp_path) == {"runs/t", "worktrees/t"}


def test_what_a_process_works_on_or_the_user_looks_at_is_left_alone(tmp_path: Path) -> None:
    begun(tmp_path)
    places = homes(tmp_path)
    before = references(tmp_path)
    with locked(places[0], "t"):
        for change in (lambda: rename(places, "t", "u"), lambda: delete(places, "t")):
            with pytest.raises(RunBusy, match="works on the run t"):
                change()
    refuse_checked_out(places, "t")
    own = tmp_path.with_name(f"{tmp_path.name}.own")
    git(tmp_path, "worktree", "add", "-q", "--force", str(own), "autoresearch/t")
    for change in (lambda: rename(places, "t", "u"), lambda: delete(places, "t")):
        with pytest.raises(HistoryFault, match="autoresearch/t is checked out in"):
            change()
    assert references(tmp_path) == before
    assert (tmp_path / ".autoresearch/runs/t/run.log").exists()


@pytest.mark.parametrize("step", ["marked", "references", "worktree"])
def test_a_rename_that_was_killed_is_finished_by_the_same_call(tmp_path: Path, step: str) -> None:
    attempt = begun(tmp_path)
    tip = references(tmp_path)[f"{BRANCH}/t"]
    folder = tmp_path / ".autoresearch" / "runs" / "t"
    (folder / RENAMED).write_text("u")
    if step != "marked":
        for name, commit in (("heads/autoresearch", tip), ("autoresearch", attempt.commit)):
            number = "" if "heads" in name else "/0"
            git(tmp_path, "update-ref", f"refs/{name}/u{number}", commit)
            git(tmp_path, "update-ref", "-d", f"refs/{name}/t{number}")
    if step == "worktree":
        worktrees = tmp_path / ".autoresearch" / "worktrees"
        (worktrees / "t").rename(worktrees / "u")
        (tmp_path / ".autoresearch" / "runs" / "u").mkdir()
        (folder / "run.log").rename(folder.with_name("u") / "run.log")
    places = homes(tmp_path)
    assert half_renamed(places, "t", "u")
    assert not half_renamed(places, "t", "v") and not half_renamed(places, "u", "t")
    rename(places, "t", "u")
    assert references(tmp_path) == {f"{BRANCH}/u": tip, f"{FLIGHT}/u/0": attempt.commit}
    assert local(tmp_path) == {"runs/u", "worktrees/u"}
    assert (tmp_path / ".autoresearch/runs/u/run.log").read_text() == "a line\n"
    place = tmp_path / ".autoresearch" / "worktrees" / "u"
    assert str(place) in git(tmp_path, "worktree", "list"), "git knows where it is"
    assert git(place, "symbolic-ref", "HEAD").strip() == f"{BRANCH}/u"


@pytest.mark.parametrize("kept", ["branch", "flight"])
def test_a_mark_that_lies_there_hands_no_other_run_over(tmp_path: Path, kept: str) -> None:
    """A rename was killed, or an archive brought its mark; another run has the name by now."""
    begun(tmp_path)
    (tmp_path / ".autoresearch/runs/t" / RENAMED).write_text("u")
    other = f"{BRANCH}/u" if kept == "branch" else f"{FLIGHT}/u/0"
    git(tmp_path, "update-ref", other, "main")
    before = references(tmp_path)
    with pytest.raises(HistoryFault, match="of another run than t") as fault:
        rename(homes(tmp_path), "t", "u")
    assert references(tmp_path) == before
    assert fault.value.next_command == "autoresearch rename t OTHER   # or delete u"
    rename(homes(tmp_path), "t", "v")
    assert before[other] == references(tmp_path)[other]
    assert f"{BRANCH}/v" in references(tmp_path)


def test_what_a_half_renamed_run_has_made_since_stays(tmp_path: Path) -> None:
    """It went on under its new name before the rename was finished."""
    attempt = begun(tmp_path)
    runs = tmp_path / ".autoresearch" / "runs"
    (runs / "t" / RENAMED).write_text("u")
    for folder, text in (("t", "before"), ("u", "since")):
        (runs / folder / "trials" / "0003").mkdir(parents=True)
        (runs / folder / "trials" / "0003" / "train-0.log").write_text(text)
        (runs / folder / "trials" / f"{text}.log").write_text(text)
    (runs / "t" / "trackers").mkdir()
    (runs / "t" / "trackers" / "runs.db").touch()
    (tmp_path / "mine").mkdir()
    (runs / "u" / "trackers").symlink_to(tmp_path / "mine")
    for name, commit in references(tmp_path).items():
        git(tmp_path, "update-ref", name.replace("autoresearch/t", "autoresearch/u"), commit)
        git(tmp_path, "update-ref", "-d", name)
    rename(homes(tmp_path), "t", "u")
    assert references(tmp_path)[f"{FLIGHT}/u/0"] == attempt.commit
    logs = {path.name: path.read_text() for path in (runs / "u" / "trials").rglob("*.log*")}
    assert logs == {
        "train-0.log": "since",
        "train-0.log.old-1": "before",
        "before.log": "before",
        "since.log": "since",
    }
    assert not list((tmp_path / "mine").iterdir()), "nothing goes through a link"
    assert (runs / "u" / "trackers.old-1" / "runs.db").exists()
    assert local(tmp_path) == {"runs/u", "worktrees/u"}


def test_the_new_tag_is_on_the_disk_before_anything_moves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun(tmp_path)
    seen: list[tuple[str, set[str]]] = []
    fsync = os.fsync

    def watched(descriptor: int) -> None:
        draft = Path(f"/proc/self/fd/{descriptor}")
        assert draft.readlink().match(f".autoresearch/runs/t/.{RENAMED}.*")
        seen.append((draft.read_text(), set(references(tmp_path))))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    rename(homes(tmp_path), "t", "u")
    assert seen == [("u", {f"{BRANCH}/t", f"{FLIGHT}/t/0"})]


# ---------------------------------------------------------------- delete


def test_a_deleted_run_is_gone_and_its_neighbours_are_not(tmp_path: Path) -> None:
    begun(tmp_path)
    git(tmp_path, "branch", "autoresearch/t2", "autoresearch/t")
    git(tmp_path, "update-ref", f"{FLIGHT}/t2/0", "main")
    git(tmp_path, "config", "branch.autoresearch/t.remote", "origin")
    folder = tmp_path / ".autoresearch" / "runs" / "t"
    (folder / "trials" / "0001").mkdir(parents=True)
    (folder / "trackers").symlink_to(tmp_path / "mine")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "kept").touch()
    places = homes(tmp_path)
    remains = remains_of(places, "t")
    assert bool(remains) and len(remains.flights) == len(remains.worktrees) == 1
    delete(places, "t")
    assert not remains_of(places, "t")
    assert set(references(tmp_path)) == {f"{BRANCH}/t2", f"{FLIGHT}/t2/0"}
    assert local(tmp_path) == set()
    assert "autoresearch/t\n" not in git(tmp_path, "worktree", "list", "--porcelain")
    assert "autoresearch/t.remote" not in git(tmp_path, "config", "--list")
    assert (tmp_path / "train.py").exists() and (tmp_path / "mine" / "kept").exists()


def test_a_delete_that_was_killed_is_finished_by_the_same_call(tmp_path: Path) -> None:
    begun(tmp_path)
    places = homes(tmp_path)
    shutil.rmtree(tmp_path / ".autoresearch" / "worktrees" / "t")
    delete(places, "t")
    assert local(tmp_path) == set() and references(tmp_path) == {}
    with locked(places[0], "t"):
        pass  # its folder and its lock are there once more
    assert remains_of(places, "t").folders
    delete(places, "t")
    assert local(tmp_path) == set()


def test_a_folder_that_git_does_not_list_is_not_the_runs(tmp_path: Path) -> None:
    begun(tmp_path)
    place = tmp_path / ".autoresearch" / "worktrees" / "t"
    git(tmp_path, "worktree", "remove", "--force", str(place))
    place.mkdir()
    (place / "mine.txt").write_text("mine")
    delete(homes(tmp_path), "t")
    assert (place / "mine.txt").read_text() == "mine"


def test_the_lock_goes_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits for it must not find a folder with half of a run in it."""
    begun(tmp_path)
    folder = tmp_path / ".autoresearch" / "runs" / "t"
    (folder / "zzz").write_text("")
    (folder / "trials").mkdir()
    left: list[set[str]] = []
    unlink = Path.unlink

    def watched(path: Path, missing_ok: bool = False) -> None:
        if path.name == "lock":
            left.append({entry.name for entry in folder.iterdir()})
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", watched)
    delete(homes(tmp_path), "t")
    assert left == [{"lock"}]
