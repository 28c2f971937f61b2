"""The commands for runs as a whole: `list`, `rename`, `delete` and `stop`."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from agent.errors import HistoryFault, RunBusy, UsageFault
from agent.git.lock import hold, signal_holder
from agent.history.history import History
from agent.history.homes import homes
from agent.history.removal import delete, rename
from agent.history.runs import lock_path
from agent.project.find import find_project
from agent.project.settings import Settings
from tests.agent.cli.night import (
    TRAIN,
    WORKER,
    fault,
    git,
    make_repository,
    output_of,
    proposal,
    settings,
    settle,
    worker,
)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with a run `t`: a baseline, a keep, an attempt in flight, a worktree, a log."""
    folder = make_repository(tmp_path_factory.mktemp("runs") / "a repository")
    with History.create(find_project(folder, Settings()), settings(folder)) as history:
        settle(history, "baseline", "train.py as it is", TRAIN, 1.5)
        deeper = TRAIN.replace("DEPTH = 4", "DEPTH = 5")
        settle(history, "keep", "deeper", deeper, 1.4)
        history.commit_attempt(
            history.next_number, proposal("colder"), history.sources.with_text(deeper)
        )
    (folder / ".autoresearch" / "runs" / "t" / "run.log").write_text("a line\n")
    logs = folder / ".autoresearch" / "runs" / "t" / "trials" / "0001"
    logs.mkdir(parents=True)
    (logs / "train-0.log").write_text("step 1\n")
    return folder


