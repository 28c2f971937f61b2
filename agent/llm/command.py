"""Coding agents that people already pay for, as models: their command lines in print mode, without tools, one process a question.

`claude-code` and `codex` use the login that the command has; API keys in the environment are not passed on, so that a question
is not billed to them. The process gets a folder that is empty and its own, and is killed with its children at the deadline. It is
not sandboxed: it is the user's own program, it needs the network and its login. But it runs where the validation data and what
is kept of the runs are not (sandbox/walls/mask.py), and is refused where that cannot be had. Besides, Claude Code is started with no
tools at all, and Codex without its shell and in its own read-only sandbox, by their documented options. Costs are what the
command says; under a subscription they are nominal.
Written to the documented output of both; tested with stand-in executables, not with the real ones.
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
from agent.llm.faults import tidy
from agent.llm.model import AS_JSON, Reply, Request
from agent.llm.patience import Patience, Transient, persist
from sandbox.walls.mask import check_mask, masked

# All that a command needs to find itself, its login and the network; keys are not among it.
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
    """How one command is typed and what it answers. argv: of a model's name (None: the command's own choice) and the rules."""

    executable: str
    argv: Callable[[str | None, str], tuple[str, ...]]
    rules_in_argv: bool
    read: Callable[[str], Reply]


class Command:
    """A command line as a Model; name: `claude-code`, or `claude-code:opus` for one of its models.

    hidden: what it must not see, besides the folders of prepared data. ModelFault where nothing can be hidden from it.
    """

    origin: Literal["llm"] = "llm"

    def __init__(
        self,
        name: str,
        environment: Mapping[str, str],
        patience: Patience,
        hidden: Sequence[Path] = (),
    ) -> None:
        self.name = name
        kind, _, model = name.partition(":")
        self._dialect, self._model, self._patience = COMMANDS[kind], model or None, patience
        self._environment = {key: value for key, value in environment.items() if key in PASSED_ON}
        found = shutil.which(self._dialect.executable, path=environment.get("PATH"))
        if found is None:
            message = f"{kind} needs the command `{self._dialect.executable}`, and there is none on the PATH"
            raise ModelFault(message, "autoresearch models")
        try:
            check_mask()
        except SandboxFault as fault:
            message = (
                f"{kind} could read the validation data here, so it is not asked: {fault.message}"
            )
            raise ModelFault(
                message, f"{fault.next_command}   # or another --model: autoresearch models"
            ) from None
        self._path = found
        self._hidden = (*cache_folders(), *hidden)

    def estimate(self, request: Request) -> float | None:  # noqa: ARG002
        """Not known before: a subscription has no price a question."""
        return None

    def complete(self, request: Request) -> Reply:
        """Ask once; see Model."""
        began = time.monotonic()
        reply = persist(self.name, lambda: self._ask(request), self._patience)
        return reply.model_copy(
            update={"seconds": time.monotonic() - began, "model": reply.model or self.name}
        )

    async def _ask(self, request: Request) -> Reply:
        rules = f"{request.system}\n\n{AS_JSON.format(name=request.tool.name)}\n{json.dumps(request.tool.parameters)}"
        blocks = request.blocks if self._dialect.rules_in_argv else (rules, *request.blocks)
        with tempfile.TemporaryDirectory(prefix="autoresearch-ask-") as folder:
            code, out, err = await self._run(
                self._dialect.argv(self._model, rules), "\n\n".join(blocks), folder
            )
        if code:
            raise _trouble(
                self.name, self._dialect.executable, f"{err}\n{out}".strip() or f"exit code {code}"
            )
        try:
            return self._dialect.read(out)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise Transient(tidy(f"{self.name} answered in an unknown form: {error}", "")) from None

    async def _run(
        self, arguments: tuple[str, ...], question: str, folder: str
    ) -> tuple[int, str, str]:
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


def _trouble(name: str, executable: str, said: str) -> Transient | ModelFault:
    """Try again, or tell the user what to do: by what the command says, for its exit codes say nothing."""
    text, low = f"{name}: {tidy(said, '')}", said.lower()
    if any(sign in low for sign in NOT_LOGGED_IN):
        return ModelFault(f"{text} (is it logged in?)", executable)
    if any(sign in low for sign in NOT_UNDERSTOOD):
        return ModelFault(f"{text} (is it up to date?)", f"{executable} --version")
    return Transient(text)


# ---------------------------------------------------------------- Claude Code


def _claude_argv(model: str | None, rules: str) -> tuple[str, ...]:
    quiet = (
        "--tools",
        "",
        "--strict-mcp-config",
        "--setting-sources",
        "",
        "--no-session-persistence",
    )
    chosen = ("--model", model) if model else ()
    return ("-p", "--output-format", "json", *quiet, "--system-prompt", rules, *chosen)


def _claude_reply(out: str) -> Reply:
    answer = json.loads(out)
    if answer.get("is_error"):
        raise _trouble("claude-code", "claude", str(answer.get("result") or answer.get("subtype")))
    usage = answer.get("usage") or {}
    read, write = (
        _count(usage, "cache_read_input_tokens"),
        _count(usage, "cache_creation_input_tokens"),
    )
    return Reply(
        model=next(iter(answer.get("modelUsage") or {}), ""),
        text=str(answer["result"]),
        input_tokens=_count(usage, "input_tokens") + read + write,
        cached_tokens=read,
        output_tokens=_count(usage, "output_tokens"),
        cost=answer.get("total_cost_usd"),
    )


# ---------------------------------------------------------------- Codex


# Its configuration reference: no shell, no other tool that reads a file or a page.
CODEX_WITHOUT_TOOLS = (
    "features.shell_tool=false",
    "features.unified_exec=false",
    "tools.view_image=false",
    'web_search="disabled"',
)


def _codex_argv(model: str | None, _: str) -> tuple[str, ...]:
    chosen = ("--model", model) if model else ()
    quiet = [word for setting in CODEX_WITHOUT_TOOLS for word in ("-c", setting)]
    return (
        "exec",
        "--json",
        "--sandbox",
        "read-only",
        "--skip-git-repo-check",
        "--ephemeral",
        *quiet,
        *chosen,
        "-",
    )


def _codex_reply(out: str) -> Reply:
    """From one JSON event a line: the last message of the agent, and the sum of what its turns used."""
    events: list[dict[str, Any]] = [json.loads(line) for line in out.splitlines() if line.strip()]
    for event in events:
        if event["type"] in ("turn.failed", "error"):
            raise _trouble("codex", "codex", str(event.get("error") or event.get("message")))
    said = [
        event["item"]["text"]
        for event in events
        if event["type"] == "item.completed" and _is_message(event["item"])
    ]
    usages = [event.get("usage") or {} for event in events if event["type"] == "turn.completed"]
    return Reply(
        model="",
        text=str(said[-1]) if said else "",
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
"""What may stand behind --model, before a colon and the name of one of its own models."""
