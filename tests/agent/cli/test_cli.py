"""The command line itself: quick to start, help with examples, faults in two lines with stable exit codes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agent import errors
from agent.cli import EXIT_CODES, app, report
from agent.errors import Fault, HistoryFault, ModelFault, ProjectFault, SandboxFault, UsageFault

ROOT = Path(__file__).parents[3]


def autoresearch(*words: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command, as a process of its own."""
    program = "import sys; from agent.cli import main; main()"
    env = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    command = [sys.executable, "-c", program, *words]
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=60)


def commands() -> list[str]:
    """The names of all commands."""
    return [one.name or one.callback.__name__ for one in app.registered_commands if one.callback]


def test_help_starts_no_heavy_library(tmp_path: Path) -> None:
    done = autoresearch("--help", cwd=tmp_path)
    assert done.returncode == 0
    assert all(name in done.stdout for name in commands())
    program = "import sys, agent.cli; print(*{'torch', 'numpy', 'scipy', 'optuna', 'anthropic', 'openai'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("\n", "")


@pytest.mark.parametrize("command", commands())
def test_every_command_has_help_with_an_example_and_the_exit_codes(command: str) -> None:
    done = CliRunner().invoke(app, [command, "--help"], prog_name="autoresearch")
    assert done.exit_code == 0
    assert f"Example:\n    autoresearch {command}" in done.stdout
    assert "Exit codes: 0 fine" in done.stdout
    assert done.stdout.isascii()


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault("m", "c"), 1), (UsageFault("m", "c"), 2), (ProjectFault("m", "c"), 3), (HistoryFault("m", "c"), 3),
        (SandboxFault("m", "c"), 4), (ModelFault("m", "c"), 5),
    ],
)  # fmt: skip
def test_a_fault_is_two_lines_and_its_exit_code(fault: Fault, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert report(fault) == code
    assert f" {code} " in EXIT_CODES
    assert capsys.readouterr() == ("", "error: m\nnext:  c\n")


def test_every_fault_has_a_documented_exit_code() -> None:
    for name in errors.__all__:
        assert f" {getattr(errors, name).exit_code} " in EXIT_CODES


def test_what_a_fault_quotes_cannot_reach_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    report(Fault("it said [red]\x1b[2J\nTraceback\u202e", None))
    assert capsys.readouterr().err == "error: it said [red]\\x1b[2J\nTraceback\\u202e\n"


def test_a_fault_in_a_command_ends_without_a_traceback(tmp_path: Path) -> None:
    done = autoresearch("log", cwd=tmp_path)
    assert done.returncode == 3
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert "\nnext:  " in done.stderr
    assert "Traceback" not in done.stderr


def test_a_wrong_flag_is_a_usage_error(tmp_path: Path) -> None:
    done = autoresearch("log", "--nonsense", cwd=tmp_path)
    assert done.returncode == 2
    assert "--nonsense" in done.stderr


INTERRUPTED = """
import agent.cli, os, signal

signal.signal(signal.SIGINT, signal.default_int_handler)  # where the tests run in the background it is ignored

@agent.cli.app.command()
def wait() -> None:
    os.kill(os.getpid(), signal.SIGINT)

agent.cli.main()
"""


def test_ctrl_c_is_130() -> None:
    done = subprocess.run([sys.executable, "-c", INTERRUPTED, "wait"], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_the_version_is_the_package_s(tmp_path: Path) -> None:
    done = autoresearch("--version", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith("autoresearch 0.")
