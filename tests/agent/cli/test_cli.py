"""The command line itself: quick to start, help with examples, faults with stable exit codes."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

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
    heavy = "{'torch', 'numpy', 'scipy', 'optuna', 'anthropic', 'openai'}"
    program = f"import sys, agent.cli; print(*{heavy} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
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
        (Fault("m", "c"), 1),
        (UsageFault("m", "c"), 2),
        (ProjectFault("m", "c"), 3),
        (HistoryFault("m", "c"), 3),
        (SandboxFault("m", "c"), 4),
        (ModelFault("m", "c"), 5),
    ],
)
def test_a_fault_is_two_lines_and_its_exit_code(
    fault: Fault, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report(fault) == code
    assert f" {code} " in EXIT_CODES
    assert capsys.readouterr() == ("", "error: m\nnext:  c\n")


def test_every_fault_has_a_documented_exit_code() -> None:
    faults = [value for value in vars(errors).values() if isinstance(value, type)]
    codes = [fault.exit_code for fault in faults if issubclass(fault, Fault)]
    assert len(codes) > 8
    assert all(f" {code} " in EXIT_CODES for code in codes)


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


def test_starting_the_command_loads_nothing_that_only_some_commands_need(tmp_path: Path) -> None:
    names = ("libcst", "numpy", "scipy", "optuna", "torch", "anthropic", "openai", "jinja2")
    program = f"import agent.cli, sys; print([name for name in {names} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


INTERRUPTED = """
import agent.cli, os, signal

# Where the tests run in the background, Ctrl-C is ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)

@agent.cli.app.command()
def wait() -> None:
    os.kill(os.getpid(), signal.SIGINT)

agent.cli.main()
"""


def test_ctrl_c_is_130() -> None:
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, "wait"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


UNFORESEEN = """
import os, sys, threading, agent.cli

@agent.cli.app.command()
def fail(how: str) -> None:
    if how == "thread":
        thread = threading.Thread(target=lambda: 1 / 0, name="aside")
        thread.start()
        thread.join()
    else:
        exec(how)

agent.cli.main()
"""


def unforeseen(how: str, state: Path, **more: Any) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "XDG_STATE_HOME": str(state), "MY_DEPLOY_TOKEN": "f8Qz-0914-deploy"}
    command = [sys.executable, "-c", UNFORESEEN, "fail", how]
    return subprocess.run(
        command, cwd=ROOT, env=env, stderr=subprocess.PIPE, text=True, timeout=60, **more
    )


@pytest.mark.parametrize(
    ("how", "code", "said"),
    [
        (
            "raise ValueError('f8Qz-0914-deploy \x1b[2J')",
            70,
            "unexpected: ValueError: [redacted MY_DEPLOY_TOKEN]",
        ),
        ("f = lambda: f(); globals()['f'] = f; f()", 70, "unexpected: RecursionError"),
        ("chr(0xd800).encode()", 70, "unexpected: UnicodeEncodeError"),
        ("raise MemoryError", 1, "no memory is left"),
        ("raise OSError(28, 'No space left on device', '/a/file')", 1, "/a/file: no space is left"),
        ("raise OSError(24, 'Too many open files')", 1, "too many open files"),
        (
            "raise PermissionError(13, 'Permission denied', '/a/file')",
            1,
            "/a/file: permission denied",
        ),
        (
            "raise OSError(30, 'Read-only file system', '/a/file')",
            1,
            "/a/file: the file system is read-only",
        ),
        ("raise KeyboardInterrupt", 130, ""),
        ("raise SystemExit(3)", 3, ""),
        ("thread", 0, "note: unexpected in the thread aside: ZeroDivisionError"),
    ],
)
def test_no_traceback_reaches_a_user(tmp_path: Path, how: str, code: int, said: str) -> None:
    done = unforeseen(how, tmp_path)
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    reports = list(tmp_path.rglob("*.txt"))
    assert len(reports) == ("unexpected" in said)
    for path in reports:
        text = path.read_text()
        assert str(path) in done.stderr
        assert "Traceback" in text and "autoresearch 0." in text
        assert "f8Qz" not in text + done.stderr
        assert path.stat().st_mode & 0o777 == 0o600


def test_a_report_that_cannot_be_saved_is_said(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file, where a folder is needed")
    done = unforeseen("1 / 0", tmp_path / "state")
    assert done.returncode == 70
    assert "ZeroDivisionError" in done.stderr and "could not be saved" in done.stderr


def test_output_that_nobody_reads_ends_quietly(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = unforeseen("print('x' * 10**6)", tmp_path, stdout=writing)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")
    with Path("/dev/full").open("w") as full:
        done = unforeseen("print('x')", tmp_path, stdout=full)
    assert done.returncode == 1
    assert "no space is left" in done.stderr and "Traceback" not in done.stderr
    closed = unforeseen("print('x')", tmp_path, preexec_fn=lambda: os.close(1))
    assert (closed.returncode, closed.stderr) == (0, "")


def test_the_version_is_the_package_s(tmp_path: Path) -> None:
    done = autoresearch("--version", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith("autoresearch 0.")
