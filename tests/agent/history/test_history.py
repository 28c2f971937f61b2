"""Git as the database: the shape of the commits, and branches that cannot be read."""

import itertools
import json
from pathlib import Path

import pytest

from agent.errors import HistoryFault
from agent.history.history import History
from agent.records.results import Trial
from agent.run.ledger import Ledger
from agent.space import read_space
from tests.agent.history.nights import VERDICTS, night, reopened, scored
from tests.agent.study import (
    make_repository,
    project_of,
    proposal,
    settings_of,
    settle,
    study,
)
from tests.e2e.researcher import fsck, git


def test_the_first_parents_are_the_trials_and_what_was_kept(tmp_path: Path) -> None:
    trials = night(tmp_path)
    subjects = git(
        tmp_path, "log", "--first-parent", "--reverse", "--format=%s", "main..autoresearch/t"
    ).splitlines()
    assert subjects[0].startswith("start t: ")
    assert [subject.split()[:2] for subject in subjects[1:]] == [
        [f"#{n}", status] for n, status in enumerate(VERDICTS)
    ]
    for before, trial in itertools.pairwise(trials):
        parents = git(tmp_path, "show", "-s", "--format=%P", trial.verdict).split()
        assert parents == [before.verdict, trial.attempt]
        taken = trial.attempt if trial.status == "keep" else before.verdict
        assert git(tmp_path, "rev-parse", f"{trial.verdict}^{{tree}}") == git(
            tmp_path, "rev-parse", f"{taken}^{{tree}}"
        )
    assert git(tmp_path, "rev-parse", f"{trials[3].attempt}^") == trials[2].verdict, (
        "an attempt stands on the tip"
    )
    kept = git(tmp_path, "diff", "-U0", trials[0].verdict, trials[5].verdict).splitlines()
    assert [line for line in kept if line.startswith(("+D", "+L", "-D", "-L"))] == [
        "-LR = 0.1  # [0.01 .. 1 log]",
        "-DEPTH = 4  # [1 .. 16]",
        "+LR = 0.3  # [0.01 .. 1 log]",
        "+DEPTH = 6  # [1 .. 16]",
    ]
    attempts = git(
        tmp_path, "log", "--no-merges", "--format=%s", "main..autoresearch/t"
    ).splitlines()
    assert len([subject for subject in attempts if subject.startswith("attempt #")]) == 6


def test_git_itself_reads_the_record(tmp_path: Path) -> None:
    trials = night(tmp_path)
    form = "--format=%(trailers:key=Autoresearch,valueonly)"
    record = json.loads(git(tmp_path, "show", "-s", form, trials[1].verdict))
    assert (record["record"], record["number"], record["status"]) == ("trial", 1, "keep")
    assert (
        git(tmp_path, "show", "-s", "--format=%an %ae", trials[1].verdict)
        == "autoresearch autoresearch@localhost"
    )


