"""Chat completions through OpenAI's own SDK, at OpenAI or at any server that speaks its API, with tools, a schema or neither."""

import json
import re
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Literal, TypeVar

import httpx2
import openai
from openai import AsyncOpenAI
from openai.types import Model as Listed
from openai.types.chat import ChatCompletion

from agent.llm.faults import fault_of, tidy
from agent.llm.model import AS_JSON, Reply, Request
from agent.llm.patience import Patience, Transient, persist
from agent.llm.pricing import cost_of

T = TypeVar("T")
PROVIDER, PRICED_AS = "OpenAI", "openai"
# How servers say that they cannot do what they were asked for: Ollama, vLLM, llama.cpp, LM Studio, OpenRouter.
_LACKS = re.compile(
    r"tool|function.?call|response_format|json_schema|grammar|structured|jinja", re.IGNORECASE
)
# What the list calls gpt and is no general chat model, or is a small or a very dear one.
OTHER_KINDS = frozenset(
    {
        "audio",
        "chat",
        "codex",
        "embedding",
        "image",
        "instruct",
        "mini",
        "nano",
        "oss",
        "preview",
        "pro",
        "realtime",
        "search",
        "transcribe",
        "tts",
    }
)


class OpenAI:
    """One model by its `name`, at `base_url` or at OpenAI."""

    origin: Literal["llm"] = "llm"

    def __init__(
        self, name: str, key: str, patience: Patience, base_url: str | None = None
    ) -> None:
        self.name = name
        self._url = base_url
        self._way: Literal["tools", "schema", "text"] = "tools"
        self._api = OpenAIApi(key, patience, base_url)

    def estimate(self, request: Request) -> float | None:
        """See Model."""
        return cost_of(
            self.name,
            PRICED_AS,
            fresh=request.tokens,
            output=request.max_output_tokens,
            url=self._url,
        )

    def complete(self, request: Request) -> Reply:
        """Ask once; see Model."""
        began = time.monotonic()
        reply = self._api.ask(lambda client: self._ask(client, request))
        if reply.arguments is None and self._url and not reply.cut_off and self._way == "tools":
            self._way = "schema"  # the server took the tool and the model did not: next time the server is to enforce the form
        return reply.model_copy(update={"seconds": time.monotonic() - began})

    async def _ask(self, client: AsyncOpenAI, request: Request) -> Reply:
        """In the first way that the server can do, which is remembered."""
        while True:
            try:
                completion = await client.chat.completions.create(**self._arguments(request))
                break
            except (
                openai.BadRequestError,
                openai.UnprocessableEntityError,
                openai.InternalServerError,
            ) as error:
                if self._way == "text" or not _LACKS.search(error.message):
                    raise
                self._way = "schema" if self._way == "tools" else "text"
        if (
            not isinstance(completion, ChatCompletion)
            or not completion.choices
            or not completion.choices[0].message
        ):
            raise Transient(f"{PROVIDER}'s answer is no chat completion")
        return _reply(completion, self.name, self._url)

    def _arguments(self, request: Request) -> dict[str, Any]:
        # OpenAI's newer models refuse max_tokens; servers that imitate it often know nothing else.
        limit = "max_tokens" if self._url else "max_completion_tokens"
        tool, system = request.tool, request.system
        if self._way != "tools":
            system += f"\n\n{AS_JSON.format(name=tool.name)}\n{json.dumps(tool.parameters)}"
        arguments: dict[str, Any] = {
            "model": self.name,
            "messages": [
                {"role": "system", "content": system},
                {"role": "user", "content": "\n\n".join(request.blocks)},
            ],
            limit: request.max_output_tokens,
        }
        if self._way == "tools":
            arguments["tools"] = [{"type": "function", "function": tool.model_dump()}]
            arguments["tool_choice"] = {"type": "function", "function": {"name": tool.name}}
        elif self._way == "schema":
            arguments["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": tool.name, "schema": tool.parameters},
            }
        return arguments


class OpenAIApi:
    """A key, a patience and a base URL; every call is a fresh client, closed when the call ends however it ends."""

    def __init__(self, key: str, patience: Patience, base_url: str | None = None) -> None:
        self._key, self._patience, self._base_url = key, patience, base_url

    def ask(self, call: Callable[[AsyncOpenAI], Coroutine[Any, Any, T]]) -> T:
        """Await `call(client)` with patience; the SDK's exceptions become ModelFault or ModelUnavailable."""

        async def once() -> T:
            try:
                async with self._client() as client:
                    return await call(client)
            except openai.APIStatusError as error:
                raise fault_of(
                    error.status_code, error.message, error.response.headers, PROVIDER, self._key
                ) from None
            except (
                openai.APIError,
                httpx2.HTTPError,
                ValueError,
            ) as error:  # no connection, or not the API's JSON
                raise Transient(
                    tidy(f"{PROVIDER}: {type(error).__name__}: {error}", self._key)
                ) from None

        return persist(PROVIDER, once, self._patience)

    def models(self) -> list[Listed]:
        """All models that this key or server offers, in its order."""

        async def models(client: AsyncOpenAI) -> list[Listed]:
            return [model async for model in client.models.list()]

        return self.ask(models)

    def _client(self) -> AsyncOpenAI:
        return AsyncOpenAI(
            api_key=self._key,
            base_url=self._base_url,
            max_retries=0,
            timeout=self._patience.silence,
        )


def newest(models: Sequence[Listed]) -> str | None:
    """The name of the newest general gpt; None without any."""
    found = [model for model in models if _is_general(model.id)]
    return (
        max(found, key=lambda model: (model.created, -len(model.id), model.id)).id
        if found
        else None
    )


def _is_general(name: str) -> bool:
    pieces = name.split("-")
    return pieces[0] == "gpt" and len(pieces) > 1 and not OTHER_KINDS.intersection(pieces)


def _reply(completion: ChatCompletion, asked: str, url: str | None) -> Reply:
    choice, usage = completion.choices[0], completion.usage
    calls = [
        call.function.arguments
        for call in choice.message.tool_calls or ()
        if call.type == "function"
    ]
    arguments = _object(calls[0]) if calls else None
    unread = calls if arguments is None else []
    total, output = (usage.prompt_tokens, usage.completion_tokens) if usage else (0, 0)
    details = usage.prompt_tokens_details if usage else None
    read = (details.cached_tokens if details else None) or 0
    model = completion.model or asked
    return Reply(
        model=model,
        text="\n".join(
            part for part in (choice.message.content, choice.message.refusal, *unread) if part
        ),
        arguments=arguments,
        cut_off=choice.finish_reason == "length",
        input_tokens=total,
        cached_tokens=min(read, total),
        output_tokens=output,
        cost=cost_of(
            model, PRICED_AS, fresh=max(total - read, 0), output=output, read=read, url=url
        )
        if usage
        else None,
    )


def _object(text: str) -> dict[str, Any] | None:
    """The JSON object that `text` is, or None."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
