"""Writes docs/agents-session.md: an agent drives a run that really works, over MCP.

    python docs/drive.py

The agent is a script: its words and its choice of tools were written beforehand. The server, the
run, the trials and every answer are real, and shortened where the page says so. Takes a minute.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

PAGE = Path(__file__).resolve().parent / "agents-session.md"
AUTORESEARCH = str(Path(sys.executable).parent / "autoresearch")
HEAD = """# An agent drives a run

Written by `python docs/drive.py`: a scripted agent over stdio, with a server of the grant `steer`,
beside a run of `--method random` that really works. The agent's words were written beforehand; the
answers are the run's, with fields left out where it says `…`. [What it may do](agents.md).
"""
FIT = '''"""A training in miniature."""
import os
import time

LR = 0.1  # [0.01 .. 1 log]
DEPTH = 4  # [1 .. 16]

time.sleep(1.0)
noise = 0.0001 * int(os.environ["AUTORESEARCH_SEED"])
print(f"val_loss: {1.0 + abs(LR - 0.4) + 0.01 * abs(DEPTH - 8) + noise:.6f}")
'''
SETTINGS = 'train = "fit.py"\nmetric = "val_loss"\n'
SHOWN = 14
"""Lines of an answer."""


@contextmanager
def night(home: Path) -> Iterator[None]:
    """Let a run work in a new repository meanwhile."""
    (home / "fit.py").write_text(FIT, encoding="utf-8")
    (home / "autoresearch.toml").write_text(SETTINGS, encoding="utf-8")
    nobody = ("-c", "user.name=you", "-c", "user.email=you@localhost")
    for words in (("init", "-q"), ("add", "."), ("commit", "-qm", "Start")):
        subprocess.run(["git", *nobody, *words], cwd=home, check=True)
    flags = ("--model", "none", "--method", "random", "--limit", "1.1x", "--trials", "500")
    command = [AUTORESEARCH, "start", "--tag", "night", *flags]
    with subprocess.Popen(command, cwd=home, stdout=subprocess.DEVNULL) as process:
        wait_for(lambda: branch(home), 60)
        try:
            yield
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)


def branch(home: Path) -> str:
    """Return the run's branch, once there is one."""
    command = ["git", "branch", "--list", "autoresearch/night"]
    return subprocess.run(command, cwd=home, capture_output=True, text=True, check=True).stdout


def wait_for(condition: Any, seconds: float) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the run takes too long")
        time.sleep(0.1)


class Session:
    """One agent, and the page about it."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.lines = [HEAD]

    async def call(self, words: str, tool: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool, and write down what was said."""
        result = await self._client.call_tool(tool, arguments)
        answer = result.structured_content or {}
        asked = json.dumps(arguments, ensure_ascii=False)
        self.lines += [words, "", f"`{tool}` {asked if arguments else ''}".rstrip(), ""]
        self.lines += ["```json", *shortened(answer), "```", ""]
        return answer


def shortened(answer: dict[str, Any]) -> list[str]:
    """Return the beginning of an answer as lines."""
    lines = json.dumps(answer, ensure_ascii=False, indent=1).splitlines()
    return lines if len(lines) <= SHOWN else [*lines[: SHOWN - 1], " …"]


async def drive(home: Path) -> list[str]:
    """Return the page of a session beside the run in `home`."""
    server = StdioServerParameters(
        command=AUTORESEARCH, args=["mcp", "--allow", "steer"], cwd=home, env=dict(os.environ)
    )
    async with Client(stdio_client(server)) as client:
        session = Session(client)
        call = session.call
        await client.call_tool("wait", {"verdicts": 0, "seconds": 120})
        await call("What is there?", "list_runs")
        await call("How far is it?", "status")
        await call("Which constants may be searched?", "constants")
        values = {"LR": 0.4, "DEPTH": 8}
        words = "a larger step and twice the depth: the loss falls towards both"
        await call("One idea, as the next trial:", "try", hypothesis=words, constants=values)
        number = None
        while number is None:
            rows = (await client.call_tool("wait", {"seconds": 60})).structured_content["rows"]
            own = (row["number"] for row in rows if row["origin"] == "human")
            number = next(own, None)
        await call("It has its verdict.", "trial", number=number)
        note = "kept as predicted; the rest of the night may stay near it"
        await call("For whoever reads this later:", "note", text=note, trial=number)
        await call("And for the proposals that follow:", "tell", text="stay near it", trials=10)
        await call("Enough for tonight: a bound can only be lowered.", "lower_bounds", trials=5)
        return session.lines


def main() -> None:
    """Write the page."""
    with tempfile.TemporaryDirectory() as folder, night(Path(folder)):
        lines = asyncio.run(drive(Path(folder)))
    PAGE.write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
