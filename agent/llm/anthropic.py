"""Claude through Anthropic's own SDK: one tool call, thinking where the model does, the stable prefix cached, streamed."""

import time
from collections.abc import Callable, Coroutine
from typing import Any, Literal, TypeVar

import anthropic
import httpx2
from anthropic import AsyncAnthropic
from anthropic.types import Message, ModelInfo

from agent.llm.faults import fault_of, tidy
from agent.llm.model import Reply, Request
from agent.llm.patience import Patience, Transient, persist
from agent.llm.pricing import cost_of

T = TypeVar("T")
_Thinking = Literal["adaptive", "enabled", "not"]
# What the API accepts as the least.
MIN_THINKING_TOKENS = 1024
PROVIDER, PRICED_AS = "Anthropic", "anthropic"
_CACHED = {"cache_control": {"type": "ephemeral"}}


class Anthropic:
    """One model of Anthropic's by its full `name`."""

    origin: Literal["llm"] = "llm"

    def __init__(
        self, name: str, key: str, patience: Patience, base_url: str | None = None
    ) -> None:
        self.name = name
        self._api = AnthropicApi(key, patience, base_url)
        self._thinking: _Thinking | None = None

    def estimate(self, request: Request) -> float | None:
        """See Model; the whole question may have to be written to the cache."""
        return cost_of(
            self.name, PRICED_AS, fresh=0, write=request.tokens, output=request.max_output_tokens
        )

    def complete(self, request: Request) -> Reply:
        """Ask once; see Model."""
        began = time.monotonic()
        reply = self._api.ask(lambda client: self._ask(client, request))
        return reply.model_copy(update={"seconds": time.monotonic() - began})

    async def _ask(self, client: AsyncAnthropic, request: Request) -> Reply:
        if self._thinking is None:
            self._thinking = await _thinking_of(client, self.name)
        arguments = _arguments(self.name, request, self._thinking)
        async with client.messages.stream(**arguments) as stream:
            try:
                message = await stream.get_final_message()
            except (AssertionError, RuntimeError, LookupError, AttributeError, TypeError) as error:
                # The SDK assembles the events of a stream without checking that they are a message's.
                raise Transient(f"{PROVIDER}'s reply is no message") from error
        if message.stop_reason is None:
            raise Transient(f"{PROVIDER}'s reply broke off")
        return _reply(message)


class AnthropicApi:
    """A key, a patience and a base URL; every call is a fresh client, closed when the call ends however it ends."""

    def __init__(self, key: str, patience: Patience, base_url: str | None = None) -> None:
        self._key, self._patience, self._base_url = key, patience, base_url

    def ask(self, call: Callable[[AsyncAnthropic], Coroutine[Any, Any, T]]) -> T:
        """Await `call(client)` with patience; the SDK's exceptions become ModelFault or ModelUnavailable."""

        async def once() -> T:
            try:
                async with self._client() as client:
                    return await call(client)
            except anthropic.APIStatusError as error:
                # An error event in a stream that began well comes with status 200: the server broke down under way.
                status = error.status_code if error.status_code >= 400 else 529
                raise fault_of(
                    status, error.message, error.response.headers, PROVIDER, self._key
                ) from None
            except (
                anthropic.APIError,
                httpx2.HTTPError,
                ValueError,
            ) as error:  # no connection, or not the API's JSON
                raise Transient(
                    tidy(f"{PROVIDER}: {type(error).__name__}: {error}", self._key)
                ) from None

        return persist(PROVIDER, once, self._patience)

    def models(self) -> list[ModelInfo]:
        """All models that this key may use."""

        async def models(client: AsyncAnthropic) -> list[ModelInfo]:
            return [model async for model in client.models.list(limit=100)]

        return self.ask(models)

    def newest(self, family: str, models: list[ModelInfo] | None = None) -> str | None:
        """The full name of the newest model of `family` (opus, sonnet, haiku), among `models` or all; None without any."""
        found = [model for model in models or self.models() if _belongs(model, family)]
        return max(found, key=lambda model: (model.created_at, model.id)).id if found else None

    def _client(self) -> AsyncAnthropic:
        return AsyncAnthropic(
            api_key=self._key,
            base_url=self._base_url,
            max_retries=0,
            timeout=self._patience.silence,
        )


async def _thinking_of(client: AsyncAnthropic, name: str) -> _Thinking:
    """How the model may think, as the provider's list says; servers that speak an older API say nothing, and it does not."""
    try:
        model = await client.models.retrieve(name)
    except anthropic.NotFoundError:
        return "not"
    kinds = getattr(getattr(getattr(model, "capabilities", None), "thinking", None), "types", None)
    ways: tuple[_Thinking, ...] = ("adaptive", "enabled")
    return next(
        (way for way in ways if getattr(getattr(kinds, way, None), "supported", False)), "not"
    )


def _arguments(name: str, request: Request, thinking: _Thinking) -> dict[str, Any]:
    """The question on the wire. A model that thinks cannot be made to call a tool, only asked to: the rules ask it to."""
    *stable, last = request.blocks
    content = [{"type": "text", "text": text, **_CACHED} for text in stable] + [
        {"type": "text", "text": last}
    ]
    tool = {
        "name": request.tool.name,
        "description": request.tool.description,
        "input_schema": request.tool.parameters,
    }
    forced = {"type": "tool", "name": request.tool.name}
    arguments: dict[str, Any] = {
        "model": name,
        "max_tokens": request.max_output_tokens,
        "system": [{"type": "text", "text": request.system, **_CACHED}],
        "tools": [tool],
        "tool_choice": forced if thinking == "not" else {"type": "auto"},
        "messages": [{"role": "user", "content": content}],
    }
    if thinking == "adaptive":
        arguments["thinking"] = {"type": "adaptive"}
    elif thinking == "enabled":
        budget = max(MIN_THINKING_TOKENS, request.max_output_tokens // 2)
        arguments |= {"thinking": {"type": "enabled", "budget_tokens": budget}}
        arguments["max_tokens"] = max(request.max_output_tokens, budget + MIN_THINKING_TOKENS)
    return arguments


def _belongs(model: ModelInfo, family: str) -> bool:
    """Open to new users and of this family; servers that speak an older API name no line and no lifecycle."""
    line = getattr(model, "line", None) or (family if family in model.id.split("-") else None)
    return line == family and getattr(model, "lifecycle", None) in (None, "active")


def _silence(stop_reason: str | None) -> str:
    return "(the provider declined to answer this question)" if stop_reason == "refusal" else ""


def _reply(message: Message) -> Reply:
    usage = message.usage
    read, write = usage.cache_read_input_tokens or 0, usage.cache_creation_input_tokens or 0
    called = [block.input for block in message.content if block.type == "tool_use"]
    return Reply(
        model=message.model,
        text="".join(block.text for block in message.content if block.type == "text")
        or _silence(message.stop_reason),
        arguments=called[0] if called and isinstance(called[0], dict) else None,
        cut_off=message.stop_reason in ("max_tokens", "model_context_window_exceeded"),
        input_tokens=usage.input_tokens + read + write,
        cached_tokens=read,
        output_tokens=usage.output_tokens,
        cost=cost_of(
            message.model,
            PRICED_AS,
            fresh=usage.input_tokens,
            output=usage.output_tokens,
            read=read,
            write=write,
        ),
    )