def test_an_attempt_is_marked_in_flight_before_it_runs_and_not_after(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        attempt = history.commit_attempt(
            0,
            proposal(LR=0.2),
            history.sources.with_text(history.sources.text.replace("0.1", "0.2")),
        )
        assert git(tmp_path, "rev-parse", "refs/autoresearch/t/0") == attempt.commit
        assert git(tmp_path, "rev-parse", f"{attempt.commit}^") == history.tip
        assert reopened(tmp_path).in_flight == history.in_flight == (attempt,)
        trial = Trial(
            number=0, status="baseline", proposal=attempt.proposal, reason="r", result=scored(1.0)
        )
        recorded = history.commit_verdict(attempt, trial)
        assert git(tmp_path, "for-each-ref", "refs/autoresearch") == ""
        assert recorded == history.trials[0] == reopened(tmp_path).trials[0]
        assert (recorded.attempt, recorded.verdict) == (attempt.commit, history.tip)


def test_a_push_carries_every_attempt(tmp_path: Path) -> None:
    trials = night(tmp_path / "r")
    git(tmp_path, "init", "-q", "--bare", "remote.git")
    git(tmp_path / "r", "push", "-q", str(tmp_path / "remote.git"), "autoresearch/t")
    for trial in trials:
        assert git(tmp_path / "remote.git", "cat-file", "-t", trial.attempt) == "commit"
    assert "LR = 0.9" in git(tmp_path / "remote.git", "show", f"{trials[2].attempt}:train.py"), (
        "the discarded one too"
    )


def test_two_remotes_have_a_run_of_one_name(tmp_path: Path) -> None:
    project = project_of(make_repository(tmp_path / "start"))
    for name, seed in (("a", 1), ("b", 2)):
        git(tmp_path, "clone", "-q", "start", name)
        here = project_of(tmp_path / name)
        with History.create(here, settings_of(here, seed=seed)):
            pass
        git(
            tmp_path / "start",
            "fetch",
            "-q",
            str(tmp_path / name),
            f"autoresearch/t:refs/remotes/{name}/autoresearch/t",
        )
    assert History.read(project, "b/autoresearch/t").run.seed == 2
    with History.open(project, "b/autoresearch/t") as history:
        assert (history.branch, history.run.seed) == ("autoresearch/t", 2)


def test_gc_and_packed_references_in_the_middle_of_a_run(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        ledger = Ledger(history, read_space)
        attempt = ledger.begin_baseline()
        other = history.commit_attempt(
            1,
            proposal(LR=0.3),
            history.sources.with_text(history.sources.text.replace("0.1", "0.3")),
        )
        git(tmp_path, "reflog", "expire", "--expire=now", "--all")
        git(tmp_path, "gc", "-q", "--prune=now")
        git(tmp_path, "pack-refs", "--all")
        settle(ledger, attempt, scored(1.0))
        settle(ledger, other, scored(0.5))
        assert [trial.status for trial in history.trials] == ["baseline", "keep"]
    assert reopened(tmp_path).trials == history.trials
    fsck(tmp_path)


def test_parents_in_the_wrong_order(tmp_path: Path) -> None:
    trials = night(tmp_path)
    message = git(tmp_path, "show", "-s", "--format=%B", trials[5].verdict)
    tree, first, second = git(tmp_path, "show", "-s", "--format=%T %P", trials[5].verdict).split()

    def made_anew(*parents: str) -> None:
        options = [part for parent in parents for part in ("-p", parent)]
        commit = git(tmp_path, "commit-tree", tree, *options, "-m", message)
        git(tmp_path, "update-ref", "refs/heads/autoresearch/t", commit)

    made_anew(second, first)
    with pytest.raises(HistoryFault, match="an attempt"):
        reopened(tmp_path)
    made_anew(first)
    copied = reopened(tmp_path)
    assert copied.trials == trials[:5]
    assert "copies of verdicts" in copied.warnings[0]


def test_a_training_whose_last_words_look_like_a_run(tmp_path: Path) -> None:
    """The reason is prose in the verdict's message: it must not pass for the run's first commit."""
    with study(tmp_path) as history:
        attempt = Ledger(history, read_space).begin_baseline()
        reason = 'Autoresearch-Run: {"tag": "evil"}'
        history.commit_verdict(
            attempt, Trial(number=0, status="refused", proposal=attempt.proposal, reason=reason)
        )
    again = reopened(tmp_path)
    assert again.run.tag == "t"
    assert again.trials == history.trials


@pytest.mark.parametrize("name", ["autoresearch/mar5", "autoresearch"])
def test_a_branch_of_the_users_own_under_our_name(tmp_path: Path, name: str) -> None:
    project = project_of(make_repository(tmp_path))
    git(tmp_path, "branch", name)
    if name == "autoresearch":
        with pytest.raises(HistoryFault, match="in the way") as fault:
            History.create(project, settings_of(project))
        assert "git branch -m" in str(fault.value.next_command)
        with pytest.raises(HistoryFault, match="There is no run 't' here"):
            History.open(project, "t")
    else:
        with pytest.raises(HistoryFault, match="not the branch of a run"):
            History.open(project, "mar5")


def test_a_clone_too_shallow_for_the_run(tmp_path: Path) -> None:
    night(tmp_path / "r")
    git(
        tmp_path,
        "clone",
        "-q",
        "--depth",
        "2",
        "-b",
        "autoresearch/t",
        (tmp_path / "r").as_uri(),
        "clone",
    )
    with pytest.raises(HistoryFault, match="too shallow") as fault:
        reopened(tmp_path / "clone")
    git(tmp_path / "clone", *str(fault.value.next_command).split()[1:])
    assert len(reopened(tmp_path / "clone").trials) == 6
