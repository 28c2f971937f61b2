"""References, dates and a file `shallow` as nobody writes them: the other runs are read as ever."""

import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.display.table import next_commands
from agent.errors import HistoryFault
from agent.git.plumbing import Plumbing
from agent.history.history import History
from agent.history.homes import homes, runs_of
from agent.history.removal import delete, rename
from agent.history.runs import list_runs, newest, unlike_remotes, usual_run
from agent.records.results import Trial
from tests.agent.study import (
    ListProposer,
    loop_of,
    make_repository,
    project_of,
    proposal,
    settings_of,
    study,
)
from tests.e2e.researcher import git


def committed_at(folder: Path, committer: str) -> str:
    """Return a commit with this line of its committer."""
    lines = git(folder, "cat-file", "commit", "main").split("\n")
    lines = [f"committer {committer}" if line.startswith("committer ") else line for line in lines]
    options = ("-t", "commit", "-w", "--stdin", "--literally")
    return Plumbing(folder)("hash-object", *options, stdin="\n".join(lines).encode()).strip()


def point(folder: Path, name: str, head: str) -> None:
    """Have a reference lead wherever, as a received .git may have it."""
    path = folder / ".git" / "refs" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{head}\n")


def torn(folder: Path, name: str) -> str:
    """Empty the file of an object, as a power cut may leave it."""
    path = folder / ".git" / "objects" / name[:2] / name[2:]
    path.chmod(0o600)
    path.write_bytes(b"")
    return name


NONSENSE: dict[str, Callable[[Path], None]] = {
    "an end of a line": lambda folder: point(
        folder, "heads/autoresearch/x\u2028y", git(folder, "rev-parse", "main")
    ),
    "no object": lambda folder: point(folder, "remotes/origin/autoresearch/t", "1234567890" * 4),
    "no commit": lambda folder: point(
        folder, "remotes/origin/autoresearch/t", git(folder, "rev-parse", "main:train.py")
    ),
    "a time before time": lambda folder: point(
        folder, "remotes/origin/autoresearch/far", committed_at(folder, "a <a@b> -5 +0000")
    ),
    "a time behind time": lambda folder: point(
        folder, "remotes/origin/autoresearch/far", committed_at(folder, f"a <a@b> {2**63} +0000")
    ),
    "a torn commit": lambda folder: point(
        folder, "remotes/origin/autoresearch/far", torn(folder, committed_at(folder, "a <a@b> 9"))
    ),
    "no time": lambda folder: point(
        folder, "remotes/origin/autoresearch/far", committed_at(folder, "nobody")
    ),
}


