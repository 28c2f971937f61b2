"""A stranger's repository or branch reaches nothing beyond itself before its user agreed."""

import json
import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.e2e.researcher import AUTORESEARCH, clean_environment, git, ledger, miniature, type_in

START = (
    "start",
    "--model",
    "none",
    "--trials",
    "1",
    "--baseline-repeats",
    "1",
    "--verdict",
    "greedy",
    "--tag",
    "t",
)
THIEF = 'import os\nprint(open(os.path.expanduser("~/.ssh/id_rsa")).read())\nraise SystemExit(1)\n'
NOT_TRUSTED = 6


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A user's home with a key in it."""
    (tmp_path / "home" / ".ssh").mkdir(parents=True)
    (tmp_path / "home" / ".ssh" / "id_rsa").write_text("PRIVATE KEY")
    return tmp_path / "home"


def of(home: Path, **more: str) -> dict[str, str]:
    return {"HOME": str(home), **more}


def in_terminal(folder: Path, answer: str, *arguments: str, **environment: str) -> tuple[int, str]:
    """Type `autoresearch ARGUMENTS` in a terminal, and `answer` at the question.

    Return the exit code, and everything that was shown.
    """
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [str(AUTORESEARCH), *arguments],
        cwd=folder,
        env=clean_environment(TERM="dumb", **environment),
        stdin=follower,
        stdout=follower,
        stderr=follower,
        start_new_session=True,
    )
    os.close(follower)
    shown, deadline, asked = "", time.monotonic() + 120, False
    while time.monotonic() < deadline:
        if select.select([leader], [], [], 0.2)[0]:
            try:
                shown += os.read(leader, 1 << 16).decode(errors="replace")
            except OSError:  # the terminal's last user has ended
                break
        if not asked and "[y/N]" in shown:
            os.write(leader, answer.encode() + b"\n")
            asked = True
    os.close(leader)
    return process.wait(timeout=60), shown


def everything(repository: Path) -> str:
    return git(repository, "log", "--all", "-p")


def test_a_key_outside_is_read_only_after_consent(tmp_path: Path, home: Path) -> None:
    repository = miniature(tmp_path / "repository", THIEF)
    (repository / "autoresearch.toml").write_text('read_only = ["~/.ssh"]\n')
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "read more")
    run = type_in(repository, *START, **of(home))
    assert run.returncode == NOT_TRUSTED
    assert f"the training may read {home}/.ssh" in run.stderr
    assert "--trust" in run.stderr.splitlines()[-1]
    assert "PRIVATE KEY" not in run.stdout + run.stderr
    assert (
        git(repository, "for-each-ref", "refs/heads/autoresearch") == ""
        and not (repository / ".autoresearch").exists()
    )
    code, shown = in_terminal(repository, "n", *START, **of(home))
    assert (
        code == NOT_TRUSTED and f"{home}/.ssh" in shown and "PRIVATE" not in everything(repository)
    )
    code, shown = in_terminal(repository, "y", *START, **of(home))
    assert "Trust this?" in shown and code != NOT_TRUSTED
    assert "PRIVATE KEY" in everything(repository), "as the user agreed, and the list said"
    again = type_in(repository, "resume", "t", "--trials", "1", **of(home))
    assert again.returncode != NOT_TRUSTED, "asked once"
    (repository / "autoresearch.toml").write_text('read_only = ["~/.ssh", "~"]\n')
    assert "may read" in type_in(repository, "resume", "t", **of(home)).stderr, (
        "another list is another question"
    )


def test_the_users_word_on_the_command_line_is_enough(tmp_path: Path, home: Path) -> None:
    repository = miniature(tmp_path / "repository")
    (tmp_path / "corpus").mkdir()
    (repository / "autoresearch.toml").write_text('read_only = ["../corpus"]\n')
    run = type_in(repository, *START, "--trust", **of(home))
    assert run.returncode == 0, run.stderr
    assert f"the training may read {tmp_path}/corpus" in run.stderr
    assert type_in(repository, "replicate", "0", "--seeds", "2", **of(home)).returncode == 0
    quiet = type_in(repository, *START[:-1], "u", **of(home))
    assert quiet.returncode == 0 and "may read" not in quiet.stderr


