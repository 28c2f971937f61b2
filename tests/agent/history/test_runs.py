"""Which runs there are, which tag is free, and what may be started from."""

import re
from itertools import chain
from pathlib import Path

import pytest

from agent.errors import HistoryFault, UsageFault
from agent.git.home import checked
from agent.git.plumbing import Plumbing
from agent.history.firsts import first_commit, first_commits
from agent.history.history import History
from agent.history.runs import (
    checked_out_run,
    commit_of,
    head_of,
    list_runs,
    newest,
    next_tag,
    usual_run,
)
from agent.project.find import Project
from tests.agent.study import make_repository, project_of, settings_of
from tests.e2e.researcher import git


def start(project: Project, tag: str, second: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as clock:  # git's has seconds
        clock.setenv("GIT_COMMITTER_DATE", f"2026-11-24T15:04:{second:02}+00:00")
        with History.create(project, settings_of(project, tag=tag)):
            pass


def test_newest_first_and_the_pid_of_who_works_on_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = project_of(make_repository(tmp_path))
    with pytest.raises(HistoryFault, match="no run here yet"):
        newest(project)
    for second, tag in enumerate(("a", "c", "b")):
        start(project, tag, second, monkeypatch)
    with History.open(project, "c"):
        assert [(run.tag, run.pid is not None) for run in list_runs(project)] == [
            ("b", False),
            ("c", True),
            ("a", False),
        ]
    assert newest(project) == usual_run(project, tmp_path) == "autoresearch/b"
    assert commit_of(project, "autoresearch/b") == git(tmp_path, "rev-parse", "autoresearch/b")
    git(tmp_path, "switch", "-q", "--ignore-other-worktrees", "autoresearch/a")
    assert checked_out_run(project, tmp_path) == "autoresearch/a"
    assert usual_run(project, tmp_path) == "autoresearch/a"


def test_a_branch_of_an_agent_of_upstreams_is_not_taken_for_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = project_of(make_repository(tmp_path))
    git(tmp_path, "branch", "autoresearch/mar5")
    with pytest.raises(HistoryFault, match="no run here yet"):
        newest(project)
    start(project, "mine", 0, monkeypatch)  # older than mar5's commit, and yet
    assert newest(project) == "autoresearch/mine"
    git(tmp_path, "switch", "-q", "autoresearch/mar5")
    assert checked_out_run(project, tmp_path) is None
    assert usual_run(project, tmp_path) == "autoresearch/mine"


def test_branches_read_together_begin_where_each_alone_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = project_of(make_repository(tmp_path))
    start(project, "a", 0, monkeypatch)
    git(tmp_path, "tag", "-a", "-m", "a tag object", "t", "autoresearch/a")
    tag, own, head, blob = git(
        tmp_path, "rev-parse", "t", "autoresearch/a", "HEAD", "HEAD:program.md"
    ).split("\n")
    record = git(tmp_path, "log", "-1", "--format=%B", own)
    quote = f"squashed\n\n{record}\n\nnothing new"

    def commit(*parents: str, message: str = "by hand") -> str:
        options = chain.from_iterable(("-p", parent) for parent in parents)
        return git(tmp_path, "commit-tree", "HEAD^{tree}", *options, "-m", message)

    inner = commit(own, message=record)
    quoting = commit(head, message=quote)
    damaged = Plumbing(tmp_path)(
        *("hash-object", "-t", "commit", "-w", "--stdin", "--literally"),
        stdin=git(tmp_path, "cat-file", "commit", own).replace(head, "1" * 40).encode(),
    ).strip()
    expected = {
        **dict.fromkeys((head, commit(head, own))),
        **dict.fromkeys((own, tag, commit(own, head), commit(own, message=quote)), own),
        **dict.fromkeys((inner, commit(inner)), inner),
        **dict.fromkeys((quoting, commit(quoting)), quoting),
    }
    together = first_commits(Plumbing(tmp_path), [damaged, *expected, blob, "0" * 40])
    assert together == expected
    assert {tip: first_commit(Plumbing(tmp_path), tip) for tip in expected} == expected


def test_a_remote_tracking_branch_counts_where_there_is_no_local_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(project_of(make_repository(tmp_path / "r")), "t", 0, monkeypatch)
    git(tmp_path, "clone", "-q", "r", "clone")
    clone = project_of(tmp_path / "clone")
    assert [run.branch for run in list_runs(clone)] == ["origin/autoresearch/t"]
    assert newest(clone) == "origin/autoresearch/t"
    assert History.read(clone, "t").run.tag == "t"
    with History.open(clone, "origin/autoresearch/t"):
        assert [run.branch for run in list_runs(clone)] == ["autoresearch/t"]


def test_tags_of_one_day_differ(tmp_path: Path) -> None:
    project = project_of(make_repository(tmp_path))
    tags = []
    for _ in range(3):
        tags.append(next_tag(project))
        with History.create(project, settings_of(project, tag=tags[-1])):
            pass
    assert re.fullmatch(r"[a-z]{3}\d\d", tags[0])
    assert len({*tags}) == 3
    assert all(tag.startswith(tags[0][:3]) for tag in tags)


def test_a_tag_whose_attempts_outlived_its_branch_is_not_free(tmp_path: Path) -> None:
    project = project_of(make_repository(tmp_path))
    tag = next_tag(project)
    git(tmp_path, "update-ref", f"refs/autoresearch/{tag}/3", "HEAD")
    assert next_tag(project) != tag
    with pytest.raises(HistoryFault, match="still in flight"):
        History.create(project, settings_of(project, tag=tag))


@pytest.mark.parametrize(
    "tag",
    ["", ".", "a..b", "-x", "a b", "a/b", "x.lock", "x.", "é", "a~1", "a:b", "@{", "a\n", "*"],
)
def test_a_tag_that_is_no_name_of_a_branch(tag: str) -> None:
    with pytest.raises(UsageFault, match="not a tag"):
        checked(tag)


@pytest.mark.parametrize("tag", ["nov24", "A", "1", "night-1.b_c", "x" * 100])
def test_a_tag_that_git_takes(tmp_path: Path, tag: str) -> None:
    assert checked(tag) == tag
    assert (
        Plumbing(make_repository(tmp_path)).try_(
            "check-ref-format", f"refs/heads/autoresearch/{tag}"
        )
        is not None
    )


# ---------------------------------------------------------------- what may be started from


def test_the_last_commit_is_what_runs(tmp_path: Path) -> None:
    project = project_of(make_repository(tmp_path))
    assert head_of(project) == git(tmp_path, "rev-parse", "HEAD")
    (tmp_path / "notes.md").write_text("new, and none of a training's business")
    (tmp_path / "scratch.py").write_text("")
    assert head_of(project)


def test_without_a_commit(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("")
    git(tmp_path, "init", "-q")
    with pytest.raises(HistoryFault, match="no commit yet"):
        head_of(project_of(tmp_path))


@pytest.mark.parametrize("how", ["changed", "staged", "prepare", "helper", "new", "ignored"])
@pytest.mark.parametrize("hidden", [False, True])
def test_what_is_not_what_you_see_is_named(tmp_path: Path, how: str, hidden: bool) -> None:
    """`hidden`: the user's own settings keep new files out of `git status`."""
    home = make_repository(tmp_path / "it's")
    (home / "helper.py").write_text("X = 1\n")
    git(home, "add", "helper.py")
    git(home, "commit", "-qm", "helper")
    if hidden:
        git(home, "config", "status.showUntrackedFiles", "no")
    match how:
        case "changed" | "staged":
            (home / "train.py").write_text("LR = 0.2\n")
            git(home, "add", *(["train.py"] if how == "staged" else []))
        case "prepare":
            (home / "prepare.py").write_text("X = 2\n")
        case "helper":
            (home / "helper.py").write_text("X = 2\n")
        case "new" | "ignored":
            git(home, "rm", "-q", "--cached", "program.md")
            git(home, "commit", "-qm", "without")
            (home / ".gitignore").write_text("program.md\n" if how == "ignored" else "")
    project = project_of(home)
    with pytest.raises(HistoryFault, match="not what you see") as fault:
        head_of(project)
    names = {
        "prepare": "prepare.py",
        "helper": "helper.py",
        "new": "program.md",
        "ignored": "program.md",
    }
    assert names.get(how, "train.py") in fault.value.message
    add = str(fault.value.next_command).split(" && ")[0]
    assert "it'\"'\"'s" in add, "quoted for a shell"
