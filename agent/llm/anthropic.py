"""Claude through Anthropic's SDK: one tool call, thinking, a cached prefix, streamed."""

import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import anthropic
import httpx2
from anthropic import AsyncAnthropic
from anthropic.types import ModelInfo

from agent.llm.address import place_of, without_query
from agent.llm.anthropic_reply import broken_reply, message_reply, so_far
from agent.llm.begun import Begun
from agent.llm.clients import MISSHAPEN, BoundedClient, making_client
from agent.llm.effort import EFFORTS, MOST_STRETCH, STRETCH, THINKING_SHARE, Effort
from agent.llm.faults import failed, fault_of
from agent.llm.limits import allowed_output
from agent.llm.model import LooksBy, Reply, Request, Tool, Turn, declined
from agent.llm.patience import Patience, Transient, persist
from agent.llm.pricing import ANTHROPIC, cost_of
from agent.llm.reasons import PASSING
from agent.llm.refusals import all_headers, is_withheld, reason_in, reason_of, status_of

T = TypeVar("T")
_Thinking = Literal["adaptive", "enabled", "not"]
# The least that the API accepts.
MIN_THINKING_TOKENS = 1024
OVERLOADED = 529
PROVIDER = "Anthropic"
PROVIDER_ADDRESS = "api.anthropic.com"
BROKEN_CALL = "Unable to parse tool parameter JSON"
"""How the SDK begins to say that the arguments of a call are no JSON; they are at its end."""
# Questions of a night come a training apart, which is more than the five minutes of the default.
_CACHED = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
# The turns of one proposal come seconds apart.
_CACHED_SHORTLY = {"cache_control": {"type": "ephemeral"}}


@dataclass(frozen=True)
class _Able:
    """What kinds of thinking a model supports."""

    thinking: _Thinking
    efforts: frozenset[Effort] = frozenset()
    """The levels of effort that it knows."""


class Anthropic:
    """An Anthropic model, by its full `name`."""

    origin: Literal["llm"] = "llm"
    looks: LooksBy = "calls"

    def __init__(
        self,
        name: str,
        key: str,
        patience: Patience,
        base_url: str | None = None,
        effort: Effort | None = None,
    ) -> None:
        self.name = name
        self._api = AnthropicApi(key, patience, base_url)
        self._tell = patience.tell
        self._able: _Able | None = None
        self._effort = effort
        self._stretch = STRETCH[effort]
        """Factor on the output tokens of a question, for a model that spends them on thoughts."""
        self._most: int | None = None
        """The most output tokens that the model allows; None while it is not known."""

    def estimate(self, request: Request) -> float | None:
        """See Model; the whole question may have to be written to the cache."""
        return cost_of(
            self.name, ANTHROPIC, fresh=0, write=request.tokens, output=self._tokens(request)
        )

    def complete(self, request: Request) -> Reply:
        """Ask once; see Model."""
        began = time.monotonic()
        begun = Begun()
        with begun.told():
            reply = self._api.ask(lambda client: self._ask(client, request, begun))
        if reply.cut_off and not reply.text and reply.arguments is None:
            # It was still thinking: the next answer may be longer.
            self._stretch = min(2 * self._stretch, MOST_STRETCH)
        return reply.model_copy(update={"seconds": time.monotonic() - began})

    def _tokens(self, request: Request) -> int:
        """Return the limit on output tokens, in which thoughts count."""
        thinks = self._able is None or self._able.thinking != "not"
        tokens = request.max_output_tokens * (self._stretch if thinks else 1)
        return tokens if self._most is None else min(tokens, self._most)

    async def _ask(self, client: AsyncAnthropic, request: Request, begun: Begun) -> Reply:
        """Ask. If the model refuses so many output tokens, ask for fewer, now and later."""
        if self._able is None:
            self._able = await _ability_of(client, self.name)
            if self._effort and self._effort not in self._able.efforts:
                self._tell(f"{self.name} knows no effort {self._effort!r}, so none is asked for")
        while True:
            asked = self._tokens(request)
            limited = request.model_copy(update={"max_output_tokens": asked})
            try:
                return await self._stream(client, limited, self._able, begun)
            except anthropic.BadRequestError as error:
                reason = reason_in(error.response.text)
                if is_withheld(error.status_code, reason):
                    return Reply(model=self.name, text=declined(reason))
                most = allowed_output(reason, asked)
                if not most:
                    raise
                self._most = most

    async def _stream(
        self, client: AsyncAnthropic, request: Request, able: _Able, begun: Begun
    ) -> Reply:
        arguments = _arguments(self.name, request, able.thinking, self._effort)
        if self._effort in able.efforts:
            arguments["output_config"] = {"effort": self._effort}
        async with client.messages.stream(**arguments) as stream:
            try:
                with begun.kept(lambda: so_far(stream, self.name)):
                    message = await stream.get_final_message()
                if message.stop_reason is None:
                    raise Transient(f"{PROVIDER}'s reply broke off")
                return message_reply(message, self.name, request)
            except ValueError as error:
                if not str(error).startswith(BROKEN_CALL):
                    raise
                return broken_reply(stream, self.name, request, str(error))
            except MISSHAPEN as error:
                raise Transient(f"{PROVIDER}'s reply is not a message", astray=True) from error