def test_a_project_that_keeps_to_itself_asks_nothing(tmp_path: Path, home: Path) -> None:
    repository = miniature(tmp_path / "repository")
    run = type_in(repository, *START, **of(home))
    assert run.returncode == 0, run.stderr
    assert not (home / ".local" / "state" / "autoresearch" / "trust").exists()


def test_the_usual_caches_of_upstream_are_listed_once(tmp_path: Path, home: Path) -> None:
    repository = miniature(tmp_path / "repository")
    (home / ".cache" / "autoresearch" / "tokenizer").mkdir(parents=True)
    (home / ".cache" / "huggingface" / "hub" / "models--x").mkdir(parents=True)
    run = type_in(repository, *START, **of(home))
    assert run.returncode == NOT_TRUSTED
    assert run.stderr.count("the training may read") == 2
    assert type_in(repository, *START, "--trust", **of(home)).returncode == 0


@pytest.mark.parametrize("path", ["..", "~nobody-is-called-so/x", "a\\u0000b"])
def test_a_path_that_makes_no_sense_is_an_error(tmp_path: Path, home: Path, path: str) -> None:
    repository = miniature(tmp_path / "repository")
    (repository / "autoresearch.toml").write_text(f'read_only = ["{path}"]\n')
    run = type_in(repository, *START, "--trust", **of(home))
    assert run.returncode == 2, run.stderr
    assert "read_only" in run.stderr and "Traceback" not in run.stderr


def stand_in(folder: Path, mark: Path) -> Path:
    """A `claude` that leaves a mark where it is started."""
    folder.mkdir()
    program = folder / "claude"
    program.write_text(
        f"#!{sys.executable}\nopen({str(mark)!r}, 'a').write('asked')\n"
        "raise SystemExit('not logged in')\n"
    )
    program.chmod(0o755)
    return folder


def test_a_branch_that_names_a_model_asks_nobody_before_consent(tmp_path: Path, home: Path) -> None:
    """As it comes with a clone: the record names claude-code, and the user only types `resume`."""
    mark = tmp_path / "mark"
    path = f"{stand_in(tmp_path / 'bin', mark)}:{os.environ['PATH']}"
    repository = miniature(tmp_path / "theirs")
    start = type_in(repository, *START, **of(home))
    assert start.returncode == 0, start.stderr
    message = git(
        repository,
        "log",
        "--format=%B",
        "-1",
        '--grep=^Autoresearch: {"record": "run"',
        "autoresearch/t",
    )
    assert '"model":null' in message.replace(" ", ""), message
    renamed = message.replace('"model":null', '"model":"claude-code"').replace(
        '"model": null', '"model": "claude-code"'
    )
    renamed = renamed.replace('"method":"trust"', '"method":"code"').replace(
        '"method": "trust"', '"method": "code"'
    )
    commit = git(repository, "commit-tree", "main^{tree}", "-p", "main", "-m", renamed)
    git(repository, "branch", "autoresearch/x", commit)
    git(tmp_path, "clone", "-q", "-b", "main", str(repository), "mine")
    mine = tmp_path / "mine"
    run = type_in(mine, "resume", "autoresearch/x", "--trials", "1", **of(home, PATH=path))
    assert run.returncode == NOT_TRUSTED, run.stderr
    assert "the model claude-code is asked; no bound on cost" in run.stderr
    assert not mark.exists() and not (mine / ".autoresearch" / "worktrees").exists()
    agreed = type_in(
        mine,
        "resume",
        "autoresearch/x",
        "--trials",
        "1",
        "--trust",
        **of(home, PATH=path),
        timeout=60,
    )
    assert agreed.returncode == 5 and mark.exists(), (
        "now it was asked, and this stand-in does not answer"
    )


