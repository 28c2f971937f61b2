"""Where a run's commits stand: their trees and parents, and what the ledger was at each of them."""

from pathlib import Path

import pytest

from agent.errors import BranchMoved, HistoryFault
from agent.git.plumbing import Plumbing
from agent.history.history import History
from agent.judge.comparison import Comparison, Measurement
from agent.judge.suspicion import Rejection
from agent.records.proposals import Proposal, Provenance
from agent.records.results import Attempt, PriorTrial, Result, Trial
from agent.space import read_constants
from tests.agent.history.nights import commit, reopened, scored
from tests.agent.study import (
    make_repository,
    project_of,
    proposal,
    settings_of,
    study,
)
from tests.e2e.researcher import git

AT = "2026-11-29T01:00:00+00:00"
NEW_DATA = "MAX_SEQ_LEN = 64\nOTHER = 1\n"


def flown(history: History, number: int, rate: str) -> Attempt:
    """Return an attempt in flight with another LR."""
    source = history.sources.text.replace("LR = 0.1", f"LR = {rate}")
    return history.commit_attempt(
        number, proposal(LR=float(rate)), history.sources.with_text(source)
    )


def judged(history: History, attempt: Attempt, status: str, value: float = 1.0) -> Trial:
    trial = Trial.model_validate(
        {
            "number": attempt.number,
            "status": status,
            "proposal": attempt.proposal,
            "reason": "r",
            "result": scored(value),
        }
    )
    return history.commit_verdict(attempt, trial)


def baseline(history: History, number: int = 0) -> Trial:
    by = Provenance(method="baseline", origin="baseline")
    as_it_is = Proposal(hypothesis="as it is", by=by)
    attempt = history.commit_attempt(number, as_it_is, history.sources)
    return judged(history, attempt, "baseline")


