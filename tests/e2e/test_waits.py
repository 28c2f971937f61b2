"""What a person sees while a command waits, and that Ctrl-C ends each wait."""

import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.researcher import clean_environment, git, miniature, start_typing, type_in
from tests.loopback import anthropic_server
from tests.loopback.anthropic_server import AnthropicServer
from tests.loopback.wire import Status, ToolCall

SILENT = "it has not named its models yet"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return miniature(tmp_path_factory.mktemp("waits") / "home")


@pytest.fixture
def silent_server() -> Iterator[str]:
    """The address of a server that accepts and never answers."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(5)
        yield f"http://127.0.0.1:{server.getsockname()[1]}/v1"


@pytest.fixture
def refusing_server() -> Iterator[str]:
    """An address where nothing listens, and that nobody else is given meanwhile."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{server.getsockname()[1]}/v1"


def lines_until(process: subprocess.Popen[str], words: str) -> list[str]:
    """What stderr says, up to a line that has these words."""
    assert process.stderr
    lines = []
    for line in process.stderr:
        lines.append(line.rstrip("\n"))
        if words in line:
            return lines
    raise AssertionError(f"{words!r} is not among {lines}")


@pytest.mark.slow
def test_a_silent_provider_is_named_with_a_reason_and_ctrl_c_ends_it(
    home: Path, silent_server: str
) -> None:
    before = git(home, "branch", "--list", "autoresearch/*")
    with ExitStack() as stack:
        process = stack.enter_context(
            start_typing(home, "start", "--model", "local", "--json", OPENAI_BASE_URL=silent_server)
        )
        lines = lines_until(process, SILENT)
        assert "waiting for the provider of local to answer" in lines
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=30)
    assert (process.returncode, output) == (130, ""), "nothing but JSON on stdout"
    assert git(home, "branch", "--list", "autoresearch/*") == before, "nothing was begun"


def test_a_refused_connection_is_said_with_the_next_attempt(
    home: Path, refusing_server: str
) -> None:
    with start_typing(
        home, "start", "--model", "local", OPENAI_BASE_URL=refusing_server
    ) as process:
        lines = lines_until(process, "refuses the connection; nothing listens there; trying again")
        assert "gives up in" in lines[-1]
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    assert process.returncode == 130


def test_a_preset_for_accelerators_is_not_written_on_a_cpu_without_a_word(tmp_path: Path) -> None:
    refused = type_in(tmp_path, "init", "lab", "--preset", "h100", CUDA_VISIBLE_DEVICES="")
    assert refused.returncode == 2 and not (tmp_path / "lab").exists()
    assert "This machine has no accelerator" in refused.stderr
    (following,) = [
        line.removeprefix("next:").split()
        for line in refused.stderr.splitlines()
        if line.startswith("next:")
    ]
    assert type_in(tmp_path, *following[1:], CUDA_VISIBLE_DEVICES="").returncode == 0


@pytest.mark.slow
def test_its_data_is_not_downloaded_on_a_cpu_without_a_word(tmp_path: Path) -> None:
    type_in(tmp_path, "init", "lab", "--preset", "h100", "--anyway")
    cache = str(tmp_path / "cache")
    run = type_in(
        tmp_path / "lab",
        "start",
        "--model",
        "none",
        CUDA_VISIBLE_DEVICES="",
        AUTORESEARCH_CACHE=cache,
    )
    assert run.returncode == 6, run.stderr
    assert "downloads gigabytes for the preset h100" in run.stderr
    assert "device" in run.stdout and "CPU" in run.stdout


def test_start_says_what_it_chose_before_it_trains(home: Path) -> None:
    command = ("start", "--tag", "said", "--max-cost", "0", "--trials", "1", "--budget", "1steps")
    run = type_in(home, *command, ANTHROPIC_API_KEY="sk-secret")
    assert run.returncode == 0, run.stderr
    block = run.stdout[: run.stdout.index(" trains in slot ")]
    assert "none: a key is in ANTHROPIC_API_KEY, but --max-cost 0 allows no paid question" in block
    assert "1steps of training a trial, 1 trial, $0.00" in block
    assert "sk-secret" not in run.stdout + run.stderr


@pytest.mark.slow
def test_with_json_the_block_is_on_stderr(home: Path) -> None:
    command = ("start", "--tag", "json", "--model", "none", "--trials", "1", "--budget", "1steps")
    run = type_in(home, *command, "--json")
    assert all(json.loads(line)["event"] for line in run.stdout.splitlines())
    assert "sandbox" in run.stderr and "bounds" in run.stderr


@pytest.mark.slow
def test_a_run_elsewhere_on_the_machine_is_named(home: Path, tmp_path: Path) -> None:
    state = {"XDG_STATE_HOME": str(tmp_path / "state")}
    folder = tmp_path / "state" / "autoresearch" / "sessions"
    works = (
        "import sys\nfrom agent.evaluate.neighbours import session\n"
        "with session('/r/other', 'autoresearch/nov24'):\n"
        "    print('at work', flush=True)\n    sys.stdin.read()\n"
    )
    command = ("start", "--model", "none", "--trials", "1", "--budget", "1steps", "--tag")
    with subprocess.Popen(
        [sys.executable, "-c", works],
        env=clean_environment(**state),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout and other.stdout.readline() == "at work\n"
        beside = type_in(home, *command, "beside", **state)
    alone = type_in(home, *command, "alone", **state)
    assert f"autoresearch/nov24 in /r/other runs here too (process {other.pid})" in beside.stdout
    assert "runs here too" not in alone.stdout and list(folder.iterdir()) == []


@pytest.fixture
def limited_server() -> Iterator[AnthropicServer]:
    """A provider that lists no models for two hours, and then does."""
    models = [anthropic_server.model("claude-opus-4-6", "2026-02-05T00:00:00Z")]
    edit = {"kind": "set_constant", "name": "LR", "value": "0.3"}
    with AnthropicServer([ToolCall({"hypothesis": "h", "edits": [edit]})], models) as server:
        message = "You've hit your session limit"
        server.refuse = Status(429, message, "rate_limit_error", {"retry-after": "7200"})
        yield server


@pytest.mark.slow
def test_a_run_begins_without_a_model_that_a_limit_keeps_back(
    home: Path, limited_server: AnthropicServer
) -> None:
    """The optimizer works until then, Ctrl-C ends the wait, and a resume asks the model."""
    environment = {"ANTHROPIC_API_KEY": "k", "ANTHROPIC_BASE_URL": limited_server.url}
    words = ["--model", "opus", "--no-look", "--budget", "1steps", "--baseline-repeats", "1"]
    run = type_in(home, "start", "--tag", "limited", "--trials", "1", *words, **environment)
    assert run.returncode == 0, run.stderr
    said = r"opus is asked from [^;]*\d\d:\d\d on.* the run begins without it"
    assert re.search(said, run.stderr)
    assert "session limit" in run.stderr and "waiting for the model until" in run.stdout
    resume = ["resume", "limited", "--trials", "1"]
    with start_typing(home, *resume, "--fill", "none", **environment) as process:
        assert process.stdout
        lines = iter(process.stdout)
        assert any("waiting for the model until" in line for line in lines)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode in (0, 130)
    limited_server.refuse = None
    run = type_in(home, *resume, **environment)
    assert run.returncode == 0, run.stderr
    trials = json.loads(type_in(home, "log", "limited", "--json").stdout)
    asked = [trial["proposal"]["by"]["model"] for trial in trials]
    assert asked == [None, None, "claude-opus-4-6"]
