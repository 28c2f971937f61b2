"""The states that another run may begin at, and where a run came from."""

import shutil
from pathlib import Path

import pytest

from agent.errors import HistoryFault, UsageFault
from agent.git.plumbing import Plumbing
from agent.history.history import History
from agent.history.homes import find_run, homes, is_local, runs_of
from agent.history.lineage import (
    find_state,
    parent_text,
    root_commit,
    tag_now,
    tags_by_first,
)
from agent.records.lineage import Parent
from agent.records.results import Attempt, Claim, Result, Score, Trial
from tests.agent.study import make_repository, project_of, proposal, settings_of
from tests.e2e.researcher import git

MEASURED = Result(status="scored", scores=(Score(value=1.0, seed=0, kind="self-reported"),))
STATUSES = ("baseline", "keep", "discard", "refused", "reported")


def verdict(history: History, number: int, status: str) -> Trial:
    """Commit a trial with this status, each with an LR of its own."""
    asked = proposal() if status == "reported" else proposal(LR=0.2)
    sources = history.sources.with_text(f"LR = 0.{number}\n")
    attempt = history.commit_attempt(number, asked, sources)
    trial = Trial.model_validate(
        {
            "number": number,
            "status": status,
            "proposal": asked,
            "reason": "r",
            "result": None if status in ("refused", "reported") else MEASURED,
            "claim": Claim(commit="c") if status == "reported" else None,
        }
    )
    return history.commit_verdict(attempt, trial)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with the run a, with #5 in flight; b began at its #2, and c at the end of b."""
    folder = make_repository(tmp_path_factory.mktemp("lineage") / "r")
    project = project_of(folder)
    with History.create(project, settings_of(project, tag="a")) as history:
        for number, status in enumerate(STATUSES):
            verdict(history, number, status)
        history.commit_attempt(5, proposal(LR=0.5), history.sources.with_text("LR = 0.5\n"))
    for tag, name in (("b", "a#2"), ("c", "b")):
        state = find_state(project, name)
        begun = settings_of(project, tag=tag, start_commit=state.commit, parent=state.parent)
        with History.create(project, begun):
            pass
    return folder


@pytest.fixture
def here(original: Path, tmp_path: Path) -> Path:
    ignored = shutil.ignore_patterns(".autoresearch")
    return shutil.copytree(original, tmp_path / "r", ignore=ignored)


def run_of(folder: Path, tag: str) -> History:
    return History.read(project_of(folder), tag)


@pytest.mark.parametrize(
    ("name", "rate", "status"),
    [
        ("a#0", "0.0", "baseline"),
        ("a#1", "0.1", "keep"),
        ("autoresearch/a#2", "0.2", "discard"),
        ("a#5", "0.5", "no verdict yet"),
        ("a", "0.1", ""),
    ],
)
def test_a_state_has_the_files_of_its_trial(
    original: Path, name: str, rate: str, status: str
) -> None:
    state = find_state(project_of(original), name)
    assert git(original, "show", f"{state.commit}:train.py") == f"LR = {rate}"
    assert (state.status, state.run.tag) == (status, "a")
    number = int(name[-1]) if "#" in name else None
    assert (state.parent.tag, state.parent.trial) == ("a", number)
    history = run_of(original, "a")
    if status == "keep":
        assert state.commit == history.trials[1].verdict, "the branch's own state"
    if status == "":
        assert state.commit == history.tip and state.trial is None
    assert isinstance(state.trial, Attempt) == (number == 5)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a#3", "#3 of autoresearch/a has no files of its own: its edits were refused"),
        ("a#4", "#4 of autoresearch/a has no files of its own: its change is not known"),
        ("a#99", "It has #0 to #5; did you mean #5?"),
        ("b#0", "There is no trial #0 in autoresearch/b: it has none yet"),
        ("a#x", "'a#x' is not RUN#N"),
        ("a#", "'a#' is not RUN#N"),
        ("#3", "'#3' is not RUN#N"),
        ("a#" + "9" * 5000, " is not RUN#N"),
    ],
)
def test_what_is_no_state_says_why(original: Path, name: str, message: str) -> None:
    with pytest.raises(UsageFault) as caught:
        find_state(project_of(original), name)
    assert message in caught.value.message


