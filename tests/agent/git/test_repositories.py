"""Whole runs in odd repositories: each works, and leaves the user's own things alone."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.history.history import History
from agent.history.runs import head_of
from agent.space import read_constants
from tests.agent.study import (
    ListProposer,
    loop_of,
    make_repository,
    project_of,
    proposal,
    settings_of,
    train,
)
from tests.e2e.researcher import fsck, git


def plain(folder: Path) -> Path:
    return make_repository(folder)


def dirty(folder: Path) -> Path:
    """Work of the user's in every state: stashed, staged, changed, new."""
    make_repository(folder)
    (folder / "notes.md").write_text("one\n")
    git(folder, "add", "notes.md")
    git(folder, "commit", "-qm", "notes")
    (folder / "notes.md").write_text("stashed\n")
    git(folder, "stash")
    (folder / "notes.md").write_text("two\n")
    (folder / "staged.txt").write_text("staged\n")
    git(folder, "add", "staged.txt")
    (folder / "new.txt").write_text("new\n")
    (folder / ".gitignore").write_text("*.log\n")
    return folder


def detached(folder: Path) -> Path:
    make_repository(folder)
    git(folder, "switch", "-q", "--detach")
    return folder


def hooks(folder: Path) -> Path:
    """Every hook fails and leaves a trace."""
    make_repository(folder)
    folder_of_hooks = folder / ".git" / "hooks"
    folder_of_hooks.mkdir(exist_ok=True)
    names = "pre-commit commit-msg post-commit post-checkout reference-transaction "
    names += "post-index-change pre-merge-commit post-merge fsmonitor"
    for name in names.split():
        hook = folder_of_hooks / name
        hook.write_text(f"#!/bin/sh\necho {name} >>'{folder}/trace'\nexit 1\n")
        hook.chmod(0o755)
    git(folder, "config", "core.fsmonitor", str(folder_of_hooks / "fsmonitor"))
    return folder


def signing(folder: Path) -> Path:
    make_repository(folder)
    for name, value in {
        "commit.gpgsign": "true",
        "tag.gpgsign": "true",
        "gpg.program": "/bin/false",
    }.items():
        git(folder, "config", name, value)
    return folder


def no_identity(folder: Path) -> Path:
    make_repository(folder)
    git(folder, "config", "user.useConfigOnly", "true")
    return folder


def contrary_config(folder: Path) -> Path:
    """Settings that change what git reads, prints or stores."""
    make_repository(folder)
    for setting in (
        "grep.patternType=fixed",
        "i18n.logOutputEncoding=latin1",
        "i18n.commitEncoding=latin1",
        "log.showSignature=true",
        "color.ui=always",
        "core.quotePath=true",
        "core.splitIndex=true",
        "core.logAllRefUpdates=false",
        "diff.noprefix=true",
        "core.commentChar=#",
        "status.showUntrackedFiles=no",
        "core.safecrlf=true",
        "submodule.recurse=true",
        "log.follow=true",
        "diff.external=/bin/false",
        "core.pager=/bin/false",
        "core.editor=/bin/false",
        "log.diffMerges=first-parent",
    ):
        git(folder, "config", *setting.split("=", 1))
    return folder


def sha256(folder: Path) -> Path:
    folder.mkdir()
    git(folder, "init", "-q", "--object-format=sha256")
    return make_repository(folder)


def odd_names(folder: Path) -> Path:
    place = folder / "a 'quoted' \"føldér\" [x] $HOME" / "日本"
    make_repository(place)
    git(place, "branch", "-m", "UPPER/Ünïcode-Trunk")
    return place


def inside_another(folder: Path) -> Path:
    make_repository(folder)
    (folder / "train.py").write_text("raise SystemExit('not this one')\n")
    return make_repository(folder / "inner")


def submodule(folder: Path) -> Path:
    """The project is a submodule: its .git is a file."""
    origin = make_repository(folder / "origin")
    outer = make_repository(folder / "outer")
    git(
        outer,
        "-c",
        "protocol.file.allow=always",
        "submodule",
        "--quiet",
        "add",
        str(origin),
        "research",
    )
    git(outer, "commit", "-qm", "a submodule")
    assert (outer / "research" / ".git").is_file()
    return outer / "research"


def linked_worktree(folder: Path) -> Path:
    make_repository(folder / "main")
    git(folder / "main", "worktree", "add", "-q", "-b", "mine", str(folder / "linked"))
    return folder / "linked"


