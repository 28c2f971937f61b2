"""Changes of a sister run, proposed to another one and judged there like any other trial."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.adopt.sister import (
    Adopting,
    began_elsewhere,
    change_of,
    common_state,
    joint_change,
    kept_by,
    left_of,
)
from agent.cli.sister import is_run, lines_of, target_of
from agent.errors import HistoryFault, UsageFault
from agent.history.history import History
from agent.history.lineage import find_state
from agent.history.runs import list_runs
from agent.propose import Proposer
from agent.records.events import RunFinished
from agent.records.objective import Objective
from agent.records.results import Trial
from tests.agent.cli.night import git
from tests.agent.study import (
    loop_of,
    make_repository,
    project_of,
    proposal,
    settings_of,
    work_on,
)


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with the run `a`, and `b` that began at its #2, which was not kept."""
    folder = make_repository(tmp_path_factory.mktemp("night") / "r")
    project = project_of(folder)
    with History.create(project, settings_of(project, tag="a")) as history:
        work_on(history, [proposal(LR=0.2), proposal(DEPTH=5, LR=0.9)], trials=2)
        assert [trial.status for trial in history.trials] == ["baseline", "keep", "discard"]
    state = find_state(project, "a#2")
    begun = settings_of(project, tag="b", start_commit=state.commit, parent=state.parent)
    with History.create(project, begun) as history:
        changes = [proposal(LR=0.4), proposal(DEPTH=1), proposal(DEPTH=13), proposal(DEPTH=7)]
        work_on(history, changes, trials=4)
        kept = ["baseline", "keep", "discard", "crash", "keep"]
        assert [trial.status for trial in history.trials] == kept
    return folder


@pytest.fixture
def home(night: Path, tmp_path: Path) -> Path:
    return shutil.copytree(night, tmp_path / "r", ignore=shutil.ignore_patterns(".autoresearch"))


@pytest.fixture
def sister(home: Path) -> History:
    return History.read(project_of(home), "b")


@pytest.fixture
def ours(home: Path) -> Iterator[History]:
    with History.open(project_of(home), "a") as history:
        yield history


def adopt(history: History, proposer: Proposer) -> tuple[Trial, ...]:
    """Return the trials that a session of adopting adds; it ends by itself, without a fault."""
    before = len(history.trials)
    events = list(loop_of(history, proposer).events())
    assert isinstance(events[-1], RunFinished)
    return history.trials[before:]


def test_each_keep_is_measured_on_our_newest_state(sister: History, ours: History) -> None:
    changes = kept_by(sister)
    assert [change.name for change in changes] == ["b#1", "b#4"]
    first, second = adopt(ours, Adopting(changes))
    assert (first.status, second.status) == ("keep", "keep")
    assert first.against == 1 and second.against == first.number
    assert first.proposal.by.method == "adopt" and first.proposal.by.adopts == "b#1"
    assert "LR = 0.4" in ours.sources.text and "DEPTH = 7" in ours.sources.text
    assert "keep of b#1: val_bpb " in first.proposal.rationale


def test_what_was_proposed_is_not_proposed_again(sister: History, ours: History) -> None:
    changes = kept_by(sister)
    adopt(ours, Adopting(changes[:1]))
    proposals = [trial.proposal for trial in ours.trials]
    assert [change.name for change in left_of(changes, proposals)] == ["b#4"]
    assert [trial.proposal.by.adopts for trial in adopt(ours, Adopting(changes))] == ["b#4"]
    assert adopt(ours, Adopting(changes)) == ()


def test_a_change_that_does_nothing_here_is_refused_and_the_next_one_comes(
    sister: History, ours: History
) -> None:
    work_on(ours, [proposal(LR=0.4)], trials=1)
    first, second = adopt(ours, Adopting(kept_by(sister)))
    assert (first.status, second.status) == ("refused", "keep")


def test_one_trial_is_measured_kept_or_not(sister: History, ours: History) -> None:
    [trial] = adopt(ours, Adopting([change_of(sister, 2)]))
    assert trial.status == "discard"
    assert trial.proposal.rationale.startswith("discard of b#2")
    [trial] = adopt(ours, Adopting([change_of(sister, 3)]))
    assert trial.status == "crash"