class _Client(BoundedClient, anthropic.DefaultAsyncHttpxClient):
    """The SDK's own HTTP client, bounded."""


class AnthropicApi:
    """Calls the API with a key; each call has a fresh client, which is closed when it ends."""

    def __init__(self, key: str, patience: Patience, base_url: str | None = None) -> None:
        self._key = key
        self._patience = patience
        self._base_url = base_url
        self.who = place_of(base_url) if base_url else PROVIDER
        """The name of the server for messages: Anthropic, or another server's address."""

    def ask(self, call: Callable[[AsyncAnthropic], Coroutine[Any, Any, T]]) -> T:
        """Return `await call(client)`, with retries.

        The SDK's exceptions become those of Model.
        """

        async def once() -> T:
            try:
                async with self._client() as client:
                    return await call(client)
            except anthropic.APIStatusError as error:
                status = error.status_code
                if status < 300:  # an event in a stream that began well, with a word for a status
                    body = error.body
                    inner = body.get("error", body) if isinstance(body, dict) else body
                    status = status_of(inner, OVERLOADED)
                reason = reason_of(error.body) if error.body else error.message
                headers = all_headers(error.response.headers, error.body)
                raise fault_of(status, reason, headers, PROVIDER, self._key, self.who) from None
            except (anthropic.APIError, httpx2.HTTPError, ValueError, RecursionError) as error:
                # No connection, or the body is not the API's JSON.
                place = self.who if self._base_url else PROVIDER_ADDRESS
                raise failed(PROVIDER, place, error, self._patience, self._key) from None

        return persist(self.who, once, self._patience)

    def models(self) -> list[ModelInfo]:
        """Return all models that this key may use."""

        async def models(client: AsyncAnthropic) -> list[ModelInfo]:
            try:
                listed = [model async for model in client.models.list(limit=100)]
            except (AttributeError, TypeError):  # the SDK takes any body for a page of its list
                raise Transient(f"{PROVIDER} sent no list of models", astray=True) from None
            return [model for model in listed if isinstance(getattr(model, "id", None), str)]

        return self.ask(models)

    def newest(self, family: str, models: list[ModelInfo] | None = None) -> str | None:
        """Return the full name of the newest model of `family` (opus, sonnet, haiku), if any.

        models: the ones to choose from; by default all that the key may use.
        """
        members = [model for model in models or self.models() if _belongs(model, family)]
        if not members:
            return None
        return max(members, key=lambda model: (str(model.created_at or ""), model.id)).id

    def _client(self) -> AsyncAnthropic:
        address, query = without_query(self._base_url) if self._base_url else (None, {})
        with making_client(PROVIDER):
            http = _Client()
        silence = anthropic.Timeout(self._patience.silence, connect=self._patience.connecting)
        return AsyncAnthropic(
            api_key=self._key,
            base_url=address,
            default_query=query,
            max_retries=0,
            timeout=silence,
            http_client=http,
        )


