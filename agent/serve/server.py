"""Builds the MCP server: the tools of one grant over the runs of one repository."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from importlib.metadata import version
from inspect import iscoroutinefunction
from typing import Any

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations

from agent.errors import Fault
from agent.serve.grants import Grant
from agent.serve.look import LookTools
from agent.serve.quoted import RULE, line
from agent.serve.read import ReadTools
from agent.serve.sending import InputSender
from agent.serve.served import Repository
from agent.serve.steer import SteerTools
from agent.serve.tries import TryTools

MESSAGE = 2_000
"""The most characters of an error."""
ENDING = ("skip", "lower_bounds")
"""Tools that end trials in training or lower what is planned."""
INSTRUCTIONS = f"""\
These tools show the runs of one repository, in which files of it are improved automatically: each
trial is an edit that was run in a sandbox, scored, judged against noise, and kept or discarded. A
score is computed where no trial can reach it, or printed by the trial itself: self-reported. Begin
with list_runs and status, then page through ledger.

{RULE}

Scores: `delta` is a difference of losses, so negative is better whatever the direction.
Nothing here approves, rejects, trusts, finalizes or raises a bound: a human does that, by commands.
"""


@dataclass(frozen=True)
class ServedTool:
    """A tool, and the grant that it needs."""

    name: str
    call: Callable[..., Any]
    grant: Grant
    hints: ToolAnnotations


def build_server(repository: Repository, grant: Grant) -> MCPServer[Any]:
    """Return a server with the tools that a grant allows; the others are not even listed."""
    server: MCPServer[Any] = MCPServer(
        "autoresearch",
        instructions=INSTRUCTIONS,
        version=version("autoresearch"),
        log_level="CRITICAL",
        subscriptions=False,
    )
    for tool in _tools(repository, grant):
        if grant.allows(tool.grant):
            server.add_tool(
                _answering(tool.call), name=tool.name, annotations=tool.hints, title=None
            )
    return server


def _tools(repository: Repository, grant: Grant) -> Iterator[ServedTool]:
    reading = ReadTools(repository, grant)
    looking = LookTools(repository)
    sender = InputSender(repository)
    trying = TryTools(repository, sender)
    steering = SteerTools(repository, sender)
    calls: dict[Grant, dict[str, Callable[..., Any]]] = {
        Grant.READ: {
            "list_runs": reading.list_runs,
            "status": reading.status,
            "ledger": reading.ledger,
            "trial": reading.trial,
            "compare": reading.compare,
            "compare_trials": looking.compare_trials,
            "constants": reading.constants,
            "constant": looking.constant,
            "notes": looking.notes,
            "machine": looking.machine,
            "list_files": reading.list_files,
            "read_file": reading.read_file,
            "brief": reading.brief,
        },
        Grant.TRY: {"try": trying.try_, "note": trying.note, "wait": trying.wait},
        Grant.STEER: {
            "tell": steering.tell,
            "withdraw": steering.withdraw,
            "pause": steering.pause,
            "go": steering.go,
            "skip": steering.skip,
            "lower_bounds": steering.lower_bounds,
        },
    }
    for needed, own in calls.items():
        for name, call in own.items():
            yield ServedTool(name, call, needed, _hints(name, needed))


def _hints(name: str, needed: Grant) -> ToolAnnotations:
    """Return the annotations from which a client tells its user what a tool may do."""
    reads = needed is Grant.READ or name == "wait"
    return ToolAnnotations(
        read_only_hint=reads,
        destructive_hint=name in ENDING,
        idempotent_hint=reads,
        open_world_hint=False,
    )


def _answering(call: Callable[..., Any]) -> Callable[..., Any]:
    """Return a tool that reports faults to the agent in one line without secrets."""
    if iscoroutinefunction(call):

        @wraps(call)
        async def answer_later(*arguments: Any, **options: Any) -> Any:
            with _told():
                return await call(*arguments, **options)

        return answer_later

    @wraps(call)
    def answer(*arguments: Any, **options: Any) -> Any:
        with _told():
            return call(*arguments, **options)

    return answer


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except Fault as fault:
        following = f" Next: {fault.next_command}" if fault.next_command else ""
        raise ToolError(line(f"{fault.message}{following}", MESSAGE)) from None
