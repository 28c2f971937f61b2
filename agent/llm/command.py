"""Coding agents that people already pay for, as models: their commands in print mode.

One process a question, without tools. `claude-code` and `codex` use the login that the command has;
API keys in the environment are not passed on, so no question is billed to them. The process gets an
empty folder of its own, and is killed with its children at the deadline. It is not sandboxed: it is
the user's own program and needs the network and its login. But it runs where validation data and
what is kept of the runs are hidden (sandbox/walls/mask.py), and is refused if they cannot be.
Claude Code is also started without any tools, and Codex without its shell and in its own read-only
sandbox, by their documented options. Costs are what the command says; under a subscription they are
nominal. Written to the documented output of both, and tested with stand-in executables only.
"""

import asyncio
import json
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from agent.errors import ModelFault, SandboxFault
from agent.git.cache import cache_folders
from agent.llm.model import AS_JSON, Reply, Request
from agent.llm.patience import Patience, Transient, persist
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
MAX_OUTPUT_BYTES = 2**24
# How commands say what is wrong: their exit codes say nothing.
NOT_LOGGED_IN = (
    "login",
    "log in",
    "logged in",
    "authenticat",
    "credential",
    "api key",
    "unauthorized",
)
NOT_UNDERSTOOD = ("unknown option", "unexpected argument", "unrecognized", "invalid value")


@dataclass(frozen=True)
class Dialect:
    """How one command is called and how its answer is read."""

    executable: str
    argv: Callable[[str | None, str], tuple[str, ...]]
    """The arguments for a model's name (None: the command's own choice) and the rules."""
    rules_in_argv: bool
    """Whether the arguments hold the rules; else they precede the question."""
    read: Callable[[str], Reply]


