"""The server as a process: over stdio and over HTTP on loopback, asked by the SDK's own client."""

import http.client
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.cli import mcp as command
from agent.errors import UsageFault
from agent.serve.token import MCP, token_of
from tests.agent.cli.night import fault
from tests.agent.serve.client import TOKEN, Call, data, error, stdio
from tests.agent.serve.client import http as over_http
from tests.agent.serve.test_read import READ
from tests.e2e.researcher import start_typing

INITIALIZE = (
    '{"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": '
    '"2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}}'
)


@dataclass(frozen=True)
class Server:
    """A server that listens."""

    port: int
    output: list[str]

    @property
    def url(self) -> str:
        """Where clients send their messages."""
        return f"http://127.0.0.1:{self.port}/mcp"

    def post(self, path: str = "/mcp", **headers: str) -> tuple[int, str]:
        """Return status and body of the answer to a client's first message."""
        usual = {
            "authorization": f"Bearer {TOKEN}",
            "accept": "application/json, text/event-stream",
            "content-type": "application/json",
        }
        sent = {name: text for name, text in (usual | headers).items() if text}
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)) as connection:
            connection.request("POST", path, INITIALIZE, sent)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()


@contextmanager
def serving(folder: Path, *options: str, lines: int = 1, **environment: str) -> Iterator[Server]:
    """Yield a server of `autoresearch mcp --http OPTIONS` that has printed so many lines."""
    process = start_typing(folder, "mcp", "--http", "--port", "0", *options, **environment)
    try:
        assert process.stdout
        output = [process.stdout.readline() for _ in range(lines)]
        match = re.fullmatch(r"http://127\.0\.0\.1:(\d+)/mcp\n", output[0])
        assert match, (output, process.stderr and process.stderr.read())
        yield Server(int(match[1]), output)
    finally:
        process.send_signal(signal.SIGINT)
        rest = process.communicate(timeout=60)
    assert rest == ("", "")
    assert process.returncode == 0


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[Server]:
    """Yield a server with a token from the environment."""
    with serving(home, **{MCP: TOKEN}) as server:
        yield server


def test_a_client_reads_over_stdio(home: Path) -> None:
    answers = stdio(home, [("status", {}), ("trial", {"number": 1}), ("trial", {"number": 99})])
    assert answers.tools == READ
    status, trial, missing = answers.results
    assert data(status)["best"] == data(trial)["row"]["value"] == 1.4
    assert "There is no trial #99" in error(missing)


def test_a_client_reads_over_http(server: Server) -> None:
    calls: list[Call] = [("status", {}), ("read_file", {"path": "train.py"})]
    answers = over_http(server.url, TOKEN, calls)
    assert answers.tools == READ
    assert data(answers.results[0])["best"] == 1.4
    assert "LR = 0.31" in data(answers.results[1])["untrusted"]["content"]["text"]


def test_nobody_is_answered_without_the_token(server: Server) -> None:
    assert server.post()[0] == 200
    for wrong in ("", "Bearer", f"Bearer {TOKEN}x", f"Basic {TOKEN}", "Bearer \xe9"):
        status, body = server.post(authorization=wrong)
        assert status == 401 and TOKEN not in body
    status, _ = server.post(f"/mcp?token={TOKEN}", authorization="")
    assert status == 401


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example"])
def test_a_name_that_somebody_points_here_is_refused(server: Server, host: str) -> None:
    assert server.post(host=host)[0] == 421


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://127.0.0.1"])
def test_a_page_of_another_origin_is_refused(server: Server, origin: str) -> None:
    assert server.post(origin=origin)[0] == 403


def test_the_own_origin_is_answered(server: Server) -> None:
    assert server.post(origin=f"http://127.0.0.1:{server.port}")[0] == 200


@pytest.mark.slow
def test_a_new_token_is_printed_once(home: Path) -> None:
    with serving(home, lines=2) as server:
        token = server.output[1].removeprefix("Authorization: Bearer ").strip()
        assert len(token) >= 24
        assert data(over_http(server.url, token, [("status", {})]).results[0])["run"] == "t"


def test_a_token_file_is_made_for_its_owner_only_and_read_again(tmp_path: Path) -> None:
    file = tmp_path / "token"
    token, is_new = token_of(file, {MCP: TOKEN}, MCP)
    assert not is_new and file.stat().st_mode & 0o777 == 0o600
    assert token_of(file, {}, MCP) == (token, False)
    file.chmod(0o644)
    with pytest.raises(UsageFault, match="may be read by other users"):
        token_of(file, {}, MCP)


def test_a_token_that_can_be_guessed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageFault, match="at least 24"):
        token_of(None, {MCP: "short"}, MCP)
    link = tmp_path / "link"
    link.symlink_to("/etc/passwd")
    with pytest.raises(UsageFault, match="Cannot read a token"):
        token_of(link, {}, MCP)


def test_without_the_extra_the_command_says_what_to_install(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(home)
    monkeypatch.setattr(command, "find_spec", lambda _: None)
    problem = fault("mcp")
    assert "the Python package `mcp`" in problem.message
    assert problem.next_command == "pip install 'autoresearch[mcp]'"


def test_the_core_does_not_load_the_extra() -> None:
    code = "import sys, agent.cli; assert not {'mcp', 'uvicorn', 'starlette'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