def test_a_run_that_was_started_here_is_not_asked_about(tmp_path: Path, home: Path) -> None:
    repository = miniature(tmp_path / "repository")
    answer = {
        "hypothesis": "deeper",
        "rationale": "",
        "edits": [{"kind": "set_constant", "name": "DEPTH", "value": "8"}],
    }
    (tmp_path / "replies.jsonl").write_text((json.dumps(answer) + "\n") * 3)
    words = ("--method", "code", "--model", f"scripted:{tmp_path / 'replies.jsonl'}")
    start = type_in(
        repository,
        "start",
        *words,
        "--tag",
        "t",
        "--trials",
        "1",
        "--baseline-repeats",
        "1",
        **of(home),
    )
    assert start.returncode == 0, start.stderr
    git(tmp_path, "clone", "-q", str(repository), "clone")
    git(tmp_path / "clone", "branch", "autoresearch/t", "origin/autoresearch/t")
    assert (
        type_in(tmp_path / "clone", "resume", "t", "--trials", "1", **of(home)).returncode
        != NOT_TRUSTED
    ), "his own words"
    (tmp_path / "other").mkdir()
    elsewhere = type_in(
        tmp_path / "clone", "resume", "t", "--trials", "1", **of(tmp_path / "other")
    )
    assert elsewhere.returncode == NOT_TRUSTED and "replies.jsonl is read" in elsewhere.stderr, (
        "another user's"
    )


def test_a_bound_that_program_md_sets_is_listed_for_a_model_that_costs(
    tmp_path: Path, home: Path
) -> None:
    mark = tmp_path / "mark"
    path = f"{stand_in(tmp_path / 'bin', mark)}:{os.environ['PATH']}"
    repository = miniature(tmp_path / "repository")
    (repository / "program.md").write_text("---\nmax_cost: 1000\n---\n# Goal\nLower it.\n")
    git(repository, "commit", "-qam", "spend")
    words = (
        "start",
        "--model",
        "claude-code",
        "--method",
        "code",
        "--trials",
        "1",
        "--baseline-repeats",
        "1",
    )
    run = type_in(repository, *words, **of(home, PATH=path))
    assert (
        run.returncode == NOT_TRUSTED
        and "up to $1,000.00, by program.md" in run.stderr
        and not mark.exists()
    )
    assert type_in(repository, *START, **of(home)).returncode == 0, "no model, no money"


def test_a_prepare_py_gets_a_network_only_after_consent(tmp_path: Path, home: Path) -> None:
    repository = tmp_path / "sealed"
    (repository / "workspace").mkdir(parents=True)
    (repository / "workspace" / "train.py").write_text("LR = 0.1\n")
    fetch = "import urllib.request\nurllib.request.urlopen('http://127.0.0.1:9/corpus')\n"
    (repository / "workspace" / "prepare.py").write_text(fetch)
    git(repository, "init", "-q", "-b", "main")
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "start")
    own = of(home, AUTORESEARCH_CACHE=str(tmp_path / "cache"))
    run = type_in(repository, *START, **own)
    assert run.returncode == NOT_TRUSTED, run.stderr
    assert "prepare.py may use the network" in run.stderr and "urlopen error" in run.stderr
    code, shown = in_terminal(repository, "", *START, **own)
    assert code == NOT_TRUSTED and "may use the network" in shown
    agreed = type_in(repository, *START, "--trust", **own)
    assert agreed.returncode == 3 and "Connection refused" in agreed.stderr, (
        "it tried, on a port where nobody listens"
    )


def test_the_state_that_cannot_be_written_is_a_note(tmp_path: Path, home: Path) -> None:
    repository = miniature(tmp_path / "repository")
    (tmp_path / "corpus").mkdir()
    (repository / "autoresearch.toml").write_text('read_only = ["../corpus"]\n')
    (tmp_path / "file").write_text("")
    run = type_in(repository, *START, "--trust", **of(home, XDG_STATE_HOME=str(tmp_path / "file")))
    assert run.returncode == 0 and "note: cannot remember" in run.stderr
    assert len(ledger(repository)) == 2


@pytest.mark.parametrize("name", ["prepare.py", "autoresearch.toml"])
def test_a_file_of_the_project_that_is_a_link_to_outside_is_refused(
    tmp_path: Path, home: Path, name: str
) -> None:
    repository = miniature(tmp_path / "repository")
    (repository / name).unlink(missing_ok=True)
    (repository / name).symlink_to(home / ".ssh" / "id_rsa")
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "link")
    run = type_in(repository, *START, "--trust", **of(home))
    assert run.returncode in (2, 3), run.stderr
    assert "symbolic link" in run.stderr and "PRIVATE" not in run.stderr + run.stdout + everything(
        repository
    )