class Command:
    """A command line as a Model: `claude-code`, or `claude-code:opus` for one of its models.

    hidden: what it must not see, besides the folders of prepared data. Raise ModelFault if the
    command is missing or nothing can be hidden from it.
    """

    origin: Literal["llm"] = "llm"

    def __init__(
        self,
        name: str,
        environment: Mapping[str, str],
        patience: Patience,
        hidden: Sequence[Path] = (),
    ) -> None:
        kind, _, model = name.partition(":")
        self.name = name
        self._dialect = COMMANDS[kind]
        self._model = model or None
        self._patience = patience
        self._environment = {key: value for key, value in environment.items() if key in PASSED_ON}
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
        reply = persist(self.name, lambda: self._ask(request), self._patience)
        seconds = time.monotonic() - began
        return reply.model_copy(update={"seconds": seconds, "model": reply.model or self.name})

    async def _ask(self, request: Request) -> Reply:
        schema = json.dumps(request.tool.parameters)
        rules = f"{request.system}\n\n{AS_JSON.format(name=request.tool.name)}\n{schema}"
        blocks = request.blocks if self._dialect.rules_in_argv else (rules, *request.blocks)
        arguments = self._dialect.argv(self._model, rules)
        with tempfile.TemporaryDirectory(prefix="autoresearch-ask-") as folder:
            code, out, err = await self._run(arguments, "\n\n".join(blocks), folder)
        if code:
            message = f"{err}\n{out}".strip() or f"exit code {code}"
            raise _failure(self.name, self._dialect.executable, message)
        try:
            return self._dialect.read(out)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise Transient(one_line(f"{self.name} answered in an unknown form: {error}")) from None

    async def _run(
        self, arguments: tuple[str, ...], question: str, folder: str
    ) -> tuple[int, str, str]:
        """Return the exit code, the output and the errors of the command."""
        process = await asyncio.create_subprocess_exec(
            *masked((self._path, *arguments), self._hidden),
            cwd=folder,
            env=self._environment,
            start_new_session=True,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            out, err = await process.communicate(question.encode("utf-8", "replace"))
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
        if len(out) > MAX_OUTPUT_BYTES:
            raise Transient(f"{self.name} wrote {len(out)} bytes")
        return (
            process.returncode or 0,
            out.decode("utf-8", "replace"),
            err.decode("utf-8", "replace"),
        )


def _failure(name: str, executable: str, message: str) -> Transient | ModelFault:
    """Return what to raise for a command's message: try again, or tell the user what to do."""
    text = f"{name}: {one_line(message)}"
    lowered = message.lower()
    if any(sign in lowered for sign in NOT_LOGGED_IN):
        return ModelFault(f"{text} (is it logged in?)", executable)
    if any(sign in lowered for sign in NOT_UNDERSTOOD):
        return ModelFault(f"{text} (is it up to date?)", f"{executable} --version")
    return Transient(text)


# ---------------------------------------------------------------- Claude Code


# No tools, no settings of the user's or the folder's, nothing kept.
CLAUDE_WITHOUT_TOOLS = (
    *("--tools", ""),
    "--strict-mcp-config",
    *("--setting-sources", ""),
    "--no-session-persistence",
)


def _claude_argv(model: str | None, rules: str) -> tuple[str, ...]:
    chosen = ("--model", model) if model else ()
    form = ("-p", "--output-format", "json")
    return (*form, *CLAUDE_WITHOUT_TOOLS, "--system-prompt", rules, *chosen)


def _claude_reply(out: str) -> Reply:
    answer = json.loads(out)
    if answer.get("is_error"):
        raise _failure("claude-code", "claude", str(answer.get("result") or answer.get("subtype")))
    usage = answer.get("usage") or {}
    read = _count(usage, "cache_read_input_tokens")
    write = _count(usage, "cache_creation_input_tokens")
    return Reply(
        model=next(iter(answer.get("modelUsage") or {}), ""),
        text=str(answer["result"]),
        input_tokens=_count(usage, "input_tokens") + read + write,
        cached_tokens=read,
        output_tokens=_count(usage, "output_tokens"),
        cost=answer.get("total_cost_usd"),
    )


# ---------------------------------------------------------------- Codex


# From its configuration reference: no shell, no other tool that reads a file or a page.
CODEX_WITHOUT_TOOLS = (
    *("-c", "features.shell_tool=false"),
    *("-c", "features.unified_exec=false"),
    *("-c", "tools.view_image=false"),
    *("-c", 'web_search="disabled"'),
)


def _codex_argv(model: str | None, _: str) -> tuple[str, ...]:
    chosen = ("--model", model) if model else ()
    form = ("exec", "--json", "--sandbox", "read-only", "--skip-git-repo-check", "--ephemeral")
    return (*form, *CODEX_WITHOUT_TOOLS, *chosen, "-")


def _codex_reply(out: str) -> Reply:
    """Return the agent's last message and the sum of its usage, from one JSON event a line."""
    events: list[dict[str, Any]] = [json.loads(line) for line in out.splitlines() if line.strip()]
    text = ""
    usages = []
    for event in events:
        if event["type"] in ("turn.failed", "error"):
            raise _failure("codex", "codex", str(event.get("error") or event.get("message")))
        if event["type"] == "item.completed" and _is_message(event["item"]):
            text = str(event["item"]["text"])
        if event["type"] == "turn.completed":
            usages.append(event.get("usage") or {})
    return Reply(
        model="",
        text=text,
        input_tokens=sum(_count(usage, "input_tokens") for usage in usages),
        cached_tokens=sum(_count(usage, "cached_input_tokens") for usage in usages),
        output_tokens=sum(_count(usage, "output_tokens") for usage in usages),
    )


def _is_message(item: Mapping[str, Any]) -> bool:
    return item.get("type", item.get("item_type")) in ("agent_message", "assistant_message")


def _count(usage: Mapping[str, Any], name: str) -> int:
    value = usage.get(name)
    return value if isinstance(value, int) and value >= 0 else 0


COMMANDS = {
    "claude-code": Dialect("claude", _claude_argv, True, _claude_reply),
    "codex": Dialect("codex", _codex_argv, False, _codex_reply),
}
"""Names for --model; a colon and the name of one of the command's own models may follow."""