def test_a_run_whose_branch_is_gone_is_brought_back_from_its_child(here: Path) -> None:
    tip = git(here, "rev-parse", "autoresearch/a").strip()
    tried_on = run_of(here, "a").trials[1].verdict
    git(here, "update-ref", "-d", "refs/heads/autoresearch/a")
    with pytest.raises(HistoryFault, match="autoresearch/b began at a#2") as fault:
        find_state(project_of(here), "a#1")
    assert f"git branch autoresearch/a {tried_on[:12]} " in str(fault.value.next_command)
    git(here, "branch", "autoresearch/a", tip)
    git(here, "branch", "autoresearch/plain", "main")
    with pytest.raises(HistoryFault, match="autoresearch/plain is not the branch of a run"):
        find_state(project_of(here), "plain#1")
    with pytest.raises(HistoryFault, match="Unknown run 'z'"):
        find_state(project_of(here), "z#1")


def test_a_parent_is_known_by_its_first_commit_whatever_it_is_called(here: Path) -> None:
    project = project_of(here)
    run = run_of(here, "b").run
    assert run.parent is not None
    assert parent_text(project, run) == "a#2"
    assert parent_text(project, run_of(here, "a").run) == ""
    git(here, "branch", "autoresearch/copy", "autoresearch/a")
    firsts = tags_by_first(project)
    assert sorted(firsts[run.parent.first]) == ["a", "copy"]
    assert tag_now(run.parent, firsts) == "a", "its own name first"
    assert tag_now(run.parent, {run.parent.first: ["z", "a"]}) == "a"
    git(here, "update-ref", "-d", "refs/heads/autoresearch/a")
    assert parent_text(project, run) == "a#2, which is called copy now"
    git(here, "update-ref", "-d", "refs/heads/autoresearch/copy")
    assert tag_now(run.parent, tags_by_first(project)) is None
    assert parent_text(project, run) == (
        f"a#2, whose branch is not here; its state is {run.start_commit[:12]}"
    )


def test_a_line_of_runs_leads_to_where_the_first_began(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git_here = Plumbing(here)
    start = run_of(here, "a").run.start_commit
    for tag in "abc":
        assert root_commit(git_here, run_of(here, tag).run) == start
    assert run_of(here, "c").run.start_commit != start
    monkeypatch.setattr("agent.history.lineage.MAX_GENERATIONS", 2)
    with pytest.raises(HistoryFault, match="the run c has 2 runs before it"):
        root_commit(git_here, run_of(here, "c").run)
    assert root_commit(git_here, run_of(here, "b").run) == start


def test_the_name_of_a_parent_has_the_number_of_a_trial() -> None:
    first = "a" * 40
    assert str(Parent(tag="a", trial=0, first=first)) == "a#0"
    assert str(Parent(tag="a", first=first)) == "a"


# ---------------------------------------------------------------- the runs of a repository


def test_a_run_is_found_by_its_tag_or_branch_wherever_its_files_are(here: Path) -> None:
    git(here, "branch", "autoresearch/plain", "main")
    other = here.with_name("other")
    git(here, "worktree", "add", "-q", "--detach", str(other))
    with History.open(project_of(other), "b"):
        places = homes(here)
        assert [home.root for home in places] == [str(here), str(other)], "our worktrees are none"
        working = find_run(runs_of(places), "b")
        assert working.home.root == str(other) and working.summary.pid is not None
    assert [home.root for home in homes(other)] == [str(other), str(here)], "one's own first"
    runs = runs_of(places)
    assert {run.tag for run in runs} == {"a", "b", "c"}, "a branch that is no run is none"
    assert find_run(runs, "b").home.root == str(other), "which has its local files"
    assert find_run(runs, "autoresearch/a").home.root == str(here)
    assert is_local(places[1], "b") and not is_local(places[0], "b")
    with pytest.raises(HistoryFault, match="Unknown run 'aa'"):
        find_run(runs, "aa")
    (other / "train.py").unlink()
    assert [home.root for home in homes(here)] == [str(here), str(other)], "with or without code"
    with pytest.raises(HistoryFault, match="There is no run 'a' here"):
        find_run([], "a")