def separate_git_dir(folder: Path) -> Path:
    make_repository(folder / "work")
    git(folder / "work", "init", "-q", "--separate-git-dir", str(folder / "elsewhere.git"))
    assert (folder / "work" / ".git").is_file()
    return folder / "work"


def shallow(folder: Path) -> Path:
    origin = make_repository(folder / "origin")
    for n in range(3):
        git(origin, "commit", "-q", "--allow-empty", "-m", f"more {n}")
    git(folder, "clone", "-q", "--depth", "1", origin.as_uri(), "shallow")
    return folder / "shallow"


def packed(folder: Path) -> Path:
    make_repository(folder)
    git(folder, "gc", "-q", "--prune=now")
    git(folder, "commit-graph", "write", "--reachable")
    return folder


def replaced(folder: Path) -> Path:
    """The commit that the run starts from is replaced by one without a train.py."""
    make_repository(folder)
    head = git(folder, "rev-parse", "HEAD")
    empty = git(folder, "hash-object", "-t", "tree", "-w", "/dev/null")
    git(folder, "replace", head, git(folder, "commit-tree", empty, "-m", "nothing"))
    return folder


def line_ends(folder: Path) -> Path:
    """CRLF in the checkout, LF in the repository; the time stamps are newer than the index."""
    make_repository(folder)
    git(folder, "config", "core.autocrlf", "true")
    for name in ("train.py", "prepare.py", "program.md"):
        (folder / name).unlink()
    git(folder, "checkout", "-q", "--", ".")
    assert b"\r\n" in (folder / "train.py").read_bytes()
    for path in folder.glob("*.*"):
        os.utime(path, (2_000_000_000, 2_000_000_000))
    return folder


def attributes(folder: Path) -> Path:
    """Line ends, filters (as git-lfs installs them) and export-ignore by .gitattributes."""
    make_repository(folder)
    (folder / "data.bin").write_text("payload\n")
    (folder / ".gitattributes").write_text(
        "*.py text eol=crlf\nprepare.py export-ignore\n*.bin filter=up\n"
    )
    git(folder, "config", "filter.up.clean", "tr a-z A-Z")
    git(folder, "config", "filter.up.smudge", "tr A-Z a-z")
    git(folder, "config", "filter.up.required", "true")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "attributes")
    assert git(folder, "cat-file", "blob", "HEAD:data.bin") == "PAYLOAD"
    return folder


def sparse(folder: Path) -> Path:
    make_repository(folder)
    (folder / "big").mkdir()
    (folder / "big" / "file").write_text("big\n")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "big")
    git(folder, "sparse-checkout", "set", "--no-cone", "/*", "!/big")
    return folder


KINDS = [
    plain,
    dirty,
    detached,
    hooks,
    signing,
    no_identity,
    contrary_config,
    sha256,
    odd_names,
    inside_another,
    submodule,
    linked_worktree,
    separate_git_dir,
    shallow,
    packed,
    replaced,
    line_ends,
    attributes,
    sparse,
]


def snapshot(folder: Path) -> dict[str, object]:
    """Return what is the user's: index, references but ours, config, hooks, stash, files."""

    def ask(*arguments: str) -> str:
        run = subprocess.run(
            ["git", *arguments], cwd=folder, capture_output=True, text=True, check=False
        )
        return run.stdout

    # core.fsmonitor would run a hook of the user's, here and now.
    status = ask(
        "-c",
        "core.fsmonitor=false",
        "--no-optional-locks",
        "status",
        "--porcelain",
        "--ignored=no",
        "-uall",
    )
    own = [
        line
        for line in ask("for-each-ref").splitlines()
        if "refs/autoresearch/" not in line and "/autoresearch/" not in line
    ]
    repository = Path(folder, ask("rev-parse", "--git-common-dir").strip())
    paths = [
        path
        for path in sorted(folder.rglob("*"))
        if not {".git", ".autoresearch"} & set(path.relative_to(folder).parts)
    ]
    return {
        "index": Path(folder, ask("rev-parse", "--git-path", "index").strip()).read_bytes(),
        "head": ask("rev-parse", "HEAD") + ask("symbolic-ref", "-q", "HEAD"),
        "head log": ask("reflog", "HEAD"),
        "references": own,
        "config": (repository / "config").read_bytes(),
        "hooks": {path.name: path.read_bytes() for path in (repository / "hooks").glob("*")},
        "stash": ask("stash", "list"),
        "status": status,
        "shared": sorted(path.name for path in repository.glob("sharedindex.*")),
        "files": {
            str(path): (path.lstat().st_mtime_ns, path.read_bytes())
            for path in paths
            if path.is_file()
        },
    }


