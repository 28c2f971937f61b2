"""No filter runs what lies in a branch when the worktree of its run is written."""

import os
import sys
from pathlib import Path

import pytest

from agent.git.plumbing import Plumbing
from agent.git.programs import heed
from agent.history.history import History
from tests.agent.history.test_checkout import committed
from tests.agent.study import project_of, settings_of
from tests.e2e.researcher import git


def test_no_program_of_a_branch_runs_where_its_worktree_is_written(tmp_path: Path) -> None:
    """The user agreed to the ./tool of the checkout; in a worktree lies the branch's, a model's."""
    mark = tmp_path / "mark"
    files: dict[str, str | bytes] = {
        ".gitattributes": "z.txt filter=x\n",
        "tool": f"#!/bin/sh\ntouch {mark}\ncat\n",
        "z.txt": "old\n",
    }
    home = committed(tmp_path / "r", files)
    (home / "tool").chmod(0o755)
    git(home, "commit", "-qam", "executable")
    git(home, "config", "filter.x.smudge", "./tool")
    heed(str(home / ".git"), "filter.x.smudge", "./tool")
    project = project_of(home)
    with History.create(project, settings_of(project)) as history:
        assert (history.worktree / "z.txt").read_text() == "old\n"
        (home / "z.txt").write_text("new\n")
        git(home, "add", "z.txt")
        tree = git(home, "write-tree")
        by_hand = git(home, "commit-tree", tree, "-p", history.tip, "-m", "by hand")
        git(home, "update-ref", f"refs/heads/{history.branch}", by_hand)
        history.take_in()
        assert (history.worktree / "z.txt").read_text() == "new\n"
        assert history.warnings == []
    assert not mark.exists()


def test_a_users_own_filter_loads_nothing_of_a_branch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as `python -m nbstripout` or jupyter, whose settings may lie in the working folder."""
    mark = tmp_path / "mark"
    module = f"import pathlib, sys\npathlib.Path({str(mark)!r}).touch()\nprint(sys.stdin.read())\n"
    files: dict[str, str | bytes] = {
        ".gitattributes": "*.txt filter=tool\n",
        "tool.py": module,
        "z.txt": "z\n",
    }
    home = committed(tmp_path / "r", files)
    settings = tmp_path / "gitconfig"
    settings.write_text(f'[filter "tool"]\nclean = {sys.executable} -m tool\nsmudge = ./tool.py\n')
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    os.utime(home / "z.txt", (1, 1))
    Plumbing(home)("status", "--porcelain")
    project = project_of(home)
    with History.create(project, settings_of(project)) as history:
        os.utime(history.worktree / "z.txt", (1, 1))
        history._follow()
        assert (history.worktree / "z.txt").read_text() == "z\n"
    assert not mark.exists()
    os.utime(home / "z.txt", (2, 2))
    git(home, "status", "--porcelain")
    assert mark.exists(), "as git itself does"