@pytest.mark.parametrize(
    ("number", "message"), [(0, "changed nothing"), (99, "#99 has no verdict in autoresearch/b")]
)
def test_a_trial_without_a_change_is_refused(sister: History, number: int, message: str) -> None:
    with pytest.raises(UsageFault, match=message):
        change_of(sister, number)


def test_a_run_that_kept_nothing_has_nothing_to_give(home: Path) -> None:
    project = project_of(home)
    with (
        History.create(project, settings_of(project, tag="c")) as history,
        pytest.raises(UsageFault, match="has kept nothing yet"),
    ):
        kept_by(history)


def test_all_of_it_is_one_trial_with_the_files_of_the_sister(
    sister: History, ours: History
) -> None:
    assert common_state(sister, ours) == ours.trials[1].verdict
    change = joint_change(sister, ours)
    [trial] = adopt(ours, Adopting([change]))
    assert trial.status == "keep"
    assert ours.sources.text == sister.sources.text
    assert trial.proposal.hypothesis.startswith("2 kept changes of b together: ")
    assert trial.proposal.by.adopts == "b#1 to #4"
    with pytest.raises(UsageFault, match="the same files"):
        joint_change(ours, ours)


def test_where_a_sister_began_is_known(sister: History, ours: History, home: Path) -> None:
    assert began_elsewhere(sister, ours)
    project = project_of(home)
    state = find_state(project, "a#1")
    begun = settings_of(project, tag="d", start_commit=state.commit, parent=state.parent)
    with History.create(project, begun) as history:
        assert not began_elsewhere(history, ours)
    with History.create(project, settings_of(project, tag="e")) as unrelated:
        assert not began_elsewhere(unrelated, ours), "both began at the user's own commit"


# ---------------------------------------------------------------- the command


def test_it_is_said_by_what_they_are_measured(sister: History, home: Path) -> None:
    project = project_of(home)
    steps = Objective(metric="steps", direction="maximize")
    with History.create(project, settings_of(project, tag="f", objective=steps)) as history:
        changes = kept_by(sister)
        first, other, elsewhere = lines_of(sister, history, changes, changes, single=False)
        assert first == "2 changes of autoresearch/b to measure in autoresearch/f"
        assert other == (
            "b measures val_bpb, lower is better; here they are measured by steps, higher is better"
        )
        assert "`autoresearch adopt b --into f --together` measures all of it" in elsewhere
        assert len(list(lines_of(sister, history, changes, changes, single=True))) == 2
        done = list(lines_of(sister, history, changes, (), single=False))
        assert done[-1] == "next: autoresearch log f"


def test_the_run_that_is_meant_is_the_parent_or_the_one_that_is_named(
    sister: History, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(home)
    project = project_of(home)
    with History.create(project, settings_of(project, tag="newer")) as newer:
        assert target_of(project, sister, None) == "autoresearch/a"
        others = [run.tag for run in list_runs(project) if run.tag != "newer"]
        assert target_of(project, newer, None) == f"autoresearch/{others[0]}", "the newest"
    assert target_of(project, sister, "newer") == "newer"
    with pytest.raises(UsageFault, match="cannot be proposed to itself"):
        target_of(project, sister, "autoresearch/b")
    with pytest.raises(HistoryFault, match="Did you mean 'newer'"):
        target_of(project, sister, "never")
    git(home, "switch", "-q", "autoresearch/newer", "--ignore-other-worktrees")
    assert target_of(project, sister, None) == "autoresearch/newer"


@pytest.mark.parametrize(
    ("name", "expected"),
    [("b", True), ("autoresearch/b", True), ("b#1", True), ("no#1", True), ("main", False)],
)
def test_a_run_is_told_from_a_branch_of_another_loop(home: Path, name: str, expected: bool) -> None:
    git(home, "branch", "autoresearch/mar5", "main")
    assert is_run(home, name) is expected
    assert not is_run(home, "autoresearch/mar5"), "an agent of karpathy/autoresearch made it"
