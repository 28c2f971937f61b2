"""The command `mcp`: serves runs to an agent outside, over stdio or HTTP."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from agent.cli import app, epilog
from agent.cli.completion import complete_runs
from agent.cli.say import say
from agent.errors import UsageFault
from agent.project.around import project_around
from agent.serve.grants import Grant

EXAMPLES = (
    "autoresearch mcp",
    "autoresearch mcp --allow steer --run nov24",
    "claude mcp add autoresearch -- autoresearch mcp --allow try",
    "codex mcp add autoresearch -- autoresearch mcp --allow try",
    "autoresearch mcp --http --token-file ~/.autoresearch-token",
)
INSTALL = "pip install 'autoresearch[mcp]'"
HINT = (
    "This serves an agent's client, which starts it itself: "
    "`claude mcp add autoresearch -- autoresearch mcp`. Ctrl-D ends it."
)
"""What a person reads who types it in a terminal."""


@app.command(name="mcp", epilog=epilog(*EXAMPLES))
def mcp_command(
    allow: Annotated[
        Grant,
        typer.Option(
            help="What an agent may do: read the ledger and visible files; also try edits; also "
            "steer the run. Approving, trusting and raising bounds is never served.",
        ),
    ] = Grant.READ,
    run: Annotated[
        str | None,
        typer.Option(
            "--run",
            metavar="RUN",
            help="Serve only this run: TAG or autoresearch/TAG. Default: every run here.",
            autocompletion=complete_runs,
        ),
    ] = None,
    http: Annotated[
        bool,
        typer.Option(
            "--http",
            help="Serve streamable HTTP on this machine's loopback address instead of stdio.",
        ),
    ] = False,
    port: Annotated[
        int,
        typer.Option(min=0, max=65535, metavar="N", help="Port for --http; 0 takes any free one."),
    ] = 8788,
    token_file: Annotated[
        Path | None,
        typer.Option(
            "--token-file",
            metavar="FILE",
            help="Where the token for --http is, or is put if there is no such file. Default: the "
            "variable AUTORESEARCH_MCP_TOKEN, else a new token that is printed once.",
        ),
    ] = None,
) -> None:
    """Serve the runs of this repository to an agent, by the Model Context Protocol.

    An agent's client starts this command itself and talks to it over stdin and stdout. What it
    reads of logs, trials and files is marked as quoted data. Needs the extra `mcp`.
    """
    _need_sdk()
    from agent.serve.served import Repository
    from agent.serve.server import build_server

    server = build_server(Repository(project_around(Path.cwd()), run), allow)
    if not http:
        if sys.stdin.isatty():
            say(HINT, stderr=True)
        server.run("stdio")
        return
    from agent.dashboard.listening import listener
    from agent.serve.http import HOST, PATH, serve_http
    from agent.serve.token import MCP, token_of

    token, is_new = token_of(token_file, os.environ, MCP)
    with listener(HOST, port, "autoresearch mcp --http --port 0   # any free port") as socket:
        say(f"http://{HOST}:{socket.getsockname()[1]}{PATH}")
        if is_new:
            say(f"Authorization: Bearer {token}")
        try:
            serve_http(server, socket, token)
        except KeyboardInterrupt:
            return


def _need_sdk() -> None:
    """Raise UsageFault if the extra is not installed."""
    if find_spec("mcp") is None:
        raise UsageFault("This command needs the Python package `mcp`, an extra.", INSTALL)
