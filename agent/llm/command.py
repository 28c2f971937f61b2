"""Coding agents that people already pay for, as models: their commands in print mode.

One process a question, without tools but those behind the door that a request may name (an MCP
server of the run's, on loopback). `claude-code` and `codex` use the login that the command has;
API keys in the environment are not passed on, so no question is billed to them, but the account of
a cloud or gateway that Claude Code is told to use is. The process gets an empty folder of its own,
and is killed with its children at the deadline. It is not sandboxed: it is the user's own program
and needs the network and its login. But it runs where validation data and what is kept of the runs
are hidden (sandbox/walls/mask.py), and is refused if they cannot be. Claude Code is also started
without any tools, and Codex without its shell and in its own read-only sandbox, by their documented
options. Costs are what the command says; under a subscription they are nominal.
"""

import asyncio
import os
import shutil
import signal
import time
from asyncio.subprocess import Process, SubprocessStreamProtocol
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from agent.errors import ModelFault, SandboxFault
from agent.git.cache import cache_folders
from agent.llm.begun import Begun
from agent.llm.claude_code import CLAUDE_CODE
from agent.llm.codex import CODEX
from agent.llm.dialects import TOKEN, Call, failure_of
from agent.llm.effort import Effort
from agent.llm.model import Door, LooksBy, Reply, Request, declined
from agent.llm.patience import Patience, Transient, persist
from agent.llm.refusals import is_withheld
from sandbox.ground.leftovers import temporary_folder
from sandbox.ground.text import one_line
from sandbox.walls.mask import check_mask, masked

# What a command needs to find itself, its login and the network; keys are not among it.
PASSED_ON = frozenset(
    {
        "PATH",
        "HOME",
        "USER",
        "LOGNAME",
        "SHELL",
        "LANG",
        "LC_ALL",
        "TMPDIR",
        "XDG_CONFIG_HOME",
        "XDG_DATA_HOME",
        "XDG_CACHE_HOME",
        "CLAUDE_CONFIG_DIR",
        "CLAUDE_CODE_OAUTH_TOKEN",
        "CODEX_HOME",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "NO_PROXY",
        "http_proxy",
        "https_proxy",
        "no_proxy",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "NODE_EXTRA_CA_CERTS",
    }
)
CLOUDS = {
    "CLAUDE_CODE_USE_BEDROCK": ("AWS_", "ANTHROPIC_BEDROCK_"),
    "CLAUDE_CODE_USE_VERTEX": ("GOOGLE_", "ANTHROPIC_VERTEX_", "CLOUD_ML_", "VERTEX_"),
    "CLAUDE_CODE_USE_FOUNDRY": ("AZURE_", "ANTHROPIC_FOUNDRY_"),
}
"""Switches of Claude Code for an account at a cloud, and the variables that belong to it: whoever
sets the switch has chosen who is billed."""
GATEWAY = frozenset({"ANTHROPIC_BASE_URL", "ANTHROPIC_AUTH_TOKEN"})
"""Both together choose a gateway; an address alone does not."""
OF_PROVIDERS = ("ANTHROPIC_", "OPENAI_", "CODEX_API_KEY", "CLAUDE_CODE_USE_")
"""Prefixes of variables that decide who answers and who is billed."""
MAX_OUTPUT_BYTES = 2**24
MAX_ERROR_BYTES = 2**16
MAX_ALL_ERRORS_BYTES = 2**28
"""A command that writes more of them does nothing else."""
MAX_REFUSED = 10
"""How often a command may call tools after it was told to propose; one answer may call many."""
LOOKED_ON = "(it kept looking things up after it was told to propose, and was ended)"
POLL_SECONDS = 0.2
POLLS_AFTER_ITS_END = 5
"""How often the output of a command that has ended is waited for."""
ENDING_SECONDS = 0.01
STALLED_SECONDS = 60.0
"""A command that reports a retry and then is silent for so long is ended."""