def test_a_keep_brings_its_code_and_leaves_a_newer_brief(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        baseline(history)
        first = flown(history, 1, "0.2")
        second = flown(history, 2, "0.3")
    commit(tmp_path, program_md="# Another goal\n")
    with History.open(project_of(tmp_path), "t") as history:
        brief = history.tip
        kept = judged(history, first, "keep")
        assert history.program == "# Another goal\n"
        assert read_constants(history.sources.text)["LR"] == 0.2
        assert git(tmp_path, "show", "-s", "--format=%P", kept.verdict) == f"{brief} {first.commit}"
        tree = f"{history.tip}^{{tree}}"
        discarded = judged(history, second, "discard")
        assert git(tmp_path, "rev-parse", tree) == git(
            tmp_path, "rev-parse", f"{discarded.verdict}^{{tree}}"
        )
        assert read_constants(history.sources.text)["LR"] == 0.2, (
            "what was discarded changes nothing"
        )
    assert reopened(tmp_path).foreign_commits == (), "a brief is nothing to measure"
    assert reopened(tmp_path).sources.text == history.sources.text


def test_what_takes_code_is_judged_again_on_a_branch_that_moved(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        for number, status in enumerate(("baseline", "keep", "discard")):
            attempt = flown(history, number, f"0.{number + 2}")
            commit(tmp_path, f"by hand {number}")
            if status != "discard":
                with pytest.raises(BranchMoved):
                    judged(history, attempt, status)
                assert len(history.taken_in()) == 1
        assert judged(history, attempt, "discard") == history.trials[-1]
        assert len(history.trials) == len(history.taken_in()) == 1


def test_the_ledger_is_known_at_every_commit_of_the_branch(tmp_path: Path) -> None:
    with study(tmp_path, data_fingerprint="a" * 64) as history:
        start = history.tip
        first = baseline(history)
        kept = judged(history, flown(history, 1, "0.2"), "keep")
        flying = flown(history, 2, "0.3")
        history.change_data(history.draft_prepare(NEW_DATA), "b" * 64, "why")
        changed = history.tip
        second = baseline(history, 3)
    for state in (history, reopened(tmp_path)):
        assert [len(state.trials_at(one)) for one in (start, first.verdict, kept.verdict)] == [
            0,
            1,
            2,
        ]
        assert [len(state.trials_at(one)) for one in (changed, second.verdict)] == [2, 3]
        assert len(state.trials_at(flying.commit)) == 3, "not the branch's: all of it"
        assert state.has(start) and state.has(changed) and not state.has(flying.commit)
        assert [state.on_other_data(one) for one in (start, kept.verdict, changed)] == [
            True,
            True,
            False,
        ]
        assert not state.on_other_data(flying.commit)
        assert (state.comparable, state.incomparable) == (state.trials[2:], state.trials[:2])
        assert state.foreign_commits == (), "measured since"
        assert [trial.new_data for trial in state.trials] == [False, False, True]
        assert state.next_number == 4
        assert state.in_flight == (flying,)


def test_numbers_go_on_behind_the_highest_in_flight_or_judged(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        assert history.next_number == 0
        flown(history, 4, "0.2")
        assert history.next_number == 5
        baseline(history, 7)
        assert history.next_number == 8
        assert [attempt.number for attempt in history.in_flight] == [4]
        flown(history, 2, "0.3")
        assert [attempt.number for attempt in history.in_flight] == [2, 4], "by number"


def test_the_newest_note_on_an_attempt_is_its_result(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        attempt = flown(history, 1, "0.2")
        assert history.measured(attempt) is None
        for value in (3.0, 2.0):
            history.note(attempt, scored(value))
            parents = git(tmp_path, "show", "-s", "--format=%P", "refs/autoresearch/t/1")
            assert parents == attempt.commit
            for state in (history, reopened(tmp_path)):
                assert state.measured(attempt) == scored(value)
                assert state.in_flight == (attempt,)
        failed = Result(status="crash", detail="x")
        history.note(attempt, failed)
        assert reopened(tmp_path).measured(attempt) == failed


def test_what_is_said_afterwards_changes_no_file(tmp_path: Path) -> None:
    comparison = Comparison(what="#1", trial=1, failure="crash")
    measurement = Measurement(
        kind="replicate", against="#0", comparisons=(comparison,), machine="m", command="c", at=AT
    )
    rejection = Rejection(number=1, because="why", at=AT)
    with study(tmp_path) as history:
        baseline(history)
        for write, record in (
            (history.measured_again, measurement),
            (history.reject, rejection),
        ):
            before = history.tip
            write(record)  # type: ignore[operator]
            assert git(tmp_path, "show", "-s", "--format=%P", history.tip) == before
            assert git(tmp_path, "diff", "--name-only", before, history.tip) == ""
            assert git(tmp_path, "rev-parse", history.branch) == history.tip
    for state in (history, reopened(tmp_path)):
        assert (state.measurements, state.rejections) == ((measurement,), (rejection,))
        assert len(state.trials) == 1 and state.foreign_commits == ()


def commit_damaged_prior(folder: Path, tip: str, line: bytes) -> str:
    """Return a commit like a run's first, whose prior trials are no records."""
    repository = Plumbing(folder)
    (name,) = git(folder, "ls-tree", "--name-only", f"{tip}^2").split()
    blob = repository("hash-object", "-w", "--stdin", stdin=line).strip()
    tree = repository("mktree", stdin=f"100644 blob {blob}\t{name}\n".encode()).strip()
    prior = repository("commit-tree", tree, "-m", "prior").strip()
    message = git(folder, "show", "-s", "--format=%B", tip).encode()
    parents = ("-p", f"{tip}^", "-p", prior)
    return repository("commit-tree", f"{tip}^{{tree}}", *parents, "-F", "-", stdin=message).strip()


def test_prior_trials_come_back_in_their_order(tmp_path: Path) -> None:
    project = project_of(make_repository(tmp_path))
    prior = [
        PriorTrial(number=9, configuration={"LR": 0.5}, outcome=1.5, curve=((0.5, 2.0),)),
        PriorTrial(number=3, configuration={"LR": 0.25}, outcome="crash"),
    ]
    with History.create(project, settings_of(project, warm="elsewhere"), prior) as history:
        assert history.prior == tuple(prior)
        assert git(tmp_path, "ls-tree", "-r", "--name-only", history.tip).split() == [
            "prepare.py",
            "program.md",
            "train.py",
        ], "none of it is trained"
        message = git(tmp_path, "show", "-s", "--format=%B", f"{history.tip}^2")
        assert message.startswith("2 prior trials\n\nfrom elsewhere: ")
    assert reopened(tmp_path).prior == tuple(prior)
    bomb = b'{"number": 1, "x": [' + b"[]," * 1_000_000 + b"1]}"
    for line, why in ((b"{}\n", "number: Field required"), (bomb, "more than 2000000 parts")):
        damaged = commit_damaged_prior(tmp_path, history.tip, line)
        git(tmp_path, "update-ref", "refs/heads/autoresearch/t", damaged)
        with pytest.raises(HistoryFault, match=rf"prior trials in \w+\^2:\S+ cannot be .*{why}"):
            _ = reopened(tmp_path).prior
    words = git(tmp_path, "show", "-s", "--format=%B", damaged)
    alone = git(tmp_path, "commit-tree", f"{damaged}^{{tree}}", "-p", f"{damaged}^", "-m", words)
    git(tmp_path, "update-ref", "refs/heads/autoresearch/t", alone.strip())
    with pytest.raises(HistoryFault, match="names prior trials, and has none beside it"):
        _ = reopened(tmp_path).prior


def test_a_start_that_fails_leaves_neither_a_branch_nor_a_lock(tmp_path: Path) -> None:
    project = project_of(make_repository(tmp_path))
    with History.create(project, settings_of(project)):
        pass
    with pytest.raises(HistoryFault, match="there is a run t already"):
        History.create(project, settings_of(project))
    with History.open(project, "t") as history:
        assert history.owner is not None
    assert reopened(tmp_path).owner is None
    lost = "0" * 40
    with pytest.raises(HistoryFault):
        History.create(project, settings_of(project, tag="u", start_commit=lost))
    assert git(tmp_path, "for-each-ref", "--format=%(refname)", "refs/heads/autoresearch") == (
        "refs/heads/autoresearch/t"
    )
    with History.create(project, settings_of(project, tag="u")) as history:
        assert history.trials == ()


def test_diffs_are_of_each_commit_against_its_parent(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        start = history.tip
        attempts = [flown(history, number, rate) for number, rate in ((1, "0.2"), (2, "0.3"))]
        diffs = history.diffs([attempt.commit for attempt in attempts])
        for attempt, rate in zip(attempts, ("0.2", "0.3"), strict=True):
            alone = history.diff(start, attempt.commit)
            assert diffs[attempt.commit].strip() == alone.strip()
            assert f"+LR = {rate}" in alone and "-LR = 0.1" in alone
            assert not history.same_files(start, attempt.commit)
        assert history.same_files(start, start)
        folder = tmp_path / "out"
        history.export(attempts[0].commit, folder)
        assert "LR = 0.2" in (folder / "train.py").read_text()
        assert history.file_at(start, "prepare.py") == "MAX_SEQ_LEN = 64\n"
        with pytest.raises(HistoryFault, match="nowhere"):
            history.file_at(start, "nowhere.py")