@pytest.fixture
def here(original: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """That repository as the current folder, put back afterwards."""
    saved = original.with_name("saved")
    shutil.copytree(original, saved, symlinks=True)
    monkeypatch.chdir(original)
    yield original
    put_back(saved, original)
    shutil.rmtree(saved)


def put_back(saved: Path, folder: Path) -> None:
    """Make the folder what it was; its path matters to git's worktrees."""
    shutil.rmtree(folder)
    shutil.copytree(saved, folder, symlinks=True)


def listed() -> dict[str, dict[str, object]]:
    """What `list --json` says, by tag."""
    return {line["tag"]: line for line in json.loads(output_of("list", "--json"))}


def traces(folder: Path, tag: str) -> list[str]:
    """What there is under a tag: refs, and files below .autoresearch."""
    references = git(folder, "for-each-ref", "--format=%(refname)").split()
    paths = [str(path.relative_to(folder)) for path in (folder / ".autoresearch").glob("*/*")]
    found = [name for name in (*references, *paths) if tag in name.split("/")]
    places = git(folder, "worktree", "list", "--porcelain").splitlines()
    return found + [line for line in places if line.endswith(f"/{tag}")]


# ---------------------------------------------------------------------------------------- list


def test_list_says_what_there_is_of_each_run(here: Path) -> None:
    line = listed()["t"]
    assert (line["state"], line["pid"], line["trials"], line["kept"]) == ("stopped", None, 1, 1)
    assert line["best"] == pytest.approx(1.401)
    assert int(str(line["bytes"])) >= 4096
    assert Path(str(line["log"])).read_text() == "a line\n"
    words = output_of("list").splitlines()[1].split()
    assert words[:5] == ["t", "stopped", "1", "1", "1.401000"]


def test_list_works_in_a_folder_and_in_another_checkout(
    here: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = listed()
    other = tmp_path / "other"
    git(here, "worktree", "add", "-q", "--detach", str(other))
    (here / "below").mkdir()
    for folder in (here / "below", other, here / ".autoresearch" / "worktrees" / "t"):
        monkeypatch.chdir(folder)
        assert listed() == before, folder
    git(here, "worktree", "remove", str(other))


def test_list_names_the_process_that_works(here: Path) -> None:
    with worker(here) as pid:
        assert (listed()["t"]["state"], listed()["t"]["pid"]) == ("running", pid)


def test_a_list_on_paper_has_no_blanks_at_the_ends_of_its_lines(here: Path) -> None:
    assert all(line == line.rstrip() for line in output_of("list").splitlines())


def test_a_name_that_no_run_has_leaves_nothing_behind(here: Path) -> None:
    before = sorted((here / ".autoresearch" / "runs").iterdir())
    assert isinstance(fault("resume", "nope"), HistoryFault)
    assert sorted((here / ".autoresearch" / "runs").iterdir()) == before


def test_a_branch_that_is_no_run_is_not_listed(here: Path) -> None:
    git(here, "branch", "autoresearch/plain")
    assert set(listed()) == {"t"}
    assert isinstance(fault("delete", "plain", "--yes"), HistoryFault)
    assert "plain" in git(here, "branch")


@pytest.mark.parametrize("words", [("status",), ("resume",), ("log",)])
def test_a_shallow_clone_of_a_run_s_branch_is_told_to_fetch_the_rest(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    clone = tmp_path / "clone"
    git(here, "clone", "-q", "--depth", "1", "-b", "autoresearch/t", here.as_uri(), str(clone))
    monkeypatch.chdir(clone)
    shallow = fault(*words)
    assert "autoresearch/t" in shallow.message
    assert shallow.next_command == "git fetch --unshallow"
    assert listed()["t"]["state"] == "unreadable"
    git(clone, "fetch", "-q", "--unshallow")
    assert listed()["t"]["state"] == "stopped"
    assert "1.401000" in output_of("log")


# -------------------------------------------------------------------------------------- rename


def test_a_renamed_run_is_whole_and_can_go_on(here: Path) -> None:
    git(here, "config", "branch.autoresearch/t.remote", "origin")
    assert "is now autoresearch/deeper" in output_of("rename", "t", "deeper")
    assert traces(here, "t") == []
    worktree = here / ".autoresearch" / "worktrees" / "deeper"
    assert git(worktree, "symbolic-ref", "HEAD").strip() == "refs/heads/autoresearch/deeper"
    assert git(worktree, "status", "--porcelain") == ""
    assert (here / ".autoresearch/runs/deeper/run.log").read_text() == "a line\n"
    assert git(here, "config", "branch.autoresearch/deeper.remote").strip() == "origin"
    with History.open(find_project(here, Settings()), "deeper") as history:
        assert [trial.status for trial in history.trials] == ["baseline", "keep"]
        assert [attempt.number for attempt in history.in_flight] == [2]
        assert history.warnings == []


@pytest.mark.parametrize(("new", "message"), [("t", "called t already"), ("a b", "not a tag")])
def test_a_name_that_cannot_be_given_is_refused(here: Path, new: str, message: str) -> None:
    assert message in fault("rename", "t", new).message


def test_a_taken_name_is_refused(here: Path) -> None:
    git(here, "branch", "autoresearch/other", "autoresearch/t")
    assert "there is a run other already" in fault("rename", "t", "other").message


def test_what_is_proposed_instead_can_be_typed(here: Path) -> None:
    assert fault("rename", "t", "a b").next_command == "autoresearch rename t night1"
    with worker(here):
        assert fault("rename", "t", "deeper").next_command == "autoresearch stop t"


# -------------------------------------------------------------------------------------- delete


def test_delete_shows_what_goes_and_asks_first(here: Path) -> None:
    refused = fault("delete", "t")
    assert isinstance(refused, UsageFault)
    assert refused.next_command == "autoresearch delete t --yes"
    assert "t" in listed()
    tip = git(here, "rev-parse", "autoresearch/t")[:12]
    said = output_of("delete", "t", "--yes")
    assert f"git branch autoresearch/t {tip}" in said
    assert "2 trials, best 1.401000 by #1" in said
    assert "worktrees/t" in said
    assert "runs/t" in said
    assert traces(here, "t") == []
    assert listed() == {}
    assert (here / "train.py").read_text() == TRAIN


def test_delete_takes_several_runs_and_nothing_where_one_is_unknown(here: Path) -> None:
    git(here, "branch", "autoresearch/u", "autoresearch/t")
    unknown = fault("delete", "u", "tt", "--yes")
    assert "Unknown run 'tt'" in unknown.message
    assert set(listed()) == {"t", "u"}
    output_of("delete", "u", "t", "--yes")
    assert listed() == {}


def test_files_in_the_worktree_that_are_in_no_commit_are_told(here: Path) -> None:
    (here / ".autoresearch" / "worktrees" / "t" / "mine.txt").write_text("mine")
    assert "with 1 files that you changed" in output_of("delete", "t", "--yes")


def test_a_run_that_is_worked_on_or_checked_out_is_left_alone(here: Path, tmp_path: Path) -> None:
    with worker(here) as pid:
        assert f"process {pid} works" in fault("delete", "t", "--yes").message
        assert isinstance(fault("rename", "t", "u"), RunBusy)
    place = tmp_path / "place"
    git(here, "worktree", "add", "-q", "--force", str(place), "autoresearch/t")
    for words in (("delete", "t", "--yes"), ("rename", "t", "u")):
        refused = fault(*words)
        assert f"is checked out in {place}" in refused.message
        assert refused.next_command == f"git -C {place} switch --detach"
    git(here, "worktree", "remove", str(place))
    assert set(listed()) == {"t"}


def test_a_folder_that_is_no_worktree_of_this_repository_stays(here: Path) -> None:
    place = here / ".autoresearch" / "worktrees" / "t"
    git(here, "worktree", "remove", "--force", str(place))
    place.mkdir()
    (place / "mine.txt").write_text("mine")
    output_of("delete", "t", "--yes")
    assert (place / "mine.txt").read_text() == "mine"


# ------------------------------------------------------------------------------- kill -9 within

CHANGING = {"update-ref", "worktree", "symbolic-ref", "config"}
DYING = {"os.rename", "os.remove", "os.rmdir", "os.mkdir"}


def is_change(event: str, arguments: Sequence[object]) -> bool:
    """Return whether an audit event is about to change something of a run."""
    if event in DYING:
        return True
    words = arguments[1] if event == "subprocess.Popen" else []
    return isinstance(words, list) and bool(CHANGING & set(words)) and "list" not in words


def killed_before(step: int, work: str, folder: Path) -> bool:
    """Do `work` in a child that is killed -9 before its change number `step`; False if it ended."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    left = step

    def count(event: str, arguments: Sequence[object]) -> None:
        nonlocal left
        if is_change(event, arguments):
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)

    try:
        os.chdir(folder)
        places = homes(folder)
        sys.addaudithook(count)
        if work == "delete":
            delete(places, "t")
        else:
            rename(places, "t", "u")
        os._exit(0)
    finally:
        os._exit(1)


@pytest.mark.slow
@pytest.mark.parametrize("work", ["delete", "rename"])
def test_a_kill_9_at_any_step_is_finished_by_the_same_command(here: Path, work: str) -> None:
    words = ["delete", "t", "--yes"] if work == "delete" else ["rename", "t", "u"]
    step = 0
    while killed_before(step, work, here):
        if traces(here, "t"):
            output_of(*words)
        assert traces(here, "t") == []
        if work == "rename":
            assert listed()["u"]["trials"] == 1
            assert (here / ".autoresearch/runs/u/run.log").read_text() == "a line\n"
            assert len(traces(here, "u")) >= 5
            with History.open(find_project(here, Settings()), "u") as history:
                assert [attempt.number for attempt in history.in_flight] == [2]
                assert history.warnings == []
        git(here, "fsck", "--strict", "--no-dangling")
        put_back(here.with_name("saved"), here)
        os.chdir(here)
        step += 1
    assert step > 5


# ---------------------------------------------------------------------------------------- stop


def test_stop_ends_the_process_that_works_on_the_run(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "below").mkdir()
    monkeypatch.chdir(here / "below")
    assert "No process works on a run" in output_of("stop")
    assert "No process works on autoresearch/t" in output_of("stop", "t")
    with subprocess.Popen(
        [sys.executable, "-c", WORKER],
        cwd=here,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "open\n"
        said = output_of("stop")
        assert f"Asked process {process.pid} to finish #2" in said
        assert "autoresearch resume t` continues" in said
        assert process.wait(60) == -signal.SIGINT


def test_stop_without_a_name_needs_a_single_active_run(here: Path) -> None:
    git(here, "branch", "autoresearch/u", "autoresearch/t")
    path = lock_path(find_project(here, Settings()), "u")
    with worker(here), hold(path, "the run u"):
        refused = fault("stop")
    assert isinstance(refused, UsageFault)
    assert f"u  process {os.getpid()}" in refused.message


def test_no_signal_goes_to_a_process_that_only_has_the_number_in_the_lock(here: Path) -> None:
    path = lock_path(find_project(here, Settings()), "t")
    with subprocess.Popen(["sleep", "600"]) as bystander:
        with hold(path, "the run t") as file:
            file.truncate(0)
            file.write(str(bystander.pid))
            file.flush()
            with pytest.raises(HistoryFault, match=f"held by process {bystander.pid}"):
                signal_holder(path, lambda _: signal.SIGKILL)
        assert bystander.poll() is None
        bystander.kill()


@pytest.mark.parametrize("text", ["", "0", "99999999999999999999", "-1"])
def test_a_lock_without_a_number_of_a_process_gets_no_signal(here: Path, text: str) -> None:
    path = lock_path(find_project(here, Settings()), "t")
    with hold(path, "the run t") as file:
        file.truncate(0)
        file.write(text)
        file.flush()
        with pytest.raises(HistoryFault, match="is held by process"):
            signal_holder(path, lambda _: signal.SIGKILL)