def passed_on_of(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that a command gets: no key, but the account that the user chose."""
    names = {key for key in environment if key in PASSED_ON}
    for switch, beginnings in CLOUDS.items():
        if environment.get(switch):
            names |= {key for key in environment if key == switch or key.startswith(beginnings)}
    if environment.keys() >= GATEWAY:
        names |= GATEWAY
    return {key: environment[key] for key in names}


class _LooksOn(Exception):
    """A command kept looking things up after it was told to propose."""


class Command:
    """A command line as a Model: `claude-code`, or `claude-code:opus` for one of its models.

    hidden: paths that it must not see, in addition to the folders of prepared data. Raise
    ModelFault if the command is missing or nothing can be hidden from it.
    """

    origin: Literal["llm"] = "llm"
    looks: LooksBy = "door"

    def __init__(
        self,
        name: str,
        environment: Mapping[str, str],
        patience: Patience,
        hidden: Sequence[Path] = (),
        effort: Effort | None = None,
    ) -> None:
        kind, _, model = name.partition(":")
        self.name = name
        self._dialect = COMMANDS[kind]
        self._model = model or None
        self._effort = effort
        self._patience = patience
        passed_on = passed_on_of(environment)
        self._environment = {**passed_on, **self._dialect.environment}
        self._left_out = [
            key
            for key in sorted(environment)
            if key.startswith(OF_PROVIDERS) and key not in passed_on
        ]
        executable = self._dialect.executable
        path = shutil.which(executable, path=environment.get("PATH"))
        if path is None:
            raise ModelFault(
                f"{kind} needs the command `{executable}`, which is not on the PATH",
                "autoresearch models",
            )
        try:
            check_mask()
        except SandboxFault as fault:
            raise ModelFault(
                f"{kind} could read here what is kept from models (validation data, records of "
                f"runs), so it is not asked: {fault.message}",
                f"{fault.next_command}   # or another --model: autoresearch models",
            ) from None
        self._path = path
        self._hidden = (*cache_folders(), *hidden)

    def estimate(self, request: Request) -> float | None:  # noqa: ARG002
        """Return None: a subscription has no price per question."""
        return None

    def complete(self, request: Request) -> Reply:
        """Ask once; see Model."""
        began = time.monotonic()
        begun = Begun()
        with begun.told():
            reply = persist(self.name, lambda: self._ask(request, begun), self._patience)
        seconds = time.monotonic() - began
        return reply.model_copy(update={"seconds": seconds, "model": reply.model or self.name})

    async def _ask(self, request: Request, begun: Begun) -> Reply:
        with temporary_folder("ask") as beside:
            work = beside / "work"
            work.mkdir()
            call = Call(self._model, request, beside, self._environment, self._effort)
            token = {TOKEN: request.door.token} if request.door else {}
            with begun.kept(lambda: Reply(model=self.name)):
                try:
                    code, out, err = await self._run(call, work, token)
                except _LooksOn:
                    return Reply(model=self.name, text=LOOKED_ON)
                except OSError as error:  # too many processes, no memory, no room
                    raise Transient(f"{self.name} cannot be started: {error}") from None
        failure: Transient | ModelFault
        try:
            # Its own words come first: some commands end with an error code behind a full answer.
            return self._dialect.read(out)
        except ModelFault as fault:
            failure = fault
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            if not code:
                form = f"{self.name} answered in an unknown form: {error}"
                raise Transient(one_line(form), astray=True) from None
            message = f"{err}\n{out}".strip() or f"exit code {code}"
            failure = failure_of(self.name, self._dialect.executable, message)
        if isinstance(failure, Transient):
            raise failure
        if is_withheld(None, failure.message):
            return Reply(model=self.name, text=declined(failure.message))
        raise self._with_left_out(failure)

    def _with_left_out(self, fault: ModelFault) -> ModelFault:
        """Return the fault with the names of variables that the command did not get."""
        if not self._left_out:
            return fault
        names = ", ".join(self._left_out)
        message = f"{fault.message}; not handed on to it: {names}, so that no question is billed"
        return ModelFault(f"{message} to a key", fault.next_command)

    async def _run(
        self, call: Call, folder: Path, token: Mapping[str, str]
    ) -> tuple[int, str, str]:
        """Return the exit code, the output and the errors of the command.

        Raise _LooksOn for one that does not stop looking.
        """
        arguments, question = self._dialect.call(call)
        loop = asyncio.get_running_loop()
        # As asyncio.create_subprocess_exec, which returns no transport to close.
        transport, protocol = await loop.subprocess_exec(
            lambda: SubprocessStreamProtocol(MAX_OUTPUT_BYTES, loop),
            *masked((self._path, *arguments), self._hidden),
            cwd=folder,
            env={**self._environment, **token},
            start_new_session=True,
        )
        process = Process(transport, protocol, loop)
        try:
            talk = self._talk(process, question.encode("utf-8", "replace"))
            out, err = await _until_it_ends(talk, transport, call.request.door)
        finally:
            code = await _end(transport)
        return (
            code,
            out.decode("utf-8", "replace"),
            err.decode("utf-8", "replace"),
        )

    async def _talk(self, process: Process, question: bytes) -> tuple[bytes, bytes]:
        """Ask, and return the command's output and errors."""
        assert process.stdin and process.stdout and process.stderr, "all three are pipes"
        out, err, _ = await asyncio.gather(
            self._lines(process.stdout), self._errors(process.stderr), _say(process.stdin, question)
        )
        return out, err

    async def _lines(self, stream: asyncio.StreamReader) -> bytes:
        """Return the output of a command, and report at once what it retries by itself.

        Raise what that means where it then is silent for STALLED_SECONDS: it may wait for hours.
        """
        lines: list[bytes] = []
        size = 0
        notice = ""
        while True:
            seconds = STALLED_SECONDS if notice else None
            try:
                line = await asyncio.wait_for(stream.readline(), seconds)
            except TimeoutError:
                raise failure_of(self.name, self._dialect.executable, notice) from None
            except ValueError:
                raise Transient(f"{self.name} wrote a line without an end", astray=True) from None
            if not line:
                return b"".join(lines)
            lines.append(line)
            size += len(line)
            self._bound(size, MAX_OUTPUT_BYTES)
            notice = self._dialect.notice(line.decode("utf-8", "replace"))
            if notice:
                self._patience.tell(f"{self.name}: {one_line(notice)}")

    async def _errors(self, stream: asyncio.StreamReader) -> bytes:
        """Read a command's errors, and return the end of them."""
        end = b""
        size = 0
        while chunk := await stream.read(MAX_ERROR_BYTES):
            end = (end + chunk)[-MAX_ERROR_BYTES:]
            size += len(chunk)
            self._bound(size, MAX_ALL_ERRORS_BYTES)
        return end

    def _bound(self, size: int, most: int) -> None:
        if size > most:
            raise Transient(f"{self.name} wrote more than {most} bytes", astray=True)


async def _end(transport: asyncio.SubprocessTransport) -> int:
    """Kill a command with its children, and return its exit code.

    Process.wait() would wait for the end of its output too. That never comes where the output was
    not read to its end, or where a child that left the group still holds it.
    """
    with suppress(ProcessLookupError):
        os.killpg(transport.get_pid(), signal.SIGKILL)
    while (code := transport.get_returncode()) is None:
        await asyncio.sleep(ENDING_SECONDS)
    transport.close()
    return code


async def _until_it_ends(
    talk: Coroutine[Any, Any, tuple[bytes, bytes]],
    transport: asyncio.SubprocessTransport,
    door: Door | None,
) -> tuple[bytes, bytes]:
    """Return the output of a command; raise _LooksOn once it was told too often to propose.

    Each further look is a paid answer, and the command itself bounds them by nothing. The output
    of one that has ended is what it wrote by then: a child that it left behind may hold its end.
    """
    task = asyncio.ensure_future(talk)
    polls = 0
    try:
        while not task.done():
            await asyncio.wait({task}, timeout=POLL_SECONDS)
            if door and door.refused > MAX_REFUSED:
                raise _LooksOn
            polls += transport.get_returncode() is not None
            if polls == POLLS_AFTER_ITS_END:
                _close(transport)
    finally:
        task.cancel()
    return task.result()


def _close(transport: asyncio.SubprocessTransport) -> None:
    """Close the ends of a command's pipes that are here, whoever holds the others."""
    for descriptor in range(3):
        pipe = transport.get_pipe_transport(descriptor)
        if pipe is None or pipe.is_closing():
            continue
        if isinstance(pipe, asyncio.WriteTransport):
            pipe.abort()
        else:
            pipe.close()


async def _say(stream: asyncio.StreamWriter, question: bytes) -> None:
    """Write the question. A command that ends before reading it reports the reason itself."""
    with suppress(ConnectionError):
        stream.write(question)
        await stream.drain()
    with suppress(ConnectionError):
        stream.close()
        await stream.wait_closed()


COMMANDS = {"claude-code": CLAUDE_CODE, "codex": CODEX}
"""Names for --model; a colon and the name of one of the command's models may follow."""
