"""A stranger's repository full of files that careless programs run: no command of ours runs one."""

import os
from pathlib import Path

import pytest

from agent.project.program import FrontMatter
from agent.project.settings import RunSettings, Settings
from tests.e2e.researcher import git, miniature, type_in

PROGRAMS = (
    "git",
    "bwrap",
    "nvidia-smi",
    "claude",
    "codex",
    "ps",
    "env",
    "chmod",
    "rm",
    "less",
    "setpriv",
    "python",
    "python3",
    "uname",
    "wandb",
    "latex",
    "dvipng",
    "gpg",
    "ssh",
    "keyring",
    "sh",
    "mount",
)
MODULES = (
    "torch",
    "numpy",
    "json",
    "re",
    "git",
    "yaml",
    "typer",
    "click",
    "rich",
    "optuna",
    "matplotlib",
    "sitecustomize",
    "usercustomize",
    "keyring",
    "tokenize",
    "multiprocessing",
    "pickle",
    "agent",
    "sandbox",
    "prepare",
    "conftest",
    "setup",
    "scipy",
    "sklearn",
)
RC = "text.usetex: True\nsavefig.facecolor: 123456\nbackend: module://torch\n"


@pytest.fixture
def trap(tmp_path: Path) -> Path:
    """The repository; what runs appends its name to `ran` beside it."""
    home = miniature(tmp_path / "repo")
    ran = tmp_path / "ran"
    shell = f'#!/bin/sh\necho "$0 $*" >> "{ran}"\nexit 0\n'
    for folder in ("", "bin", ".venv/bin", "venv/bin", "node_modules/.bin", ".git-hooks"):
        (home / folder).mkdir(parents=True, exist_ok=True)
        for name in PROGRAMS:
            path = home / folder / name
            path.write_text(shell)
            path.chmod(0o755)
    for name in MODULES:
        python = f"open({str(ran)!r}, 'a').write(__file__ + chr(10))\n"
        (home / f"{name}.py").write_text(
            python + ("MAX_SEQ_LEN = 64\n" if name == "prepare" else "")
        )
    (home / "multiprocessing.py").unlink()
    for package in ("multiprocessing", "benchmarks", "wandb", "mlruns"):
        (home / package).mkdir(exist_ok=True) if (home / package).is_dir() or not (
            home / package
        ).exists() else None
        if (home / package).is_dir():
            (home / package / "__init__.py").write_text(
                f"open({str(ran)!r}, 'a').write(__file__ + chr(10))\n"
            )
    files = {
        "matplotlibrc": RC,
        ".matplotlib/matplotlibrc": RC,
        ".env": f"PAGER={home}/less\nEDITOR={home}/sh\n",
        ".gitattributes": "* filter=trap diff=trap merge=trap\n",
        ".gitconfig": f"[alias]\n\tlog = !{home}/sh\n",
        ".pdbrc": "import torch\n",
        "pyproject.toml": "[tool.autoresearch]\n",
        "sitecustomize.pth": "import torch\n",
        "MLproject": "name: x\n",
    }
    for name, text in files.items():
        (home / name).parent.mkdir(exist_ok=True)
        (home / name).write_text(text)
    for hook in (
        "post-checkout",
        "pre-commit",
        "post-commit",
        "reference-transaction",
        "post-index-change",
        "fsmonitor-watchman",
    ):
        path = home / ".git" / "hooks" / hook
        path.parent.mkdir(exist_ok=True)
        path.write_text(shell)
        path.chmod(0o755)
    git(home, "-c", "core.hooksPath=/dev/null", "add", "-f", ".")
    git(home, "-c", "core.hooksPath=/dev/null", "commit", "-qm", "traps")
    return home


START = ("start", "--model", "none", "--method", "random", "--tag", "t", "--budget", "1steps")
BENCH = ("bench", "--tasks", "valley", "--methods", "random", "--trials", "2", "--seeds", "1")
FEW = (
    (*START, "--trials", "1", "--baseline-repeats", "1"),
    ("log", "-p"),
    ("plot", "progress", "t", "-o", "p.svg"),
    (*BENCH, "--output", "b.jsonl"),
)
ALL = (
    *FEW,
    ("doctor",),
    ("status",),
    ("show", "1"),
    ("report", "-o", "-"),
    ("prompt",),
    ("models",),
    ("methods",),
    ("export",),
    ("export", "--format", "optuna", "-o", "study.db"),
)


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "commands", [FEW, pytest.param(ALL, marks=pytest.mark.slow)], ids=["few", "all"]
)
def test_no_command_runs_what_lies_in_the_repository(
    trap: Path, commands: tuple[tuple[str, ...], ...]
) -> None:
    ran = trap.parent / "ran"
    path = os.pathsep.join(["", ".", "bin", ".venv/bin", os.environ["PATH"], ""])
    for words in commands:
        run = type_in(trap, *words, PATH=path)
        assert not ran.exists(), (words, ran.read_text())
        assert run.returncode == 0 or words == ("doctor",), (words, run.stderr)
    assert "#123456" not in (trap / "p.svg").read_text()
    for typed, offered in (("log ", "t"), ("show ", "0"), ("start --method tr", "trust")):
        completing = {
            "_AUTORESEARCH_COMPLETE": "complete_bash",
            "COMP_WORDS": f"autoresearch {typed}",
            "COMP_CWORD": str(len(typed.split(" "))),
        }
        run = type_in(trap, PATH=path, **completing)
        assert not ran.exists(), (typed, ran.read_text())
        assert offered in run.stdout.split()


def test_nothing_that_a_repository_says_names_a_command_or_an_address_to_tell() -> None:
    """Notifications and trackers are flags; no file or record has a name for them.

    `command` is what the sandbox runs in place of train.py, and tells nobody.
    """
    for record in (FrontMatter, Settings, RunSettings):
        assert not {"notify", "tracker", "trackers", "webhook"} & set(record.model_fields)


@pytest.mark.slow
def test_no_filter_and_no_hook_of_a_received_config_runs_before_consent(tmp_path: Path) -> None:
    """Looking for changes would run a filter; an archive brings both along in a .git/config."""
    home = miniature(tmp_path / "repo")
    (home / ".gitattributes").write_text("* filter=theirs\n")
    git(home, "add", ".")
    git(home, "commit", "-qm", "attributes")
    assert type_in(home, *START, "--trials", "1", "--baseline-repeats", "1").returncode == 0
    ran = tmp_path / "ran"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\necho $0 >> {ran}\ncat\n")
    program.chmod(0o755)
    for name in ("clean", "smudge", "process"):
        git(home, "config", f"filter.theirs.{name}", str(program))
    git(home, "config", "filter.theirs.required", "true")
    looked_at = [home / "train.py", home / ".autoresearch" / "worktrees" / "t" / "train.py"]
    for words in UNASKED:
        for path in looked_at:
            if path.exists():
                os.utime(path, (1, 1))
        run = type_in(home, *words)
        assert not ran.exists(), (words, ran.read_text())
        assert "Traceback" not in run.stderr, words


UNASKED = (
    ("noise",),
    ("init",),
    ("reject", "1"),
    ("try",),
    ("finalize",),
    ("start", "--dry-run", "--model", "none"),
    ("start", "--model", "none", "--tag", "u"),
    ("resume", "t"),
    ("delete", "t", "--yes"),
)
