"""The command line itself: quick to start, help with examples, faults with stable exit codes."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.exceptions import TyperException
from typer.main import get_command
from typer.testing import CliRunner

from agent import errors
from agent.cli import app, report
from agent.cli.grouping import (
    COMMANDS,
    OPTIONS,
    OTHER_COMMANDS,
    OTHER_WORDS,
    command_groups,
    option_groups,
)
from agent.cli.usage import usage_fault
from agent.errors import (
    EXIT_CODES,
    Fault,
    HistoryFault,
    ModelFault,
    ProjectFault,
    SandboxFault,
    UsageFault,
    unknown,
)

ROOT = Path(__file__).parents[3]
GROUP: Any = get_command(app)


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


def test_help_needs_no_docstrings(tmp_path: Path) -> None:
    done = autoresearch("--help", cwd=tmp_path, PYTHONOPTIMIZE="2")
    assert done.returncode == 0 and all(name in done.stdout for name in commands())


def test_a_mistake_in_the_settings_of_git_is_named(tmp_path: Path) -> None:
    (tmp_path / ".gitconfig").write_text("[user\n")
    home = str(tmp_path)
    assert autoresearch("--help", cwd=tmp_path, HOME=home).returncode == 0
    done = autoresearch("log", cwd=tmp_path, HOME=home)
    assert done.stderr.startswith("error: ") and "bad config line 1" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", commands())
def test_every_command_has_help_with_an_example(command: str) -> None:
    done = CliRunner().invoke(app, [command, "--help"], prog_name="autoresearch")
    assert done.exit_code == 0
    assert f"Example:\n    autoresearch {command}" in done.stdout
    assert "Exit codes: see `autoresearch --help`." in done.stdout
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
    assert code in EXIT_CODES
    assert capsys.readouterr() == ("", "error: m\nnext:  c\n")


def test_every_fault_has_a_documented_exit_code() -> None:
    faults = [value for value in vars(errors).values() if isinstance(value, type)]
    codes = [fault.exit_code for fault in faults if issubclass(fault, Fault)]
    assert len(codes) > 8
    assert set(codes) <= set(EXIT_CODES)


def test_the_help_has_the_table_of_exit_codes() -> None:
    done = CliRunner().invoke(app, ["--help"], prog_name="autoresearch")
    table = done.stdout.partition("Exit codes:\n")[2]
    rows = [line.split(maxsplit=1) for line in table.splitlines()]
    assert {int(code): meaning for code, meaning in rows} == dict(EXIT_CODES)


def test_every_command_is_in_a_group_and_the_common_five_come_first() -> None:
    groups = dict(command_groups(GROUP))
    lost = [name for name, _ in groups.get(OTHER_COMMANDS, [])]
    assert not lost, "put these into COMMANDS in agent/cli/grouping.py"
    grouped = [name for names in COMMANDS.values() for name in names]
    assert len(grouped) == len(set(grouped)), "one command, one group"
    first = next(iter(groups.values()))
    assert [name for name, _ in first] == ["init", "start", "status", "log", "resume"]


@pytest.mark.parametrize("command", sorted(OPTIONS))
def test_every_option_of_a_large_command_is_in_a_group(command: str) -> None:
    context = GROUP.context_class(GROUP.commands[command])
    groups = dict(option_groups(GROUP.commands[command], context))
    lost = [term for term, _ in groups["Other options"] if not term.endswith("--help")]
    assert not lost, "put these into OPTIONS in agent/cli/grouping.py"


def test_a_command_with_many_options_groups_them() -> None:
    for name, command in GROUP.commands.items():
        assert len(command.params) < 10 or name in OPTIONS, (
            "give it groups in agent/cli/grouping.py"
        )


def test_trials_is_a_number_in_every_command() -> None:
    meant = {}
    for name, command in GROUP.commands.items():
        for parameter in command.params:
            if "--trials" in parameter.opts:
                meant[name] = parameter.metavar
    assert meant == dict.fromkeys(("start", "resume", "bench", "set"), "N")


@pytest.mark.parametrize(
    ("words", "message", "next_command"),
    [
        ("strat", "Unknown command 'strat'. Did you mean 'start'?", "autoresearch --help"),
        (
            "log --kpet",
            "Unknown option '--kpet'. Did you mean '--kept'?",
            "autoresearch log --help",
        ),
        ("log --zzzzz", "Unknown option '--zzzzz'.", "autoresearch log --help"),
        (
            "init --preset gup",
            "Unknown preset 'gup'. Did you mean 'gpu'?",
            "autoresearch init --pr",
        ),
        ("plot progres", "Unknown value for PICTURE 'progres'. Did you mean 'progress'?", "autor"),
        (
            "export --format tvs",
            "Unknown value for --format 'tvs'. Did you mean 'tsv'?",
            "autoresearch export --help",
        ),
        (
            "bench --tasks valey",
            "Unknown task 'valey'. Did you mean 'valley'?",
            "autoresearch bench",
        ),
        ("show", "Missing argument 'N'.", "autoresearch show --help"),
        (
            "start --trials many",
            "--trials 'many': must be a whole number",
            "autoresearch start --help",
        ),
        ("start --hours soon", "--hours 'soon': must be a number", "autoresearch start --help"),
        ("show oen", "N 'oen': must be a whole number", "autoresearch show --help"),
        ("show 1.5", "N '1.5': must be a whole number", "autoresearch show --help"),
        ("dashboard --port 99999", "--port '99999': must be less than", "autoresearch dashboard"),
        (f"reject {10**20}", f"N '{10**20}': must be less than", "autoresearch reject --help"),
        (f"approve {10**20}", f"N '{10**20}': must be less than", "autoresearch approve --help"),
        (f"skip {10**20}", f"N '{10**20}': must be less than", "autoresearch skip --help"),
        (
            f"replicate 8 --seeds {10**20}",
            f"--seeds '{10**20}': must be less than",
            "autoresearch replicate --help",
        ),
        (
            "start --on rya",
            "Unknown engine 'rya'. Did you mean 'ray'?",
            "autoresearch start --on ray",
        ),
    ],
)
def test_what_was_typed_wrong_is_said_with_the_nearest_name(
    words: str, message: str, next_command: str
) -> None:
    with pytest.raises((TyperException, Fault)) as caught:
        app(words.split(), prog_name="autoresearch", standalone_mode=False)
    fault = caught.value
    if isinstance(fault, TyperException):
        fault = usage_fault(fault)
    assert isinstance(fault, UsageFault)
    assert fault.message.startswith(message)
    assert str(fault.next_command).startswith(next_command)


@pytest.mark.parametrize("word", OTHER_WORDS)
def test_a_word_of_another_tool_is_answered_with_a_command_of_ours(word: str) -> None:
    own = OTHER_WORDS[word].split()[0]
    assert own in GROUP.commands or own in ("--help", "--version")
    assert word not in GROUP.commands
    with pytest.raises(UsageFault, match=f"'{word}'. Did you mean '{OTHER_WORDS[word]}'") as fault:
        app([word], prog_name="autoresearch", standalone_mode=False)
    assert str(fault.value.next_command).startswith(f"autoresearch {own}")


def test_a_name_that_is_like_none_is_answered_with_those_there_are() -> None:
    assert unknown("method", "zzz", ["tpe", "trust"]) == (
        "Unknown method 'zzz'. Choose from: tpe, trust."
    )
    assert unknown("method", "z" * 1000, map(str, range(100))).endswith("38, 39, ....")


def test_without_a_command_it_is_the_help() -> None:
    alone = CliRunner().invoke(app, [], prog_name="autoresearch")
    asked = CliRunner().invoke(app, ["--help"], prog_name="autoresearch")
    assert (alone.exit_code, alone.stdout) == (2, asked.stdout)


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
    assert done.stderr == ("error: Unknown option '--nonsense'.\nnext:  autoresearch log --help\n")


def test_starting_the_command_loads_nothing_that_only_some_commands_need(tmp_path: Path) -> None:
    names = ("libcst", "numpy", "scipy", "optuna", "torch", "anthropic", "openai", "jinja2")
    loaded = f"[name for name in {names} if name in sys.modules]"
    program = f"import autoresearch.__main__, agent.cli, sys; print({loaded})"
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
        ("import logging as l; l.getLogger('asyncio').error('x', exc_info=OSError(24))", 0, ""),
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
        for text in ("'x'", "'x' * 10**6"):
            done = unforeseen(f"print({text})", tmp_path, stdout=full)
            assert done.returncode == 1
            assert done.stderr.count("no space is left") == 1 and "Traceback" not in done.stderr
    closed = unforeseen("print('x')", tmp_path, preexec_fn=lambda: os.close(1))
    assert (closed.returncode, closed.stderr) == (0, "")
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-c", UNFORESEEN, "log", "--nonsense"]
    done = subprocess.run(command, cwd=ROOT, stdout=writing, stderr=writing, timeout=60)
    os.close(writing)
    assert done.returncode == 2, "a fault keeps its code though nobody reads what it is"


def test_the_version_is_the_package_s(tmp_path: Path) -> None:
    done = autoresearch("--version", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith("autoresearch 0.")