@pytest.mark.parametrize("make", KINDS, ids=lambda make: make.__name__)
def test_a_whole_run_leaves_the_user_alone_and_is_read_from_a_clone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], Path]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "nobody"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "nobody"))
    folder = make(tmp_path / "r")
    before = snapshot(folder)
    project = project_of(folder)
    proposals = [
        proposal(LR=0.3),
        proposal(LR=0.9),
        proposal(DEPTH=13),
        proposal(NOPE=1),
        proposal(DEPTH=6),
    ]
    run = settings_of(project, start_commit=head_of(project))
    with History.create(project, run) as history:
        list(loop_of(history, ListProposer(proposals), trials=4).events())
        trials, warnings = history.trials, history.warnings
    assert [trial.status for trial in trials] == [
        "baseline",
        "keep",
        "discard",
        "crash",
        "refused",
        "keep",
    ]
    assert warnings == [], "the worktree has followed"
    assert snapshot(folder) == before
    assert not (folder / "trace").exists(), "no hook ran"
    fsck(folder)
    with History.read(project, "t") as again:
        assert again.trials == trials
        assert not again.foreign_commits
    assert "LR = 0.3" in (history.worktree / "train.py").read_text()
    goes_on_from_a_clone(folder, tmp_path / "clone", trials)


def goes_on_from_a_clone(folder: Path, clone: Path, trials: object) -> None:
    """The branch alone, through a bare remote, is enough to go on with the next number."""
    remote = clone.with_name("remote.git")
    kind = git(folder, "rev-parse", "--show-object-format")
    git(clone.parent, "init", "-q", "--bare", f"--object-format={kind}", str(remote))
    git(remote, "config", "receive.shallowUpdate", "true")
    git(folder, "-c", "core.hooksPath=/dev/null", "push", "-q", str(remote), "autoresearch/t")
    git(
        clone.parent,
        "clone",
        "-q",
        "--single-branch",
        "-b",
        "autoresearch/t",
        str(remote),
        str(clone),
    )
    git(clone, "switch", "-q", "--detach")
    git(clone, "branch", "-qD", "autoresearch/t")
    with History.open(project_of(clone), "t") as history:
        assert history.trials == trials
        assert history.next_number == 6
        list(loop_of(history, ListProposer([proposal(LR=0.4)]), train, trials=1).events())
        assert [trial.number for trial in history.trials] == list(range(7))
        assert read_constants(history.sources.text) == {"LR": 0.4, "DEPTH": 6, "SEED": 1}
    assert git(clone, "status", "--porcelain") == ""


@pytest.mark.parametrize(
    "variables",
    [
        {"GIT_DIR": "{other}/.git"},
        {"GIT_DIR": "{other}/.git", "GIT_WORK_TREE": "{other}"},
        {"GIT_INDEX_FILE": "{other}/.git/index"},
        {"GIT_WORK_TREE": "{other}"},
        {"GIT_OBJECT_DIRECTORY": "{other}/.git/objects"},
        {
            "GIT_NAMESPACE": "n",
            "GIT_EXTERNAL_DIFF": "/bin/false",
            "GIT_DIFF_OPTS": "-u0",
            "GIT_GLOB_PATHSPECS": "1",
        },
    ],
    ids=lambda variables: "+".join(variables),
)
def test_what_a_hook_leaves_in_the_environment_leads_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
) -> None:
    """`autoresearch start` typed from a git hook or an alias means the repository around it."""
    folder, other = make_repository(tmp_path / "r"), make_repository(tmp_path / "other")
    before, others = snapshot(folder), snapshot(other)
    with monkeypatch.context() as environment:
        for name, value in variables.items():
            environment.setenv(name, value.format(other=other))
        project = project_of(folder)
        assert project.root == str(folder)
        with History.create(
            project, settings_of(project, start_commit=head_of(project))
        ) as history:
            list(loop_of(history, ListProposer([proposal(LR=0.3)]), trials=1).events())
            assert history.diff(f"{history.tip}^", history.tip).count("LR = 0.") == 2
    assert snapshot(folder) == before
    assert snapshot(other) == others
    assert git(folder, "rev-list", "--count", "--first-parent", "main..autoresearch/t") == "3"
    fsck(folder)
    fsck(other)