@pytest.mark.parametrize("make", NONSENSE.values(), ids=NONSENSE)
def test_a_reference_that_makes_no_sense_is_not_in_the_way(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    with study(tmp_path / "r") as history:
        list(loop_of(history, ListProposer([proposal(LR=0.3)]), trials=1).events())
        trials = history.trials
    make(tmp_path / "r")
    project = project_of(tmp_path / "r")
    assert "t" in [run.tag for run in list_runs(project)]
    assert newest(project).endswith("autoresearch/t")
    assert "t" in [run.tag for run in runs_of(homes(tmp_path / "r"))]
    unlike_remotes(Plumbing(tmp_path / "r"), "t", history.tip)
    with History.open(project, "t") as again:
        assert again.trials == trials


@pytest.mark.parametrize(
    ("where", "is_folder"),
    [("heads/autoresearch/t", False), ("heads/autoresearch/t", True), ("autoresearch/t/2", False)],
)
def test_a_torn_reference_is_named_and_the_next_command_mends_it(
    tmp_path: Path, where: str, is_folder: bool
) -> None:
    """What it named is not on a remote either, where an older state may be."""
    with study(tmp_path) as history:
        list(loop_of(history, ListProposer([proposal(LR=0.3)]), trials=1).events())
        trials = history.trials
    point(tmp_path, "remotes/origin/autoresearch/t", git(tmp_path, "rev-parse", "main"))
    point(tmp_path, where, "")
    if is_folder:
        (tmp_path / ".git/refs" / where).unlink()
        (tmp_path / ".git/refs" / where).mkdir()
        git(tmp_path, "update-ref", "-d", "refs/remotes/origin/autoresearch/t")

    def go_on() -> None:
        with History.open(project_of(tmp_path), "t") as again:
            assert again.trials == trials
            list(loop_of(again, ListProposer([proposal(LR=0.5)]), trials=1).events())

    with pytest.raises(HistoryFault) as fault:
        go_on()
    assert where in fault.value.message
    subprocess.run(fault.value.next_command or "", shell=True, cwd=tmp_path, check=True)
    go_on()


@pytest.mark.parametrize("work", ["rename", "delete"])
def test_a_branch_that_leads_to_the_users_own_takes_nothing_along(
    tmp_path: Path, work: str
) -> None:
    """Git would follow it: whatever is done to the run is done to the branch behind it."""
    with study(tmp_path):
        pass
    tip = git(tmp_path, "rev-parse", "autoresearch/t").strip()
    git(tmp_path, "update-ref", "refs/heads/mine", tip)
    git(tmp_path, "update-ref", "--no-deref", "-d", "refs/heads/autoresearch/t")
    git(tmp_path, "symbolic-ref", "refs/heads/autoresearch/t", "refs/heads/mine")
    if work == "rename":
        rename(homes(tmp_path), "t", "u")
    else:
        delete(homes(tmp_path), "t")
    runs = git(tmp_path, "for-each-ref", "--format=%(refname)%(symref)", "refs/heads/autoresearch")
    assert runs.split() == ["refs/heads/autoresearch/u"] * (work == "rename")
    assert git(tmp_path, "rev-parse", "mine").strip() == tip


def test_a_run_whose_references_lead_to_the_users_branches_goes_on_beside_them(
    tmp_path: Path,
) -> None:
    with study(tmp_path) as history:
        attempt = history.commit_attempt(0, proposal(LR=0.2), history.sources.with_text("LR = 0.2"))
        tip = history.tip
    shutil.rmtree(history.worktree)
    git(tmp_path, "worktree", "prune")
    for name, head in (("heads/autoresearch/t", tip), ("autoresearch/t/0", attempt.commit)):
        git(tmp_path, "update-ref", f"refs/heads/{name[:5]}", head)
        git(tmp_path, "update-ref", "--no-deref", "-d", f"refs/{name}")
        git(tmp_path, "symbolic-ref", f"refs/{name}", f"refs/heads/{name[:5]}")
    with History.open(project_of(tmp_path), "t") as history:
        trial = Trial(
            number=0,
            status="refused",
            proposal=attempt.proposal,
            reason="no",
            at=datetime.now(UTC).isoformat(),
        )
        history.commit_verdict(attempt, trial)
        assert history.tip != tip
    assert git(tmp_path, "rev-parse", "heads/heads").strip() == tip
    assert git(tmp_path, "rev-parse", "heads/autor").strip() == attempt.commit


def test_a_run_whose_branch_leads_to_a_tag_is_brought_to_its_commit(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        tip = history.tip
    git(tmp_path, "tag", "-a", "-m", "a tag object", "v1", tip)
    point(tmp_path, "heads/autoresearch/t", git(tmp_path, "rev-parse", "v1"))
    project = project_of(tmp_path)
    assert History.read(project, "t").tip == tip
    with pytest.raises(HistoryFault, match="leads to a tag") as refused:
        History.open(project, "t")
    git(tmp_path, *refused.value.next_command.partition("#")[0].split()[1:])
    with History.open(project, "t") as history:
        assert history.tip == tip


def test_a_copied_command_runs_nothing_of_a_branchs_name() -> None:
    """`origin/…/autoresearch/t` is a name that whoever pushed it chose."""
    commands = next_commands("origin/$(touch${IFS}evil)/autoresearch/t", ())
    assert commands[0] == "autoresearch resume 'origin/$(touch${IFS}evil)/autoresearch/t'"
    assert next_commands("t", ())[0] == "autoresearch resume t"


@pytest.mark.parametrize("where", ["the tip", "a verdict", "the attempt in flight"])
def test_a_forged_end_of_history_is_named(tmp_path: Path, where: str) -> None:
    with study(tmp_path / "r") as history:
        list(loop_of(history, ListProposer([proposal(LR=0.3)]), trials=1).events())
        attempt = history.commit_attempt(9, proposal(LR=0.4), history.sources)
        trials = history.trials
    ends = {
        "the tip": history.tip,
        "a verdict": trials[0].verdict,
        "the attempt in flight": attempt.commit,
    }
    project = project_of(tmp_path / "r")
    path = tmp_path / "r" / ".git" / "shallow"
    path.write_text(f"{ends[where]}\n")
    with pytest.raises(HistoryFault, match="shallow says that history begins") as fault:
        History.read(project, "t")
    assert str(fault.value.next_command).startswith(f"mv {path} {path}.old")
    assert [run.tag for run in runs_of(homes(tmp_path / "r"))] == ["t"]
    if where != "the attempt in flight":
        with pytest.raises(HistoryFault, match="history begins"):
            newest(project)
    path.rename(f"{path}.old")
    with History.open(project, "t") as again:
        assert again.trials == trials
        assert [flying.number for flying in again.in_flight] == [9]


def test_a_clone_without_the_beginning_is_told_to_fetch_it(tmp_path: Path) -> None:
    with study(tmp_path / "r"):
        pass
    git(tmp_path / "r", "commit", "-q", "--allow-empty", "-m", "another")
    git(tmp_path / "r", "commit", "-q", "--allow-empty", "-m", "and another")
    uri = (tmp_path / "r").as_uri()
    git(tmp_path, "clone", "-q", "--depth", "1", "--branch", "main", uri, "shallow")
    folder = tmp_path / "shallow"
    git(folder, "fetch", "-q", "--depth", "1", "origin", "autoresearch/t")
    git(folder, "commit", "-q", "--allow-empty", "-m", "x")
    git(folder, "branch", "autoresearch/t", git(folder, "rev-parse", "HEAD"))
    with pytest.raises(HistoryFault, match="too shallow") as fault:
        History.read(project_of(folder), "t")
    assert fault.value.next_command == "git fetch --unshallow"
    git(folder, "switch", "-q", "autoresearch/t")
    with pytest.raises(HistoryFault, match="too shallow"):
        usual_run(project_of(folder), folder)


def test_another_repository_of_the_users_is_no_checkout_of_this_one(tmp_path: Path) -> None:
    """A received .git may list it as one; `delete` would take the logs of its run."""
    victim = tmp_path / "victim"
    with study(victim):
        pass
    logs = victim / ".autoresearch" / "runs" / "t"
    assert logs.exists()
    folder = make_repository(tmp_path / "r")
    project = project_of(folder)
    with History.create(project, settings_of(project)):
        pass
    for name, place in {"a": victim, "b": victim / ".autoresearch" / "worktrees" / "t"}.items():
        entry = folder / ".git" / "worktrees" / name
        entry.mkdir(parents=True)
        (entry / "gitdir").write_text(f"{place}/.git\n")
        (entry / "commondir").write_text("../..\n")
        (entry / "HEAD").write_text("ref: refs/heads/main\n")
    assert str(victim) in git(folder, "worktree", "list")
    places = homes(folder)
    assert [place.root for place in places] == [str(folder)]
    delete(places, "t")
    assert logs.exists()
    assert (victim / ".autoresearch" / "worktrees" / "t" / "train.py").exists()
    shutil.rmtree(folder)