def test_settings_that_are_a_pipe_are_refused(tmp_path: Path, home: Path) -> None:
    repository = miniature(tmp_path / "repository")
    os.mkfifo(repository / "autoresearch.toml")
    run = type_in(repository, *START, **of(home), timeout=60)
    assert run.returncode == 2 and "not a plain file" in run.stderr


def test_settings_of_a_tracker_that_the_folder_brings_are_listed(
    tmp_path: Path, home: Path
) -> None:
    repository = miniature(tmp_path / "repository")
    (repository / "wandb").mkdir()
    (repository / "wandb" / "settings").write_text(
        "[default]\nbase_url = https://elsewhere.example\n"
    )
    run = type_in(repository, *START, "--tracker", "wandb:mine", **of(home))
    assert run.returncode == NOT_TRUSTED and "takes its settings from wandb/settings" in run.stderr


def test_files_in_the_folder_do_not_stand_in_for_the_users_own(tmp_path: Path, home: Path) -> None:
    """matplotlib reads settings there, and a PATH with an empty part finds programs there."""
    mark = tmp_path / "mark"
    repository = miniature(tmp_path / "repository")
    (repository / "matplotlibrc").write_text(
        "figure.facecolor: ff0000\nsavefig.facecolor: ff0000\nsavefig.format: pdf\n"
    )
    for name in ("git", "bwrap", "env"):
        (repository / name).write_text(f"#!/bin/sh\ntouch {mark}\n")
        (repository / name).chmod(0o755)
    path = f":{os.environ['PATH']}:."
    start = type_in(repository, *START, **of(home, PATH=path))
    assert start.returncode == 0, start.stderr
    drawn = type_in(
        repository, "plot", "progress", "-o", str(tmp_path / "p.svg"), **of(home, PATH=path)
    )
    assert drawn.returncode == 0, drawn.stderr
    assert "ff0000" not in (tmp_path / "p.svg").read_text().lower() and not mark.exists()


def test_an_object_that_is_missing_is_not_fetched(tmp_path: Path, home: Path) -> None:
    """A partial clone names the program that fetches from it, and git runs it for any reader."""
    mark = tmp_path / "mark"
    repository = miniature(tmp_path / "repository")
    assert type_in(repository, *START, **of(home)).returncode == 0
    fetching = {
        "core.repositoryformatversion": "1",
        "extensions.partialClone": "x",
        "remote.x.url": str(repository),
        "remote.x.promisor": "true",
        "remote.x.uploadpack": f"touch {mark};false",
    }
    for name, value in fetching.items():
        git(repository, "config", name, value)
    blob = git(repository, "rev-parse", "autoresearch/t:train.py")
    (repository / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    for words in (("prompt", "t"), ("show", "0"), ("resume", "t", "--trust")):
        run = type_in(repository, *words, **of(home))
        assert not mark.exists() and "Traceback" not in run.stderr, words
    assert run.returncode == 3 and "git fetch --refetch" in run.stderr


def test_programs_that_the_repositorys_own_git_settings_name_run_only_after_consent(
    tmp_path: Path, home: Path
) -> None:
    """As an archive brings them along in a .git/config.

    Hooks and aliases are not heeded here, and not asked about.
    """
    mark = tmp_path / "mark"
    repository = miniature(tmp_path / "repository")
    (repository / ".gitattributes").write_text("*.md filter=theirs\n")
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "attributes")
    git(repository, "config", "core.hooksPath", ".husky")
    assert type_in(repository, *START, **of(home)).returncode == 0
    for name in ("smudge", "clean"):
        git(repository, "config", f"filter.theirs.{name}", f"sh -c 'touch {mark}; cat'")
    for words in ((*START[:-1], "u"), ("resume", "t"), ("replicate", "0", "--seeds", "2")):
        run = type_in(repository, *words, **of(home))
        assert run.returncode == NOT_TRUSTED and "filter.theirs.smudge" in run.stderr, run.stderr
        assert not mark.exists(), words
    assert (
        type_in(repository, "resume", "t", "--trials", "1", "--trust", **of(home)).returncode == 0
    )
    assert mark.exists()
