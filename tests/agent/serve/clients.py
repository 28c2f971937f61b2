"""The real clients that npm has: Claude Code, Codex, and the protocol's own tools."""

import json
import os
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx2
import pytest

from tests.e2e.researcher import AUTORESEARCH, clean_environment
from tests.loopback.anthropic_server import AnthropicServer, model
from tests.loopback.responses_server import ResponsesServer

CLIENTS = Path(__file__).parents[3] / ".clients" / "node_modules" / ".bin"
HOP_BY_HOP = ("connection", "transfer-encoding", "content-length", "keep-alive")


def client(name: str) -> str:
    """Return the path of a client, or skip the test where it is not installed."""
    path = CLIENTS / name
    if not path.exists():
        pytest.skip(f"{name} is not installed: make clients")
    return str(path)


def run(
    folder: Path, home: Path, *command: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a client in `folder` as a user with the home folder `home`."""
    home.mkdir(exist_ok=True)
    tools = f"{AUTORESEARCH.parent}{os.pathsep}{os.environ['PATH']}"
    quiet = {"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "DISABLE_AUTOUPDATER": "1"}
    return subprocess.run(
        command,
        cwd=folder,
        env=clean_environment(**(quiet | environment | {"HOME": str(home), "PATH": tools})),
        capture_output=True,
        text=True,
        timeout=170,
        stdin=subprocess.DEVNULL,
        check=False,
    )


def ask_claude(
    folder: Path, home: Path, provider: AnthropicServer, question: str, *options: str
) -> list[dict[str, Any]]:
    """Return the events of Claude Code in print mode, with a provider on loopback."""
    form = ("--output-format", "stream-json", "--verbose")
    environment = {"ANTHROPIC_BASE_URL": provider.url, "ANTHROPIC_API_KEY": "sk-loopback"}
    environment["ENABLE_TOOL_SEARCH"] = "false"
    command = (client("claude"), "-p", question, *form, *options)
    return _events(run(folder, home, *command, **environment))


def ask_codex(
    folder: Path, home: Path, provider: ResponsesServer, question: str, *options: str
) -> list[dict[str, Any]]:
    """Return the events of Codex without a terminal, with a provider on loopback."""
    values = {
        "model": "gpt-5",
        "model_provider": "loopback",
        "model_providers.loopback.name": "loopback",
        "model_providers.loopback.base_url": f"{provider.url}/v1",
        "model_providers.loopback.wire_api": "responses",
        "model_providers.loopback.env_key": "LOOPBACK_KEY",
    }
    settings = [f"--config={name}={json.dumps(value)}" for name, value in values.items()]
    form = ("exec", "--json", "--skip-git-repo-check", "--sandbox", "read-only")
    command = (client("codex"), *form, *settings, *options, question)
    return _events(run(folder, home, *command, LOOPBACK_KEY="sk-loopback"))


def _events(process: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    assert process.returncode == 0, process.stderr + process.stdout
    return [json.loads(line) for line in process.stdout.splitlines() if line.startswith("{")]


def anthropic(steps: Iterable[Any]) -> AnthropicServer:
    """Return a provider for Claude Code."""
    return AnthropicServer(steps, [model("claude-opus-4-8", "2026-01-01T00:00:00Z")])


@contextmanager
def with_token(url: str, token: str) -> Iterator[str]:
    """Yield an address that forwards to `url` with the token, which some tools cannot send."""
    target = url.removesuffix("/mcp")

    class Forward(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            own = f"localhost:{self.server.server_address[1]}"
            headers = {name.lower(): value for name, value in self.headers.items()}
            headers["authorization"] = f"Bearer {token}"
            for name in ("host", "origin"):
                if name in headers:
                    headers[name] = headers[name].replace(own, target.removeprefix("http://"))
            body = self.rfile.read(length)
            with httpx2.stream(
                self.command, f"{target}{self.path}", headers=headers, content=body, timeout=60
            ) as answer:
                self.send_response(answer.status_code)
                for name, value in answer.headers.items():
                    if name.lower() not in HOP_BY_HOP:
                        self.send_header(name, value)
                self.end_headers()
                for chunk in answer.iter_raw():
                    self.wfile.write(chunk)
                    self.wfile.flush()
            self.close_connection = True

        def do_GET(self) -> None:
            self.do_POST()

        def do_DELETE(self) -> None:
            self.do_POST()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Forward)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://localhost:{server.server_address[1]}/mcp"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