async def _ability_of(client: AsyncAnthropic, name: str) -> _Able:
    """Return how the model may think, by the provider's list.

    Servers that speak an older API list nothing, and a key may be for questions only: what is
    refused for good here says nothing of a question.
    """
    try:
        model = await client.models.retrieve(name)
    except anthropic.APIStatusError as error:
        if error.status_code in PASSING or not 400 <= error.status_code < 500:
            raise
        return _Able("not")
    capabilities = getattr(model, "capabilities", None)
    levels = getattr(capabilities, "effort", None)
    efforts = frozenset(effort for effort in EFFORTS if _supports(levels, effort))
    kinds = getattr(getattr(capabilities, "thinking", None), "types", None)
    if _supports(kinds, "adaptive"):
        return _Able("adaptive", efforts)
    if _supports(kinds, "enabled"):
        return _Able("enabled", efforts)
    return _Able("not", efforts)


def _supports(capabilities: Any, name: str) -> bool:
    return bool(getattr(getattr(capabilities, name, None), "supported", False))


def _arguments(
    name: str, request: Request, thinking: _Thinking, effort: Effort | None = None
) -> dict[str, Any]:
    """Return the question as the API takes it.

    A model that thinks cannot be made to call a tool; the rules ask it to.
    """
    *stable, last = request.blocks
    content: list[dict[str, Any]] = [{"type": "text", "text": text, **_CACHED} for text in stable]
    content.append({"type": "text", "text": last})
    arguments: dict[str, Any] = {
        "model": name,
        "max_tokens": request.max_output_tokens,
        "system": [{"type": "text", "text": request.system, **_CACHED}],
        "tools": [_tool(tool) for tool in (request.tool, *request.tools)],
        "tool_choice": {"type": "auto"},
        "messages": [{"role": "user", "content": content}, *_turns(request)],
    }
    if thinking == "not":
        only = request.only or not request.tools
        choice = {"type": "tool", "name": request.tool.name}
        arguments["tool_choice"] = choice if only else {"type": "any"}
    elif thinking == "adaptive":
        arguments["thinking"] = {"type": "adaptive"}
    else:
        share = THINKING_SHARE[effort]
        budget = max(MIN_THINKING_TOKENS, int(request.max_output_tokens * share))
        arguments["thinking"] = {"type": "enabled", "budget_tokens": budget}
        arguments["max_tokens"] = max(request.max_output_tokens, budget + MIN_THINKING_TOKENS)
    return arguments


def _tool(tool: Tool) -> dict[str, Any]:
    return {
        "name": tool.name,
        "description": tool.description,
        "input_schema": tool.parameters,
    }


def _turns(request: Request) -> list[dict[str, Any]]:
    """Return the turns as messages: each answer as it was, and the results of its calls."""
    messages: list[dict[str, Any]] = []
    for turn in request.turns:
        messages.append({"role": "assistant", "content": turn.native or _written(turn)})
        results = [
            {"type": "tool_result", "tool_use_id": call.id, "content": result}
            for call, result in zip(turn.calls, turn.results, strict=True)
        ]
        messages.append({"role": "user", "content": results})
    if messages:
        last = messages[-1]["content"]
        last[-1] = {**last[-1], **_CACHED_SHORTLY}
        if request.closing:
            last.append({"type": "text", "text": request.closing})
    return messages


def _written(turn: Turn) -> list[dict[str, Any]]:
    """Return an answer of another provider in the form of this one."""
    return [
        {"type": "tool_use", "id": call.id, "name": call.name, "input": call.arguments}
        for call in turn.calls
    ]


def _belongs(model: ModelInfo, family: str) -> bool:
    """Return whether a model is of this family and open to new users.

    Servers that speak an older API have neither line nor lifecycle.
    """
    line = getattr(model, "line", None)
    in_family = line == family if line else family in model.id.split("-")
    return in_family and getattr(model, "lifecycle", None) in (None, "active")
